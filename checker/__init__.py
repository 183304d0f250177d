"""Decides whether a history is linearizable: could it have happened one operation at a time?"""

from checker.budget import Budget as Budget, peak_resident_mb as peak_resident_mb
from checker.catalogue import MODELS as MODELS, find_model as find_model
from checker.check import (
    CONSISTENCIES as CONSISTENCIES,
    ENGINES as ENGINES,
    INITIAL as INITIAL,
    check as check,
)
from checker.errors import (
    CheckerError as CheckerError,
    ModelError as ModelError,
    OperationError as OperationError,
    UnsupportedError as UnsupportedError,
)
from checker.evidence.telling import cut_down as cut_down
from checker.lint import lint as lint
from checker.model import (
    ANYWHERE as ANYWHERE,
    ILLEGAL as ILLEGAL,
    UNKNOWN as UNKNOWN,
    Action as Action,
    Model as Model,
    State as State,
    several as several,
)
from checker.orders import with_weaker_orders as with_weaker_orders
from checker.streaming import (
    StreamingChecker as StreamingChecker,
    StreamingVerdict as StreamingVerdict,
)
from checker.streaming_lane import Alarm as Alarm
from checker.verdict import (
    Counterexample as Counterexample,
    Linearizable as Linearizable,
    NotLinearizable as NotLinearizable,
    Statistics as Statistics,
    Undecided as Undecided,
    Verdict as Verdict,
    VerdictKind as VerdictKind,
    Witness as Witness,
)
