"""Any schedule: deliver, drop, duplicate, crash, restart, tick, sync, cut, ask, in any order.

The claims are those of `Invariants`, at every step: one value a slot, promises and votes survive
crashes, nothing is said before it is durable, `chosen_upto` only grows, what is executed was
chosen. At the end the cluster is healed and must answer everybody, and every replica must hold
the same text, in which each append that was confirmed occurs once and no append occurs twice.
"""

from typing import Final

from hypothesis import given, settings, strategies as st

from checker import VerdictKind
from node.types import ReplicaId
from node.wire.kv import Append, Done, Get
from tests.simulation.actions import Run
from tests.simulation.invariants import Invariants
from tests.simulation.schedules import calm, finish, state
from tests.support.cluster import Cluster
from tests.support.recording import Client, Journalist

_ACTIONS: Final = (
    "deliver", "deliver", "deliver", "drop", "duplicate", "tick", "sync", "sync",
    "ask", "ask", "crash", "restart", "campaign", "cut-off", "heal", "flow", "flow",
)  # fmt: skip
"""What happens more often comes more than once."""

Step = tuple[str, int, int]

steps = st.tuples(
    st.sampled_from(_ACTIONS), st.integers(min_value=0, max_value=9), st.integers(0, 9)
)
schedules = st.lists(steps, min_size=10, max_size=60)


@settings(max_examples=25)
@given(schedules)
def test_three_replicas_keep_their_promises_under_any_schedule(schedule: list[Step]) -> None:
    judge(play(schedule, replicas=3))


@settings(max_examples=15)
@given(schedules)
def test_five_replicas_keep_their_promises_under_any_schedule(schedule: list[Step]) -> None:
    judge(play(schedule, replicas=5))


def play(schedule: list[Step], *, replicas: int) -> Run:
    cluster = Cluster(replicas=replicas, observers=[Invariants(replicas)])
    journalist = Journalist()
    clients = [Client(cluster, journalist, nonce=nonce) for nonce in (1, 2)]
    cluster.elect(1)
    for client in clients:
        client.open_session(1)
    cluster.settle()
    run = Run(0, 1.0, cluster, journalist, clients)
    for action, first, second in schedule:
        perform(run, action, first, second)
    return run


def perform(run: Run, action: str, first: int, second: int) -> None:
    """Two numbers say which message or replica is meant; what is impossible is skipped."""
    cluster = run.cluster
    member = cluster.members[first % len(cluster.members)]
    if action in ("deliver", "drop", "duplicate"):
        if cluster.messages:
            getattr(cluster, action)(cluster.messages[first % len(cluster.messages)])
    elif action == "heal":
        cluster.heal()
    elif action == "cut-off":
        cluster.cut_off(member)
    elif action == "flow":
        flow(cluster)
    elif not cluster.hosts[member].is_up:
        if action == "restart":
            cluster.restart(member)
    else:
        perform_at(run, action, member, second)


def perform_at(run: Run, action: str, member: ReplicaId, number: int) -> None:
    """What happens to one replica that is up."""
    cluster = run.cluster
    if action == "tick":
        cluster.tick(member, number % 3 + 1)
    elif action == "sync":
        cluster.sync(member)
    elif action == "crash":
        cluster.crash(member)
    elif action == "campaign" and cluster.core(member).leadership is None:
        cluster.campaign(member)
    elif action == "ask":
        client = run.clients[number % len(run.clients)]
        if not client.is_idle:
            client.ask(member)
        elif number < 3:
            client.invoke(Get("x"), member)
        else:
            client.invoke(Append("x", f"{len(run.journalist.recorder.events)},"), member)


def flow(cluster: Cluster) -> None:
    """A good moment."""
    for packet in cluster.messages[:5]:
        cluster.deliver(packet)
    for member in cluster.up:
        cluster.sync(member)


def judge(run: Run) -> None:
    calm(run)
    states = [state(run.cluster, member) for member in run.cluster.members]
    assert all(each == states[0] for each in states)
    leader = run.cluster.leader()
    assert leader is not None
    reader = run.clients[0]
    reader.invoke(Get("x"), leader)
    finish(run)
    result = reader.results[-1]
    assert isinstance(result, Done)
    appended = [o for o in run.journalist.operations() if o.f == "append"]
    occurrences = (result.value or "").split(",")
    for operation in appended:
        # Calm lets every client finish, so here each append was confirmed.
        assert occurrences.count(operation.value.rstrip(",")) == 1, operation
    assert run.journalist.verdict().kind is VerdictKind.LINEARIZABLE
