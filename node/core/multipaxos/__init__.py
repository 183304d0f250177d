"""Multi-Paxos: one ballot for the whole log, elected leaders, recovery of every slot."""

from node.core.multipaxos.membership import obstacle as obstacle
from node.core.multipaxos.messages import (
    MESSAGES as MESSAGES,
    RECORDS as RECORDS,
    BeginRecord as BeginRecord,
    Message as Message,
    Record as Record,
    RejoinedRecord as RejoinedRecord,
    RejoinRecord as RejoinRecord,
    truncated_upto as truncated_upto,
)
from node.core.multipaxos.replica import MultiPaxos as MultiPaxos
from node.core.multipaxos.settings import Settings as Settings
