"""A run of programs in a simulated world: `simulate(main, seed=1)`.

    async def main(world):                          plays fate: starts, cuts, crashes, asks
        server = world.host("server")
        server.start(serve)                         serve(life): an ordinary Trio program
        ...
        server.crash(); await trio.sleep(1); server.restart()

`main` itself runs on a host called "outside" that nothing ever happens to.
"""

import gc
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, TypeVar

import trio
from trio.testing import MockClock

from harness.simulation.draws import Draws, Stream
from harness.simulation.programs.agenda import Agenda
from harness.simulation.programs.hosts import CURRENT, Ending, Host, HostCrashed, Life
from harness.simulation.programs.jobs import Threads
from harness.simulation.programs.network import Network
from harness.simulation.programs.scheduling import repeatable_scheduling, watch_ready_tasks
from harness.simulation.programs.substitutes import substitutes
from harness.simulation.programs.watchdog import STEPS_MAX, STUCK_S, Hung, Watchdog
from harness.simulation.trace import Trace
from harness.simulation.world import MS, SECOND, US, Rates
from node.runtime.nursery import bare_errors

T = TypeVar("T")

CALM: Final = Rates(delay_min=100 * US, delay_mean=400 * US, sync_mean=2 * MS)
"""A network and disks with which nothing is wrong. A crash loses all that was not synced."""

OUTSIDE: Final = "outside"

LIMIT_S: Final = 3600.0


class TooLongError(Exception):
    """`main` had not returned when the virtual time was up."""


class Simulation:
    """A world while it exists. Made by `simulate`."""

    def __init__(self, seed: int, rates: Rates, trace: Trace, clock: MockClock) -> None:
        self.seed: Final = seed
        self.rates = rates
        """May be changed at any time."""
        self.draws: Final = Draws(seed)
        self.trace: Final = trace
        self.bites: Final[Counter[str]] = Counter()
        """How often each fault did something."""
        self.describe: Callable[[bytes], str] = repr
        """Says in the trace, to people, what was sent."""
        self._streams: list[Stream] = []
        self._salts: list[int] = []
        self.agenda: Final = Agenda(clock)
        self.network: Final = Network(self)
        self.watchdog: Watchdog
        """Ends a run in which no time passes."""
        self.threads: Final = Threads(self.stream("threads"), self.spawn)
        self.is_over = False
        self.make_ready: Callable[[trio.lowlevel.Task], None]
        """Let a task run that was kept."""
        self._hosts: dict[str, Host] = {}
        self._scopes: dict[Life, list[trio.CancelScope]] = {}
        self._nursery: trio.Nursery
        self._outside = Life(self.host(OUTSIDE), 1)

    # What `main` does.

    @property
    def now_s(self) -> float:
        """Virtual seconds since the beginning."""
        return self.agenda.now / SECOND

    def host(self, name: str) -> Host:
        """The host of that name; made when it is first asked for."""
        found = self._hosts.get(name)
        if found is None:
            found = self._hosts[name] = Host(self, name)
        return found

    def find(self, name: str) -> Host | None:
        """The host of that name, if there is one."""
        return self._hosts.get(name)

    @property
    def hosts(self) -> list[Host]:
        """All of them, in the order in which they were made, without the outside."""
        return [host for name, host in self._hosts.items() if name != OUTSIDE]

    def cut(
        self,
        source: str,
        target: str,
        *,
        both_ways: bool = True,
        name: str = "cut",
        kind: str = "cut",
    ) -> None:
        """Let nothing pass from one host to another until `mend(name)`; it bites as `kind`."""
        ways = [(source, target), (target, source)] if both_ways else [(source, target)]
        for one, other in ways:
            self.note("cut", f"{one} > {other} {name}")
            self.network.cut(self.host(one), self.host(other), name, kind)

    def isolate(self, host: str, *, name: str = "isolate") -> None:
        """Cut a host from all others that exist."""
        for other in list(self._hosts):
            if other != host:
                self.cut(host, other, name=name, kind="isolate")

    def mend(self, name: str = "cut") -> None:
        """Take back the cuts of one name."""
        self.note("mend", name)
        self.network.mend(name)

    def heal(self) -> None:
        """Take back all cuts."""
        self.note("heal")
        self.network.heal()

    def stream(self, *name: str | int) -> Stream:
        """Draws that depend on nothing but the seed and this name."""
        stream = self.draws.stream(*name)
        for salt in self._salts:
            stream.rekey(salt)
        self._streams.append(stream)
        return stream

    def reseed(self, salt: int) -> None:
        """From now on all draws are others: another future of the same past."""
        self._salts.append(salt)
        for stream in self._streams:
            stream.rekey(salt)

    def note(self, kind: str, text: str = "") -> None:
        """Write down an event of the world."""
        self.trace.add(self.agenda.now, "world", kind, text)

    # What hosts do.

    def spawn(self, life: Life, function: Callable[..., Awaitable[object]], *args: object) -> None:
        """A task on behalf of a life; what it raises after the end of that life is dropped."""
        scope = trio.CancelScope()
        self._scopes.setdefault(life, []).append(scope)

        async def task() -> None:
            try:
                with scope:
                    if not life.is_over:
                        await function(*args)
            except BaseException as error:
                if life.ending in (None, Ending.RETURNED) or not _is_of_the_dead(error):
                    raise

        token = CURRENT.set(life)
        try:
            self._nursery.start_soon(task, name=function.__qualname__)
        finally:
            CURRENT.reset(token)

    def cancel(self, life: Life) -> None:
        """Cancel all tasks of a life that has ended."""
        for scope in self._scopes.pop(life, []):
            scope.cancel()

    def divert(self, task: trio.lowlevel.Task) -> bool:
        """Whether a task that is ready has to wait for its host."""
        self.watchdog.on_ready(task)
        life = task.context.get(CURRENT)
        return life is not None and life.divert(task)

    async def run(self, main: Callable[["Simulation"], Awaitable[T]], limit_s: float) -> T:
        """All of it, inside of `trio.run`."""
        self.make_ready = watch_ready_tasks(self.divert)
        result: list[T] = []
        with bare_errors(Hung):
            async with trio.open_nursery() as self._nursery:
                self._nursery.start_soon(self.agenda.run)
                CURRENT.set(self._outside)
                try:
                    with trio.move_on_after(limit_s):
                        result.append(await main(self))
                finally:
                    CURRENT.set(None)
                    self._end()
        if not result:
            raise TooLongError(f"not done after {limit_s} virtual seconds")
        return result[0]

    def give_up(self, hung: Hung) -> None:
        """Raise it where it ends everything: in the task of the agenda."""

        def end() -> None:
            raise hung

        self.agenda.at(self.agenda.now, end)

    def _end(self) -> None:
        """The end of this world: nothing that is still done in it counts."""
        self.is_over = True
        for host in self.hosts:
            if host.life is not None:
                life, host.life = host.life, None
                life.end(Ending.CRASHED)
        self._nursery.cancel_scope.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated(Generic[T]):
    """One run, when it is over."""

    result: T
    """What `main` returned."""
    trace_hash: str
    """Equal for equal runs."""
    virtual: int
    """Nanoseconds."""
    messages: int
    bites: dict[str, int]
    """How often each fault did something."""


def simulate(
    main: Callable[[Simulation], Awaitable[T]],
    *,
    seed: int,
    rates: Rates = CALM,
    trace: Trace | None = None,
    limit_s: float = LIMIT_S,
    steps_max: int = STEPS_MAX,
    stuck_s: float | None = None,
) -> Simulated[T]:
    """Run `main(world)` in a world that `seed` decides. Raises what `main`, or a program, raises.

    Not from within Trio, and not twice at the same time in one process.

    Raises:
        TooLongError: it did not return within `limit_s` virtual seconds.
        Hung: tasks took `steps_max` steps while no virtual time passed, or one step took `stuck_s`
            seconds of processor time (10 unless said), which is noticed in the main thread only.
        SchedulingError: this version of Trio cannot be made repeatable.
    """
    clock = MockClock(rate=0, autojump_threshold=0)
    world = Simulation(seed, rates, trace or Trace(), clock)
    world.watchdog = Watchdog(
        lambda: world.agenda.now, world.give_up, steps_max=steps_max, stuck_s=stuck_s or STUCK_S
    )
    with (
        _no_collection(),
        repeatable_scheduling(world.stream("scheduling")),
        substitutes(world),
    ):
        try:
            run = partial(trio.run, world.run, main, limit_s, clock=clock)
            result = world.watchdog.run(run)
        except BaseException as error:
            # What the watchdog throws into the middle of Trio comes out as a defect of Trio.
            told = error.__cause__ if isinstance(error, trio.TrioInternalError) else None
            shown = told if isinstance(told, Hung) else error
            shown.add_note(f"in the simulation of seed {seed}, at {world.now_s:.6f} s")
            if shown is not error:
                raise shown from None
            raise
        finally:
            world.threads.close()
    return Simulated(
        result=result,
        trace_hash=world.trace.digest(),
        virtual=world.agenda.now,
        messages=world.network.messages,
        bites=dict(sorted(world.bites.items())),
    )


@contextmanager
def _no_collection() -> Iterator[None]:
    """No garbage collection: it would run finalizers at times that depend on what ran before."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _is_of_the_dead(error: BaseException) -> bool:
    """Whether an error may be dropped when its life is over: all but an order to this process."""
    if isinstance(error, BaseExceptionGroup):
        return all(_is_of_the_dead(inner) for inner in error.exceptions)
    return isinstance(error, Exception | HostCrashed | trio.Cancelled)
