"""What a message and a group commit cost: `python -m benchmarks.codec`.

The directory for the journal may be given as an argument; /tmp is sometimes memory, and an fsync
of memory is fast.
"""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from timeit import repeat

from node.runtime.disk import OsDisk
from node.runtime.journal import open_journal
from node.types import ClientId, Command, ReplicaId, RequestNumber
from node.wire.codec import Codec

ROUNDS = 5
CALLS = 10_000
APPENDS = 500


@dataclass(frozen=True, slots=True, order=True)
class Ballot:
    round: int
    replica: ReplicaId


@dataclass(frozen=True, slots=True)
class Noop:
    pass


@dataclass(frozen=True, slots=True)
class Batch:
    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    ballot: Ballot
    slot: int
    value: Noop | Batch
    chosen_upto: int


@dataclass(frozen=True, slots=True)
class Request:
    client: ClientId
    number: RequestNumber
    answered: RequestNumber
    body: bytes


CODEC: Codec[Accept | Noop | Batch | Request] = Codec({1: Accept, 2: Noop, 3: Batch, 4: Request})


def accept(commands: int) -> Accept:
    command = Command(
        client=ClientId(5), number=RequestNumber(9), answered=RequestNumber(8), body=b"x" * 100
    )
    return Accept(
        ballot=Ballot(3, ReplicaId(1)), slot=1234, value=Batch((command,) * commands), chosen_upto=9
    )


def best_us(call: Callable[[], object], calls: int) -> float:
    return min(repeat(call, number=calls, repeat=ROUNDS)) / calls * 1e6


def main() -> None:
    messages: list[tuple[str, Accept | Request]] = [
        (
            "Request, 100 byte body",
            Request(ClientId(5), RequestNumber(9), RequestNumber(8), b"x" * 100),
        ),
        ("Accept, 1 command", accept(1)),
        ("Accept, 64 commands", accept(64)),
    ]
    print(f"{'message':28}{'bytes':>8}{'encode µs':>12}{'decode µs':>12}")
    for name, message in messages:
        data = CODEC.encode(message)
        calls = CALLS if len(data) < 1000 else CALLS // 50
        encode_us = best_us(lambda m=message: CODEC.encode(m), calls)  # type: ignore[misc]
        decode_us = best_us(lambda d=data: CODEC.decode(d), calls)  # type: ignore[misc]
        print(f"{name:28}{len(data):8}{encode_us:12.1f}{decode_us:12.1f}")

    parent = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(dir=parent) as directory:
        journal, _ = open_journal(OsDisk(), Path(directory) / "journal", "bench", ReplicaId(1))
        print(f"\n{'journal, records of 200 bytes':36}{'groups/s':>10}{'records/s':>12}")
        for size in (1, 16, 256):
            group = [b"x" * 200] * size

            def commit(group: list[bytes] = group) -> None:
                journal.append(group)
                journal.sync()

            per_s = 1e6 / best_us(commit, APPENDS // ROUNDS)
            print(f"{f'append + fsync, groups of {size}':36}{per_s:10.0f}{per_s * size:12.0f}")
        append_us = best_us(lambda: journal.append([b"x" * 200]), APPENDS)
        print(f"{'append alone, groups of 1':36}{1e6 / append_us:10.0f}{1e6 / append_us:12.0f}")
        journal.close()


if __name__ == "__main__":
    main()
