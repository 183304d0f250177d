"""What clients did, as data: invocations, responses, operations, and the files they live in."""

from history.errors import HistoryError as HistoryError
from history.event import (
    Event as Event,
    Fail as Fail,
    Info as Info,
    Invocation as Invocation,
    Ok as Ok,
    Response as Response,
)
from history.formats import FORMAT_NAMES as FORMAT_NAMES, load as load
from history.history import History as History
from history.objects import (
    Call as Call,
    Recording as Recording,
    record as record,
    tickets as tickets,
)
from history.operation import MISMATCH as MISMATCH, Operation as Operation, Outcome as Outcome
from history.pairing import Paired as Paired, Pairing as Pairing, pair as pair
from history.recorder import Recorder as Recorder
