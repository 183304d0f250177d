"""Recorded objects: what their methods did, as operations."""

import queue
import threading  # noqa: TID251 - the subject of these tests
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trio

from checker import VerdictKind, check, find_model, lint
from history import Call, Operation, Outcome, record, tickets


class Cell:
    def __init__(self) -> None:
        self.value: object = None
        self.touched = 0

    def get(self) -> object:
        return self.value

    def put(self, value: object) -> None:
        self.value = value

    def swap(self, old: object, new: object) -> bool:
        if self.value != old:
            return False
        self.value = new
        return True

    def fail(self) -> None:
        raise ValueError("no")

    async def get_later(self) -> object:
        await trio.sleep(1)
        return self.value

    def __getitem__(self, name: str) -> object:
        return self.value

    def touch(self) -> int:
        self.touched += 1
        return self.touched


@pytest.fixture
def clock() -> Callable[[], int]:
    times: Iterator[int] = iter(range(100, 10_000, 10))
    return lambda: next(times)


def shape(operation: Operation) -> tuple[Any, ...]:
    return operation.f, operation.value, operation.output, operation.outcome


def test_calls_become_operations(clock: Callable[[], int]) -> None:
    recording = record(Cell(), {"get": "read", "put": "write", "swap": "cas"}, clock=clock)
    cell = recording.object
    cell.put(1)
    assert cell.get() == 1
    assert cell.swap(1, 2)
    assert not cell.swap(1, 3)
    assert [shape(operation) for operation in recording.operations] == [
        ("write", 1, None, Outcome.OK),
        ("read", None, 1, Outcome.OK),
        ("cas", [1, 2], True, Outcome.OK),
        ("cas", [1, 3], False, Outcome.OK),
    ]
    first, second, *_ = recording.operations
    assert (first.call_time, first.return_time) == (100, 110)
    assert (first.call, first.return_, second.call) == (0, 1, 2)
    assert {operation.process for operation in recording.operations} == {0}
    assert check(recording, find_model("cas-register")).kind is VerdictKind.LINEARIZABLE
    assert lint(recording, find_model("cas-register")) == []


def test_other_attributes_are_those_of_the_object() -> None:
    cell = Cell()
    recording = record(cell, {"get": "read"})
    assert recording.object.touch() == 1
    recording.object.value = 5
    assert cell.value == 5
    assert recording.object.touched == 1
    assert recording.operations == []
    with pytest.raises(AttributeError):
        recording.object.nothing  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError):
        record(cell, {"nothing": "read"})


def test_special_methods_are_recorded_too() -> None:
    recording = record(Cell(), {"__getitem__": Call("read", value=lambda _: None)})
    assert recording.object["x"] is None
    assert len(recording.operations) == 1


def test_a_key_comes_from_the_arguments() -> None:
    stores: dict[str, int] = {"x": 1}
    how = Call("get", value=lambda _: None, key=lambda name: name)
    recording = record(stores, {"__getitem__": how})
    assert recording.object["x"] == 1
    assert recording.operations[0].key == "x"


def test_an_exception_leaves_the_outcome_unknown_and_goes_on() -> None:
    recording = record(Cell(), {"fail": "write"})
    with pytest.raises(ValueError, match="no"):
        recording.object.fail()
    (operation,) = recording.operations
    assert operation.outcome is Outcome.UNKNOWN
    assert operation.return_ is None
    assert operation.return_time is not None
    assert operation.error == "ValueError('no')"


def test_an_exception_may_be_an_answer_or_a_refusal() -> None:
    how = {
        "put_nowait": Call("enqueue", refuses=(queue.Full,)),
        "get_nowait": Call("dequeue", answers={queue.Empty: None}),
    }
    recording = record(queue.Queue[int](maxsize=1), how)
    shared = recording.object
    shared.put_nowait(1)
    with pytest.raises(queue.Full):
        shared.put_nowait(2)
    assert shared.get_nowait() == 1
    with pytest.raises(queue.Empty):
        shared.get_nowait()
    assert [shape(operation) for operation in recording.operations] == [
        ("enqueue", 1, None, Outcome.OK),
        ("enqueue", 2, None, Outcome.FAILED),
        ("dequeue", None, 1, Outcome.OK),
        ("dequeue", None, None, Outcome.OK),
    ]
    assert check(recording, find_model("fifo-queue")).kind is VerdictKind.LINEARIZABLE


async def test_tasks_overlap_and_so_have_numbers_of_their_own(
    autojump_clock: trio.testing.MockClock,
) -> None:
    recording = record(Cell(), {"get_later": "read", "put": "write"})
    async with trio.open_nursery() as readers:
        readers.start_soon(recording.object.get_later)
        readers.start_soon(recording.object.get_later)
        await trio.testing.wait_all_tasks_blocked()
        recording.object.put(3)
    operations = recording.operations
    assert [o.output for o in operations] == [3, 3, None]
    assert [o.f for o in operations] == ["read", "read", "write"]
    assert len({o.process for o in operations}) == 3
    assert check(recording, find_model("register")).kind is VerdictKind.LINEARIZABLE


async def test_a_cancelled_call_is_unknown(autojump_clock: trio.testing.MockClock) -> None:
    recording = record(Cell(), {"get_later": "read"})
    with trio.move_on_after(0.5):
        await recording.object.get_later()
    assert [o.outcome for o in recording.operations] == [Outcome.UNKNOWN]


def test_a_call_that_is_under_way_is_unknown() -> None:
    inside, leave = threading.Event(), threading.Event()

    class Slow:
        def get(self) -> int:
            inside.set()
            assert leave.wait(10)
            return 1

    recording = record(Slow(), {"get": "read"})
    thread = threading.Thread(target=recording.object.get)
    thread.start()
    assert inside.wait(10)
    (operation,) = recording.operations
    assert (operation.outcome, operation.return_time) == (Outcome.UNKNOWN, None)
    leave.set()
    thread.join()
    (operation,) = recording.operations
    assert (operation.outcome, operation.output) == (Outcome.OK, 1)


@pytest.mark.parametrize("make_clock", [lambda: None, tickets], ids=["perf_counter", "tickets"])
def test_threads_record_without_losing_a_call(make_clock: Callable[[], Any]) -> None:
    chosen = make_clock()
    shared: queue.SimpleQueue[int] = queue.SimpleQueue()
    how: dict[str, str | Call] = {
        "put": "enqueue",
        "get_nowait": Call("dequeue", answers={queue.Empty: None}),
    }
    recording = record(shared, how) if chosen is None else record(shared, how, clock=chosen)

    def work(number: int) -> None:
        for count in range(50):
            recording.object.put(number * 1000 + count)
            recording.object.get_nowait()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    operations = recording.operations
    assert len(operations) == 400
    assert [o.index for o in operations] == list(range(400))
    ends = [end for o in operations for end in (o.call, o.return_)]
    assert sorted(end for end in ends if end is not None) == list(range(800))
    for process in range(4):
        own = [o for o in operations if o.process == process]
        assert len(own) == 100
    assert check(recording, find_model("fifo-queue")).kind is VerdictKind.LINEARIZABLE


def test_equal_times_count_as_concurrent() -> None:
    recording = record(Cell(), {"get": "read", "put": "write"}, clock=lambda: 7)
    recording.object.put(1)
    recording.object.get()
    first, second = recording.operations
    assert first.return_ is not None
    assert second.call < first.return_


def test_values_are_copied_when_they_are_recorded() -> None:
    recording = record(Cell(), {"get": "read", "put": "write"})
    items = [1, (2, {3})]
    recording.object.put(items)
    recording.object.get()
    items.append(4)
    assert recording.operations[0].value == [1, [2, [3]]]
    assert recording.operations[1].output == [1, [2, [3]]]
