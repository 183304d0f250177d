"""An order that somebody proposes: worth a replay before anything is searched.

Who made a history may know in which order it came about: a simulator does, and a system that tells the
stamps of its answers (`checker.orders.stamps`). When that order is verified
against the history, it is the evidence, as one that an engine has found would be, by the same code
(`checker.witness`, `checker.orders.witness`), in linear time. When it is not, nothing follows:
whoever proposes may be mistaken, or lie.
"""

from collections.abc import Sequence
from typing import Final

from checker import orders
from checker.errors import ModelError, OperationError
from checker.model import Model
from checker.patience import watched
from checker.prepare import refuse_what_does_not_fit
from checker.verdict import Linearizable, Statistics, Witness
from checker.witness import flaw
from history import Operation, Outcome

ENGINE: Final = "proposed"
"""What a verdict says has decided."""


def verified_stamps(
    operations: Sequence[Operation], model: Model, consistency: str
) -> Linearizable | None:
    """The verdict by the order that the stamps of the operations tell; None: they tell none.

    Raises LimitReached, and nothing else: what is wrong with operations or model is for the search to say,
    if it gets there.
    """
    if all(operation.stamp is None for operation in watched(operations)):
        return None
    try:
        order = orders.claimed(operations, model, orders.Order(consistency))
        return None if order is None else verified(operations, model, order, consistency)
    except (OperationError, ModelError):
        return None


def verified(
    operations: Sequence[Operation], model: Model, order: Sequence[int], consistency: str
) -> Linearizable | None:
    """The verdict when the `order` (indices) is one of the operations that keeps `consistency`.

    Raises:
        LimitReached: see `checker.patience`.
        OperationError: an operation does not fit the model.
    """
    refuse_what_does_not_fit(operations, model)
    if len({operation.index for operation in operations}) < len(operations):
        return None  # an order of indices does not say which of two operations it means
    wrong = (
        flaw(operations, model, order)
        if consistency == "linearizable"
        else orders.flaw(operations, model, order, orders.Order(consistency))
    )
    if wrong is not None:
        return None
    crashed = sum(operation.outcome is Outcome.UNKNOWN for operation in operations)
    statistics = Statistics(
        operations=len(operations), crashed=crashed, partitions=1, engines={ENGINE: 1}
    )
    return Linearizable(Witness(tuple(order)), statistics)
