"""What is made of a run's history, on both floors: the checker judges it, and a look inside where there is one.

    operations ─▶ checker ─▶ not allowed: a failure ── undecided: said
         │           ▲
         │           └ witness: the order in which the shards did it all, for the checker to verify
         └───▶ orders (worlds of several shards only)

A witness alone neither blames nor clears: the checker verifies it against the history, or searches as if there were none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from checker import Budget, NotLinearizable, Undecided, check, find_model
from harness.simulation.orders import Orders
from harness.simulation.outcome import Failure, FailureKind
from history import Operation

_JUDGING: Final = Budget(time_limit_s=20.0, memory_limit_mb=4_000.0)
"""A hundred times what a history of this size has taken."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found."""

    failure: Failure | None
    undecided: str = ""
    """Why the checker could not tell, when it could not."""


def judge(
    operations: Sequence[Operation],
    *,
    at: int,
    orders: Orders | None = None,
    is_settled: bool = True,
) -> Judgement:
    """Judge what clients wrote down: for linearizability, or where there are `orders` for `mdl`.

    Args:
        operations: all of the run.
        at: the end of the run, in virtual nanoseconds.
        orders: has heard of all that the shards executed and read.
        is_settled: False when some of it may still be about to be executed.
    """
    consistency = "linearizable" if orders is None else "mdl"
    verdict = check(
        operations,
        find_model("kv"),
        budget=_JUDGING,
        consistency=consistency,
        proposed=None if orders is None else orders.witness(operations),
    )
    if isinstance(verdict, NotLinearizable):
        what = verdict.counterexample.explanation
        return Judgement(
            Failure(kind=FailureKind.HISTORY, rule=f"not {consistency}", what=what, at=at)
        )
    violation = None if orders is None else orders.judge(operations, is_settled=is_settled)
    if violation is not None:
        rule, what = violation.rule, violation.what
        return Judgement(Failure(kind=FailureKind.INVARIANT, rule=rule, what=what, at=at))
    return Judgement(None, verdict.reason if isinstance(verdict, Undecided) else "")
