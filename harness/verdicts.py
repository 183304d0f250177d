"""After a run: judge the history, and say whether the run proved anything.

In this order, the first that applies:

    a violation of the promise                       not linearizable          exit 1
    the run broke off: a failed start, an interrupt  undecided                 exit 2
    replicas that never serve again after the heal   reason "stuck: …"         exit 1
    a replica that ended by itself                   reason                    exit 1
    the judge ran out of time                        undecided                 exit 2
    too little happened to prove anything            undecided                 exit 2

In the two cases with a reason and exit 1 the verdict is still that on the history.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from checker import (
    Budget,
    Linearizable,
    NotLinearizable,
    Undecided,
    Verdict,
    check,
    find_model,
)
from harness.cli import ExitCode
from harness.nemesis.interface import Toll
from harness.nemesis.process import CROWD_MIN
from harness.options import RunOptions
from harness.runner import Observed
from harness.store import RunDirectory
from history import History, Operation, Outcome, load
from history.analysis import counts, counts_by_f, latency, unavailability

JUDGE_TIME_LIMIT_S: Final = 300.0


def judge(
    options: RunOptions, directory: RunDirectory, observed: Observed
) -> tuple[dict[str, Any], ExitCode]:
    """The object of `gong run --json` and the exit code, from what is on disk."""
    history = load(directory.history)
    consistency = "mdl" if options.protocol == "mdl" else "linearizable"
    verdict = check(
        history,
        find_model("kv"),
        budget=Budget(time_limit_s=JUDGE_TIME_LIMIT_S),
        consistency=consistency,
    )
    kind, reason, code = _conclude(options, history.operations, observed, verdict)
    return {
        "verdict": kind,
        "consistency": consistency,
        "run": str(directory.path),
        **_figures(history, observed),
        "reason": reason,
        "counterexample": _counterexample(verdict),
    }, code


def _conclude(
    options: RunOptions, operations: Sequence[Operation], observed: Observed, verdict: Verdict
) -> tuple[str, str | None, ExitCode]:
    """Verdict, reason and exit code, by the order above."""
    if isinstance(verdict, NotLinearizable):
        return verdict.kind.value, None, ExitCode.NOT_VALID
    if observed.problem is not None:
        return "undecided", observed.problem, ExitCode.UNDECIDED
    if observed.stuck is not None:
        return verdict.kind.value, f"stuck: {observed.stuck}", ExitCode.NOT_VALID
    if observed.unexpected_ends:
        return verdict.kind.value, "; ".join(observed.unexpected_ends), ExitCode.NOT_VALID
    if isinstance(verdict, Undecided):
        return verdict.kind.value, verdict.reason, ExitCode.UNDECIDED
    too_quiet = _too_quiet(options, operations, observed.toll)
    if too_quiet is not None:
        return "undecided", too_quiet, ExitCode.UNDECIDED
    return verdict.kind.value, None, ExitCode.VALID


def _too_quiet(options: RunOptions, operations: Sequence[Operation], toll: Toll) -> str | None:
    """Why this run proves nothing, or None."""
    tallies = counts_by_f(operations)
    for f in ("get", "put", "cas"):
        if f not in tallies or not any(
            operation.f == f and _succeeded(operation) for operation in operations
        ):
            return f"too quiet: no {f} succeeded"
    for nemesis in options.nemesis:
        if not toll.faults.get(nemesis):
            return (
                f"too quiet: {nemesis} never struck; the time limit is too short for the interval"
            )
    for number, kill in enumerate(toll.kills, start=1):
        if kill.new_leader_s is None:
            return f"too quiet: after kill {number} no leader with a higher ballot was seen"
        crowd = min(CROWD_MIN, options.clients)
        if kill.in_flight < crowd:
            return (
                f"too quiet: at kill {number} only {kill.in_flight} operations were in "
                f"flight, {crowd} were wanted"
            )
    return None


def _succeeded(operation: Operation) -> bool:
    return operation.outcome is Outcome.OK and not operation.is_mismatch


def _figures(history: History, observed: Observed) -> dict[str, Any]:
    tally = counts(history.operations)
    percentiles = latency(history.operations)
    outages = unavailability(history.operations)
    elections = [kill.new_leader_s for kill in observed.toll.kills if kill.new_leader_s is not None]
    return {
        "operations": tally.total,
        "ok": tally.ok,
        "fail": tally.fail,
        "info": tally.unknown,
        "retries": observed.retries,
        "seconds": round(observed.load_s, 3),
        "throughput": round(tally.ok / observed.load_s, 1) if observed.load_s else 0.0,
        "latency_ms": None
        if percentiles is None
        else {
            "p50": round(percentiles.p50, 3),
            "p99": round(percentiles.p99, 3),
            "max": round(percentiles.max, 3),
        },
        "leader_changes": observed.leader_changes,
        "faults": observed.toll.faults,
        "kills": [asdict(kill) for kill in observed.toll.kills],
        "slowest_election_s": round(max(elections), 3) if elections else None,
        "unavailable_s": round(outages.total_s, 3),
        "longest_unavailable_s": round(outages.longest_s, 3),
    }


def _counterexample(verdict: Verdict) -> dict[str, Any] | None:
    match verdict:
        case NotLinearizable(counterexample):
            return {
                "operations": list(counterexample.operations),
                "operation": counterexample.operation,
                "key": counterexample.key,
                "explanation": counterexample.explanation,
            }
        case Linearizable() | Undecided():
            return None
