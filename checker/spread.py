"""Judge parts of a history, here or side by side in an executor.

Parts go out in bundles, the cheapest first, as for one process: enough bundles that no worker
idles while another has many left, few enough that sending them costs little. A violation makes
the rest superfluous, so what has not begun is cancelled; what has begun ends by its own limits.
"""

import time
from collections.abc import Hashable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import Final

from msgspec import msgpack

from checker import general
from checker.budget import Budget, Meter
from checker.engines import engines_for
from checker.engines.interface import Accepted, Declined, Refuted
from checker.general import OutOfBudget
from checker.model import Model
from checker.patience import LimitReached, limited
from history import Operation

Found = Accepted | Refuted | OutOfBudget
Part = tuple[Hashable, list[Operation]]
Packed = bytes | list[list[Operation]]

_PARTS: Final = msgpack.Decoder(list[list[Operation]])

_BUNDLES_MAX: Final = 32
"""Of some 30,000 operations each at a million; a bundle is packed in 20 ms."""


def judge_part(part: list[Operation], model: Model, engine: str, meter: Meter) -> tuple[str, Found]:
    """The polynomial engines in turn, then the general search."""
    if engine == "auto":
        for candidate in engines_for(model):
            try:
                with limited(meter):
                    found = candidate.judge(part, model)
            except LimitReached as why:
                return candidate.name, OutOfBudget(str(why))
            if not isinstance(found, Declined):
                return candidate.name, found
    return general.judge(part, model, meter, engine)


def spread(
    executor: Executor, parts: list[Part], model: Model, engine: str, meter: Meter
) -> Iterator[tuple[Hashable, str, Found]]:
    """Judge all parts, in any order, until one is refuted or the time is over."""
    deadline = meter.deadline
    bundles = [parts[first::_BUNDLES_MAX] for first in range(min(_BUNDLES_MAX, len(parts)))]
    futures: dict[Future[list[tuple[int, str, Found]]], list[Part]] = {
        executor.submit(
            judge_bundle, pack([part for _, part in bundle]), model, engine, meter.budget, deadline
        ): bundle
        for bundle in bundles
    }
    pending = set(futures)
    try:
        while pending:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            done, pending = wait(pending, left, FIRST_COMPLETED)
            for future in done:
                for position, engine_name, found in future.result():
                    yield futures[future][position][0], engine_name, found
                    if isinstance(found, Refuted):
                        return
            if not done:
                break
        why = meter.exhausted() or "a limit was reached"
        for future in pending:
            for name, _ in futures[future]:
                yield name, general.REFERENCE, OutOfBudget(f"{why} before all keys were judged")
    finally:
        for future in pending:
            future.cancel()


def pack(parts: list[list[Operation]]) -> Packed:
    """Operations as bytes, which cross to another process ten times faster than as objects."""
    try:
        return msgpack.encode(parts)
    except (OverflowError, TypeError, ValueError):  # a value that only Python can hold
        return parts


def judge_bundle(
    packed: Packed, model: Model, engine: str, budget: Budget, deadline: float | None
) -> list[tuple[int, str, Found]]:
    """What a worker does: judge until one part is refuted, each in its share of the time.

    The deadline is on the monotonic clock, which the processes of one machine share; a worker
    elsewhere would need its own.
    """
    parts = _PARTS.decode(packed) if isinstance(packed, bytes) else packed
    meter = Meter(budget, deadline=deadline)
    judged: list[tuple[int, str, Found]] = []
    for position, part in enumerate(parts):
        meter.share(len(parts) - position)
        engine_name, found = judge_part(part, model, engine, meter)
        judged.append((position, engine_name, found))
        if isinstance(found, Refuted):
            break
    return judged
