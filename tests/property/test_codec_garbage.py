"""Messages round-trip; garbage is a WireError or a message, never anything else."""

import contextlib

import msgspec
from hypothesis import given, settings, strategies as st

from node.errors import WireError
from node.types import ReplicaId
from tests.unit.node.test_codec import (
    CODEC,
    Accept,
    Assorted,
    Ballot,
    Batch,
    Even,
    Level,
    Noop,
    Role,
    SlotRange,
)

numbers = st.integers(0, 2**63 - 1)
ballots = st.builds(Ballot, numbers, numbers.map(ReplicaId))
noops = st.just(Noop())
batches = st.builds(Batch, commands=st.lists(st.binary(max_size=40), max_size=3).map(tuple))
messages = st.one_of(
    noops,
    batches,
    numbers.map(lambda n: Even(n // 2 * 2)),
    st.builds(Accept, ballot=ballots, slot=numbers, value=noops | batches),
    st.builds(
        Assorted,
        flag=st.booleans(),
        name=st.none() | st.text(max_size=20),
        pair=st.tuples(numbers, st.text(max_size=5)),
        slots=st.builds(SlotRange, numbers, numbers),
        ballots=st.lists(ballots, max_size=3).map(tuple),
        role=st.sampled_from(Role),
        level=st.sampled_from(Level),
        signed=st.integers(-5, 5),
        short=st.binary(max_size=2),
        maybe=st.none() | noops | batches,
        one=noops,
    ),
)


def assert_refused_or_a_message(data: bytes) -> None:
    with contextlib.suppress(WireError):
        message = CODEC.decode(data)
        assert CODEC.decode(CODEC.encode(message)) == message


FEW = settings(max_examples=25, deadline=None)


@FEW
@given(messages)
def test_a_message_comes_back_as_it_was(message: object) -> None:
    decoded = CODEC.decode(CODEC.encode(message))
    assert decoded == message
    assert type(decoded) is type(message)


@FEW
@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_a_message(data: bytes) -> None:
    assert_refused_or_a_message(data)


@FEW
@given(messages, st.data())
def test_a_message_with_a_few_bytes_changed_is_refused_or_a_message(
    message: object, data: st.DataObject
) -> None:
    frame = bytearray(CODEC.encode(message))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(frame) - 1))
        frame[at : at + data.draw(st.integers(0, 1))] = data.draw(st.binary(min_size=1, max_size=2))
    assert_refused_or_a_message(bytes(frame))


packed_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.builds(msgspec.msgpack.Ext, st.integers(-128, 127), st.binary(max_size=3)),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.integers(0, 9), inner, max_size=2)
    ),
    max_leaves=4,
)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([12, 20, 21, 30, 40]), st.lists(packed_values, max_size=4))
def test_any_fields_behind_a_known_tag_are_refused_or_a_message(
    tag: int, fields: list[object]
) -> None:
    assert_refused_or_a_message(msgspec.msgpack.encode([tag, *fields]))


@FEW
@given(messages, st.data())
def test_a_message_cut_short_or_followed_by_anything_is_refused(
    message: object, data: st.DataObject
) -> None:
    whole = CODEC.encode(message)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    longer = whole + data.draw(st.binary(min_size=1, max_size=5))
    for other in (cut, longer):
        refused = False
        try:
            CODEC.decode(other)
        except WireError:
            refused = True
        assert refused, other.hex()
