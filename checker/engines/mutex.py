"""Locks: with sessions, stretches of time during which one holds them; without, toggles.

With sessions each acquire and the release that follows it in its session make a block, which
nothing can interrupt, and a history is linearizable iff the blocks can be ordered
(`checker.engines.blocks`). A release that was called counts as happening some time, at the end of
time if need be; a lock that was never released ends the order. An acquire that never returned, and
after which its session did nothing, is left out: without it the others have more room.

Without sessions anybody may release, and the lock is free or held: `checker.engines.toggles`.
O(n log n). Blocks as in Gibbons and Korach 1997 (see `blocks`).
"""

from msgspec import Struct

from checker.engines.blocks import Block, arrange, clash
from checker.engines.interface import Accepted, Declined, Refuted
from checker.engines.toggles import Kind, Use, Words, decide
from checker.engines.wording import FOREVER, end, misfit, name, precedence, refuted
from checker.model import Model
from checker.models.mutex import FREE, HELD
from checker.patience import watched
from history import Operation


class UnownedMutex:
    """For `mutex` without sessions."""

    name = "mutex"

    def judge(self, part: list[Operation], model: Model) -> Accepted | Refuted | Declined:
        """Decide all of them."""
        declined = misfit(part, model)
        if declined is not None:
            return declined
        if any(operation.session is not None for operation in part):
            return Declined("there are sessions")
        uses = [Use(operation, _kind(operation)) for operation in watched(part)]
        words = Words("the lock", "acquire", "release", "held", "free")
        found = decide(uses, is_up=model.initial == HELD, model=model, words=words)
        if isinstance(found, Refuted):
            return found
        return Accepted([operation.index for operation in found])


def _kind(operation: Operation) -> Kind:
    missed = operation.return_ is not None and operation.output is False
    if operation.f == "acquire":
        return Kind.IS_UP if missed else Kind.UP
    return Kind.IS_DOWN if missed else Kind.DOWN


class _Stretch(Struct):
    """An acquire and its release."""

    acquire: Operation
    release: Operation | None = None

    def block(self) -> Block:
        """As a block."""
        if self.release is None:
            return Block(end(self.acquire), FOREVER)
        return Block(min(end(self.acquire), end(self.release)), self.release.call)

    def operations(self) -> list[Operation]:
        """Both, or the one."""
        return [self.acquire] if self.release is None else [self.acquire, self.release]


class OwnedMutex:
    """For `mutex` where every operation has its session."""

    name = "zones"

    def judge(self, part: list[Operation], model: Model) -> Accepted | Refuted | Declined:
        """Decide when sessions are sequential and the lock is free at first."""
        declined = misfit(part, model) or _unsuitable(part, model)
        if declined is not None:
            return declined
        stretches = _stretches(part, model)
        if isinstance(stretches, Refuted | Declined):
            return stretches
        blocks = [stretch.block() for stretch in watched(stretches)]
        pair = clash(blocks)
        if pair is not None:
            return _refute(stretches[pair[0]], stretches[pair[1]], model)
        order = [o.index for position in arrange(blocks) for o in stretches[position].operations()]
        return Accepted(order)


def _unsuitable(part: list[Operation], model: Model) -> Declined | None:
    if model.initial != FREE:
        return Declined("the lock is held at first, and nobody knows by whom")
    if any(operation.session is None for operation in part):
        return Declined("an operation has no session")
    if any(operation.output is False and operation.return_ is not None for operation in part):
        return Declined("an attempt was refused")
    return None


def _stretches(part: list[Operation], model: Model) -> list[_Stretch] | Refuted | Declined:
    """Pair acquires with releases, session by session."""
    part = sorted(part, key=lambda operation: operation.call)
    sessions: dict[int | str, Operation] = {}
    for operation in watched(part):
        assert operation.session is not None
        before = sessions.get(operation.session)
        sessions[operation.session] = operation
        if before is not None and end(before) > operation.call:
            return Declined("operations of a session overlap, or follow one that never returned")
    latest: dict[int | str, Operation] = {}
    stretches: list[_Stretch] = []
    held: dict[int | str, _Stretch] = {}
    for operation in watched(part):
        session = operation.session
        assert session is not None
        before = latest.get(session)
        latest[session] = operation
        stretch = held.get(session)
        if operation.f == "acquire":
            if operation.return_ is None:
                continue
            if stretch is not None:
                facts = precedence(stretch.acquire, operation, model)
                return refuted(
                    "acquired twice",
                    operation,
                    [stretch.acquire],
                    f"{facts}, and the session released nothing between them.",
                )
            held[session] = _Stretch(operation)
            stretches.append(held[session])
        elif stretch is not None:
            stretch.release = operation
            del held[session]
        elif operation.return_ is not None:
            evidence = [] if before is None else [before]
            after = "at first" if before is None else f"after {name(before, model)}"
            return refuted(
                "released by another",
                operation,
                evidence,
                f"{name(operation, model)}, but that session did not hold the lock {after}.",
            )
    return stretches


def _refute(one: _Stretch, other: _Stretch, model: Model) -> Refuted:
    facts: list[str] = []
    for first, second in ((one, other), (other, one)):
        early = first.acquire
        late = second.release
        if late is None:
            facts.append(f"{name(second.acquire, model)} was never followed by a release")
        else:
            early = min(first.operations(), key=end)
            facts.append(precedence(early, late, model))
    operations = [*one.operations(), *other.operations()]
    return refuted(
        "overlapping zones",
        max(operations, key=lambda operation: operation.call),
        operations,
        f"Two sessions held the lock at once: {', and '.join(facts)}.",
    )
