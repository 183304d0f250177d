"""T1 to T6: what multi-dispatch linearizability forbids; the README beside the files says why."""

from pathlib import Path

import pytest

from checker import NotLinearizable, VerdictKind, check, find_model
from history import load
from tests.support.brute_force_orders import has_order

FOLDER = Path(__file__).parents[2] / "data" / "histories" / "mdl"

FILES = sorted(FOLDER.glob("*/*.jsonl"))

KV = find_model("kv")


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_known_history_gets_its_verdict(path: Path) -> None:
    history = load(path)
    verdict = check(history, KV, consistency="mdl")
    is_good = path.parent.name == "good"
    assert (verdict.kind is VerdictKind.LINEARIZABLE) == is_good
    assert has_order(history.operations, KV, "mdl") == is_good


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_nothing_but_the_issue_order_is_broken(path: Path) -> None:
    """So the splitter must be off: each key has a linearization, and T1 fails globally."""
    history = load(path)
    assert check(history, KV).kind is VerdictKind.LINEARIZABLE
    if path.parent.name == "bad" and len({o.key for o in history.operations}) > 1:
        for key in {o.key for o in history.operations}:
            part = [o for o in history.operations if o.key == key]
            assert check(part, KV, consistency="mdl").kind is VerdictKind.LINEARIZABLE


def test_every_file_has_a_line_in_the_readme() -> None:
    readme = (FOLDER / "README.md").read_text()
    listed = {line.split(" | ")[0].lstrip("| ") for line in readme.splitlines() if "/t" in line}
    assert listed == {f"{path.parent.name}/{path.stem}" for path in FILES}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("t1-later-without-earlier", 'get returned null on key "x" (session 2, seq 1, line 6)'),
        ("t5-does-not-read-its-own-write", 'get returned null on key "a" (session 1, seq 1'),
        ("t4-failed-then-ok", "which the session issued before it, certainly did not"),
    ],
)
def test_a_verdict_names_the_operation_that_every_order_got_stuck_on(
    name: str, expected: str
) -> None:
    verdict = check(load(FOLDER / "bad" / f"{name}.jsonl"), KV, consistency="mdl")
    assert isinstance(verdict, NotLinearizable)
    assert expected in verdict.counterexample.explanation
    assert verdict.counterexample.operation in verdict.counterexample.operations
