"""One world, from its beginning to a verdict."""

from collections.abc import Awaitable, Callable
from typing import Final

import trio

from clients import open_client
from harness.mutants import MUTANTS, Mutant
from harness.simulation.group import groups_of
from harness.simulation.invariants import Violation
from harness.simulation.judges import judge
from harness.simulation.orders import Orders
from harness.simulation.outcome import Failure, FailureKind, Outcome
from harness.simulation.programs import Hung, Simulation, simulate
from harness.simulation.runtime_floor.cluster import Cluster
from harness.simulation.runtime_floor.faults import Faults
from harness.simulation.runtime_floor.finale import Finale
from harness.simulation.runtime_floor.office import ClientFactory, Office
from harness.simulation.runtime_floor.seams import failpoints_heard, log_in_trace, planted
from harness.simulation.runtime_floor.session_office import SessionOffice
from harness.simulation.runtime_floor.speech import describe
from harness.simulation.runtime_floor.windows import Windows
from harness.simulation.trace import Trace
from harness.simulation.world import SECOND, World
from history import Outcome as Response, pair
from node import marks
from node.core.ballot import Ballot
from node.core.mdl import Mdl
from node.core.multipaxos import MultiPaxos
from node.runtime.protocol import CoreFactory
from node.state_machine.ordering import OrderedStateMachine
from node.state_machine.sessions import SessionedStateMachine
from node.types import ReplicaId

_AFTER_HORIZON_S: Final = 120.0
"""More than the finale may take; then something is wrong with the simulator."""


def run(
    world: World,
    *,
    trace: Trace | None = None,
    core: CoreFactory | None = None,
    client_factory: ClientFactory = open_client,
) -> Outcome:
    """Play `world` with whole replicas and clients; deterministic. Not from within Trio.

    Args:
        world: what happens.
        trace: takes every event.
        core: what replicas think with; without one that of the protocol, or the planted bug of the world.
        client_factory: called as `clients.open_client`.
    """
    trace = trace or Trace()
    marks.reset()
    bug = MUTANTS[world.mutant] if world.mutant else None
    if bug and bug.client_name:
        raise ValueError(f"{world.mutant} is a bug of the simulated clients; these are real ones")
    played = _Played(world, core or _core_of(world, bug), _machine_of(world, bug), client_factory)
    hung: Hung | None = None
    with (
        planted(world.mutant),
        log_in_trace(),
        played.windows.open(),
        # Not in a task of the simulation: one that has hung may leave its tasks where they are.
        failpoints_heard(played.at_failpoint),
    ):
        try:
            simulate(
                played.main,
                seed=world.seed,
                rates=world.rates,
                trace=trace,
                limit_s=world.horizon / SECOND + _AFTER_HORIZON_S,
            )
        except Hung as error:
            hung = error
    return _judged(played, trace, hung)


def _core_of(world: World, bug: Mutant | None) -> CoreFactory:
    if world.protocol == "mdl":
        return bug.core if bug and issubclass(bug.core, Mdl) else Mdl
    return bug.core if bug else MultiPaxos


def _machine_of(world: World, bug: Mutant | None) -> Callable[..., SessionedStateMachine]:
    plain = OrderedStateMachine if world.protocol == "mdl" else SessionedStateMachine
    return bug.machine if bug and bug.machine is not SessionedStateMachine else plain


def _judged(played: "_Played", trace: Trace, hung: Hung | None) -> Outcome:
    cluster, simulation = played.cluster, played.cluster.simulation
    operations = pair(enumerate(played.office.recorder.events, 1)).operations
    failure, undecided, virtual = cluster.failure, "", simulation.agenda.now
    if failure is None and hung is not None:
        failure = Failure(kind=FailureKind.LIVENESS, rule="hangs", what=str(hung), at=hung.at)
    if failure is None:
        judgement = judge(
            operations,
            at=virtual,
            orders=played.orders,
            is_settled=not played.finale.is_unavailable,
        )
        failure, undecided = judgement.failure, judgement.undecided
    bites = simulation.bites
    for host in cluster.residents:
        bites.update(host.stored.bites)
    return Outcome(
        world=cluster.world,
        failure=failure,
        undecided=undecided,
        # How far a loop came that never gave way is no function of the seed; where it began is.
        trace_hash=trace.digest() if hung is None else f"hung at step {hung.steps}",
        virtual=virtual,
        messages=simulation.network.messages,
        crashes=played.faults.crashes,
        operations=len(operations),
        completed=sum(o.outcome is not Response.UNKNOWN for o in operations),
        bites={name: bites[name] for name in sorted(bites) if bites[name]},
        marks={name: count for name, count in marks.counts().items() if count},
        unavailable=played.finale.is_unavailable,
    )


class _Played:
    """A world in play; afterwards, what is left of it."""

    cluster: Cluster
    office: Office
    faults: Faults
    finale: Finale

    def __init__(
        self,
        world: World,
        core: CoreFactory,
        machine: Callable[..., SessionedStateMachine],
        client_factory: ClientFactory,
    ) -> None:
        self._world = world
        self.groups: Final = groups_of(world, self._leads)
        self.orders: Final = Orders(world.shards) if world.protocol == "mdl" else None
        """What the shards executed, where more than their logs is in order."""
        self.windows: Final = Windows(
            world,
            core,
            machine,
            groups=self.groups,
            orders=self.orders,
            on_violation=self._on_violation,
        )
        self._client_factory = client_factory

    async def main(self, simulation: Simulation) -> None:
        """All of it, as fate plays it."""
        world = self._world
        simulation.describe = describe
        self.cluster = Cluster(
            world, simulation, self.windows.make_core, self.groups, self.windows.cores
        )
        office = Office if self.orders is None else SessionOffice
        self.office = office(self.cluster, self._client_factory)
        self.faults = Faults(self.cluster, self.office)
        self.finale = Finale(self.cluster, self.office, self.faults, self.orders)
        if world.reseed:
            simulation.agenda.at(world.reseed_at, lambda: simulation.reseed(world.reseed))
        self.cluster.start_all()
        for number in self.office.hosts:
            self.office.start(number)
        with trio.move_on_at(world.horizon / SECOND):
            await _first(self.cluster.failed.wait, self.office.all_done.wait)
        if self.cluster.failure is None:
            await _first(self.cluster.failed.wait, self.finale.play)

    def at_failpoint(self, name: str) -> None:
        """Some replica is at this place."""
        self.faults.at_failpoint(name)

    def _leads(self, member: ReplicaId) -> Ballot | None:
        return self.cluster.leads(member)

    def _on_violation(self, violation: Violation) -> None:
        self.cluster.fail(FailureKind.INVARIANT, violation.rule, violation.what)


async def _first(*waits: Callable[[], Awaitable[object]]) -> None:
    """Wait until one of them is over, and give the others up."""
    async with trio.open_nursery() as nursery:

        async def one(wait: Callable[[], Awaitable[object]]) -> None:
            await wait()
            nursery.cancel_scope.cancel()

        for wait in waits:
            nursery.start_soon(one, wait)
