"""What went over a connection, for people: the messages in a piece of a stream, one a line."""

from contextlib import suppress
from typing import Any

from node.errors import WireError
from node.runtime.codecs import PEER_CODEC
from node.wire.framing import FrameDecoder
from node.wire.messages import CLIENT_CODEC, FRAME_BYTES_MAX
from node.wire.preface import PREFACE_BYTES, Speaker, check_preface


def describe(data: bytes) -> str:
    """Its messages, or the bytes where it does not hold whole ones."""
    decoder = FrameDecoder(FRAME_BYTES_MAX)
    try:
        decoder.receive_data(_without_preface(data))
        lines = []
        while (payload := decoder.next_frame()) is not None:
            lines.append(repr(_message(payload)))
    except WireError:
        return repr(data)
    return repr(data) if decoder.incomplete_bytes or not lines else "\n".join(lines)


def _without_preface(data: bytes) -> bytes:
    """What follows the first bytes of a connection, if these are they."""
    with suppress(WireError):
        if len(data) >= PREFACE_BYTES:
            check_preface(data[:PREFACE_BYTES], *Speaker)
            return data[PREFACE_BYTES:]
    return data


def _message(payload: bytes) -> Any:  # noqa: ANN401 - of a peer or of a client
    with suppress(WireError):
        return PEER_CODEC.decode(payload)
    return CLIENT_CODEC.decode(payload)
