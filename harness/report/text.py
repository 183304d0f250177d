r"""Words for the page out of untrusted values: JSON text in which nothing is invisible.

Values, keys, nodes and errors come from the system under test, which may be hostile or merely
broken. Jinja and `textContent` keep them from becoming markup; here they are kept from deceiving
the eye: control characters, line separators and marks that turn the direction of text become
`\uXXXX`, and a very long value is cut, with its length said.
"""

import json
from typing import Final

from msgspec import UNSET

LENGTH_MAX: Final = 400
"""Characters of one value. A list that grows with the run would otherwise make a report whose size
is the square of the run's; Porcupine's reach a gigabyte that way (porcupine#20)."""


def value_text(value: object) -> str:
    """A value as JSON; anything that is not JSON by its `repr`."""
    try:
        words = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError):
        words = repr(value)
    return _shortened(visible(words))


def name_text(value: object) -> str:
    """A key or the like: a string without its quotes, as long as it cannot be mistaken."""
    if isinstance(value, str) and value and value.isprintable() and value == value.strip():
        return _shortened(value)
    return value_text(value)


def detail_text(value: object) -> str:
    """A value in passing: `replica 3, ballot 2.3` for a mapping, nothing for an absent one."""
    if value is None or value is UNSET:
        return ""
    if isinstance(value, dict):
        return _shortened(", ".join(f"{visible(str(k))} {name_text(v)}" for k, v in value.items()))
    return name_text(value)


def visible(words: str) -> str:
    """Escape what a reader cannot see."""
    if words.isprintable():
        return words
    return "".join(c if c.isprintable() else _escaped(c) for c in words)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _shortened(words: str) -> str:
    if len(words) <= LENGTH_MAX:
        return words
    return f"{words[:LENGTH_MAX]}… ({len(words)} characters)"
