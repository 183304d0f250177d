"""Claim: a native reader and the Python reader make the same of any file, or the native one gives up.

Files are generated, then bytes of them are changed, lost, doubled and swapped: so most are a little
wrong, and the sentence that says so has to be the same too. `GONG_BUDGET` asks for more of them.
"""

import io
import json
import os
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, BinaryIO

import pytest

from history import History, HistoryError, columnar, file as gong
from history.formats import operations

pytestmark = pytest.mark.skipif(not columnar.IS_NATIVE, reason="no native reader in this build")

BUDGET = int(os.environ.get("GONG_BUDGET", "3000"))

Read = Callable[[BinaryIO], History]

VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 7, 10**17, -(10**17), 10**18, 10**30, 1.5, 1.0, -0.0,
    "", "a", "é", "\U0001f514", 'q"\\/\n', "\u0001", "mismatch",
    [], [1], [1, 2], ["a", None], [1, [2]], [1, 2, 3], [[], {}], {}, {"a": 1}, {"b": [1, 2]},
]  # fmt: skip


def dumped(line: dict[str, Any], rng: random.Random) -> bytes:
    """JSON in one of the ways in which people write it."""
    if rng.random() < 0.2:
        items = list(line.items())
        rng.shuffle(items)
        line = dict(items)
    separators = rng.choice([(",", ":"), (", ", ": ")])
    return json.dumps(line, separators=separators, ensure_ascii=rng.random() < 0.3).encode()


def events_file(rng: random.Random) -> bytes:
    """A history of a few processes and sessions, most of them as they should be."""
    lines: list[dict[str, Any]] = []
    waiting: list[dict[str, Any]] = []
    free, time = [0, 1, 2], rng.choice([0, 5, 10**15])
    is_indexed, is_timed = rng.random() < 0.8, rng.random() < 0.9
    values = VALUES if rng.random() < 0.3 else [None, 1, 2, "a", [1, 2]]
    for seq in range(rng.randrange(14)):
        time += rng.choice([0, 0, 1, 5])
        kind = rng.random()
        if kind < 0.1:
            event: dict[str, Any] = {"type": "info", "process": "nemesis", "f": "kill"}
        elif kind < 0.6 and free:
            event = {
                "type": "invoke",
                "process": free.pop(0),
                "f": rng.choice(["read", "write", "cas"]),
            }
            if rng.random() < 0.9:
                event["value"] = rng.choice([[1, 2], [None, "a"], rng.choice(values)])
            if rng.random() < 0.4:
                event["key"] = rng.choice(["x", "y", 1, rng.choice(values)])
            if rng.random() < 0.2:
                event |= {"session": rng.choice([1, "s"]), "seq": seq}
            waiting.append(event)
        elif waiting:
            event = response(waiting.pop(rng.randrange(len(waiting))), rng, values)
            free.append(event["process"] + (10 if event["type"] == "info" else 0))
        else:
            continue
        if is_indexed:
            event = {"index": len(lines), **event}
        if is_timed:
            event = {**event, "time": time}
        if rng.random() < 0.05:
            event = {**event, "node": "n1", "unknown": rng.choice(VALUES)}
        lines.append(event)
    header = [{"history": 1, "model": "kv"}] if rng.random() < 0.7 else []
    return joined([*header, *lines], rng)


def response(call: dict[str, Any], rng: random.Random, values: list[Any]) -> dict[str, Any]:
    event = {**call, "type": rng.choice(["ok", "ok", "ok", "fail", "info"])}
    if event["type"] != "ok" and rng.random() < 0.7:
        event["error"] = rng.choice(["mismatch", "timeout", rng.choice(values)])
    if rng.random() < 0.5:
        event["value"] = rng.choice(values)
    if rng.random() < 0.2:
        event["stamp"] = any_stamp(rng)
    return event


def any_stamp(rng: random.Random) -> Any:  # noqa: ANN401 - most are one, some are not
    return rng.choice([[0, 7], [1, 9], ["s", 3], ["s", -1], None, [0, 10**18], rng.choice(VALUES)])


def operations_file(rng: random.Random) -> bytes:
    """Finished operations in any order."""
    lines = []
    values = VALUES if rng.random() < 0.3 else [None, 1, 2, "a", [1, 2]]
    for number in range(rng.randrange(1, 9)):
        f = rng.choice(["read", "write", "cas"])
        call = rng.randrange(20)
        line = {
            "process": rng.choice([number, "p", 3]),
            "f": f,
            "value": rng.choice([[1, 2], rng.choice(values)]),
            "call": call,
            "return": rng.choice([None, call + rng.randrange(9), call + rng.randrange(9)]),
        }
        if rng.random() < 0.9:
            line["output"] = rng.random() < 0.5 if f == "cas" else rng.choice(values)
        if rng.random() < 0.5:
            line["key"] = rng.choice([0, "x", rng.choice(values)])
        if rng.random() < 0.1:
            line |= {"session": "s", "seq": number, "node": "n", "error": rng.choice(VALUES)}
        if rng.random() < 0.1:
            line["stamp"] = any_stamp(rng)
        lines.append(line)
    return joined(lines, rng)


def joined(lines: list[dict[str, Any]], rng: random.Random) -> bytes:
    end = rng.choice([b"\n", b"\n", b"\n", b"\r\n", b" \n", b"\n\n"])
    data = b"".join(dumped(line, rng) + end for line in lines)
    return data if rng.random() < 0.8 else data.rstrip(b"\n")


def damaged(data: bytes, rng: random.Random) -> bytes:
    """A few bytes changed, lost, doubled or cut off."""
    changed = bytearray(data)
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        if not changed:
            break
        at = rng.randrange(len(changed))
        match rng.randrange(5):
            case 0:
                changed[at] = rng.choice(b'{}[]",:\n0123456789.eE-+ntf\\ \xc3\xff\x00')
            case 1:
                del changed[at]
            case 2:
                changed[at:at] = rng.choice(
                    [b"0", b'"', b"null", b"\n", b"\xed\xa0\x80", b"\\u0041"]
                )
            case 3:
                del changed[at:]
            case _:
                begin = changed.rfind(b"\n", 0, at) + 1
                line = bytes(changed[begin:at])
                changed[begin:begin] = line
    return bytes(changed)


def outcome(read: Read, data: bytes) -> tuple[object, ...]:
    """All that a reader says of a file."""
    try:
        found = read(io.BytesIO(data))
    except HistoryError as why:
        return ("error", str(why))
    return (
        [repr(operation) for operation in found.operations],
        list(found.annotations),
        found.header,
        list(found.warnings),
        found.has_times,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("read", "make"),
    [(gong.read, events_file), (operations.read, operations_file)],
    ids=["events", "operations"],
)
def test_both_readers_make_the_same_of_any_file(
    read: Read, make: Callable[[random.Random], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: Counter[str] = Counter()
    for seed in range(BUDGET):
        rng = random.Random(seed)
        data = damaged(make(rng), rng)
        # Small pieces, so that lines are cut anywhere.
        monkeypatch.setattr(columnar, "_CHUNK_BYTES", rng.choice([1, 7, 64, 1 << 20]))
        monkeypatch.setattr(columnar, "IS_NATIVE", True)
        natively = outcome(read, data)
        try:
            is_native = read(io.BytesIO(data)).columns is not None
        except HistoryError:
            is_native = False
        monkeypatch.setattr(columnar, "IS_NATIVE", False)
        assert natively == outcome(read, data), (seed, data)
        seen["native" if is_native else "python"] += 1
        seen["refused"] += natively[0] == "error"
    assert min(seen.values()) > BUDGET // 10, seen


def test_operations_made_one_by_one_are_those_made_at_once() -> None:
    lines = [
        {
            "process": n % 3,
            "f": "write",
            "key": "xy"[n % 2],
            "value": [n],
            "call": n,
            "return": n + 5,
        }
        for n in range(50)
    ]
    file = io.BytesIO(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    found = operations.read(file).operations
    each = [found[index] for index in range(len(found))]
    assert found[-3:] == each[-3:]
    assert each == found
    assert [found[index] for index in range(len(found))] == each
