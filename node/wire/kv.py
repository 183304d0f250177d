"""The key-value application as its clients see it: operations and results.

Consensus carries an operation as opaque bytes; only the client that writes them and the state
machine that executes them know this page. Keys and values are text; absent is `None`.
"""

from typing import Any, Final

import msgspec

from node.errors import MalformedFrame
from node.types import WireStruct
from node.wire.codec import DECODING_ERRORS, Codec


class Get(WireStruct, frozen=True, tag=1):
    """Read `key`."""

    key: str


class Put(WireStruct, frozen=True, tag=2):
    """Write `key`."""

    key: str
    value: str


class Cas(WireStruct, frozen=True, tag=3):
    """Write `new` if `key` holds `old`; `old` is None for a key that must be absent."""

    key: str
    old: str | None
    new: str


class Delete(WireStruct, frozen=True, tag=4):
    """Make `key` absent."""

    key: str


class Append(WireStruct, frozen=True, tag=5):
    """Put `suffix` behind what `key` holds; an absent key counts as empty."""

    key: str
    suffix: str


Operation = Get | Put | Cas | Delete | Append


class Done(WireStruct, frozen=True, tag=16):
    """It happened; `value` is what a get found."""

    value: str | None


class Mismatch(WireStruct, frozen=True, tag=17):
    """A cas that compared, and found another value."""


class Invalid(WireStruct, frozen=True, tag=18):
    """The body of the request is not an operation, or asks for too much; nothing happened."""

    reason: str


Result = Done | Mismatch | Invalid

_CODEC: Final[Codec[Any]] = Codec(
    {1: Get, 2: Put, 3: Cas, 4: Delete, 5: Append, 16: Done, 17: Mismatch, 18: Invalid}
)


def encode_operation(operation: Operation) -> bytes:
    """The body of a request."""
    return _CODEC.encode(operation)


_OPERATIONS: Final[msgspec.msgpack.Decoder[Operation]] = msgspec.msgpack.Decoder(Operation)


def decode_operation(body: bytes) -> Operation:
    """The operation in the body of a request; raises `WireError`."""
    try:
        return _OPERATIONS.decode(body)
    except DECODING_ERRORS:
        operation = _CODEC.decode(body)  # which says what is wrong with it
        if not isinstance(operation, Operation):
            raise MalformedFrame(f"{type(operation).__name__} is not an operation") from None
        return operation


def encode_result(result: Result) -> bytes:
    """The body of a reply."""
    return _CODEC.encode(result)


def decode_result(body: bytes) -> Result:
    """The result in the body of a reply; raises `WireError`."""
    result = _CODEC.decode(body)
    if not isinstance(result, Result):
        raise MalformedFrame(f"{type(result).__name__} is not a result")
    return result
