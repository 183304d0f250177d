"""Connecting and listening: `trio.open_tcp_stream` and `trio.open_tcp_listeners`, by host names."""

import errno
import os
from socket import EAI_NONAME, gaierror
from typing import TYPE_CHECKING, Final

import trio

from harness.simulation.programs.hosts import CURRENT, Host, Life
from harness.simulation.programs.streams import SimulatedListener, SimulatedStream
from harness.simulation.world import SECOND

if TYPE_CHECKING:
    from harness.simulation.programs.network import Network
    from harness.simulation.programs.simulation import Simulation

_OWN: Final = ("localhost", "127.0.0.1", "::1")
_ANY: Final = (None, "", "0.0.0.0", "::")  # noqa: S104 - the names that programs give
_TRIES_S: Final = (1, 2, 4, 8)
"""How long a connecting host waits for an answer before it asks again, as Linux does."""


class Connecting:
    """Stands in for two of Trio's functions."""

    def __init__(self, world: "Simulation", network: "Network") -> None:
        self._world = world
        self._network = network

    async def open_tcp_stream(
        self,
        host: str | bytes,
        port: int,
        *,
        happy_eyeballs_delay: float | None = 0.25,
        local_address: str | None = None,
    ) -> SimulatedStream:
        """Connect to the host of that name; OSError when it refuses, or never answers."""
        del happy_eyeballs_delay, local_address
        await trio.lowlevel.checkpoint()
        life, agenda = _current(), self._world.agenda
        target = self._find(life, host)
        there = self._network.link(life.host, target)
        for patience_s in _TRIES_S:
            asked = agenda.now
            await agenda.sleep(self._network.delay(there))
            life.check()
            if self._network.obstacle(there) is None:
                stream = await self._ask(life, target, port)
                if stream is not None:
                    return stream
            else:
                self._world.bites["no connection"] += 1
            await agenda.sleep(asked + patience_s * SECOND - agenda.now)
            life.check()
        raise OSError(errno.ETIMEDOUT, f"{target.name}:{port}: {os.strerror(errno.ETIMEDOUT)}")

    async def open_tcp_listeners(
        self, port: int, *, host: str | bytes | None = None, backlog: int | None = None
    ) -> list[SimulatedListener]:
        """Listen on a port of this host."""
        del backlog
        await trio.lowlevel.checkpoint()
        life = _current()
        name = host.decode() if isinstance(host, bytes) else host
        if name not in (*_ANY, *_OWN) and self._find(life, name or "") is not life.host:
            raise OSError(errno.EADDRNOTAVAIL, f"{name} is not an address of {life.name}")
        return [self._network.listen(life, port)]

    async def _ask(self, life: Life, target: Host, port: int) -> SimulatedStream | None:
        """What the other host answers, if the answer comes through."""
        listener = self._network.listener(target, port)
        back = self._network.link(target, life.host)
        delay = self._network.delay(back)
        if listener is not None and listener.is_full:
            return None
        near = None
        if listener is not None:
            near, far = self._network.connect(life, port, listener)
            life.host.note("connect", f"{near.number} {port}", peer=target.name)
            listener.offer(far)
        try:
            await self._world.agenda.sleep(delay)
        except BaseException:
            if near is not None:
                near.close()
            raise
        life.check()
        if self._network.obstacle(back) is not None:
            if near is not None:
                near.close()
            return None
        if near is None:
            refused = ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
            raise OSError(f"all attempts to connect to {target.name}:{port} failed") from refused
        return near

    def _find(self, life: Life, host: str | bytes) -> Host:
        name = host.decode() if isinstance(host, bytes) else host
        if name in _OWN:
            return life.host
        found = self._world.find(name)
        if found is None:
            raise gaierror(EAI_NONAME, f"no simulated host is called {name!r}")
        return found


def _current() -> Life:
    life = CURRENT.get()
    assert life is not None, "this code does not run on a simulated host"
    life.check()
    return life
