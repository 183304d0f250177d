"""What the codec writes, and that it reads nothing else."""

import enum
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import msgspec
import pytest

from node.errors import MalformedFrame, UnknownTag
from node.types import ClientId, Command, Natural, ReplicaId, RequestNumber, WireStruct
from node.wire.codec import Codec


@dataclass(frozen=True, slots=True, order=True)
class Ballot:
    round: int
    replica: ReplicaId


class SlotRange(NamedTuple):
    start: int
    stop: int


class Role(enum.StrEnum):
    LEADER = "leader"


class Level(enum.IntEnum):
    LOW = 1


@dataclass(frozen=True, slots=True)
class Noop:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    commands: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    ballot: Ballot
    slot: int
    value: Noop | Batch


@dataclass(frozen=True)
class Assorted:
    flag: bool
    name: str | None
    pair: tuple[int, str]
    slots: SlotRange
    ballots: tuple[Ballot, ...]
    role: Role
    level: Level
    signed: Annotated[int, range(-5, 6)]
    short: Annotated[bytes, range(3)]
    maybe: Noop | Batch | None
    one: Noop


@dataclass(frozen=True, slots=True)
class Even:
    number: int

    def __post_init__(self) -> None:
        if self.number % 2:
            raise ValueError(f"{self.number} is odd")


CODEC: Codec[object] = Codec({12: Accept, 20: Noop, 21: Batch, 30: Assorted, 40: Even})
ACCEPT = Accept(ballot=Ballot(3, ReplicaId(1)), slot=7, value=Batch(commands=(b"x",)))
ASSORTED = Assorted(
    flag=True,
    name=None,
    pair=(1, "a"),
    slots=SlotRange(2, 3),
    ballots=(Ballot(1, ReplicaId(2)),),
    role=Role.LEADER,
    level=Level.LOW,
    signed=-5,
    short=b"ab",
    maybe=None,
    one=Noop(),
)


def test_a_message_is_an_array_of_its_tag_and_its_fields() -> None:
    assert msgspec.msgpack.decode(CODEC.encode(ACCEPT)) == [12, [3, 1], 7, [21, [b"x"]]]


@pytest.mark.parametrize(
    "message", [ACCEPT, ASSORTED, Noop(), Even(2)], ids=lambda m: type(m).__name__
)
def test_every_kind_of_field_comes_back_as_it_was(message: object) -> None:
    decoded = CODEC.decode(CODEC.encode(message))
    assert decoded == message
    assert hash(decoded) == hash(message)


def test_named_tuples_and_enums_come_back_as_themselves() -> None:
    decoded = CODEC.decode(CODEC.encode(ASSORTED))
    assert isinstance(decoded, Assorted)
    assert type(decoded.slots) is SlotRange
    assert type(decoded.role) is Role
    assert type(decoded.level) is Level


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (
            [12, [3, 1], 7],
            "tag 12 (Accept): Accept: expected an array of 4, found list of length 3",
        ),
        ([12, [3], 7, [20]], "Ballot: expected an array of 2, found list of length 1"),
        ([12, [3, 1], True, [20]], "Accept.slot: expected an int, found bool"),
        ([12, [3, 1], -1, [20]], "Accept.slot: expected an int, found -1"),
        ([12, [3, 1], 2**63, [20]], "Accept.slot: expected an int, found 9223372036854775808"),
        ([12, [3, 1], 7.0, [20]], "Accept.slot: expected an int, found float"),
        ([12, [3, 1], {}, [20]], "Accept.slot: expected an int, found dict"),
        ([12, [3, 1], 7, [12, [3, 1], 7, [20]]], "Accept.value: expected an array that starts"),
        ([12, [3, 1], 7, [True]], "Accept.value: expected an array that starts"),
        ([12, [3, 1], 7, []], "Accept.value: expected an array that starts"),
        ([12, [3, 1], 7, None], "Accept.value: expected an array that starts"),
        ([21, ["x"]], "Batch.commands: expected a byte string, found str of length 1"),
        ([40, 3], "tag 40 (Even): 3 is odd"),
    ],
    ids=str,
)
def test_a_message_of_the_wrong_form_is_refused_with_the_field_and_what_was_expected(
    raw: object,
    complaint: str,
) -> None:
    with pytest.raises(MalformedFrame) as caught:
        CODEC.decode(msgspec.msgpack.encode(raw))
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (8, 6),
        (8, -6),
        (9, b"abc"),
        (6, "follower"),
        (6, []),
        (7, True),
        (7, 2),
        (3, [1, 2]),
        (11, None),
    ],
    ids=str,
)
def test_bounds_enums_and_fixed_tuples_are_verified(field: int, value: object) -> None:
    raw = msgspec.msgpack.decode(CODEC.encode(ASSORTED))
    raw[field] = value
    with pytest.raises(MalformedFrame, match=r"Assorted\."):
        CODEC.decode(msgspec.msgpack.encode(raw))


def test_a_tag_that_nobody_registered_is_told_apart() -> None:
    with pytest.raises(UnknownTag, match="tag 13 is not one of"):
        CODEC.decode(msgspec.msgpack.encode([13]))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\x90",
        b"\x91\xc3",  # true is not the tag 1
        b"\x81\x01\x02",  # a map
        b"\x91\x14\x00",  # something follows
        b"\xc1",  # never used
        b"\x91" * 100_000,
        b"\xdd\xff\xff\xff\xff",  # announces 4 billion items
        b"\xc6\x7f\xff\xff\xff",
        b"\xdf\x7f\xff\xff\xff",
        b"\xa2\xff\xff",  # not UTF-8
        b"\x92\x28\xa2\xff\xff",
        b"\x92\x28\xd4\x01\x02",  # [40, an extension]
        b"\x92\x28\xd6\xff\x00\x00\x00\x02",  # [40, a timestamp]
        b"\xd4\x05\x01",
    ],
    ids=lambda data: data[:8].hex() or "empty",
)
def test_messagepack_that_is_not_ours_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedFrame):
        CODEC.decode(data)


COMMAND = Command(client=ClientId(5), number=RequestNumber(9), answered=RequestNumber(8), body=b"x")


class Single(WireStruct, frozen=True, tag=50):
    """As there is one in every operation."""

    slot: Annotated[int, Natural]
    body: bytes


@dataclass(frozen=True, slots=True)
class Many:
    commands: tuple[Command, ...]
    last: Command | None
    single: Single


STRUCTS: Codec[object] = Codec({50: Single, 51: Many})


@pytest.mark.parametrize(
    "message",
    [
        Single(7, b"x"),
        Many((COMMAND, COMMAND), COMMAND, Single(1, b"")),
        Many((), None, Single(0, b"y")),
    ],
    ids=str,
)
def test_structs_come_back_as_they_were_alone_and_inside_others(message: object) -> None:
    decoded = STRUCTS.decode(STRUCTS.encode(message))
    assert decoded == message
    assert type(decoded) is type(message)


def test_a_struct_is_an_array_too() -> None:
    many = Many((COMMAND,), None, Single(1, b""))
    raw = msgspec.msgpack.decode(STRUCTS.encode(many))
    assert raw == [51, [[5, 9, 8, b"x"]], None, [50, 1, b""]]


def test_a_tag_that_is_longer_than_necessary_means_the_same() -> None:
    assert STRUCTS.decode(b"\x93\xcc\x32\x07\xc4\x01x") == Single(7, b"x")


@pytest.mark.parametrize(
    "raw",
    [
        [50, 7],
        [50, 7, b"x", 1],
        [50, True, b"x"],
        [50, -1, b"x"],
        [50, 2**63, b"x"],
        [50, 7.0, b"x"],
        [50, 7, "x"],
        [50, None, b"x"],
        [51, [[5, 9, 8]], None, [50, 1, b""]],
        [51, [[5, 9, 8, b"x", 0]], None, [50, 1, b""]],
        [51, [[5, 9, -8, b"x"]], None, [50, 1, b""]],
        [51, [], [5, 9, 8, "x"], [50, 1, b""]],
        [51, [], None, [51, 1, b""]],
        [51, [], None, [1, b""]],
        [51, 5, None, [50, 1, b""]],
    ],
    ids=str,
)
def test_a_struct_of_the_wrong_form_is_refused(raw: object) -> None:
    with pytest.raises(MalformedFrame, match=r"tag 5[01] \((Single|Many)\): "):
        STRUCTS.decode(msgspec.msgpack.encode(raw))


def test_a_struct_has_one_tag_and_the_form_of_a_wire_struct() -> None:
    with pytest.raises(TypeError, match="its tag is 50, but it is registered as 52"):
        Codec({52: Single})

    class Loose(msgspec.Struct, tag=53):
        number: int

    with pytest.raises(TypeError, match="Loose: a Struct on the wire is a WireStruct"):
        Codec({53: Loose})


def test_a_complaint_does_not_repeat_a_strangers_megabyte() -> None:
    with pytest.raises(MalformedFrame) as caught:
        CODEC.decode(msgspec.msgpack.encode([12, [3, 1], "x" * 1_000_000, [20]]))
    assert len(str(caught.value)) < 200


def test_classes_that_cannot_cross_the_wire_are_noticed_when_the_codec_is_made() -> None:
    @dataclass(frozen=True)
    class Floating:
        number: float

    @dataclass(frozen=True)
    class Ambiguous:
        either: Ballot | Noop

    with pytest.raises(TypeError, match=r"Floating\.number"):
        Codec({1: Floating})
    with pytest.raises(TypeError, match="need a tag"):
        Codec[object]({1: Ambiguous, 2: Noop})


@dataclass(frozen=True)
class Nested:
    inner: "Nested | None"


def test_a_class_that_contains_itself_is_refused_since_its_depth_has_no_bound() -> None:
    with pytest.raises(TypeError, match="Nested contains itself"):
        Codec({1: Nested})
