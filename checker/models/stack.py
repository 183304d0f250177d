"""A stack: what went in last comes out first."""

from typing import ClassVar, Final

from checker.models.collection import Collection


class Stack(Collection):
    """`push v`; `pop` → v or null; `peek` → v or null."""

    name = "stack"
    operations: ClassVar[tuple[str, ...]] = ("push", "pop", "peek")
    insert = "push"
    take = "pop"
    next_at = -1


MODEL: Final = Stack()
