"""Sets whose operations each concern one element: elements are independent of one another.

`add` that answered true, `remove` that answered true, and observations: `contains`, and adds and
removes that answered false. Each element is a `checker.engines.toggles`. A `read` of the whole set
ties the elements together; such histories are declined. O(n log n).

That a set is the product of its elements is locality once more (Herlihy and Wing 1990, theorem 1);
P. A. Abdulla et al. make the same cut ("Efficient linearizability monitoring", OOPSLA 2025).
"""

from collections.abc import Hashable

from checker.engines.interface import Accepted, Declined, Refuted
from checker.engines.toggles import Kind, Use, Words, decide
from checker.engines.wording import misfit
from checker.model import Model
from checker.patience import watched
from checker.values import show, token
from checker.witness import merge
from history import Operation


class SetElements:
    """For `set` without `read`."""

    name = "set"

    def judge(self, part: list[Operation], model: Model) -> Accepted | Refuted | Declined:
        """Decide element by element."""
        declined = misfit(part, model)
        if declined is not None:
            return declined
        elements: dict[Hashable, list[Use]] = {}
        for operation in watched(part):
            if operation.f == "read":
                if operation.return_ is not None:
                    return Declined("a read of the whole set ties its elements together")
                continue
            kind = _kind(operation)
            if kind is not None:
                elements.setdefault(token(operation.value), []).append(Use(operation, kind))
        orders: list[list[Operation]] = []
        for element, uses in watched(elements.items()):
            thing = f"element {show(element)}"
            found = decide(
                uses,
                is_up=element in model.initial,
                model=model,
                words=Words(thing, "add", "remove", "there", "absent"),
            )
            if isinstance(found, Refuted):
                return found
            orders.append(found)
        return Accepted(merge(orders))


def _kind(operation: Operation) -> Kind | None:
    """What it does; None when nobody knows what it saw."""
    is_known = operation.return_ is not None
    is_false = operation.output is False
    if operation.f == "contains":
        if not is_known:
            return None
        return Kind.IS_DOWN if is_false else Kind.IS_UP
    if operation.f == "add":
        return Kind.IS_UP if is_known and is_false else Kind.UP
    return Kind.IS_DOWN if is_known and is_false else Kind.DOWN
