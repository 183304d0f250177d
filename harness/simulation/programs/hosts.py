"""Hosts, and their lives: from a start to the end, the crash or the kill.

    host    has a name, a disk, clocks; stays when it crashes
    life    one start of a program on it; dead once and for good

A crash first makes the life dead, then cancels its tasks. Cancelled tasks still run their `finally`
blocks, which a machine without power does not: so whatever a dead life asks of network, disk or
clock raises `HostCrashed`, or is ignored where it is a way of closing, and changes nothing.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from enum import Enum
from typing import TYPE_CHECKING, Final

import trio

from harness.simulation.disk import SimulatedDisk
from harness.simulation.draws import Stream
from harness.simulation.programs.clocks import HostClock
from harness.simulation.programs.disks import LifeDisk
from harness.simulation.programs.scheduling import creation

if TYPE_CHECKING:
    from harness.simulation.programs.jobs import Job
    from harness.simulation.programs.simulation import Simulation

CURRENT: Final[ContextVar["Life | None"]] = ContextVar("CURRENT", default=None)
"""On whose behalf this task runs; None outside of a simulation."""

JOB: Final[ContextVar["Job | None"]] = ContextVar("JOB", default=None)
"""The call in a thread in which this code runs."""


class HostCrashed(BaseException):
    """The host that ran this code has no power any more. Not an Exception: nobody handles it."""


class Ending(Enum):
    """How a life ended."""

    RETURNED = "end"
    """The program returned, or raised."""
    KILLED = "kill"
    """The process was killed; the operating system closed its connections and kept its writes."""
    CRASHED = "crash"
    """The power went: what was not synced gets what it gets, nobody says goodbye."""


class Life:
    """One start of a program on a host: what the program is given."""

    def __init__(self, host: "Host", number: int) -> None:
        self.host: Final = host
        self.number: Final = number
        """Counts the lives of this host from 1."""
        self.disk: Final = LifeDisk(self, host.stored, host.disk_draws)
        """A `node.runtime.disk.Disk`: files that a crash leaves as it leaves files."""
        self.ending: Ending | None = None
        self.scopes: Final[dict[trio.CancelScope, None]] = {}
        """Of calls that wait shielded; cancelled at the end."""
        self.at_end: Final[dict[object, Callable[[Ending], None]]] = {}
        """What the kernel does with what this life has open."""
        self._held: list[trio.lowlevel.Task] = []
        self._is_releasing = False

    @property
    def name(self) -> str:
        """Of the host."""
        return self.host.name

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whichever way."""
        return self.ending is not None

    def check(self) -> None:
        """Raise if this life has ended."""
        if self.ending is not None:
            raise HostCrashed(f"{self.name}, life {self.number}: {self.ending.value}")

    def block(self, before: int, action: Callable[[], None], after: int) -> None:
        """Take time for a plain call and its effect: in a thread it waits, else all of the host."""
        self.check()
        job = JOB.get()
        if job is None:
            action()
            self.host.stall(before + after)
        else:
            job.pause(before)
            action()
            job.pause_later(after)

    def end(self, ending: Ending) -> None:
        """Once. The tasks still have to be cancelled."""
        assert self.ending is None, f"{self.name} has ended"
        self.ending = ending
        for close in list(self.at_end.values()):
            close(ending)
        self.at_end.clear()
        for scope in list(self.scopes):
            scope.cancel()
        self.release()

    # Standing still.

    def divert(self, task: trio.lowlevel.Task) -> bool:
        """Keep a task that is ready, if this host is not."""
        if self.ending is not None or not (self.host.is_paused or self.host.slowness):
            return False
        self._held.append(task)
        if self.host.slowness and not self.host.is_paused:
            self._release_later()
        return True

    def release(self) -> None:
        """Let all tasks go on, or one after the other when the host is slow."""
        if self.ending is None and self.host.is_paused:
            return
        if self.ending is None and self.host.slowness and self._held:
            self._release_later()
            return
        held, self._held = self._held, []
        for task in held:
            self.host.world.make_ready(task)

    def _release_later(self) -> None:
        if not self._is_releasing:
            self._is_releasing = True
            self.host.world.agenda.after(self.host.slowness, self._release_one)

    def _release_one(self) -> None:
        self._is_releasing = False
        if self._held and not self.host.is_paused and self.ending is None:
            # Not in the order of arrival: tasks that are cancelled together arrive in any order.
            self._held.sort(key=creation)
            self.host.world.make_ready(self._held.pop(self.host.slow_draws.below(len(self._held))))
            self.host.bites("slow")
            self.release()


Program = Callable[[Life], Awaitable[object]]
"""What runs on a host."""


class Host:
    """A machine in the simulated world; made by `Simulation.host`."""

    def __init__(self, world: "Simulation", name: str) -> None:
        self.world: Final = world
        self.name: Final = name
        self.stored: Final = SimulatedDisk(world.stream("disk", name))
        """What is on its disk, whoever lives."""
        self.disk_draws: Final[Stream] = world.stream("disk time", name)
        self.slow_draws: Final[Stream] = world.stream("slow", name)
        self.clock: Final = HostClock(world.bites)
        self.life: Life | None = None
        """The program that runs on it now."""
        self.has_power = True
        self.slowness = 0
        """Nanoseconds that each step of a task takes."""
        self.lives = 0
        self._program: Program | None = None
        self._paused_by: dict[str, None] = {}

    @property
    def is_up(self) -> bool:
        """Whether a program runs on it."""
        return self.life is not None

    def start(self, program: Program) -> Life:
        """Run `program(life)` on this host. What it raises, while it lives, ends the simulation."""
        assert self.life is None, f"{self.name} runs a program already"
        self._program = program
        self.has_power = True
        self.lives += 1
        life = self.life = Life(self, self.lives)
        self.note("start" if life.number == 1 else "restart", f"life {life.number}")
        self.world.network.flush(self)
        self.world.spawn(life, self._live, life, program)
        return life

    def crash(self, why: str = "crash") -> None:
        """The power goes, at once. In the middle of a call in a thread, that call ends there too."""
        job = JOB.get()
        if job is not None:
            job.outside(lambda: self.crash(why))
            return
        self.has_power = False
        self._end(Ending.CRASHED, why)
        rates = self.world.rates
        self.stored.crash(tear=rates.tear, survive=rates.survive)

    def kill(self) -> None:
        """The process dies, at once; the machine stays, and what was written stays with it."""
        self._end(Ending.KILLED, "kill")

    def restart(self) -> Life:
        """Start again what ran last."""
        assert self._program is not None, f"{self.name} has never run anything"
        return self.start(self._program)

    @property
    def is_paused(self) -> bool:
        """Whether none of its tasks takes part."""
        return bool(self._paused_by)

    def pause(self, why: str = "pause") -> None:
        """Stop it in the middle of whatever it does. What arrives waits; its timers go on."""
        self._paused_by[why] = None
        self.note("pause", why)

    def resume(self, why: str = "pause") -> None:
        """Let it go on, with everything that waits, unless it is paused for another reason too."""
        if why in self._paused_by:
            del self._paused_by[why]
            self.note("resume", why)
            if self.life is not None:
                self.life.release()

    def slow(self, step: int) -> None:
        """From now on each step of each of its tasks takes `step` nanoseconds; 0: none."""
        self.slowness = step
        self.note("slow", str(step))
        if self.life is not None:
            self.life.release()

    def stall(self, duration: int) -> None:
        """Stop it for a while, as a call does that blocks where none should."""
        if "stall" not in self._paused_by:
            self.pause("stall")
            self.world.agenda.after(duration, lambda: self.resume("stall"))

    def note(
        self,
        kind: str,
        text: str = "",
        *,
        message: int = -1,
        peer: str = "",
        detail: Callable[[], str] | None = None,
    ) -> None:
        """Write an event of this host down."""
        self.world.trace.add(
            self.world.agenda.now,
            self.name,
            kind,
            text,
            message=message,
            peer=peer,
            detail=detail,
        )

    def bites(self, kind: str) -> None:
        """A fault did something to this host."""
        self.world.bites[kind] += 1

    def _end(self, ending: Ending, why: str) -> None:
        self.note(ending.value, why)
        life, self.life = self.life, None
        self._paused_by.clear()
        self.slowness = 0
        if life is not None:
            self.bites(why)
            life.end(ending)
            life.disk.close_all()
            self.world.cancel(life)

    async def _live(self, life: Life, program: Program) -> None:
        try:
            await program(life)
        finally:
            if self.life is life and not self.world.is_over:
                self.note(Ending.RETURNED.value)
                self.life = None
                life.end(Ending.RETURNED)
                life.disk.close_all()
