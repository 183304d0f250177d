"""Marks count where the code has been, and say what must hold there."""

from importlib import import_module
from pkgutil import walk_packages

import pytest

import node
from node import marks
from node.marks import always, counts, reachable, reset, sometimes


@pytest.fixture(autouse=True)
def own_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks made by these tests are not left behind."""
    monkeypatch.setattr(marks, "_MARKS", {})


def test_a_mark_is_counted_each_time_and_listed_when_it_never_was() -> None:
    passed, _never = sometimes("b"), reachable("a")
    passed.hit()
    passed.hit()
    assert counts() == {"a": 0, "b": 2}
    assert list(counts()) == ["a", "b"], "sorted, so that reports do not depend on imports"


def test_what_must_hold_is_counted_and_raises_its_name_when_it_does_not() -> None:
    mark = always("up is above down")
    mark.check(True)
    with pytest.raises(AssertionError, match="up is above down"):
        mark.check(False)
    assert counts() == {"up is above down": 2}


def test_a_reset_counts_from_zero() -> None:
    mark = sometimes("x")
    mark.hit()
    reset()
    assert counts() == {"x": 0}


def test_two_marks_may_not_share_a_name() -> None:
    sometimes("twice")
    with pytest.raises(AssertionError, match="twice"):
        reachable("twice")


def test_the_marks_of_a_replica_are_many_and_named_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    for module in walk_packages(node.__path__, "node."):
        if module.name != "node.__main__":
            import_module(module.name)
    names = list(counts())
    assert len(names) >= 40
    for name in names:
        assert len(name.split()) >= 4, name
        assert name[0].islower(), name
        assert not name.endswith("."), name
