"""What nobody saw at the end of a session may be left out first; what somebody saw may not."""

from checker import NotLinearizable, VerdictKind, check, find_model
from checker.orders.tails import without_unseen_tails
from history import Operation, Outcome

KV = find_model("kv")


def operation(
    index: int,
    session: int,
    seq: int,
    f: str,
    value: object = None,
    *,
    output: object = None,
    outcome: Outcome = Outcome.OK,
) -> Operation:
    """Called one after the other, each returned before the next is called."""
    return Operation(
        index=index,
        process=session,
        f=f,
        key="k",
        value=value,
        output=output,
        outcome=outcome,
        call=2 * index,
        return_=None if outcome is Outcome.UNKNOWN else 2 * index + 1,
        call_time=2 * index,
        session=session,
        seq=seq,
    )


def lost(index: int, session: int, seq: int, value: object, f: str = "put") -> Operation:
    return operation(index, session, seq, f, value, outcome=Outcome.UNKNOWN)


def test_what_was_seen_and_all_before_it_in_its_session_stays() -> None:
    history = [
        operation(0, 1, 1, "put", "a", output="a"),
        lost(1, 1, 2, "b"),
        lost(2, 1, 3, "c"),
        lost(3, 1, 4, "d"),
        lost(4, 2, 1, ["c", "e"], "cas"),
        operation(5, 3, 1, "get", output="c"),
    ]
    assert [o.index for o in without_unseen_tails(history)] == [0, 1, 2, 5]
    assert check(history, KV, consistency="mdl").kind is VerdictKind.LINEARIZABLE


def test_a_wrong_guess_about_what_was_seen_is_no_verdict() -> None:
    """Nobody can tell a delete by its value: the get that found nothing did see it."""
    history = [
        operation(0, 1, 1, "put", "a", output="a"),
        lost(1, 1, 2, None, "delete"),
        operation(2, 2, 1, "get"),
    ]
    assert len(without_unseen_tails(history)) == 2
    assert check(history, KV, consistency="mdl").kind is VerdictKind.LINEARIZABLE


def test_what_is_broken_stays_broken() -> None:
    history = [
        operation(0, 1, 1, "put", "a", output="a"),
        lost(1, 1, 2, "b"),
        operation(2, 2, 1, "get"),
    ]
    assert isinstance(check(history, KV, consistency="mdl"), NotLinearizable)
