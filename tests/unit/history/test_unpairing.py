"""Operations back to events: the same precedence comes out again."""

import io

from history import Event, Info, Operation, Outcome, pair
from history.formats import jepsen_edn, operations
from history.unpairing import events_of


def finished(*lines: str) -> list[Operation]:
    return list(operations.read(io.BytesIO("\n".join(lines).encode())).operations)


def order(found: list[Operation]) -> list[tuple[str, int]]:
    points = [(o.call, f"call {o.value}") for o in found]
    points += [(o.return_, f"return {o.value}") for o in found if o.return_ is not None]
    return [(what, place) for place, (_, what) in enumerate(sorted(points))]


def again(found: list[Operation]) -> list[Operation]:
    return pair(enumerate(events_of(found), start=1)).operations


def test_equal_times_are_moved_apart_without_changing_the_order() -> None:
    found = finished(
        '{"process": 1, "f": "write", "value": 1, "call": 5, "return": 5}',
        '{"process": 2, "f": "write", "value": 2, "call": 5, "return": 6}',
        '{"process": 3, "f": "write", "value": 3, "call": 6, "return": 6}',
    )
    events = list(events_of(found))
    times = [event.time or 0 for event in events]
    assert times == sorted(set(times))
    assert [event.index for event in events] == list(range(6))
    assert order(again(found)) == order(found)


def test_a_process_that_overlaps_itself_is_given_numbers_that_do_not() -> None:
    found = finished(
        '{"process": 1, "f": "write", "value": 1, "call": 1, "return": 9}',
        '{"process": 1, "f": "write", "value": 2, "call": 2, "return": 8}',
        '{"process": "a", "f": "write", "value": 3, "call": 3, "return": null}',
        '{"process": "a", "f": "write", "value": 4, "call": 10, "return": 11}',
    )
    assert order(again(found)) == order(found)


def test_ranks_stand_in_for_times_that_are_not_whole() -> None:
    found = finished('{"process": 1, "f": "write", "value": 1, "call": 0.25, "return": 0.5}')
    assert [event.time for event in events_of(found)] == [0, 1]


def test_an_info_keeps_its_place_in_time() -> None:
    def at(time: int, event: str) -> Event:
        return jepsen_event(event.replace("}", f" :time {time}}}"))

    events = [
        at(1, "{:process 1 :type :invoke :f :write :value 1}"),
        at(2, "{:process 2 :type :invoke :f :write :value 2}"),
        at(3, "{:process 1 :type :info :f :write}"),
        at(4, "{:process 2 :type :ok :f :write :value 2}"),
    ]
    found = pair(enumerate(events, start=1)).operations
    kinds = [type(event) for event in events_of(found)]
    assert kinds.index(Info) == 2
    assert [o.outcome for o in again(found)] == [Outcome.UNKNOWN, Outcome.OK]


def jepsen_event(text: str) -> Event:
    from history.formats import edn  # noqa: PLC0415

    ((_, event),) = jepsen_edn._events(edn.read_all(text), keyed=False, source=None)
    return event


def test_jepsen_reads_what_was_written_for_it() -> None:
    found = finished(
        '{"process": 1, "f": "cas", "key": "x", "value": [1, 2], "call": 1, "return": 2, "output": false}',
        '{"process": 1, "f": "cas", "key": "x", "value": [1, 2], "call": 3, "return": 4, "output": true}',
        '{"process": 1, "f": "read", "key": "y", "call": 5, "return": 6, "output": "a b"}',
        '{"process": 1, "f": "write", "key": "y", "value": {":a": [1.5, true]}, "call": 7, "return": null}',
    )
    file = io.BytesIO()
    jepsen_edn.write(file, found)
    file.seek(0)
    read = jepsen_edn.read(file, keyed=True).operations
    assert [(o.key, o.value, o.output, o.outcome, o.is_mismatch) for o in read] == [
        (o.key, o.value, o.output, o.outcome, o.is_mismatch) for o in found
    ]
    assert order(list(read)) == order(found)
