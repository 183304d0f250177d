"""Windows: what happens inside whole replicas, shown to the same invariants as on the other floor.

    core factory ──▶ core, watched          what is handed out, after every step
    Driver ──▶ driver, watched              what leaves
    SessionedStateMachine ──▶ watched       what is executed, and on what; what is read
    ClientPort ──▶ port, watched            what is asked of the state

Each is the real thing with a look at what goes in and out. Nothing that a replica does depends on it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, Final, cast

import node.runtime.protocol as protocol_choice
import node.runtime.replica as runtime
from harness.simulation.group import Group
from harness.simulation.invariants import Invariants, Violation
from harness.simulation.limits import limited, patience_of, sessions_max
from harness.simulation.orders import Execution, Orders, Tag
from harness.simulation.programs.hosts import CURRENT, Life
from harness.simulation.tagged import TaggedStore
from harness.simulation.watching import CountingStore, Event
from harness.simulation.world import World
from node.core.interface import Core, Envelope, Ready, Status
from node.core.multipaxos import Settings
from node.runtime.clientport import ClientPort
from node.runtime.driver import Driver
from node.runtime.protocol import CoreFactory
from node.state_machine.sessions import SessionedStateMachine
from node.state_machine.snapshot import Capture, State
from node.types import Command, Configuration, Query, ReplicaId
from node.wire.messages import Answer


class _Insides:
    """Implements `harness.simulation.watching.Watched`: one replica in one life."""

    number: ReplicaId
    core: Core[Any, Any]
    invariants: Invariants
    """Of its shard."""
    store: CountingStore
    machine: SessionedStateMachine

    def __init__(self) -> None:
        self.restored_slot = 0
        """Of the snapshot with which it starts; there is no core yet when that is read."""


_INSIDES: Final[ContextVar[_Insides]] = ContextVar("_INSIDES")
"""Of the replica whose code runs; several may run on one host."""


class Windows:
    """All replicas of one world, looked into."""

    def __init__(
        self,
        world: World,
        core: CoreFactory,
        machine: Callable[..., SessionedStateMachine],
        *,
        groups: Sequence[Group],
        orders: Orders | None,
        on_violation: Callable[[Violation], None],
    ) -> None:
        """`on_violation` is told at once: the replica itself may take a while to stop, or crash."""
        self._world = world
        self._core = core
        self._machine = machine
        self._on_violation = on_violation
        self._group_of = {host: group for group in groups for host in group.hosts}
        self._orders = orders
        self.cores: Final[dict[ReplicaId, Core[Any, Any]]] = {}
        """Of each replica, in its last life."""

    @contextmanager
    def open(self) -> Iterator[None]:
        """Within the block replicas that start have windows, if their cores come from `make_core`."""
        place, kind = cast("Any", runtime), cast("Any", protocol_choice)
        before = place.Driver, place.ClientPort
        machines = kind.SessionedStateMachine, kind.OrderedStateMachine
        place.Driver = partial(_WatchedDriver, self)
        place.ClientPort = partial(_WatchedPort, self)
        kind.SessionedStateMachine = kind.OrderedStateMachine = self._make_machine
        try:
            yield
        finally:
            place.Driver, place.ClientPort = before
            kind.SessionedStateMachine, kind.OrderedStateMachine = machines

    def make_core(self, *, replica: ReplicaId, settings: Settings, **named: Any) -> "_WatchedCore":  # noqa: ANN401 - as `MultiPaxos` takes them
        """A `CoreFactory`."""
        insides = _INSIDES.get(None)
        assert insides is not None, "the state machine of a replica is not watched"
        assert not hasattr(insides, "core"), "the state machine of a replica is not watched"
        if self._orders is not None:
            named |= {"machine": insides.machine, "patience": patience_of(self._world)}
        insides.number = replica
        insides.invariants = self._group_of[replica].invariants
        insides.core = self._core(replica=replica, settings=limited(settings, self._world), **named)
        self.cores[replica] = insides.core
        self.look(insides.invariants.on_started, insides)
        if insides.restored_slot:
            self.look(insides.invariants.on_restored, insides, insides.restored_slot)
        return _WatchedCore(self, insides)

    def _make_machine(self, _: object) -> "_WatchedMachine":
        insides = _Insides()
        _INSIDES.set(insides)
        insides.store = (
            CountingStore()
            if self._orders is None
            else TaggedStore(
                partial(self._note_execution, self._orders, insides),
                partial(self._note_reading, self._orders, insides),
            )
        )
        if self._machine is SessionedStateMachine or self._orders is not None:
            machine = self._machine(insides.store, sessions_max=sessions_max(self._world))
        else:
            machine = self._machine(insides.store)
        insides.machine = machine
        return _WatchedMachine(self, insides, machine)

    def _note_execution(
        self, orders: Orders, insides: _Insides, place: int, execution: Execution
    ) -> None:
        shard = self._group_of[insides.number].shard
        self.look(orders.note, shard, insides.number, place, execution)

    def _note_reading(
        self, orders: Orders, insides: _Insides, place: int, tag: Tag, result: bytes
    ) -> None:
        self.look(orders.note_read, self._group_of[insides.number].shard, place, tag, result)

    # What they see.

    def on_asked(self, insides: _Insides, query: Query) -> None:
        """A query has arrived."""
        self.look(insides.invariants.on_asked, insides, query)

    def on_event(self, insides: _Insides, event: Event) -> None:
        """A core is about to take it in."""
        self.look(insides.invariants.on_event, insides, event)

    def on_ready(self, insides: _Insides, ready: Ready[Any, Any] | None) -> None:
        """A core was stepped, and this is what it hands out."""
        if ready is not None:
            self.look(insides.invariants.on_ready, insides, ready)
        self.look(insides.invariants.on_stepped, insides)

    def on_sent(self, insides: _Insides, envelope: Envelope[Any]) -> None:
        """It is in the outbox of a peer, or in the replica's own inbox."""
        self.look(insides.invariants.on_sent, insides, envelope)

    def on_executed(
        self, insides: _Insides, slot: int, commands: Sequence[Any], answers: Sequence[Answer]
    ) -> None:
        """One slot was executed."""
        self.look(insides.invariants.on_executed, insides, slot, commands, answers)

    def on_read(self, insides: _Insides, query: Query, executed_upto: int) -> None:
        """A query is about to be answered."""
        self.look(insides.invariants.on_read, insides, query, executed_upto)

    def on_captured(self, insides: _Insides, slot: int, image: bytes) -> None:
        """A snapshot is taken."""
        self.look(insides.invariants.on_captured, insides, slot, image)

    def on_restored(self, insides: _Insides, slot: int) -> None:
        """The state of a snapshot is in place of the executed one."""
        if hasattr(insides, "core"):
            self.look(insides.invariants.on_restored, insides, slot)
        else:
            insides.restored_slot = slot

    def look(self, at: Callable[..., None], *args: object) -> None:
        """Tell of a violation at once, and stop the replica.

        What a replica does between a power loss and the end of its tasks reaches nobody, and counts
        for nothing: seed 54517 of d33ea28, in which it executed what it had voted for as it died.
        """
        if _life().is_over:
            return
        try:
            at(*args)
        except Violation as violation:
            self._on_violation(violation)
            raise


class _WatchedCore:
    """Implements `node.core.interface.Core`."""

    def __init__(self, windows: Windows, insides: _Insides) -> None:
        self._windows = windows
        self._insides = insides
        self.status: Callable[[], Status] = insides.core.status

    def step(self, event: Event, /) -> None:
        """Take in one event, which is shown first."""
        self._windows.on_event(self._insides, event)
        self._insides.core.step(event)

    @property
    def lacks_company(self) -> bool:
        """What the core says."""
        return self._insides.core.lacks_company

    def take_ready(self, *, more_comes: bool = False) -> Ready[Any, Any] | None:
        """What the core hands out."""
        ready = self._insides.core.take_ready(more_comes=more_comes)
        self._windows.on_ready(self._insides, ready)
        return ready


class _WatchedDriver(Driver):
    def __init__(self, windows: Windows, **named: Any) -> None:  # noqa: ANN401 - as `Driver` takes them
        super().__init__(**named)
        self._windows = windows
        self._insides = _INSIDES.get()

    def deliver(self, envelopes: Sequence[Envelope[Any]]) -> None:
        # Before: a replica that dies at the failpoint behind it has told them all. One that dies at the
        # failpoint in front of it has told nobody, but what it was to tell is durable all the same.
        for envelope in envelopes:
            self._windows.on_sent(self._insides, envelope)
        super().deliver(envelopes)


class _WatchedMachine:
    """Stands for a `SessionedStateMachine`."""

    def __init__(self, windows: Windows, insides: _Insides, inner: SessionedStateMachine) -> None:
        self._windows = windows
        self._insides = insides
        self._inner = inner

    @property
    def executed_upto(self) -> int:
        return self._inner.executed_upto

    def execute_and_tell(
        self,
        slot: int,
        commands: tuple[Command, ...],
        tell: Callable[[Answer], None],
        configuration: Configuration | None = None,
    ) -> None:
        answers = self._inner.execute_slot(slot, commands, configuration)
        self._windows.on_executed(self._insides, slot, commands, answers)
        for answer in answers:
            tell(answer)

    def read(self, query: Query) -> Answer:
        self._windows.on_read(self._insides, query, self._inner.executed_upto)
        return self._inner.read(query)

    def capture(self) -> Capture:
        captured = self._inner.capture()
        image = b"".join(self._inner.encode(captured))
        self._windows.on_captured(self._insides, captured.slot, image)
        return captured

    def encode(self, captured: Capture) -> Iterator[bytes]:
        return self._inner.encode(captured)

    def decode(self, data: bytes) -> Iterator[State | None]:
        return self._inner.decode(data)

    def restore(self, state: State) -> None:
        self._inner.restore(state)
        self._windows.on_restored(self._insides, state.slot)


class _WatchedPort(ClientPort):
    def __init__(self, windows: Windows, **named: Any) -> None:  # noqa: ANN401 - as `ClientPort` takes them
        super().__init__(**named)
        self._windows = windows
        self._insides = _INSIDES.get()

    def read(self, query: Query) -> None:
        self._windows.on_asked(self._insides, query)
        super().read(query)


def _life() -> Life:
    life = CURRENT.get()
    assert life is not None, "a replica runs on a host"
    return life
