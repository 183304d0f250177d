"""A replica tells the master where it is and whom it believes to lead. Metadata only."""

from collections.abc import Callable
from random import Random
from typing import Final

import trio

from node.core.interface import Status
from node.runtime.logs import logger
from node.types import Address, ReplicaInfo
from node.wire.framing import frame
from node.wire.messages import (
    FRAME_BYTES_MAX,
    MASTER_CODEC,
    MemberHello,
    Register,
)
from node.wire.preface import Speaker, preface

_log = logger("registration")

REGISTER_EVERY_S: Final = 0.25
"""How old the master's news of a leader may be; a frame of 60 bytes each time."""
BACK_OFF_MAX_S: Final = 2.0


async def keep_registered(
    *,
    cluster: str,
    master: Address,
    info: ReplicaInfo,
    status: Callable[[], Status],
    random: Random,
    shard: int = 0,
) -> None:
    """Register again and again, with the master's death as an ordinary event."""
    back_off_s = REGISTER_EVERY_S
    while True:
        try:
            with trio.fail_after(BACK_OFF_MAX_S):
                stream = await trio.open_tcp_stream(master.host, master.port)
            async with stream:
                back_off_s = REGISTER_EVERY_S
                await stream.send_all(preface(Speaker.MEMBER))
                await _send(stream, MemberHello(cluster, info.replica))
                while True:
                    now = status()
                    await _send(
                        stream,
                        Register(
                            info,
                            now.ballot.round,
                            now.ballot.replica,
                            now.leader,
                            now.configuration.slot,
                            now.configuration.members,
                            shard,
                        ),
                    )
                    await trio.sleep(REGISTER_EVERY_S)
        except (OSError, trio.TooSlowError, trio.BrokenResourceError) as error:
            _log.debug("the master at %s does not answer: %s", master, error)
        await trio.sleep(back_off_s * (0.5 + random.random()))
        back_off_s = min(2 * back_off_s, BACK_OFF_MAX_S)


async def _send(stream: trio.SocketStream, message: MemberHello | Register) -> None:
    await stream.send_all(frame(MASTER_CODEC.encode(message), FRAME_BYTES_MAX))
