"""What happens between shards, one line each: for golden files."""

from collections.abc import Callable
from typing import assert_never

from node.core.mdl import ShardMessage
from node.core.mdl.messages import (
    Chain,
    Coordinate,
    Coordinated,
    Reigning,
    Stamped,
    Tag,
    WhichStamps,
)
from node.dispatch import Announce, Begin, Entry, Fail, Fence, Place, Reign
from node.wire.kv import decode_result
from node.wire.messages import Executed, Expired, Failed, Interrupted, NotExecuted, Opened

Name = Callable[[int], str]


def reign_text(reign: Reign) -> str:
    """As ballots are printed."""
    return f"{reign[0]}.{reign[1]}"


def tag_text(tag: Tag | Chain) -> str:
    """Tokens count from 1000 there."""
    return f"{chr(ord('a') + tag.token - 1000)}#{tag.seq}"


def chain_text(chain: Chain) -> str:
    """An operation and its stamps."""
    return f"{tag_text(chain)}@{stamps_text(chain.stamps)}"


def stamps_text(stamps: tuple[int, ...]) -> str:
    """Those of its predecessors first."""
    return "-".join(map(str, stamps)) or "old"


def message_text(message: ShardMessage) -> str:
    """One message, all of it."""
    match message:
        case Reigning(shard, reign):
            return f"Reigning shard={shard} {reign_text(reign)}"
        case Coordinate(_, tags):
            return f"Coordinate {_list(map(tag_text, tags))}"
        case Coordinated(_, reign, certain, failed):
            text = f"Coordinated by {reign_text(reign)}"
            text += f" certain {_list(map(chain_text, certain))}" if certain else ""
            return text + (f" failed {_list(map(tag_text, failed))}" if failed else "")
        case WhichStamps(_, reign, tags):
            return f"WhichStamps for {reign_text(reign)} of {_list(map(tag_text, tags))}"
        case Stamped(_, reign, asked, found, unknown):
            text = f"Stamped by {reign_text(reign)} for {reign_text(asked)}"
            text += f" found {_list(map(chain_text, found))}" if found else ""
            return text + (f" unknown {_list(map(tag_text, unknown))}" if unknown else "")
    assert_never(message)


def entry_text(name: str, seq: int, entry: Entry | None) -> str:
    """One entry of the log."""
    match entry:
        case None:
            return "not an entry"
        case Begin(reign):
            return f"Begin {reign_text(reign)}"
        case Fence(shard, reign):
            return f"Fence shard={shard} {reign_text(reign)}"
        case Announce(after, _):
            return f"Announce {name}#{seq} after={after}"
        case Place(reign, decision, stamps, _):
            return f"Place {name}#{seq}@{stamps_text(stamps)} {reign_text(reign)}/{decision}"
        case Fail(reign, decision):
            return f"Fail {name}#{seq} {reign_text(reign)}/{decision}"
    assert_never(entry)


def answer_text(
    answer: Executed | Expired | Failed | NotExecuted | Interrupted | Opened,
) -> str:
    """What a client is told."""
    match answer:
        case Executed(_, _, body):
            return f"executed, {decode_result(body)}"
        case NotExecuted(_, _, reason):
            return f"not executed: {reason}"
        case _:
            return type(answer).__name__.lower()


def _list(texts: "map[str]") -> str:
    return ",".join(texts)
