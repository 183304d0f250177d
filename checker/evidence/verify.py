"""Does a certificate prove its verdict on a history? Code that shares nothing with what made it.

"Linearizable": the order is replayed by the model, and held against real time.

"Not linearizable": each step from the whole history to the core is checked against the condition of
its rule; then every order of the core is tried. The steps make no legal history illegal, so a core
that no order explains proves that none explains the whole.

What must be believed: the model, with its word about which actions are observers, are legal in one
state only, or overwrite; that objects are independent (its `partition`); and the arguments in `checker.evidence.deletions`.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import Final

from msgspec import Struct

from checker.evidence.certificate import Certificate, Core, Order, checksum_of, digest_of
from checker.evidence.conditions import Rest
from checker.evidence.items import Item
from checker.evidence.steps import Rule
from checker.model import ILLEGAL, Model, Running
from checker.verdict import VerdictKind
from history import Operation, Outcome

CONFIGURATIONS_MAX: Final = 300_000
"""Sets of operations and states that are tried before a core is called too big; some ten seconds."""


class Flaw(Struct, frozen=True):
    """The certificate proves nothing."""

    reason: str
    is_undecided: bool = False
    """True when it may be sound, and there is too much to try."""


def verify(
    operations: Iterable[Operation],
    certificate: Certificate,
    model: Model,
    *,
    configurations_max: int = CONFIGURATIONS_MAX,
) -> Flaw | None:
    """None when the certificate proves its verdict on `operations`; else why it does not.

    `model` is the one that the certificate names, in the initial state that it names.
    """
    operations = list(operations)
    if certificate.checksum != checksum_of(certificate):
        return Flaw("the certificate was changed after it had been made: its checksum is wrong")
    if certificate.operations != len(operations) or certificate.digest != digest_of(operations):
        return Flaw("it is the certificate of another history: the digests differ")
    if certificate.consistency != "linearizable":
        return Flaw(f"certificates for the consistency {certificate.consistency} are not known")
    match certificate.verdict, certificate.evidence:
        case VerdictKind.LINEARIZABLE, Order(operations=order):
            reason = _flaw_of_order(operations, model, order)
            return None if reason is None else Flaw(reason)
        case VerdictKind.NOT_LINEARIZABLE, Core() as core:
            return _flaw_of_core(operations, model, core, configurations_max)
        case verdict, _:
            return Flaw(f"its evidence is not of the kind that a verdict of {verdict.value} needs")


def _misfit(operations: Iterable[Operation], model: Model) -> str | None:
    """Why the model is not one of this history: of operations that it does not know it says nothing."""
    for operation in operations:
        action = model.action(operation)
        if model.operations and action.f not in model.operations:
            return f"operation {operation.index} is {action.f!r}, which no {model.name} has"
        problem = model.problem(action)
        if problem is not None:
            return f"operation {operation.index} is not for {model.name}: {problem}"
    return None


def _flaw_of_order(
    operations: Sequence[Operation], model: Model, order: Sequence[int]
) -> str | None:
    left = {o.index: o for o in operations if o.outcome is not Outcome.FAILED}
    misfit = _misfit(left.values(), model)
    if misfit is not None:
        return misfit
    objects: dict[Hashable, Running] = {}
    begun = -1
    """The latest call so far; whatever comes now took effect after it."""
    for index in order:
        operation = left.pop(index, None)
        if operation is None:
            return f"operation {index} stands in the order twice, or did not happen"
        begun = max(begun, operation.call)
        if operation.return_ is not None and operation.return_ < begun:
            return f"operation {index} stands behind one that was called after it had returned"
        part = model.partition(operation)
        if part not in objects:
            objects[part] = model.running()
        if not objects[part].play(model.action(operation)):
            return f"operation {index} cannot have had its result at its place in the order"
    for operation in left.values():
        if operation.outcome is Outcome.OK:
            return f"operation {operation.index} completed, and is not in the order"
    return None


def _flaw_of_core(
    operations: Sequence[Operation], model: Model, core: Core, configurations_max: int
) -> Flaw | None:
    by_index = {operation.index: operation for operation in operations}
    if not core.steps or core.steps[0].rule is not Rule.KEY:
        return Flaw("the first step does not name an object")
    named = by_index.get(-1 if core.steps[0].operation is None else core.steps[0].operation)
    if named is None:
        return Flaw("the first step names an operation that is not there")
    part = model.partition(named)
    on_it = [o for o in operations if model.partition(o) == part]
    misfit = _misfit([o for o in on_it if o.outcome is not Outcome.FAILED], model)
    if misfit is not None:
        return Flaw(misfit)
    rest = Rest(on_it, model)
    for number, step in enumerate(core.steps[1:], start=2):
        reason = rest.take(step)
        if reason is not None:
            return Flaw(f"step {number} is not sound: {reason}")
    if set(rest.items) != set(core.operations):
        return Flaw("the steps do not lead to the operations of the core")
    return _flaw_of_trying(rest, configurations_max)


def _flaw_of_trying(rest: Rest, configurations_max: int) -> Flaw | None:
    """Try every order (Wing & Gong 1993), each set of operations in each state once."""
    items: list[Item] = sorted(rest.items.values(), key=lambda item: item.call)
    required = sum(1 << place for place, item in enumerate(items) if item.is_required)
    todo = [(0, rest.initial)]
    seen = set(todo)
    while todo:
        done, state = todo.pop()
        if done & required == required:
            return Flaw("an order of the core's operations explains all of their results")
        if len(seen) > configurations_max:
            return Flaw(
                f"the core has {len(items)} operations; to try all of their orders takes more "
                f"than {configurations_max} configurations",
                is_undecided=True,
            )
        left = [place for place in range(len(items)) if not done >> place & 1]
        # Nothing may stand before an operation that had returned when it was called.
        first_end = min(items[place].end for place in left)
        for place in left:
            item = items[place]
            if item.call > first_end:
                break
            after = rest.after(state, item.action)
            if after is ILLEGAL or (after == state and not item.is_required):
                continue  # impossible here, or of no use
            further = (done | 1 << place, after)
            if further not in seen:
                seen.add(further)
                todo.append(further)
    return None
