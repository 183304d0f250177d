"""Frames on a byte stream: four bytes that say how long, then that many bytes.

    00 00 00 05 | h e l l o | 00 00 00 02 | h i | 00 00 …
    '- length -' '- payload -'

Nothing here reads or writes a stream, as in h11: bytes go in with `receive_data()`, frames come out of
`next_frame()`. Call it until it says None before giving more data; then what is kept is bounded by
one frame and one chunk, because the announced length is compared with the limit as soon as its four
bytes are there, before anything is kept for that frame.
"""

import struct
from typing import Final

from node.errors import FrameTooLarge

_LENGTH: Final = struct.Struct(">I")
HEADER_BYTES: Final = _LENGTH.size


def frame(payload: bytes, limit: int) -> bytes:
    """Put the length in front of `payload`; longer than `limit` raises FrameTooLarge."""
    length = len(payload)
    if length > limit:
        raise FrameTooLarge(f"a payload of {length} bytes; a frame may hold {limit}")
    return _LENGTH.pack(length) + payload


class FrameDecoder:
    """Cuts a byte stream into frames. After FrameTooLarge it raises the same again, for good."""

    def __init__(self, frame_bytes_max: int) -> None:
        assert 0 <= frame_bytes_max < 1 << 32
        self._frame_bytes_max = frame_bytes_max
        self._buffer: bytes | bytearray = b""
        # The last chunk itself, as long as every one before it ended with a frame.
        self._start = 0
        # Where the next frame starts. Frames are taken by moving this, and the bytes before it
        # are dropped once per chunk, so that a thousand frames in a chunk are not a thousand moves.
        self._refusal: str | None = None

    @property
    def incomplete_bytes(self) -> int:
        """Bytes kept that are not yet a frame; at end of stream, more than 0 means it was cut short."""
        return len(self._buffer) - self._start

    def allow(self, frame_bytes_max: int) -> None:
        """Another limit from the next frame on: who has said who it is may say more."""
        assert 0 <= frame_bytes_max < 1 << 32
        self._frame_bytes_max = frame_bytes_max

    def clear(self) -> None:
        """Forget what arrived: nobody will ask for it."""
        self._buffer = b""
        self._start = 0

    def receive_data(self, data: bytes) -> None:
        """Keep what arrived; `next_frame()` hands it out."""
        self._raise_refusal()
        if self._start == len(self._buffer):
            self._buffer = data
        else:
            if isinstance(self._buffer, bytes):
                self._buffer = bytearray(memoryview(self._buffer)[self._start :])
            else:
                del self._buffer[: self._start]
            self._buffer += data
        self._start = 0

    def next_frame(self) -> bytes | None:
        """The payload of the next complete frame, or None until more data arrives."""
        buffer = self._buffer
        payload_start = self._start + HEADER_BYTES
        if len(buffer) < payload_start:
            self._raise_refusal()  # which has left nothing here
            return None
        (length,) = _LENGTH.unpack_from(buffer, self._start)
        if length > self._frame_bytes_max:
            self._refusal = (
                f"a frame announces {length} bytes; the limit is {self._frame_bytes_max}"
            )
            self.clear()
            self._raise_refusal()
        payload_end = payload_start + length
        if len(buffer) < payload_end:
            return None
        self._start = payload_end
        if isinstance(buffer, bytes):
            return buffer[payload_start:payload_end]
        return bytes(memoryview(buffer)[payload_start:payload_end])

    def _raise_refusal(self) -> None:
        if self._refusal is not None:
            raise FrameTooLarge(self._refusal)
