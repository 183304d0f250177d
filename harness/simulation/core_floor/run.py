"""One world, from its beginning to a verdict."""

import gc

from harness.simulation.core_floor.cluster import Cluster
from harness.simulation.core_floor.faults import Faults
from harness.simulation.core_floor.finale import Finale
from harness.simulation.judges import judge
from harness.simulation.outcome import Outcome
from harness.simulation.trace import Trace
from harness.simulation.world import World
from history import Outcome as Response, pair
from node import failpoints, marks


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
        judgement = judge(
            operations, at=cluster.loop.now, orders=cluster.orders, is_settled=not unavailable
        )
        undecided = judgement.undecided
        if judgement.failure is not None:
            found = judgement.failure
            cluster.fail(found.kind, found.rule, found.what)
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
