"""What a program does in threads: `trio.to_thread.run_sync`, with time that passes only when we say.

A call runs in a real thread, but only while the run waits for it, so that the two never run at the
same time and nothing depends on how fast either is. In the middle of a call, where it syncs a file
or sleeps, the thread stops and the run goes on: there a crash may find it.
"""

import ctypes
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial
from threading import Lock, Thread  # noqa: TID251 - Trio's own threads are what this replaces
from typing import Any, Final, Generic, TypeVar, cast

import trio

from harness.simulation.draws import Stream
from harness.simulation.programs.hosts import CURRENT, JOB, HostCrashed, Life
from harness.simulation.programs.watchdog import Hung
from harness.simulation.world import SECOND, US

T = TypeVar("T")

_sleep_forever: Final = trio.sleep_forever

_HAND_OVER_MAX: Final = 50 * US
"""From asking for a thread to its first step; a guess."""

_Wanted = int | Callable[[], None] | None
"""What a thread stops for: that time passes, that something is done in the run, or its end."""


class _Worker:
    """A thread that takes turns with the run; `switch()` gives it one and waits for its end."""

    def __init__(self) -> None:
        self._call: Callable[[], None] | None = None
        self._turn, self._back = Lock(), Lock()
        self._turn.acquire()
        self._back.acquire()
        self._wanted: _Wanted = None
        self._thread = Thread(target=self._work, daemon=True, name="a simulated thread")
        self._thread.start()

    def begin(self, call: Callable[[], None]) -> _Wanted:
        """Start a call; says what it wants when it stops for the first time."""
        self._call = call
        return self.switch()

    def switch(self) -> _Wanted:
        """Let it go on; for the run."""
        self._turn.release()
        try:
            # By and by, so that the watchdog's alarm is heard here when it woke the other thread.
            while not self._back.acquire(timeout=1.0):
                pass
        except Hung:
            self._interrupt()
            raise
        return self._wanted

    def stop(self, wanted: _Wanted) -> None:
        """Hand over and wait for the next turn; for the thread."""
        self._wanted = wanted
        self._back.release()
        self._turn.acquire()

    def end(self) -> None:
        """The thread ends."""
        self._call = None
        self._turn.release()

    def _interrupt(self) -> None:
        """Make it leave whatever loop it is in, and end."""
        ident = ctypes.c_ulong(self._thread.ident or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(HostCrashed))
        self.end()

    def _work(self) -> None:
        self._turn.acquire()
        while self._call is not None:
            self._call()
            self.stop(None)


class Job:
    """One call."""

    def __init__(self, life: Life, worker: _Worker) -> None:
        self._life = life
        self._worker = worker
        self.owed = 0
        """Time that has still to pass before anybody hears of this call."""

    def pause(self, duration: int) -> None:
        """Let virtual time pass; for code in the thread."""
        duration, self.owed = duration + self.owed, 0
        self._worker.stop(duration)
        self._life.check()

    def outside(self, action: Callable[[], None]) -> None:
        """Have something done in the thread of the run, where Trio is."""
        self._worker.stop(action)
        self._life.check()

    def pause_later(self, duration: int) -> None:
        """Let it pass at the next pause, or the end: a change of threads costs real time."""
        self.owed += duration


class _Call(Generic[T]):
    """A function on its way through a thread."""

    def __init__(self, life: Life, worker: _Worker, function: Callable[[], T]) -> None:
        self.worker = worker
        self.job = Job(life, worker)
        self._life = life
        self._function = function
        self._context: Context = copy_context()
        self._context.run(JOB.set, self.job)
        self._result: T | None = None
        self._error: BaseException | None = None

    def begin(self) -> _Wanted:
        """Start it, or do nothing for a life that is over."""
        return self.worker.begin(partial(self._context.run, self._work))

    def result(self) -> T:
        """What the function returned; raises what it raised."""
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # no cycle through the traceback
        return cast("T", self._result)

    def _work(self) -> None:
        try:
            self._life.check()
            self._result = self._function()
        except BaseException as error:
            self._error = error


class Threads:
    """All threads of a run."""

    def __init__(self, draws: Stream, spawn: Callable[..., None]) -> None:
        self._draws = draws
        self._spawn = spawn
        self._idle: list[_Worker] = []

    async def run_sync(
        self,
        sync_fn: Callable[..., T],
        *args: Any,  # noqa: ANN401 - as Trio's
        thread_name: str | None = None,
        abandon_on_cancel: bool = False,
        cancellable: bool = False,
        limiter: trio.CapacityLimiter | None = None,
    ) -> T:
        """What `trio.to_thread.run_sync` does."""
        del thread_name
        life = CURRENT.get()
        assert life is not None
        if limiter is not None:
            async with limiter:
                return await self._run(life, partial(sync_fn, *args), abandon_on_cancel)
        return await self._run(life, partial(sync_fn, *args), abandon_on_cancel or cancellable)

    def close(self) -> None:
        """End all threads that do nothing."""
        for worker in self._idle:
            worker.end()
        self._idle.clear()

    async def _run(self, life: Life, function: Callable[[], T], may_abandon: bool) -> T:
        await trio.lowlevel.checkpoint_if_cancelled()
        life.check()
        call = _Call(life, self._idle.pop() if self._idle else _Worker(), function)
        hand_over = self._draws.below(_HAND_OVER_MAX)
        if may_abandon:
            # Whoever asked may leave; the thread goes on, as Trio's do.
            done = trio.Event()
            self._spawn(life, self._finish, life, call, hand_over, done)
            await done.wait()
        else:
            await self._finish(life, call, hand_over, None)
        life.check()
        return call.result()

    async def _finish(
        self, life: Life, call: "_Call[Any]", wait: int, done: trio.Event | None
    ) -> None:
        """Give the thread its turns, to its end."""
        await _sleep_shielded(life, wait)
        wanted = call.begin()
        while wanted is not None:
            if isinstance(wanted, int):
                await _sleep_shielded(life, wanted)
            else:
                wanted()
            wanted = call.worker.switch()
        if call.job.owed:
            await _sleep_shielded(life, call.job.owed)
        self._idle.append(call.worker)
        if done is not None:
            done.set()


async def _sleep_shielded(life: Life, duration: int) -> None:
    until = (life.host.world.agenda.now + duration) / SECOND
    with trio.CancelScope(shield=True, deadline=until) as scope:
        life.scopes[scope] = None
        try:
            await _sleep_forever()
        finally:
            del life.scopes[scope]
