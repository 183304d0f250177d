"""Jepsen's `history.edn`: a stream of maps, or one vector or list of maps.

`{:process 0, :type :invoke, :f :cas, :value [1 2], :index 4, :time 71213456}`

Whether values are `[key value]` pairs cannot be seen in the file, so the caller says it (`keyed`).
A `:process` that is a keyword (`:nemesis`) annotates. `:index` is not looked at: histories that were
filtered by a person have holes. A read that is ok with nil is one whose result is unknown.
"""

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final

from msgspec import UNSET

from history.errors import HistoryError
from history.event import Event, Fail, Info, Invocation, Ok
from history.formats import edn, jepsen
from history.formats.text import decoded
from history.history import History
from history.operation import MISMATCH, Operation
from history.pairing import pair
from history.unpairing import events_of

NAME: Final = "jepsen-edn"

_TYPES: Final = {Invocation: ":invoke", Ok: ":ok", Fail: ":fail", Info: ":info"}


def recognises(head: str) -> bool:
    """True for text that begins with a map, or a list, that has Jepsen's keywords."""
    return head.startswith(("{", "[", "(", "#")) and ":type" in head and ":process" in head


def read(file: BinaryIO, *, source: str | None = None, keyed: bool = False) -> History:
    """Read and pair a whole file."""
    text = decoded(file.read(), source)
    maps = edn.read_all(text, source=source, unwrap=True)
    paired = pair(_events(maps, keyed=keyed, source=source), source=source, ranked_by_time=False)
    jepsen.forget_nil_reads(paired.operations)
    return History(
        operations=paired.operations,
        annotations=paired.annotations,
        source=source,
        format=NAME,
        has_times=paired.has_times,
    )


def write(file: BinaryIO, operations: Iterable[Operation]) -> None:
    """Write a stream of maps, one a line, in the order of the ranks.

    Where an operation has a key its values are `[key value]` pairs, to be read with `keyed`. A cas
    that found another value is a `:fail` with the error `:mismatch`. Jepsen cannot say that a read
    found nothing: such a read is written, and comes back as one whose result is unknown.
    """
    lines = [f"{edn.write_one(_as_map(event))}\n" for event in events_of(operations)]
    file.write("".join(lines).encode())


def _as_map(event: Event) -> dict[str, Any]:
    value = None if event.value is UNSET else event.value
    fields = {
        ":process": event.process,
        ":type": _TYPES[type(event)],
        ":f": f":{event.f}",
        ":value": value if event.key is UNSET else [event.key, value],
        ":time": event.time,
    }
    if event.error is not None:
        fields[":error"] = ":mismatch" if event.error == MISMATCH else event.error
    return fields


def _events(
    maps: Iterator[tuple[int, Any]], *, keyed: bool, source: str | None
) -> Iterator[tuple[int, Event]]:
    for line, fields in maps:
        if not isinstance(fields, dict):
            raise HistoryError("expected a map with :process, :type and :f", line, source)
        kind = jepsen.kind(fields.get(":type"))
        if kind is None:
            raise HistoryError("expected a :type of :invoke, :ok, :fail or :info", line, source)
        process = fields.get(":process")
        if not isinstance(process, int | str) or isinstance(process, bool):
            raise HistoryError("expected a :process that is an integer or a keyword", line, source)
        key = fields.get(":key", UNSET)
        value = fields.get(":value", UNSET)
        if keyed and isinstance(process, int) and not jepsen.is_nothing(value):
            split = jepsen.keyed(value)
            if split is None:
                raise HistoryError("expected a :value that is a [key value] pair", line, source)
            key, value = split
        elif keyed and isinstance(process, int) and kind is Invocation:
            raise HistoryError("expected a :value that is a [key value] pair", line, source)
        yield (
            line,
            kind(
                time=_time(fields),
                process=jepsen.name(process) if isinstance(process, str) else process,
                f=jepsen.name(fields.get(":f")),
                key=key,
                value=value,
                error=jepsen.error(fields.get(":error")),
            ),
        )


def _time(fields: dict[Any, Any]) -> int | None:
    """Nanoseconds since the test began; Jepsen writes -1 where it does not know."""
    time = fields.get(":time")
    return time if isinstance(time, int) and time >= 0 else None
