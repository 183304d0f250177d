"""Values of a history as dictionary keys, and as words for people.

Values are JSON: lists and objects cannot be keys, and Python holds `True == 1`, which JSON does
not. `token` gives every value a hashable stand-in that is equal exactly when the JSON is equal
(`1` and `1.0` are one number). Numbers, strings and null stand for themselves, so that for them
a token costs nothing and can be read.
"""

import json
from collections.abc import Hashable
from typing import Any, Final

from msgspec import Struct

Value = Any
"""Any JSON value, as `history` holds it."""

_PLAIN: Final = frozenset({str, int, float, type(None)})

_SHOWN_CHARACTERS_MAX: Final = 60
"""A longer value is cut in the middle where people read it; 60 leaves room for a sentence."""


class Token(Struct, frozen=True):
    """The stand-in of a boolean, a list or an object."""

    kind: str
    content: Hashable


def token(value: Value) -> Hashable:
    """A hashable that is equal to another token exactly when the values are equal as JSON."""
    if type(value) in _PLAIN:
        return value  # type: ignore[no-any-return]  # all of these are hashable
    if isinstance(value, bool):
        return Token("boolean", value)
    if isinstance(value, list | tuple):
        return Token("list", tuple(token(item) for item in value))
    if isinstance(value, dict):
        return Token("object", frozenset((name, token(item)) for name, item in value.items()))
    assert isinstance(value, Hashable), value
    return value


def value_of(stand_in: Hashable) -> Value:
    """The value that `token` made `stand_in` of."""
    if not isinstance(stand_in, Token):
        return stand_in
    match stand_in.kind:
        case "list":
            assert isinstance(stand_in.content, tuple)
            return [value_of(item) for item in stand_in.content]
        case "object":
            assert isinstance(stand_in.content, frozenset)
            return {name: value_of(item) for name, item in sorted(stand_in.content, key=repr)}
        case _:
            return stand_in.content


def show(value: Value) -> str:
    """The value as JSON for a sentence, cut in the middle when it is long."""
    text = json.dumps(value_of(value), ensure_ascii=False, default=repr)
    if len(text) <= _SHOWN_CHARACTERS_MAX:
        return text
    half = _SHOWN_CHARACTERS_MAX // 2
    return f"{text[:half]}…{text[-half:]}"
