"""The codecs of each kind of connection and of the journal."""

from typing import Final

from node.core import multipaxos
from node.wire.codec import Codec
from node.wire.messages import CLIENT_MESSAGES, MASTER_MESSAGES, PEER_MESSAGES

PEER_CODEC: Final[Codec] = Codec(multipaxos.MESSAGES | PEER_MESSAGES)
RECORD_CODEC: Final[Codec] = Codec(multipaxos.RECORDS)
CLIENT_CODEC: Final[Codec] = Codec(CLIENT_MESSAGES)
MASTER_CODEC: Final[Codec] = Codec(MASTER_MESSAGES)
