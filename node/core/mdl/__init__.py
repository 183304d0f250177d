"""Multi-dispatch linearizability: many operations in flight, in order, over many shards."""

from node.core.mdl.messages import MESSAGES as MESSAGES, ShardMessage as ShardMessage
from node.core.mdl.replica import Mdl as Mdl
from node.core.mdl.settings import Coordination as Coordination, Patience as Patience
