"""Frames are cut where their lengths say, and too long ones are refused before they are kept."""

import pytest

from node.errors import FrameTooLarge
from node.wire.framing import FrameDecoder, frame


def drain(decoder: FrameDecoder) -> list[bytes]:
    frames = []
    while (payload := decoder.next_frame()) is not None:
        frames.append(payload)
    return frames


def test_a_frame_is_its_length_and_its_payload() -> None:
    assert frame(b"hello", limit=5) == b"\x00\x00\x00\x05hello"


def test_a_payload_over_the_limit_is_not_framed() -> None:
    with pytest.raises(FrameTooLarge, match="6 bytes; a frame may hold 5"):
        frame(b"hello!", limit=5)


def test_an_empty_payload_is_a_frame() -> None:
    decoder = FrameDecoder(10)
    decoder.receive_data(frame(b"", limit=10))
    assert drain(decoder) == [b""]


def test_frames_arrive_byte_by_byte() -> None:
    decoder = FrameDecoder(10)
    seen = []
    for byte in frame(b"one", limit=10) + frame(b"two", limit=10):
        decoder.receive_data(bytes([byte]))
        seen += drain(decoder)
    assert seen == [b"one", b"two"]
    assert decoder.incomplete_bytes == 0


def test_the_end_of_a_stream_inside_a_frame_can_be_seen() -> None:
    decoder = FrameDecoder(10)
    decoder.receive_data(frame(b"whole", limit=10) + frame(b"cut", limit=10)[:-1])
    assert drain(decoder) == [b"whole"]
    assert decoder.incomplete_bytes == 4 + 2


def test_a_frame_that_announces_too_much_is_refused_before_its_payload_arrives() -> None:
    decoder = FrameDecoder(10)
    decoder.receive_data(frame(b"fine", limit=10) + b"\xff\xff\xff\xff")
    assert decoder.next_frame() == b"fine"
    with pytest.raises(FrameTooLarge, match="announces 4294967295 bytes; the limit is 10"):
        decoder.next_frame()


def test_after_a_refusal_nothing_is_kept_and_nothing_comes_out() -> None:
    decoder = FrameDecoder(3)
    decoder.receive_data(frame(b"long", limit=10) + frame(b"ok", limit=10))
    for _ in range(2):
        with pytest.raises(FrameTooLarge):
            decoder.next_frame()
    with pytest.raises(FrameTooLarge):
        decoder.receive_data(b"more")
    assert decoder.incomplete_bytes == 0


def test_many_small_frames_in_one_chunk_are_not_copied_again_and_again() -> None:
    # Dropping each frame from the front of the chunk would move 10 GB here.
    count = 100_000
    decoder = FrameDecoder(1)
    decoder.receive_data(frame(b"x", limit=1) * count)
    assert len(drain(decoder)) == count
