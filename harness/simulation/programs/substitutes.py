"""What stands in for the world outside while a simulation runs: time, chance, network, threads.

Only code that runs for a simulated host is concerned (`hosts.CURRENT`); everybody else in the process
gets the real thing. Names are replaced where modules look them up (`time.time`, `trio.sleep`), so
what a program imported by name before (`from time import time`) stays real: see
docs/simulating-your-own-program.md.
"""

import os
import random
import socket
import subprocess
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import trio

from harness.simulation.draws import Stream
from harness.simulation.programs.hosts import CURRENT, JOB, Life
from harness.simulation.world import SECOND

if TYPE_CHECKING:
    from harness.simulation.programs.simulation import Simulation

_current_time: Final = trio.current_time
_sleep: Final = trio.sleep
_sleep_until: Final = trio.sleep_until
_move_on_after: Final = trio.move_on_after
_move_on_at: Final = trio.move_on_at
_fail_after: Final = trio.fail_after
_fail_at: Final = trio.fail_at
_seed: Final = random.Random.seed

_FORBIDDEN: Final[tuple[tuple[Any, str, str], ...]] = (
    (trio.socket, "socket", "use trio.open_tcp_stream and trio.open_tcp_listeners"),
    (trio.socket, "socketpair", "use trio.testing.memory_stream_pair"),
    (trio.socket, "getaddrinfo", "hosts are called by their names"),
    (trio, "open_unix_socket", "use trio.open_tcp_stream"),
    (trio, "open_ssl_over_tcp_stream", "encryption draws on randomness that no seed decides"),
    (trio, "open_ssl_over_tcp_listeners", "encryption draws on randomness that no seed decides"),
    (trio, "run_process", "a process would not wait for simulated time"),
    (trio.lowlevel, "open_process", "a process would not wait for simulated time"),
    (trio, "open_signal_receiver", "signals come from outside"),
    (trio, "open_file", "use the disk of the life: only that one knows of crashes"),
    (socket, "socket", "use trio.open_tcp_stream and trio.open_tcp_listeners"),
    (socket, "create_connection", "use trio.open_tcp_stream"),
    (subprocess, "Popen", "a process would not wait for simulated time"),
    (uuid, "uuid1", "it names this machine; use uuid.uuid4"),
)
"""What a simulated host may not use, and what to do instead."""


class NotSimulatedError(Exception):
    """A program asked for something that would make the simulation differ from run to run."""


@contextmanager
def substitutes(world: "Simulation") -> Iterator[None]:
    """Within the block, hosts of `world` live in it."""
    replaced: list[tuple[Any, str, Any]] = []

    def replace(place: Any, name: str, stand_in: object) -> None:  # noqa: ANN401 - modules, classes
        replaced.append((place, name, getattr(place, name)))
        setattr(place, name, stand_in)

    state = random.getstate()
    random.seed(world.stream("random module").bits())
    try:
        connecting = world.network.connecting
        replace(trio, "open_tcp_stream", connecting.open_tcp_stream)
        replace(trio, "open_tcp_listeners", connecting.open_tcp_listeners)
        replace(trio.to_thread, "run_sync", world.threads.run_sync)
        for place, name, instead in _FORBIDDEN:
            replace(place, name, _forbidden(getattr(place, name), instead))
        for name, function in _time(world).items():
            replace(time, name, _for_hosts(function, getattr(time, name)))
        for name, function in _trio_time(world).items():
            replace(trio, name, function)
        urandom = _for_hosts(_urandom(world.stream("os.urandom")), os.urandom)
        replace(os, "urandom", urandom)
        replace(random, "_urandom", urandom)
        replace(random.Random, "seed", _seeding(world.stream("random.Random")))
        yield
    finally:
        for place, name, original in reversed(replaced):
            setattr(place, name, original)
        random.setstate(state)


def _for_hosts(simulated: Callable[..., Any], real: Callable[..., Any]) -> Callable[..., Any]:
    def either(*args: Any) -> Any:  # noqa: ANN401 - whatever the function takes
        return real(*args) if CURRENT.get() is None else simulated(*args)

    return either


def _forbidden(real: Any, instead: str) -> Callable[..., Any]:  # noqa: ANN401 - functions, classes
    name = f"{real.__module__}.{real.__qualname__}"

    def refuse(*args: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever it takes
        if CURRENT.get() is None:
            return real(*args, **named)
        raise NotSimulatedError(f"{name} is not simulated: {instead}")

    return refuse


def _life() -> Life:
    life = CURRENT.get()
    assert life is not None
    return life


def _time(world: "Simulation") -> dict[str, Callable[..., Any]]:
    """The module `time`, by the clocks of the host that asks."""

    def monotonic_ns() -> int:
        return _life().host.clock.monotonic(world.agenda.now)

    def time_ns() -> int:
        return _life().host.clock.wall(world.agenda.now)

    def sleep(seconds: float) -> None:
        job = JOB.get()
        if job is None:
            raise NotSimulatedError("time.sleep in a task holds up all others: use trio.sleep")
        job.pause(round(seconds * SECOND))

    return {
        "monotonic_ns": monotonic_ns,
        "perf_counter_ns": monotonic_ns,
        "time_ns": time_ns,
        "monotonic": lambda: monotonic_ns() / SECOND,
        "perf_counter": lambda: monotonic_ns() / SECOND,
        "time": lambda: time_ns() / SECOND,
        "sleep": sleep,
    }


def _trio_time(world: "Simulation") -> dict[str, Callable[..., Any]]:
    """Trio's own, for hosts whose clock is not true. What such a host hears and says is its time."""

    def skewed() -> Life | None:
        life = CURRENT.get()
        return None if life is None or life.host.clock.is_true else life

    def span(seconds: float) -> float:
        life = skewed()
        if life is None or not 0 <= seconds < _FOREVER_S:
            return seconds
        return life.host.clock.span(round(seconds * SECOND)) / SECOND

    def when(shown: float) -> float:
        life = skewed()
        if life is None or not -_FOREVER_S < shown < _FOREVER_S:
            return shown
        return life.host.clock.when(round(shown * SECOND)) / SECOND

    def current_time() -> float:
        life = skewed()
        if life is None:
            return _current_time()
        return life.host.clock.monotonic(world.agenda.now) / SECOND

    def sleep(seconds: float) -> Awaitable[None]:
        # Trio's own would add the span to what this host's clock shows.
        if skewed() is None or seconds <= 0:
            return _sleep(seconds)
        return _sleep_until(_current_time() + span(seconds))

    def sleep_until(deadline: float) -> Awaitable[None]:
        return _sleep_until(when(deadline))

    return {
        "current_time": current_time,
        "sleep": sleep,
        "sleep_until": sleep_until,
        "move_on_after": lambda seconds, **named: _move_on_after(span(seconds), **named),
        "move_on_at": lambda deadline, **named: _move_on_at(when(deadline), **named),
        "fail_after": lambda seconds, **named: _fail_after(span(seconds), **named),
        "fail_at": lambda deadline, **named: _fail_at(when(deadline), **named),
    }


_FOREVER_S: Final = 1e9
"""Longer than any run; such waits mean "never"."""


def _urandom(stream: Stream) -> Callable[[int], bytes]:
    def urandom(size: int) -> bytes:
        words = b"".join(stream.bits().to_bytes(8, "big") for _ in range(-(-size // 8)))
        return words[:size]

    return urandom


def _seeding(stream: Stream) -> Callable[..., None]:
    """`random.Random()` without a seed takes one from the operating system."""

    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:  # noqa: ANN401
        if a is None and CURRENT.get() is not None:
            a = stream.bits()
        _seed(self, a, version)

    return seed
