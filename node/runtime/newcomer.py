"""Whether a replica that is to join is new: asked of the others before it begins a journal.

    gong node --join ── ClientHello, StatusRequest ──▶ every other replica of the file
                     ◀── StatusReply: the members ───

A member whose disk is gone must not join: the others count its votes, and it does not know any more what
it has promised. A number is used once, so one that is to join and stands among the members has lost
its disk. Nobody else can tell, once the replica has a journal that says that it joined.
"""

from functools import partial
from typing import Final

import trio

from node.config import ClusterConfig
from node.errors import ConfigError, WireError
from node.runtime.logs import logger
from node.types import Address, ReplicaId
from node.wire.framing import FrameDecoder, frame
from node.wire.messages import (
    CLIENT_CODEC,
    FRAME_BYTES_MAX,
    ClientHello,
    StatusReply,
    StatusRequest,
)
from node.wire.preface import Speaker, preface

_log = logger("newcomer")

PATIENCE_S: Final = 3.0
"""For all answers together; a replica that works gives one within milliseconds."""

_CHUNK_BYTES: Final = 4096


async def check_is_new(config: ClusterConfig, replica: ReplicaId) -> None:
    """Return when others answer, and none of them knows `replica` as a member.

    Raises ConfigError when one does, or nobody answers.
    """
    shard = config.replica(replica).shard
    others = [
        member for member in config.replicas if member.id != replica and member.shard == shard
    ]
    replies: list[StatusReply] = []

    async def ask(address: Address) -> None:
        try:
            reply = await _ask_status(address, config.cluster)
        except (OSError, trio.BrokenResourceError, WireError) as error:
            _log.info("no status from %s: %s", address, error)
        else:
            replies.append(reply)

    with trio.move_on_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            for member in others:
                nursery.start_soon(partial(ask, member.client_address))
    for reply in replies:
        if replica in [info.replica for info in reply.members]:
            raise ConfigError(
                f"--join: replica {replica} is a member, says replica {reply.replica}: if its disk "
                "is lost, start it with --lost-disk; a new replica needs a number of its own"
            )
    if not replies:
        named = ", ".join(str(member.id) for member in others) or "no other replica"
        raise ConfigError(
            f"--join: nobody answers who could know whether replica {replica} is new: {named}"
        )


async def _ask_status(address: Address, cluster: str) -> StatusReply:
    stream = await trio.open_tcp_stream(address.host, address.port)
    async with stream:
        asked = [
            frame(CLIENT_CODEC.encode(message), FRAME_BYTES_MAX)
            for message in (ClientHello(cluster), StatusRequest())
        ]
        await stream.send_all(preface(Speaker.CLIENT) + b"".join(asked))
        decoder = FrameDecoder(FRAME_BYTES_MAX)
        while data := await stream.receive_some(_CHUNK_BYTES):
            decoder.receive_data(data)
            payload = decoder.next_frame()
            if payload is not None:
                reply = CLIENT_CODEC.decode(payload)
                if isinstance(reply, StatusReply):
                    return reply
                raise WireError(f"expected a status, and heard {reply!r}")
    raise trio.BrokenResourceError("the connection ended before it said anything")
