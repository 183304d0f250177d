"""Messages as bytes and back: dataclass <-> one CBOR array, by registered tag.

    Accept(ballot=Ballot(3, 1), slot=7, value=Batch(commands=()))
    [     12,           [3, 1],      7,       [21,  []          ]]
      its tag

Encoding trusts the type checker. Decoding trusts nobody: every type, arity and bound is verified,
and whatever is wrong with the bytes, the answer is a `WireError`. CBOR can say more than we do (maps,
floats, dates, shared and cyclic values, bignums, indefinite lengths); all of that is refused, tags
before anything acts on them, and nesting is allowed exactly as deep as the registered classes go.
How a class becomes an array, and what its fields may be, is in `node.wire.shapes`.
"""

from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from typing import Final, Generic, NoReturn, TypeVar

import cbor2

from node.errors import MalformedFrame, UnknownTag
from node.wire.shapes import Shapes, Value, found

MessageT = TypeVar("MessageT")


class Codec(Generic[MessageT]):
    """The messages of one conversation, each known by its tag. Immutable; any thread may use it.

    Say what it speaks where it is made, a union of all its messages: `Codec[Prepare | Promise]`.

    A `__post_init__` that raises ValueError refuses a message like a wrong type does.
    """

    def __init__(self, registry: Mapping[int, type[MessageT]]) -> None:
        tags: dict[type, int] = {cls: tag for tag, cls in registry.items()}
        assert len(tags) == len(registry), "a class is registered under two tags"
        compiled = Shapes(tags)
        shapes = {tag: compiled.of_class(cls) for tag, cls in registry.items()}
        self._names = {tag: cls.__name__ for tag, cls in registry.items()}
        self._writers = {cls: shapes[tag].write for tag, cls in registry.items()}
        self._readers = {tag: shape.read for tag, shape in shapes.items()}
        self._depth_max = max((shape.depth for shape in shapes.values()), default=1)

    def encode(self, message: MessageT) -> bytes:
        """`message`, which must be of a registered class, as bytes."""
        return cbor2.dumps(self._writers[type(message)](message))

    def decode(self, data: bytes) -> MessageT:
        """The one message that `data` is; anything else raises MalformedFrame or UnknownTag."""
        raw = self._decode_cbor(data)
        if type(raw) is not list or not raw or type(raw[0]) is not int:
            raise MalformedFrame(f"expected an array that starts with a tag, found {found(raw)}")
        tag = raw[0]
        read = self._readers.get(tag)
        if read is None:
            raise UnknownTag(f"tag {tag} is not one of {sorted(self._readers)}")
        try:
            message: MessageT = read(raw)
        except ValueError as exc:
            raise MalformedFrame(f"tag {tag} ({self._names[tag]}): {exc}") from exc
        return message

    def _decode_cbor(self, data: bytes) -> Value:
        stream = BytesIO(data)
        # A decoder per message: one that is kept would tie the codec to one thread, for 0.4 µs.
        decoder = cbor2.CBORDecoder(
            stream,
            tag_hook=_refuse_tag,
            semantic_decoders=_EVERY_TAG,
            max_depth=self._depth_max,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        )
        try:
            raw = decoder.decode()
        except (cbor2.CBORError, ValueError, ArithmeticError, RecursionError, MemoryError) as exc:
            raise MalformedFrame(f"not the CBOR we speak: {exc}") from exc
        if stream.tell() != len(data):
            raise MalformedFrame(f"{len(data) - stream.tell()} bytes after the end of the message")
        return raw


class _EveryTag(Mapping[int, Callable[[Value, bool], Value]]):
    """A handler for every CBOR tag there is: refuse. cbor2's own would build foreign or cyclic values."""

    def __getitem__(self, _tag: int) -> Callable[[Value, bool], Value]:
        return _refuse_tag

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _refuse_tag(_value: object, _immutable: bool) -> NoReturn:
    raise ValueError("CBOR tags are not used")


_EVERY_TAG: Final = _EveryTag()
