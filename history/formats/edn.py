r"""EDN, the notation of Clojure's data, read into plain values: as much of it as histories contain.

    nil true false 1 1N 1.5 1.5M "s" \c    None, bool, int, float, str
    :keyword symbol                        str; a keyword keeps its colon: ":read"
    [] () #{}                              list; a set is sorted where its elements can be
    {}                                     dict
    #tag value                             the value
    ; comment   #_ discarded   ,           nothing

One regular expression finds the tokens, several atoms in a row being one of them, and an explicit
stack nests them, so deep nesting cannot exhaust Python's stack. Each spelling of a keyword or a number
is understood only once.

After the specification at github.com/edn-format/edn; ratios and metadata are refused.
"""

import math
import re
from collections.abc import Iterator
from typing import Any, Final

from history.errors import HistoryError

DEPTH_MAX: Final = 200
"""Deeper than any history; other code recurses over the values."""

_TOKEN: Final = re.compile(
    r"""[\s,]*+(?:;[^\n]*+[\s,]*+)*+
    (?: ((?:[^\s,;"(){}\[\]\\\#][^\s,;"(){}\[\]\\]*+[\s,]*+)++)  # 1 atoms in a row
      | ([(){}\[\]]|\#\{)                            # 2 bracket
      | "((?:[^"\\]++|\\.)*+)"                       # 3 string
      | (\\(?:[A-Za-z0-9]++|.))                      # 4 character
      | (\#_)                                        # 5 discard
      | (\#\#-?[A-Za-z]++)                           # 6 symbolic number
      | (\#[A-Za-z][^\s,;"(){}\[\]\\]*+)             # 7 tag
      | (\Z)                                         # 8 end
      | (.)                                          # 9 none of these
    )""",
    re.VERBOSE | re.DOTALL,
)
_ATOMS: Final = 1
_BRACKET: Final = 2
_STRING: Final = 3
_CHARACTER: Final = 4
_DISCARD: Final = 5
_NUMBER: Final = 6
_TAG: Final = 7
_END: Final = 8
_PREFIXES: Final = frozenset({_DISCARD, _TAG})
_KEYWORD: Final = re.compile(r":[A-Za-z*!_?$%&=<>][\w*!?$%&=<>.+/-]*", re.ASCII)
_INTEGER: Final = re.compile(r"[+-]?\d+N?")
_FLOAT: Final = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?M?")
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED: Final = {"t": "\t", "r": "\r", "n": "\n", "\\": "\\", '"': '"', "b": "\b", "f": "\f"}
_CHARACTERS: Final = {
    "newline": "\n",
    "return": "\r",
    "space": " ",
    "tab": "\t",
    "formfeed": "\f",
    "backspace": "\b",
}
_SYMBOLIC: Final = {"##Inf": float("inf"), "##-Inf": float("-inf"), "##NaN": float("nan")}
_CLOSING: Final = {"(": ")", "[": "]", "{": "}", "#{": "}"}
_ATOMS_MAX: Final = 100_000
"""Spellings remembered; times and indices of a long history are all different."""


def read_one(text: str) -> Any:  # noqa: ANN401
    """Return the only value of `text`."""
    values = [value for _, value in read_all(text)]
    if len(values) != 1:
        raise HistoryError(f"expected one EDN value, found {len(values)}")
    return values[0]


def read_all(
    text: str, *, source: str | None = None, unwrap: bool = False, first_line: int = 1
) -> Iterator[tuple[int, Any]]:
    """Yield each top-level value with the number of the line it begins in.

    With `unwrap`, a text that begins with `[` or `(` is taken as one list, and its elements are
    yielded instead.

    Raises:
        HistoryError: the text is not EDN, when the reading gets there.
    """
    reader = _Reader(text, source=source, first_line=first_line)
    return reader.read(unwrap=unwrap)


def write_one(value: Any) -> str:  # noqa: ANN401
    """Spell a JSON value; a string that begins with a colon becomes a keyword again."""
    match value:
        case None:
            return "nil"
        case bool():
            return "true" if value else "false"
        case str():
            return value if _KEYWORD.fullmatch(value) else _quoted(value)
        case list() | tuple():
            return f"[{' '.join(write_one(item) for item in value)}]"
        case dict():
            pairs = (f"{write_one(key)} {write_one(item)}" for key, item in value.items())
            return f"{{{', '.join(pairs)}}}"
        case float() if not math.isfinite(value):
            return "##NaN" if math.isnan(value) else "##Inf" if value > 0 else "##-Inf"
        case int() | float():
            return repr(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no spelling in EDN: {value!r}")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class _Atoms(dict[str, Any]):
    """Spelling to value; understands each spelling when it is first asked for."""

    def __missing__(self, word: str) -> Any:  # noqa: ANN401
        value: Any = word
        if word[0].isdecimal() or (word[0] in "+-" and word[1:2].isdecimal()):
            if _INTEGER.fullmatch(word):
                value = int(word.rstrip("N"))
            elif _FLOAT.fullmatch(word):
                value = float(word.rstrip("M"))
            else:
                raise ValueError(f"{word} is no number")
        elif word[0] in "^`~@'":
            raise ValueError(f"{word[0]} is not EDN")
        if len(self) < _ATOMS_MAX:
            self[word] = value
        return value


class _Frame:
    """A bracket that is open: what has been read in it so far."""

    __slots__ = ("begin", "bracket", "items", "prefixes")

    def __init__(self, bracket: str, begin: int) -> None:
        self.bracket = bracket
        self.begin = begin
        """Offset of the bracket."""
        self.items: list[Any] = []
        self.prefixes: list[str] = []
        """Tags and `#_` that wait for their value, the innermost last."""


class _Reader:
    """One pass over one text."""

    def __init__(self, text: str, *, source: str | None, first_line: int) -> None:
        self._text = text
        self._source = source
        self._line = first_line
        self._counted = 0
        """Offset up to which newlines are in `_line`."""
        self._atoms = _Atoms({"nil": None, "true": True, "false": False})
        self._stack: list[_Frame] = [_Frame("", 0)]

    def read(self, *, unwrap: bool) -> Iterator[tuple[int, Any]]:  # noqa: PLR0912 - one dispatch
        stack = self._stack
        for token in _TOKEN.finditer(self._text, self._enter_list() if unwrap else 0):
            kind = token.lastindex
            assert kind is not None
            word = token[kind]
            begin = token.start(kind)
            if kind == _ATOMS:
                if len(stack) > 1 and not stack[-1].prefixes:
                    self._extend(stack[-1].items, word, begin)
                else:
                    yield from self._take_atoms(word, begin)
                continue
            if kind == _BRACKET and word in _CLOSING:
                self._open(word, begin)
                continue
            if kind == _BRACKET:
                value, begin = self._close(word, begin)
                if not stack:
                    self._expect_end(token.end())
                    return
            elif kind in _PREFIXES:
                stack[-1].prefixes.append(word)
                continue
            elif kind == _END:
                break
            else:
                value = self._other(kind, word, begin)
            frame = stack[-1]
            if frame.prefixes and _takes_away(frame.prefixes):
                continue
            if len(stack) > 1:
                frame.items.append(value)
            else:
                yield self._line_at(begin), value
        self._check_closed()

    def _check_closed(self) -> None:
        frame = self._stack[-1]
        if frame.bracket:
            raise self._error(f"{frame.bracket} is never closed", frame.begin)
        if frame.prefixes:
            raise self._error(f"{frame.prefixes[-1]} has no value", len(self._text))

    def _enter_list(self) -> int:
        """Make the list that the text begins with the outermost level; return where it begins."""
        token = _TOKEN.match(self._text)
        if token is None or token[_BRACKET] not in {"[", "("}:
            return 0
        self._stack[0] = _Frame(token[_BRACKET], token.start(_BRACKET))
        return token.end()

    def _expect_end(self, offset: int) -> None:
        token = _TOKEN.match(self._text, offset)
        if token is None or token.lastindex != _END:
            raise self._error("expected nothing after the list of operations", offset)

    def _open(self, bracket: str, begin: int) -> _Frame:
        if len(self._stack) > DEPTH_MAX:
            raise self._error(f"nested deeper than {DEPTH_MAX} brackets", begin)
        frame = _Frame(bracket, begin)
        self._stack.append(frame)
        return frame

    def _close(self, bracket: str, begin: int) -> tuple[Any, int]:
        """Return the value that ends here and where it began."""
        frame = self._stack[-1]
        if _CLOSING.get(frame.bracket) != bracket:
            expected = _CLOSING.get(frame.bracket, "a value")
            raise self._error(f"{bracket} where {expected} was expected", begin)
        if frame.prefixes:
            raise self._error(f"{frame.prefixes[-1]} has no value", begin)
        self._stack.pop()
        items = frame.items
        match frame.bracket:
            case "{":
                return self._map(items, frame.begin), frame.begin
            case "#{":
                return _sorted(items), frame.begin
            case _:
                return items, frame.begin

    def _map(self, items: list[Any], begin: int) -> dict[Any, Any]:
        if len(items) % 2:
            raise self._error("a map has a key without a value", begin)
        keys = items[::2]
        try:
            made = dict(zip(keys, items[1::2], strict=True))
        except TypeError:
            raise self._error("a map has a collection as its key", begin) from None
        if len(made) < len(keys):
            raise self._error("a map has the same key twice", begin)
        return made

    def _extend(self, items: list[Any], run: str, begin: int) -> None:
        try:
            items.extend(map(self._atoms.__getitem__, run.replace(",", " ").split()))
        except ValueError as why:
            raise self._error(str(why), begin) from why

    def _take_atoms(self, run: str, begin: int) -> Iterator[tuple[int, Any]]:
        """Append atoms one by one; yields those of the outermost level."""
        frame = self._stack[-1]
        for word in run.replace(",", " ").split():
            begin = self._text.index(word, begin)
            try:
                value = self._atoms[word]
            except ValueError as why:
                raise self._error(str(why), begin) from why
            begin += len(word)
            if frame.prefixes and _takes_away(frame.prefixes):
                continue
            if len(self._stack) > 1:
                frame.items.append(value)
            else:
                yield self._line_at(begin), value

    def _other(self, kind: int, word: str, begin: int) -> Any:  # noqa: ANN401
        if kind == _STRING:
            return self._string(word, begin) if "\\" in word else word
        if kind == _CHARACTER:
            name = word[1:]
            if len(name) == 1:
                return name
            if name in _CHARACTERS:
                return _CHARACTERS[name]
            if re.fullmatch("u[0-9a-fA-F]{4}", name):
                return chr(int(name[1:], 16))
            raise self._error(f"unknown character {word}", begin)
        if kind == _NUMBER and word in _SYMBOLIC:
            return _SYMBOLIC[word]
        if word == '"':
            raise self._error("a string is never closed", begin)
        raise self._error(f"{word} where a value was expected", begin)

    def _string(self, body: str, begin: int) -> str:
        def character(match: re.Match[str]) -> str:
            escape = match[1]
            if len(escape) > 1:
                return chr(int(escape[1:], 16))
            if escape not in _ESCAPED:
                raise self._error(f"unknown escape \\{escape} in a string", begin)
            return _ESCAPED[escape]

        return _ESCAPE.sub(character, body)

    def _line_at(self, offset: int) -> int:
        """Line of `offset`, which is not before the last one asked for."""
        self._line += self._text.count("\n", self._counted, offset)
        self._counted = offset
        return self._line

    def _error(self, message: str, offset: int) -> HistoryError:
        newlines = self._text.count("\n", 0, offset) - self._text.count("\n", 0, self._counted)
        return HistoryError(f"EDN: {message}", self._line + newlines, self._source)


def _takes_away(prefixes: list[str]) -> bool:
    """Apply what stands before a value; true when a `#_` discards it."""
    while prefixes:
        if prefixes.pop() == "#_":
            return True
    return False


def _sorted(items: list[Any]) -> list[Any]:
    """Give a set one order: that of its elements, or of their spelling where they have none."""
    try:
        return sorted(items)
    except TypeError:
        return sorted(items, key=repr)
