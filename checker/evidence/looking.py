"""One look at what is left: is it still illegal? By the engines and the search, unlike the verifier."""

from typing import Final

from msgspec import Struct

from checker import general
from checker.budget import Meter
from checker.engines import engines_for
from checker.engines.interface import Refuted
from checker.evidence.remembering import remembering
from checker.evidence.work import Facts, Tally, Work
from checker.model import Model
from checker.patience import LimitReached, limited
from checker.verdict import Counterexample

_REFERENCE_MAX: Final = 30
"""So few operations are judged by the reference search: to prepare the native one takes longer."""


class Guilty(Struct, frozen=True):
    """It is illegal."""

    counterexample: Counterexample
    is_first: bool
    """Whether it is so as soon as the culprit has returned, and all that returns later may go."""


def look(work: Work, facts: Facts, meter: Meter) -> Guilty | general.OutOfBudget | None:
    """Why `work` is illegal; None when it is legal.

    Engines forget what a cut took, so what is linearizable to them need not be so. And they name one
    of those that contradict each other, which need not be the one that completes the contradiction.
    """
    model = remembering(facts, work.initial)
    is_small = len(work.operations) <= _REFERENCE_MAX
    if not is_small and (guilty := _ask_engines(work, model, meter)) is not None:
        return guilty
    _, found = general.judge(
        work.operations, model, meter, general.REFERENCE if is_small else "auto"
    )
    if isinstance(found, Refuted):
        return Guilty(found.counterexample, is_first=True)
    if isinstance(found, general.OutOfBudget):
        return (_ask_engines(work, model, meter) if is_small else None) or found
    return None


def _ask_engines(work: Work, model: Model, meter: Meter) -> Guilty | None:
    if isinstance(work.initial, Tally):
        return None
    try:
        with limited(meter):
            for engine in engines_for(model):
                found = engine.judge(work.operations, model)
                if isinstance(found, Refuted):
                    return Guilty(found.counterexample, is_first=False)
    except LimitReached:
        return None  # nothing is known yet; the search, which is asked next, says so itself
    return None
