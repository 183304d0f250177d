"""One world, from its beginning to a verdict."""

import gc
from typing import Final

from checker import Budget, NotLinearizable, Undecided, check, find_model
from harness.simulation.core_floor.cluster import Cluster
from harness.simulation.core_floor.faults import Faults
from harness.simulation.core_floor.finale import Finale
from harness.simulation.outcome import FailureKind, Outcome
from harness.simulation.trace import Trace
from harness.simulation.world import World
from history import Outcome as Response, pair
from node import failpoints, marks

_JUDGING: Final = Budget(time_limit_s=20.0, memory_limit_mb=4_000.0)
"""A hundred times what a history of this size has taken."""


def run(world: World, *, trace: Trace | None = None) -> Outcome:
    """Play `world`; deterministic, and free of traces of runs before it in this process."""
    trace = trace or Trace()
    marks.reset()
    cluster = Cluster(world, trace)
    faults = Faults(cluster)
    finale = Finale(cluster, faults)
    was_collecting = gc.isenabled()
    gc.disable()
    failpoints.listen(faults.at_failpoint)
    try:
        cluster.begin()
        cluster.loop.run_until(
            world.horizon,
            unless=lambda: cluster.failure is not None or cluster.office.is_done,
        )
        if cluster.failure is None:
            finale.play()
    finally:
        failpoints.listen(None)
        if was_collecting:
            gc.enable()
    return _judged(cluster, unavailable=finale.is_unavailable)


def _judged(cluster: Cluster, *, unavailable: bool) -> Outcome:
    events = list(enumerate(cluster.office.recorder.events, 1))
    operations = pair(events).operations
    undecided = ""
    if cluster.failure is None:
        consistency = "linearizable" if cluster.orders is None else "mdl"
        verdict = check(operations, find_model("kv"), budget=_JUDGING, consistency=consistency)
        match verdict:
            case NotLinearizable(counterexample):
                cluster.fail(FailureKind.HISTORY, f"not {consistency}", counterexample.explanation)
            case Undecided(reason):
                undecided = reason
            case _:
                pass
    if cluster.failure is None and cluster.orders is not None:
        violation = cluster.orders.judge(operations, is_settled=not unavailable)
        if violation is not None:
            cluster.fail(FailureKind.INVARIANT, violation.rule, violation.what)
        elif all(operation.session is not None for operation in operations):
            undecided = ""  # the order that is known is one that the checker was looking for
    bites = cluster.bites
    for replica in cluster.replicas.values():
        bites.update(replica.disk.bites)
    return Outcome(
        world=cluster.world,
        failure=cluster.failure,
        undecided=undecided,
        trace_hash=cluster.trace.digest(),
        virtual=cluster.loop.now,
        messages=cluster.messages,
        crashes=cluster.crashes,
        operations=len(operations),
        completed=sum(o.outcome is not Response.UNKNOWN for o in operations),
        bites={name: bites[name] for name in sorted(bites) if bites[name]},
        marks={name: count for name, count in marks.counts().items() if count},
        unavailable=unavailable,
    )
