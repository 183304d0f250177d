"""The model of a core: it begins where the core does, and cut operations keep their results."""

import copy

from checker.evidence.counting import Tallied
from checker.evidence.work import Facts, Tally
from checker.model import Model, State


def remembering(facts: Facts, initial: State) -> Model:
    """The same model from another state, which knows results that a cut took from operations.

    A cut made them optional, not unknown: an operation that took effect had the result that it
    later returned. Without this the core would have to be larger.
    """
    if isinstance(initial, Tally):
        return Tallied(facts.model, initial, facts)
    model = copy.copy(facts.model)
    model.initial = initial
    vars(model)["action"] = facts.action
    return model
