"""Schedules from a seed: what a hostile network, bad disks and impatient clients do to a cluster.

First a stormy phase, in which anything may happen at any time; then calm: everything is healed and
restarted, and every client must get its answer and every replica the whole log. How likely each
kind of trouble is differs from seed to seed, because some bugs need much of one kind and little of
another ("Swarm testing", Groce et al., ISSTA 2012).
"""

from random import Random
from typing import Final

from node.core.multipaxos import MultiPaxos, Settings
from node.wire.kv import Done, Get
from tests.simulation.actions import KEYS, WEIGHTS, Run, Storm
from tests.simulation.invariants import Invariants
from tests.support.cluster import QUICK, Cluster, Observer
from tests.support.recording import Client, Journalist

_CALM_ROUNDS_MAX: Final = 200
"""Ticks at every replica until everything must have healed: a few election timeouts would do."""


def storm(
    seed: int,
    *,
    replicas: int = 3,
    steps: int = 500,
    clients: int = 3,
    core: type[MultiPaxos] = MultiPaxos,
    settings: Settings = QUICK,
    watched: bool = True,
) -> Run:
    """Play the stormy phase. Unless `watched`, only clients and the cores' own assertions judge."""
    rng = Random(f"storm {seed}")
    observers: list[Observer] = [Invariants(replicas)] if watched else []
    cluster = Cluster(
        replicas=replicas,
        seed=seed,
        settings=settings,
        core=core,
        observers=observers,
        stops_the_broken=not watched,
    )
    journalist = Journalist()
    asking = [Client(cluster, journalist, nonce=n) for n in range(1, clients + 1)]
    run = Run(seed, rng.choice((0.2, 0.6, 1.0)), cluster, journalist, asking)
    cluster.elect(1)
    for client in asking:
        client.open_session(1)
    cluster.settle()
    storm_actions = Storm(run, rng)
    weights = {name: weight * rng.choice((0.2, 1, 3)) for name, weight in WEIGHTS.items()}
    for name in rng.choices(list(weights), list(weights.values()), k=steps):
        storm_actions.perform(name)
    return run


def calm(run: Run) -> None:
    """Heal everything; all that is pending must finish, and all replicas agree."""
    cluster = run.cluster
    cluster.heal()
    cluster.messages += run.late
    for member in cluster.members:
        if not cluster.hosts[member].is_up:
            cluster.restart(member)
    finish(run)


def finish(run: Run) -> None:
    """Let time pass until every client has its answer and every replica the whole log."""
    cluster = run.cluster
    for _ in range(_CALM_ROUNDS_MAX):
        for member in cluster.up:
            cluster.tick(member)
        cluster.settle()
        leader = cluster.leader()
        if leader is None:
            continue
        if all(client.is_idle for client in run.clients) and _is_level(cluster):
            return
        for client in run.clients:
            if not client.is_idle:
                client.ask(leader)
        cluster.settle()
    raise AssertionError(f"seed {run.seed}: still not calm")


def read_all(run: Run) -> dict[str, str | None]:
    """Read every key at the leader, recorded like all else."""
    client = run.clients[0]
    values: dict[str, str | None] = {}
    for key in KEYS:
        leader = run.cluster.leader()
        assert leader is not None
        client.invoke(Get(key), leader)
        finish(run)
        result = client.results[-1]
        assert isinstance(result, Done)
        values[key] = result.value
    return values


def state(cluster: Cluster, member: int) -> tuple[object, ...]:
    """What a replica's state machine holds, sessions included."""
    machine = cluster.host(member).machine
    store = machine._inner
    sessions = [(name, s.answered, s.results) for name, s in machine._sessions.items()]
    return machine.executed_upto, vars(store), sessions


def _is_level(cluster: Cluster) -> bool:
    return len({cluster.core(m).status().chosen_upto for m in cluster.members}) == 1
