"""The models by name: those of gong, and a user's own as `package.module:NAME`."""

import importlib
from typing import Any, Final

from checker.errors import ModelError
from checker.model import Model
from checker.models import (
    append_list,
    cas_register,
    counter,
    fifo_queue,
    kv,
    mutex,
    priority_queue,
    register,
    set as set_model,
    stack,
)

MODELS: Final[dict[str, Model]] = {
    model.name: model
    for model in (
        register.MODEL,
        cas_register.MODEL,
        kv.MODEL,
        fifo_queue.MODEL,
        stack.MODEL,
        priority_queue.MODEL,
        set_model.MODEL,
        mutex.MODEL,
        counter.MODEL,
        append_list.MODEL,
    )
}
"""The models that come with gong."""


def find_model(name: str) -> Model:
    """The model called `name`, or the object that `package.module:NAME` points at.

    Raises:
        ModelError: there is none, or what is there is not a model.
    """
    if name in MODELS:
        return MODELS[name]
    module_name, colon, attribute = name.partition(":")
    if not colon or not module_name or not attribute:
        known = ", ".join(MODELS)
        raise ModelError(
            f"there is no model {name!r}; expected one of {known}, or package.module:NAME"
        )
    try:
        found: Any = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, SyntaxError) as why:
        raise ModelError(f"model {name!r}: cannot import {module_name}: {why}") from why
    except AttributeError as why:
        raise ModelError(f"model {name!r}: {module_name} has no {attribute}") from why
    if isinstance(found, type) and issubclass(found, Model):
        found = found()
    if not isinstance(found, Model):
        raise ModelError(f"model {name!r}: expected a checker.Model, found {found!r}")
    return found
