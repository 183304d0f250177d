"""How shards coordinate, and how long they wait for each other."""

from dataclasses import dataclass
from enum import Enum


class Coordination(Enum):
    """When the shard of an operation answers for it to the shard of the next one."""

    FAST = "fast"
    """When it is replicated and its own predecessor has been answered for: before it is ordered."""
    DURABLE = "durable"
    """When it is executed. Slower, and its recovery is that of the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """In ticks and in operations."""

    ask_ticks: int = 10
    """How long an unanswered question to another shard waits to be repeated."""
    coordination_timeout_ticks: int = 500
    """After which an operation fails whose predecessor nobody answers for: several times what a shard
    needs to elect another leader."""
    operations_max: int = 16 * 1024
    """In the hands of one leader; more are refused as OVERLOADED. Of those that wait for no other one
    there may be as many again."""
    askers_max: int = 16 * 1024
    """Questions that wait at one leader for something to happen; more are dropped, and repeated."""
    message_tags_max: int = 256
    """Operations that one message speaks of."""
