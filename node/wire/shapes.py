"""Shapes: how a type looks on the wire, worked out once from its type hints.

A class is one array of its fields in order. A class that has a tag in the registry always travels
with it, nested or not; any other dataclass or NamedTuple is a bare array, since the field's type
says which class it is.

    int  bool  str  bytes  NewType     as MessagePack has them; True is not an int
    Enum                               its value, an int or a str
    X | None                           null, or X
    A | B                              an array that starts with the tag of A or of B
    tuple[X, ...]  tuple[X, Y]         an array
    msgspec.Struct                     an array, with its own tag if it has one; msgspec's business

An int is 0 … 2**63-1. `Annotated[int, range(-5, 6)]` says otherwise; on a str, bytes or
`tuple[X, ...]` such a range bounds the length, which is otherwise bounded by the frame alone.

A shape is a pair of small functions, put together before the first message; per message nothing
is looked up by type any more. A `__post_init__` that raises ValueError refuses its message like a
wrong type does.
"""

import enum
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from operator import attrgetter
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec

Value = Any
"""Ours or MessagePack's: what it really is, is what this module finds out."""

INT_BOUNDS: Final = range(2**63)
"""What an int may be if its field does not say: what fits a signed 64-bit word elsewhere, too."""
_ANY_LENGTH: Final = range(2**63)

Reader = Callable[[Value], Value]
"""From a decoded value to ours; raises ValueError that names the field and what it expected."""
Writer = Callable[[Value], Value]
"""From our value to one that msgspec writes."""


def _as_it_is(value: Value) -> Value:
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How one type looks on the wire."""

    read: Reader
    write: Writer


class Shapes:
    """Turns type hints into shapes, each class once."""

    def __init__(self, tags: Mapping[type, int]) -> None:
        self._tags = tags
        self._classes: dict[type, Shape | None] = {}

    def of_type(self, hint: Value, where: str, bounds: range | None = None) -> Shape:
        """The shape of one type; `where` names it in errors."""
        if hasattr(hint, "__supertype__"):  # NewType
            return self.of_type(hint.__supertype__, where, bounds)
        origin: Value = get_origin(hint)
        arguments = get_args(hint)
        if origin is Annotated:
            ranges = [extra for extra in arguments[1:] if isinstance(extra, range)]
            return self.of_type(arguments[0], where, ranges[0] if ranges else bounds)
        if origin is tuple and arguments[-1] is Ellipsis:
            if is_struct(arguments[0]) and bounds is None:
                return _struct(hint)  # all of them at once
            return _sequence(self.of_type(arguments[0], where), where, bounds or _ANY_LENGTH)
        if origin is tuple:
            parts = [self.of_type(part, f"{where}[{i}]") for i, part in enumerate(arguments)]
            return _fixed_tuple(parts, where)
        if origin in (Union, types.UnionType):
            return self._union(arguments, where, bounds)
        if hint in _PLAIN:
            return _plain(hint, where, bounds)
        if isinstance(hint, type):
            return self._of_own_type(hint, where)
        raise TypeError(f"{where}: {hint!r} cannot cross the wire")

    def _of_own_type(self, hint: type, where: str) -> Shape:
        if issubclass(hint, enum.Enum):
            return _enumeration(hint, where)
        if is_struct(hint):
            return self.of_class(hint)
        if is_dataclass(hint) or hasattr(hint, "_fields"):
            return self._choice([hint], where) if hint in self._tags else self.of_class(hint)
        raise TypeError(f"{where}: {hint!r} cannot cross the wire")

    def _union(self, members: tuple[Value, ...], where: str, bounds: range | None) -> Shape:
        rest = [member for member in members if member is not type(None)]
        if len(rest) == 1:
            shape = self.of_type(rest[0], where, bounds)
        else:
            untagged = [member for member in rest if member not in self._tags]
            if untagged:
                raise TypeError(f"{where}: members of a union need a tag; {untagged} have none")
            shape = self._choice(rest, where)
        return _optional(shape) if len(rest) < len(members) else shape

    def _choice(self, classes: Sequence[type], where: str) -> Shape:
        shapes = {cls: self.of_class(cls) for cls in classes}
        return _choice({self._tags[cls]: shape for cls, shape in shapes.items()}, shapes, where)

    def of_class(self, cls: type) -> Shape:
        """The array of a class; whoever reads it has looked at its tag, if it has one."""
        name = cls.__name__
        if is_struct(cls):
            _check_struct(cls, self._tags.get(cls))
            return _struct(cls)
        if cls not in self._classes:
            self._classes[cls] = None
            hints = get_type_hints(cls, include_extras=True)
            parts = {field: self.of_type(hints[field], f"{name}.{field}") for field in _fields(cls)}
            self._classes[cls] = _class(cls, parts, self._tags.get(cls))
        shape = self._classes[cls]
        if shape is None:
            raise TypeError(f"{name} contains itself")
        return shape


def is_struct(hint: Value) -> bool:
    """Whether msgspec writes and reads it by itself."""
    return isinstance(hint, type) and issubclass(hint, msgspec.Struct)


def _check_struct(cls: type, tag: int | None) -> None:
    config = cls.__struct_config__  # type: ignore[attr-defined]
    if not config.array_like or not config.forbid_unknown_fields:
        raise TypeError(f"{cls.__name__}: a Struct on the wire is a WireStruct")
    if config.tag != tag:
        raise TypeError(f"{cls.__name__}: its tag is {config.tag}, but it is registered as {tag}")


def _struct(hint: Value) -> Shape:
    return Shape(read=lambda raw: msgspec.convert(raw, hint), write=_as_it_is)


def _fields(cls: type) -> tuple[str, ...]:
    if not is_dataclass(cls):
        names: tuple[str, ...] = cls._fields  # type: ignore[attr-defined]
        return names
    if not all(field.init for field in fields(cls)):
        raise TypeError(f"{cls.__name__}: every field must be an argument of its constructor")
    return tuple(field.name for field in fields(cls))


def _class(cls: type, parts: Mapping[str, Shape], tag: int | None) -> Shape:
    names = tuple(parts)
    getter: Callable[[Value], tuple[Value, ...]]
    if len(names) > 1:
        getter = attrgetter(*names)  # all fields in one call, in C
    else:
        # attrgetter of one name gives no tuple, and of none does not exist.
        getter = lambda value: tuple([getattr(value, name) for name in names])  # noqa: E731
    read = _class_reader(cls, {name: part.read for name, part in parts.items()}, tag)
    return Shape(
        read=read,
        write=_array_writer(list(parts.values()), getter, tag),
    )


def _class_reader(cls: type, readers: Mapping[str, Reader], tag: int | None) -> Reader:
    start = 0 if tag is None else 1
    arity = start + len(readers)
    steps = [(getattr(cls, name, None), reader) for name, reader in readers.items()]
    if not all(isinstance(slot, types.MemberDescriptorType) for slot, _ in steps):
        return _constructor_reader(cls, readers, start)
    # The generated __init__ of a frozen dataclass does the same through object.__setattr__, and
    # with keywords, in twice the time.
    setters = [(slot.__set__, reader) for slot, reader in steps if slot is not None]
    new = object.__new__
    post_init = getattr(cls, "__post_init__", None)

    def read(raw: Value) -> Value:
        if type(raw) is not list or len(raw) != arity:
            raise _mismatch(cls.__name__, f"an array of {arity}", raw)
        message: Value = new(cls)
        for (put, reader), value in zip(setters, raw[start:] if start else raw, strict=False):
            put(message, reader(value))
        if post_init is not None:
            post_init(message)
        return message

    return read


def _constructor_reader(cls: type, readers: Mapping[str, Reader], start: int) -> Reader:
    """For a class that keeps its fields elsewhere than in slots."""
    arity = start + len(readers)
    steps = list(readers.items())

    def read(raw: Value) -> Value:
        if type(raw) is not list or len(raw) != arity:
            raise _mismatch(cls.__name__, f"an array of {arity}", raw)
        pairs = zip(steps, raw[start:], strict=True)
        return cls(**{name: reader(value) for (name, reader), value in pairs})

    return read


def _fixed_tuple(parts: Sequence[Shape], where: str) -> Shape:
    readers = [part.read for part in parts]

    def read(raw: Value) -> Value:
        if type(raw) is not list or len(raw) != len(readers):
            raise _mismatch(where, f"an array of {len(readers)}", raw)
        return tuple([reader(value) for reader, value in zip(readers, raw, strict=True)])

    return Shape(read=read, write=_array_writer(parts, tuple, None))


def _array_writer(
    parts: Sequence[Shape], getter: Callable[[Value], tuple[Value, ...]], tag: int | None
) -> Writer:
    prefix = () if tag is None else (tag,)
    writers = [
        (i, part.write) for i, part in enumerate(parts, len(prefix)) if part.write is not _as_it_is
    ]
    if not writers:
        return lambda value: prefix + getter(value)

    def write(value: Value) -> Value:
        items = [*prefix, *getter(value)]
        for i, writer in writers:
            items[i] = writer(items[i])
        return items

    return write


def _sequence(item: Shape, where: str, lengths: range) -> Shape:
    reader, writer = item.read, item.write

    def read(raw: Value) -> Value:
        if type(raw) is not list or len(raw) not in lengths:
            raise _mismatch(where, f"an array{_described(lengths)}", raw)
        return tuple([reader(value) for value in raw])

    if writer is _as_it_is:
        return Shape(read=read, write=_as_it_is)
    return Shape(read=read, write=lambda values: [writer(value) for value in values])


def _choice(by_tag: Mapping[int, Shape], by_class: Mapping[type, Shape], where: str) -> Shape:
    readers = {tag: shape.read for tag, shape in by_tag.items()}
    writers = {cls: shape.write for cls, shape in by_class.items()}
    expected = f"an array that starts with a tag of {sorted(readers)}"

    def read(raw: Value) -> Value:
        tag = raw[0] if type(raw) is list and raw else None
        reader = readers.get(tag) if type(tag) is int else None
        if reader is None:
            raise _mismatch(where, expected, raw)
        return reader(raw)

    return Shape(read=read, write=lambda value: writers[type(value)](value))


def _optional(shape: Shape) -> Shape:
    reader, writer = shape.read, shape.write
    return Shape(
        read=lambda raw: None if raw is None else reader(raw),
        write=_as_it_is
        if writer is _as_it_is
        else lambda value: None if value is None else writer(value),
    )


def _plain(kind: type, where: str, bounds: range | None) -> Shape:
    expected = f"{_PLAIN[kind]}{_described(bounds)}" if bounds else _PLAIN[kind]

    def read(raw: Value) -> Value:
        if type(raw) is not kind:
            raise _mismatch(where, expected, raw)
        return raw

    if kind is int:
        reader = _int_reader(where, expected, bounds or INT_BOUNDS)
    elif bounds is not None:
        reader = _within(read, where, expected, bounds)
    else:
        reader = read
    return Shape(read=reader, write=_as_it_is)


def _int_reader(where: str, expected: str, bounds: range) -> Reader:
    low, high = bounds[0], bounds[-1]

    def read(raw: Value) -> Value:
        # `type(…) is`, not isinstance: True is an instance of int.
        if type(raw) is not int or not low <= raw <= high:
            raise _mismatch(where, expected, raw)
        return raw

    return read


def _within(reader: Reader, where: str, expected: str, lengths: range) -> Reader:
    def read(raw: Value) -> Value:
        if len(reader(raw)) not in lengths:
            raise _mismatch(where, expected, raw)
        return raw

    return read


_PLAIN: Final[Mapping[type, str]] = {
    int: "an int",
    bool: "true or false",
    str: "a text string",
    bytes: "a byte string",
}


def _enumeration(cls: type[enum.Enum], where: str) -> Shape:
    members = {(type(member.value), member.value): member for member in cls}

    def read(raw: Value) -> Value:
        member = members.get((type(raw), raw)) if type(raw) in (int, str) else None
        if member is None:
            raise _mismatch(where, f"a value of {cls.__name__}", raw)
        return member

    return Shape(read=read, write=attrgetter("value"))


def _mismatch(where: str, expected: str, raw: object) -> ValueError:
    return ValueError(f"{where}: expected {expected}, found {found(raw)}")


def found(raw: object) -> str:
    """Say what was found without repeating a stranger's megabyte."""
    if type(raw) is int:
        return f"{raw}"
    if isinstance(raw, (list, str, bytes)):
        return f"{type(raw).__name__} of length {len(raw)}"
    return type(raw).__name__


def _described(bounds: range) -> str:
    return "" if bounds == _ANY_LENGTH else f" within {bounds[0]} … {bounds[-1]}"
