"""Failpoints: free while nobody listens, one listener at a time, or a death by the environment."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from node import failpoints
from node.errors import ConfigError
from node.failpoints import NAMES, VARIABLE, failpoint, listen, listen_to_environment

NODE = Path(failpoints.__file__).parent


@pytest.fixture(autouse=True)
def nobody_listens() -> Iterator[None]:
    yield
    listen(None)


def test_nothing_happens_while_nobody_listens() -> None:
    for name in NAMES:
        failpoint(name)


def test_a_listener_hears_every_place_until_it_is_sent_away() -> None:
    heard: list[str] = []
    listen(heard.append)
    failpoint("before-save")
    failpoint("after-send")
    listen(None)
    failpoint("before-save")
    assert heard == ["before-save", "after-send"]


def test_what_a_listener_raises_comes_out_where_the_code_is() -> None:
    def raise_it(name: str) -> None:
        raise RuntimeError(name)

    listen(raise_it)
    with pytest.raises(RuntimeError, match="after-save"):
        failpoint("after-save")


@pytest.mark.parametrize(
    ("wanted", "deadly_pass"), [("after-save:3", 3), ("after-save", 1), ("after-save:", 1)]
)
def test_the_environment_kills_at_the_pass_that_it_names(
    monkeypatch: pytest.MonkeyPatch, wanted: str, deadly_pass: int
) -> None:
    killed: list[tuple[int, int]] = []
    monkeypatch.setenv(VARIABLE, wanted)
    monkeypatch.setattr(os, "kill", lambda pid, sign: killed.append((pid, sign)))
    listen_to_environment()
    for number in range(1, 6):
        failpoint("before-save")
        failpoint("after-save")
        assert killed == ([(os.getpid(), signal.SIGKILL)] if number >= deadly_pass else [])


@pytest.mark.parametrize("wanted", ["nowhere", "after-save:0", "after-save:x", "after-save:-1"])
def test_an_environment_that_names_no_place_is_an_error_that_says_which_there_are(
    monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setenv(VARIABLE, wanted)
    with pytest.raises(ConfigError, match=r"before-save.*after-execute"):
        listen_to_environment()


@pytest.mark.parametrize("wanted", [None, ""])
def test_without_the_variable_nobody_listens(
    monkeypatch: pytest.MonkeyPatch, wanted: str | None
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    if wanted is not None:
        monkeypatch.setenv(VARIABLE, wanted)
    listen_to_environment()
    assert failpoints._listener is None


def test_each_name_stands_once_in_the_code_and_no_other_does() -> None:
    """The list is what a simulation draws from: a name without a place would never happen."""
    places = [
        line.split('failpoint("')[1].split('"')[0]
        for path in NODE.rglob("*.py")
        if path.name != "failpoints.py"
        for line in path.read_text().splitlines()
        if 'failpoint("' in line
    ]
    assert sorted(places) == sorted(NAMES)
