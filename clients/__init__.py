"""Programs that talk to replicas and write down what happened."""

from clients.client import Client as Client, open_client as open_client
from clients.errors import (
    ClientError as ClientError,
    Indeterminate as Indeterminate,
    NoRoom as NoRoom,
    Overloaded as Overloaded,
    Rejected as Rejected,
)
from clients.handle import Handle as Handle
from clients.kv import KvClient as KvClient, KvSession as KvSession
from clients.recording import (
    RecordingClient as RecordingClient,
    RecordingSession as RecordingSession,
)
from clients.shards import shard_of as shard_of
