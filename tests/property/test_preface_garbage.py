"""Eight bytes are a preface that we expect, or a WireError with a sentence, and nothing else."""

from hypothesis import given, strategies as st

from node.errors import WireError
from node.wire.preface import PREFACE_BYTES, Speaker, check_preface, preface


@given(st.binary(min_size=PREFACE_BYTES, max_size=PREFACE_BYTES), st.sampled_from(Speaker))
def test_any_eight_bytes_are_a_preface_or_a_wire_error(data: bytes, expected: Speaker) -> None:
    try:
        found = check_preface(data, expected)
    except WireError:
        return
    assert found is expected
    assert data[:7] == preface(expected)[:7]


@given(
    st.sampled_from(Speaker),
    st.integers(0, PREFACE_BYTES - 2),
    st.integers(1, 255),
)
def test_one_changed_byte_is_noticed(speaker: Speaker, place: int, change: int) -> None:
    """All but the last, which means nothing yet."""
    data = bytearray(preface(speaker))
    data[place] ^= change
    try:
        found = check_preface(bytes(data), speaker)
    except WireError:
        return
    raise AssertionError(f"{bytes(data)!r} was taken for a {found.name}")
