"""Schedules from a seed: what a hostile network, bad disks and impatient clients do to a cluster.

First a stormy phase, in which anything may happen at any time; then calm: everything is healed and
restarted, and every client must get its answer and every replica the whole log. How likely each
kind of trouble is differs from seed to seed, because some bugs need much of one kind and little of
another ("Swarm testing", Groce et al., ISSTA 2012).
"""

from dataclasses import dataclass, field
from random import Random
from typing import Final

from checker import Verdict
from node.core.interface import Role
from node.core.multipaxos import MultiPaxos, Settings
from node.wire.kv import Append, Cas, Delete, Done, Get, Operation, Put
from tests.simulation.invariants import Invariants
from tests.support.cluster import QUICK, Cluster, Observer
from tests.support.recording import Client, Journalist

KEYS: Final = ("x", "y")
_CALM_ROUNDS_MAX: Final = 200
"""Ticks at every replica until everything must have healed: a few election timeouts would do."""

_USUAL: Final[dict[str, float]] = {
    "deliver": 60,
    "flow": 25,
    "tick": 8,
    "sync": 22,
    "client": 40,
    "drop": 3,
    "duplicate": 3,
    "crash": 0.7,
    "power": 0.5,
    "depose": 1.5,
    "restart": 3,
    "cut": 1,
    "heal": 1,
}


@dataclass(slots=True)
class Run:
    """One schedule, played."""

    seed: int
    disk_speed: float
    """How probably a good moment is one for each disk, too."""
    cluster: Cluster
    journalist: Journalist
    clients: list[Client]
    steps: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def verdict(self) -> Verdict:
        """What the checker says of what the clients saw."""
        return self.journalist.verdict()


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
    weights = {name: weight * rng.choice((0.2, 1, 3)) for name, weight in _USUAL.items()}
    names = list(weights)
    for name in rng.choices(names, list(weights.values()), k=steps):
        _act(run, name, rng)
    run.steps = steps
    return run


def calm(run: Run) -> None:
    """Heal everything; all that is pending must finish, and all replicas agree."""
    cluster = run.cluster
    cluster.heal()
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


def _act(run: Run, name: str, rng: Random) -> None:
    cluster = run.cluster
    up = cluster.up
    run.counts[name] = run.counts.get(name, 0) + 1
    match name:
        case "deliver" | "drop" | "duplicate" if cluster.messages:
            # Mostly the oldest ones, so that some progress is made; but any may be next.
            oldest = min(len(cluster.messages), rng.choice((1, 4, 1_000)))
            packet = cluster.messages[rng.randrange(oldest)]
            getattr(cluster, name)(packet)
        case "flow":
            # A good moment: without them a schedule has many elections and few operations.
            for packet in cluster.messages[:8]:
                cluster.deliver(packet)
            for member in cluster.up:
                if rng.random() < run.disk_speed:
                    cluster.sync(member)
        case "tick" if up:
            cluster.tick(rng.choice(up), rng.choice((1, 1, 2)))
        case "sync" if up:
            cluster.sync(rng.choice(up))
        case "client":
            _act_as_client(run, rng.choice(run.clients), rng)
        case "crash" if up:
            cluster.crash(rng.choice(up), rng=rng if rng.random() < 0.5 else None)
        case "power":
            # It fails everywhere at once: what no disk holds is gone.
            for member in up:
                cluster.crash(member, rng=rng if rng.random() < 0.5 else None)
            for member in cluster.members:
                cluster.restart(member)
        case "depose" if (leader := cluster.leader()) is not None:
            # The leader is silenced, sooner or later it dies, and somebody takes over.
            if rng.random() < 0.5:
                cluster.cut_off(leader)
            else:
                cluster.crash(leader)
            others = [m for m in cluster.up if cluster.core(m).role is not Role.LEADER]
            if others:
                cluster.campaign(rng.choice(others))
        case "restart":
            down = [member for member in cluster.members if member not in up]
            if down:
                cluster.restart(rng.choice(down))
        case "cut":
            if rng.random() < 0.5:
                cluster.cut_off(rng.choice(cluster.members))
            else:
                cluster.cut(*rng.sample(cluster.members, 2))
        case "heal":
            cluster.heal()


def _act_as_client(run: Run, client: Client, rng: Random) -> None:
    up = run.cluster.up
    if not up:
        return
    leading = [member for member in up if run.cluster.core(member).role is Role.LEADER]
    at = rng.choice(leading if leading and rng.random() < 0.8 else up)
    if client.is_idle:
        client.invoke(_operation(run, rng), at)
    elif rng.random() < 0.5:
        client.ask(at)


def _operation(run: Run, rng: Random) -> Operation:
    key = rng.choice(KEYS)
    fresh = str(len(run.journalist.recorder.events))  # no two operations write the same value
    match rng.randrange(10):
        case 0 | 1 | 2 | 3:
            return Get(key)
        case 4 | 5 | 6:
            return Put(key, fresh)
        case 7:
            return Append(key, f",{fresh}")
        case 8:
            return Cas(key, rng.choice((None, fresh)), fresh + "c")
        case _:
            return Delete(key)
