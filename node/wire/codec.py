"""Messages as bytes and back: one MessagePack array of the fields, after a registered tag.

    Accept(ballot=Ballot(3, 1), slot=7, value=Batch(commands=()))
    [      4,           [3, 1],      7,       [33,  []          ]]
      its tag

Encoding trusts the type checker. Decoding trusts nobody: every type, arity and bound is verified,
and whatever is wrong with the bytes, the answer is a `WireError`. MessagePack can say more than we
do (maps, floats, extensions); all of that is refused.

There are two ways through here. Classes of which there is one in every operation are msgspec
Structs with a tag of their own, which msgspec writes and reads by itself, in C. All others are
dataclasses, and `node.wire.shapes` says how each becomes an array and what its fields may be.
"""

from collections.abc import Mapping
from typing import Final, Generic, TypeVar

import msgspec

from node.errors import MalformedFrame, UnknownTag
from node.wire.shapes import Reader, Shapes, Value, Writer, found, is_struct

MessageT = TypeVar("MessageT")

DECODING_ERRORS: Final = (
    msgspec.DecodeError,  # also of a type, in a Struct
    ValueError,
    RecursionError,
    MemoryError,
)


class Codec(Generic[MessageT]):
    """The messages of one conversation, each known by its tag. Immutable; any thread may use it.

    Say what it speaks where it is made, a union of all its messages: `Codec[Prepare | Promise]`.

    A `__post_init__` that raises ValueError refuses a message like a wrong type does.
    """

    def __init__(self, registry: Mapping[int, type[MessageT]]) -> None:
        tags: dict[type, int] = {cls: tag for tag, cls in registry.items()}
        assert len(tags) == len(registry), "a class is registered under two tags"
        self._names = {tag: cls.__name__ for tag, cls in registry.items()}
        self._writers: dict[type, Writer | None] = {}
        """None for what msgspec writes by itself."""
        self._readers: dict[int, Reader] = {}
        self._structs: dict[int, msgspec.msgpack.Decoder[MessageT]] = {}
        compiled = Shapes(tags)
        for tag, cls in registry.items():
            shape = compiled.of_class(cls)
            self._readers[tag] = shape.read
            self._writers[cls] = None if is_struct(cls) else shape.write
            if is_struct(cls):
                self._structs[tag] = msgspec.msgpack.Decoder(cls)
        self._encode = msgspec.msgpack.Encoder().encode

    def encode(self, message: MessageT) -> bytes:
        """`message`, which must be of a registered class, as bytes."""
        writer = self._writers[type(message)]
        return self._encode(message if writer is None else writer(message))

    def decode(self, data: bytes) -> MessageT:
        """The one message that `data` is; anything else raises MalformedFrame or UnknownTag."""
        # The second byte is the tag of any array of less than 16 that starts with one below 128.
        # Whether it is such an array is for the decoder to find out.
        decoder = self._structs.get(data[1]) if len(data) > 1 else None
        if decoder is not None:
            try:
                return decoder.decode(data)
            except DECODING_ERRORS as exc:
                raise self._malformed(data[1], exc) from exc
        return self._decode_by_shape(data)

    def _decode_by_shape(self, data: bytes) -> MessageT:
        try:
            raw: Value = msgspec.msgpack.decode(data)
        except DECODING_ERRORS as exc:
            raise MalformedFrame(f"not the MessagePack we speak: {exc}") from exc
        if type(raw) is not list or not raw or type(raw[0]) is not int:
            raise MalformedFrame(f"expected an array that starts with a tag, found {found(raw)}")
        tag = raw[0]
        read = self._readers.get(tag)
        if read is None:
            raise UnknownTag(f"tag {tag} is not one of {sorted(self._readers)}")
        try:
            message: MessageT = read(raw)
        except DECODING_ERRORS as exc:
            raise self._malformed(tag, exc) from exc
        return message

    def _malformed(self, tag: int, why: BaseException) -> MalformedFrame:
        return MalformedFrame(f"tag {tag} ({self._names[tag]}): {why}")
