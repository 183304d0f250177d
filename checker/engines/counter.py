"""Counters to which every `add` adds the same number.

What a read returned tells how many adds took effect before it. Do as little as possible: an add
takes effect when it returns at the latest, and before that only when a read needs it, the most
urgent first. Let `count` be how many adds had to take effect so far. A read that returns r needs
`count` at its call to be no more than r, and as many adds called before its return as to reach r. An
add done earlier than necessary helps no read that this order does not serve too, and two pending
adds can be exchanged so that the more urgent one comes first, so the greedy order finds a
linearization iff there is one. Adds that never returned are the least urgent. O(n log n).

With arbitrary numbers the question contains subset sum, and is left to the general search.
Compared with trying all orders in `tests/property/test_engines_*.py`.
"""

from heapq import heappop, heappush

from msgspec import Struct

from checker.engines.interface import Accepted, Declined, Refuted
from checker.engines.wording import end, misfit, name, refuted
from checker.model import Model
from checker.patience import watched
from checker.values import show
from history import Operation


class EqualSteps:
    """For `counter` when all adds are equal."""

    name = "counter"

    def judge(self, part: list[Operation], model: Model) -> Accepted | Refuted | Declined:
        """Decide when all adds add the same number, which is not zero."""
        declined = misfit(part, model)
        if declined is not None:
            return declined
        steps = {operation.value for operation in watched(part) if operation.f == "add"} or {1}
        if len(steps) > 1:
            return Declined("adds of different numbers")
        step = steps.pop()
        if not isinstance(step, int) or not isinstance(model.initial, int) or step == 0:
            return Declined("the numbers that are added are not whole, or zero")
        return _Count(part, model, step).judge()


class _Moment(Struct, gc=False):
    """What was known when a read was called."""

    count: int
    raised_by: Operation | None
    raised_at: int


class _Count:
    def __init__(self, part: list[Operation], model: Model, step: int) -> None:
        self._part = part
        self._model = model
        self._step = step
        self._initial: int = model.initial
        self._adds: list[Operation] = []
        """Done, in order."""
        self._pending: list[tuple[int, int]] = []
        self._raised_by: Operation | None = None
        """The last read that needed more adds than had to be done for others."""
        self._raised_at = 0

    def judge(self) -> Accepted | Refuted:
        part = self._part
        events = [(operation.call, number) for number, operation in enumerate(watched(part))]
        events += [
            (o.return_, number) for number, o in enumerate(watched(part)) if o.return_ is not None
        ]
        events.sort()
        is_done = [False] * len(part)
        at_call: dict[int, _Moment] = {}
        reads: dict[int, list[Operation]] = {}
        for rank, number in watched(events):
            operation = part[number]
            is_call = rank == operation.call
            if operation.f == "add":
                if is_call:
                    heappush(self._pending, (end(operation), number))
                while not is_call and not is_done[number]:
                    self._add(is_done)
            elif is_call:
                at_call[number] = _Moment(len(self._adds), self._raised_by, self._raised_at)
            else:
                wanted, rest = divmod(operation.output - self._initial, self._step)
                if rest != 0 or wanted < 0:
                    return self._refute_impossible(operation)
                if wanted < at_call[number].count:
                    return self._refute_late(operation, int(wanted), at_call[number])
                if wanted > len(self._adds):
                    self._raised_by, self._raised_at = operation, int(wanted)
                while wanted > len(self._adds):
                    if not self._pending:
                        return self._refute_early(operation)
                    self._add(is_done)
                reads.setdefault(int(wanted), []).append(operation)
        return Accepted(self._order(reads))

    def _add(self, is_done: list[bool]) -> None:
        number = heappop(self._pending)[1]
        is_done[number] = True
        self._adds.append(self._part[number])

    def _order(self, reads: dict[int, list[Operation]]) -> list[int]:
        order: list[int] = []
        for count in watched(range(len(self._adds) + 1)):
            here = sorted(reads.get(count, ()), key=lambda read: read.call)
            order += [read.index for read in here]
            if count < len(self._adds):
                order.append(self._adds[count].index)
        return order

    def _refute_impossible(self, read: Operation) -> Refuted:
        return refuted(
            "no such sum",
            read,
            [],
            f"{name(read, self._model)}, but the counter began at {show(self._initial)} and every "
            f"add adds {show(self._step)}.",
        )

    def _refute_early(self, read: Operation) -> Refuted:
        called = [o for o in self._part if o.f == "add" and o.call < end(read)]
        most = self._initial + self._step * len(called)
        return refuted(
            "too few adds",
            read,
            called if len(called) <= 8 else [],
            f"{name(read, self._model)}, but only {len(called)} adds were called before it "
            f"returned, which makes {show(most)} at most.",
        )

    def _refute_late(self, read: Operation, wanted: int, before: "_Moment") -> Refuted:
        """Show either enough adds that had returned, or a read that had seen more."""
        returned = [o for o in self._part if o.f == "add" and end(o) < read.call]
        if len(returned) > wanted:
            return refuted(
                "too many adds",
                read,
                sorted(returned, key=end)[: wanted + 1],
                f"{name(read, self._model)}, but {len(returned)} adds had returned before it was "
                f"called, which makes {show(self._initial + self._step * len(returned))} at least.",
            )
        # The last read that raised the count took the most urgent adds. Were one that it left
        # called before it returned, and returned by now, all that it took would have returned too,
        # and `returned` would be as many as were counted.
        seen = before.raised_by
        assert seen is not None
        later = sorted((o for o in returned if o.call > end(seen)), key=end)
        assert before.raised_at + len(later) == before.count, (seen, read)
        later = later[: max(0, wanted + 1 - before.raised_at)]
        more = f", and {len(later)} adds were called and returned in between" if later else ""
        return refuted(
            "count went back",
            read,
            [seen, *later],
            f"{name(read, self._model)}, but {name(seen, self._model)} had returned before this "
            f"one was called{more}.",
        )
