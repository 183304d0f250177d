"""A queue: what went in first comes out first."""

from typing import ClassVar, Final

from checker.models.collection import Collection


class FifoQueue(Collection):
    """`enqueue v`; `dequeue` → v or null; `peek` → v or null."""

    name = "fifo-queue"
    operations: ClassVar[tuple[str, ...]] = ("enqueue", "dequeue", "peek")
    insert = "enqueue"
    take = "dequeue"
    next_at = 0


MODEL: Final = FifoQueue()
