"""The codecs that know a core's messages and records; those of clients are in `node.wire`."""

from typing import Any, Final

from node.core import mdl, multipaxos
from node.wire.codec import Codec
from node.wire.messages import PEER_MESSAGES

PEER_CODEC: Final[Codec[Any]] = Codec(multipaxos.MESSAGES | mdl.MESSAGES | PEER_MESSAGES)
RECORD_CODEC: Final[Codec[Any]] = Codec(multipaxos.RECORDS)
