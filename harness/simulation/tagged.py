"""The key-value store of a simulated shard, whose operations and queries bear the tag of their client.

    body = session (of a query: process) of the history u64, number u32, operation

So the order in which a shard executes, and what it reads where, can be told from inside the application, by
names that clients gave and no part of the protocol can confuse. How many operations were executed is part of the state,
and of snapshots.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from harness.simulation.orders import Execution, Tag
from harness.simulation.watching import CountingStore
from node.errors import MalformedFrame

_TAG: Final = struct.Struct(">QI")
_PLACE: Final = struct.Struct(">Q")
_OF_PLACE, _OF_STORE = b"P", b"S"


def with_tag(tag: Tag, operation: bytes) -> bytes:
    """The body of a request."""
    return _TAG.pack(*tag) + operation


class TaggedStore(CountingStore):
    """Tells each execution and each reading, with its place in the order of the shard."""

    def __init__(
        self,
        tell: Callable[[int, Execution], None],
        tell_read: Callable[[int, Tag, bytes], None],
    ) -> None:
        """`tell_read` is told how many operations were executed, whose query it is, and the result."""
        super().__init__()
        self._place = 0
        """How many operations this state has executed."""
        self._tell = tell
        self._tell_read = tell_read

    def execute(self, body: bytes) -> bytes:
        """Execute, then tell."""
        tag, operation = _untagged(body)
        result = super().execute(operation)
        self._tell(self._place, Execution(tag, operation, result))
        self._place += 1
        return result

    def query(self, body: bytes) -> bytes:
        """Answer, and tell."""
        tag, operation = _untagged(body)
        result = super().query(operation)
        self._tell_read(self._place, tag, result)
        return result

    def capture(self) -> Any:  # noqa: ANN401 - for `encode`
        """The map, and how many operations made it."""
        return self._place, super().capture()

    def encode(self, captured: Any) -> Iterator[bytes]:  # noqa: ANN401 - from `capture`
        """The number first."""
        place, values = captured
        yield _OF_PLACE + _PLACE.pack(place)
        for piece in super().encode(values):
            yield _OF_STORE + piece

    def decode(self, pieces: Iterable[bytes]) -> Iterator[Any]:
        """A number, then maps."""
        for piece in pieces:
            if piece[:1] == _OF_PLACE and len(piece) == 1 + _PLACE.size:
                yield _PLACE.unpack_from(piece, 1)[0]
            elif piece[:1] == _OF_STORE:
                yield from super().decode([piece[1:]])
            else:
                raise MalformedFrame("neither a number of operations nor a part of a map")

    def restore(self, parts: Iterable[Any]) -> None:
        """Go on counting from there."""
        self._place, *maps = parts
        super().restore(maps)


def _untagged(body: bytes) -> tuple[Tag, bytes]:
    session, number = _TAG.unpack_from(body)
    return (session, number), body[_TAG.size :]
