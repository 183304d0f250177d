"""What a person is told about a history that is not linearizable."""

from checker import Counterexample, Model, NotLinearizable, check, find_model
from checker.lowering import native_search
from history import Operation
from tests.support.strategies import operation, timeline

REGISTER = find_model("register").with_initial(0)


ENGINES_HERE = ("reference",) if native_search() is None else ("reference", "native")


def explanation(operations: list[Operation], model: Model = REGISTER) -> Counterexample:
    """What the general search says, whichever engine searched; others have words of their own."""
    said = []
    for engine in ENGINES_HERE:
        verdict = check(operations, model, engine=engine, shrink=False)
        assert isinstance(verdict, NotLinearizable)
        said.append(verdict.counterexample)
    assert said == said[:1] * len(said)
    return said[0]


def test_a_stale_read_is_told_with_the_write_that_it_missed() -> None:
    found = explanation(
        [
            operation(0, "write", 7, call=0, return_=1, key="x", line=2),
            operation(1, "write", 8, call=2, return_=3, key="x", line=4),
            operation(2, "write", 9, call=4, return_=5, key="x", line=6),
            operation(3, "read", None, 7, call=6, return_=7, key="x", line=8),
            operation(4, "read", None, 9, call=8, return_=9, key="x", line=10),
        ]
    )
    assert found.explanation == (
        'On key "x", read returned 7 (process 3, line 8), but no order of the operations allows it. '
        "When it returned, the value could only be 9. "
        "What made it possible last, write 7 (process 0, line 2), was undone by "
        "write 8 (process 1, line 4), which was called after that had returned, and returned "
        "before this one was called."
    )
    assert found.operation == 3
    assert found.operations == (0, 1, 3)
    assert found.key == "x"


def test_a_value_that_nobody_wrote_is_told_so() -> None:
    found = explanation(timeline(("write", 1, None, 0, 1), ("read", None, 5, 2, 3)))
    assert "the value could only be 1." in found.explanation
    assert "Nothing that was called before it returned" in found.explanation
    assert 1 in found.operations


def test_a_value_that_was_written_only_later_is_told_so() -> None:
    found = explanation(timeline(("read", None, 5, 0, 1), ("write", 5, None, 2, 3)))
    assert "Nothing that was called before it returned" in found.explanation
    assert found.operations == (0,)


def test_a_return_to_the_initial_value_is_told_with_what_ended_it() -> None:
    found = explanation(timeline(("write", 1, None, 0, 1), ("read", None, 0, 2, 3)))
    assert "It fits the initial 0 only; that was gone by write 1" in found.explanation
    assert found.operations == (0, 1)


def test_a_value_that_somebody_saw_gone_is_told_with_the_observer() -> None:
    """No completed write ended the 7: the write of 8 is of unknown outcome, but was read."""
    found = explanation(
        timeline(
            ("write", 7, None, 0, 1),
            ("write", 8, None, 2, None),
            ("read", None, 8, 3, 4),
            ("read", None, 7, 5, 6),
        )
    )
    assert "write 7 (process 0, operation 0), no longer held at read returned 8" in (
        found.explanation
    )
    assert found.operations == (0, 2, 3)


def test_results_that_contradict_each_other_point_at_the_neighbourhood() -> None:
    """Both writes overlap both reads, and the reads disagree on their order."""
    found = explanation(
        timeline(
            ("write", 1, None, 0, 20),
            ("write", 2, None, 1, 21),
            ("read", None, 1, 2, 3),
            ("read", None, 2, 4, 5),
            ("read", None, 1, 6, 7),
        )
    )
    assert found.operation == 4
    assert "the value could only be 2." in found.explanation
    assert "the other operations leave no room for that" in found.explanation
    assert set(found.operations) == {0, 1, 2, 3, 4}


def test_many_possible_states_are_cut_short() -> None:
    writes = [("write", number, None, number, 100 + number) for number in range(12)]
    found = explanation(timeline(*writes, ("read", None, 77, 50, 60)))
    assert "and 4 more" in found.explanation


def test_a_cas_that_cannot_have_succeeded_is_explained_like_a_read() -> None:
    found = explanation(
        timeline(("write", 1, None, 0, 1), ("cas", [5, 6], True, 2, 3)), find_model("cas-register")
    )
    assert found.explanation.startswith("cas from 5 to 6 (process 1, operation 1), but no order")
