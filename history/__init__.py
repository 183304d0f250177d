"""What clients did, as data: invocations, responses, operations, and the files they live in."""

from history.event import (
    Event as Event,
    Fail as Fail,
    Info as Info,
    Invocation as Invocation,
    Ok as Ok,
    Response as Response,
)
from history.operation import Operation as Operation, Outcome as Outcome
