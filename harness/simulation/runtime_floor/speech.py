"""What went over a connection, for people: the messages in a piece of a stream, one a line."""

from contextlib import suppress
from typing import Any

from node.errors import WireError
from node.runtime.codecs import PEER_CODEC
from node.wire.framing import FrameDecoder
from node.wire.messages import CLIENT_CODEC, FRAME_BYTES_MAX


def describe(data: bytes) -> str:
    """Its messages, or the bytes where it does not hold whole ones."""
    decoder = FrameDecoder(FRAME_BYTES_MAX)
    try:
        decoder.receive_data(data)
        lines = []
        while (payload := decoder.next_frame()) is not None:
            lines.append(repr(_message(payload)))
    except WireError:
        return repr(data)
    return repr(data) if decoder.incomplete_bytes or not lines else "\n".join(lines)


def _message(payload: bytes) -> Any:  # noqa: ANN401 - of a peer or of a client
    with suppress(WireError):
        return PEER_CODEC.decode(payload)
    return CLIENT_CODEC.decode(payload)
