"""Record what threads or tasks do to a Python object, so that a checker can judge the object.

    recording = record(Counter(), {"increment": Call("add", value=lambda: 1), "get": "read"})
    ...  # threads call recording.object.increment() and recording.object.get()
    check(recording, find_model("counter"))

The stamp of a call is taken before the method is entered, the one of its return after it was left,
and all else (converting values, finding the list to append to) happens outside of the two. So an
interval may be too long by some instructions, which at worst hides a violation; it is never too
short, which would accuse an innocent object. Each thread appends to a list of its own: recording
takes no lock after a thread's first call, and so adds no order between threads that the object
itself does not provide. docs/testing-your-own-objects.md says what clocks and processors do to this.
"""

import threading  # noqa: TID251 - these are the user's threads, which are looked at and not started
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Final, Generic, TypeVar

from msgspec import Struct

from history.event import Value
from history.operation import Operation, Outcome

T = TypeVar("T")

_OPEN: Final = (None, Outcome.UNKNOWN, None, None)
"""What became of a call that has not returned: the time, the outcome, the output, the error."""


class Call(Struct, frozen=True):
    """How the calls of one method read as operations of a model."""

    f: str
    """The operation's name in the model."""
    value: Callable[..., Value] | None = None
    """Its argument, from those of the method; by default none, the only one, or a list of all."""
    output: Callable[[Any], Value] | None = None
    """Its result, from that of the method; by default the same."""
    key: Callable[..., Value] | None = None
    """The object of the history, from the arguments; by default the history is one object."""
    answers: Mapping[type[BaseException], Value] = {}
    """Exceptions that are an answer, with the result that they mean: `{queue.Empty: None}`."""
    refuses: tuple[type[BaseException], ...] = ()
    """Exceptions after which it certainly did not happen: `(queue.Full,)`."""


class _Entry:
    """One call. Written by its own thread only; `end` is assigned once, as a whole."""

    __slots__ = ("begin", "call", "end", "key", "process", "value")

    def __init__(self, call: Call, process: int, value: Value, key: Value) -> None:
        self.call = call
        self.process = process
        self.value = value
        self.key = key
        self.begin = 0
        self.end: tuple[int | None, Outcome, Value, Value] = _OPEN


class _OfThread(threading.local):
    """What one thread has recorded, and which of its process numbers are free."""

    def __init__(self) -> None:
        self.entries: list[_Entry] | None = None
        self.free: list[int] = []


def record(
    target: T,
    methods: Mapping[str, str | Call],
    *,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> "Recording[T]":
    """Wrap an object; calls of `methods` on `recording.object` are recorded, others are passed on.

    A method is mapped to the name of an operation, or to a `Call` that says more. What a method
    raises is recorded as unknown, as it may have had an effect, unless its `Call` says otherwise;
    the exception goes on to the caller in any case. A coroutine is recorded around its await.
    """
    return Recording(target, methods, clock=clock)


class Recording(Generic[T]):
    """A recorded object and its history; `checker.check` takes it as it is."""

    has_times: Final = True

    def __init__(
        self, target: T, methods: Mapping[str, str | Call], *, clock: Callable[[], int]
    ) -> None:
        self._clock = clock
        self._here = _OfThread()
        self._lock = threading.Lock()
        self._lists: list[list[_Entry]] = []
        self._process_count = 0
        self.object: T = self._proxy(target, methods)
        """To be used in place of the original, by all threads and tasks."""

    @property
    def operations(self) -> list[Operation]:
        """Everything so far, by call; a call that has not returned yet is of unknown outcome."""
        with self._lock:
            lists = list(self._lists)
        entries = [(entry, entry.end) for own in lists for entry in list(own)]
        entries.sort(key=lambda pair: pair[0].begin)
        calls, returns = _ranks([(entry.begin, end[0]) for entry, end in entries])
        return [
            Operation(
                index=index,
                process=entry.process,
                f=entry.call.f,
                key=entry.key,
                value=entry.value,
                output=output,
                outcome=outcome,
                call=calls[index],
                return_=None if outcome is Outcome.UNKNOWN else returns[index],
                call_time=entry.begin,
                return_time=time_,
                error=error,
            )
            for index, (entry, (time_, outcome, output, error)) in enumerate(entries)
        ]

    def _proxy(self, target: T, methods: Mapping[str, str | Call]) -> Any:  # noqa: ANN401 - looks like T
        # The methods belong to a class made for this object, because Python looks for
        # __enter__, __setitem__ and their like in the class.
        members: dict[str, Any] = {
            name: self._recorded(getattr(target, name), how if isinstance(how, Call) else Call(how))
            for name, how in methods.items()
        }
        members["__getattr__"] = lambda _, name: getattr(target, name)
        members["__setattr__"] = lambda _, name, value: setattr(target, name, value)
        members["__repr__"] = lambda _: f"<recorded {target!r}>"
        return type(f"Recorded{type(target).__name__}", (), members)()

    def _recorded(self, method: Callable[..., Any], call: Call) -> Callable[..., Any]:
        if iscoroutinefunction(method):

            @wraps(method)
            async def around_await(_: object, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
                with self._call(call, args, kwargs) as answer:
                    answer.append(await method(*args, **kwargs))
                return answer[0]

            return around_await

        @wraps(method)
        def around(_: object, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            with self._call(call, args, kwargs) as answer:
                answer.append(method(*args, **kwargs))
            return answer[0]

        return around

    @contextmanager
    def _call(
        self, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Iterator[list[Any]]:
        """Record one call; the block appends what the method returned."""
        here = self._here
        if here.entries is None:
            here.entries = self._new_list()
        process = here.free.pop() if here.free else self._new_process()
        value = _argument(args, kwargs) if call.value is None else call.value(*args, **kwargs)
        key = None if call.key is None else call.key(*args, **kwargs)
        entry = _Entry(call, process, _plain(value), key)
        answer: list[Any] = []
        entry.begin = self._clock()
        here.entries.append(entry)
        try:
            yield answer
        except BaseException as error:
            end = self._clock()
            entry.end = _ended_by(error, call, end)
            raise
        else:
            end = self._clock()
            output = answer[0] if call.output is None else call.output(answer[0])
            entry.end = (end, Outcome.OK, _plain(output), None)
        finally:
            here.free.append(process)

    def _new_list(self) -> list[_Entry]:
        own: list[_Entry] = []
        with self._lock:
            self._lists.append(own)
        return own

    def _new_process(self) -> int:
        """A number for a thread, or for one more task that overlaps others in its thread."""
        with self._lock:
            self._process_count += 1
            return self._process_count - 1


def tickets() -> Callable[[], int]:
    """A clock that hands out 0, 1, 2, … under a lock.

    With it, "returned before the other was called" is an order that all processors agree on, which
    no clock promises. The price: the lock orders the threads a little, and may hide a race.
    """
    lock = threading.Lock()
    number = -1

    def draw() -> int:
        nonlocal number
        with lock:
            number += 1
            return number

    return draw


def _ended_by(
    error: BaseException, call: Call, end: int
) -> tuple[int | None, Outcome, Value, Value]:
    for kind, output in call.answers.items():
        if isinstance(error, kind):
            return end, Outcome.OK, output, None
    if isinstance(error, call.refuses):
        return end, Outcome.FAILED, None, repr(error)
    return end, Outcome.UNKNOWN, None, repr(error)


def _argument(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401
    values = [*args, *kwargs.values()]
    return values[0] if len(values) == 1 else values or None


def _plain(value: Any) -> Any:  # noqa: ANN401 - any value in, JSON out where there is JSON for it
    """The value as it is now: collections are copied, since whoever holds them may change them."""
    match value:
        case list() | tuple():
            return [_plain(item) for item in value]
        case set() | frozenset():
            return sorted((_plain(item) for item in value), key=repr)
        case dict():
            return {str(name): _plain(item) for name, item in value.items()}
        case _:
            return value


def _ranks(times: list[tuple[int, int | None]]) -> tuple[list[int], list[int | None]]:
    """Number all calls and returns by time; at equal times a call comes first, so they overlap."""
    points = [(begin, False, index) for index, (begin, _) in enumerate(times)]
    points += [(end, True, index) for index, (_, end) in enumerate(times) if end is not None]
    calls, returns = [0] * len(times), list[int | None]([None] * len(times))
    for rank, (_, is_return, index) in enumerate(sorted(points)):
        if is_return:
            returns[index] = rank
        else:
            calls[index] = rank
    return calls, returns
