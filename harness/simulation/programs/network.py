"""The network between hosts: what TCP does to bytes on a bad day.

    send ──delay, loss, late──▶ way free?  ──yes──▶ arrives, in order
                                    │no: cut, or no power at the other end
                                    └─▶ waits; after a while the sender gives up

Bytes of one connection never overtake each other, never come twice and never come changed. A lost
packet is sent again by TCP and so comes late; sometimes the connection breaks instead, or it breaks
behind what has just arrived, which whoever sent that cannot tell from the other. Whoever is
not there to take what arrives answers with a reset: so a restarted host ends the connections of its
former life, and until something is sent on them, the other side does not know.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final
from zlib import crc32

from harness.simulation.draws import Stream
from harness.simulation.programs.connecting import Connecting
from harness.simulation.programs.streams import (
    END,
    SimulatedListener,
    SimulatedSocket,
    SimulatedStream,
)
from harness.simulation.world import MS, SECOND

if TYPE_CHECKING:
    from harness.simulation.programs.hosts import Host, Life
    from harness.simulation.programs.simulation import Simulation

_DRAWS_PER_MESSAGE: Final = 8
"""Room for the draws about one message, so that what happens to one says nothing about the next."""

_RETRANSMIT: Final = 200 * MS
"""What a lost packet costs, at least: Linux's shortest timeout."""
_BREAKS: Final = 125_000
"""Of the losses, and of what would come twice, those that end the connection. A guess; in life it is
much rarer."""
_PATIENCE: Final = (500 * MS, 6 * SECOND)
"""How long a sender without answer waits until it gives up. Linux takes 15 minutes, or what a program
sets as TCP_USER_TIMEOUT; here it should happen in a run of some seconds."""
_RECOVERY: Final = 500 * MS
"""After a cut was mended, until TCP tries again, at most."""


_Then = Callable[[SimulatedStream, bytes, int], None]
"""What is done when a message would arrive."""


class Link:
    """The way from one host to another, for all of their connections."""

    def __init__(self, source: "Host", target: "Host", draws: Stream) -> None:
        self.source: Final = source
        self.target: Final = target
        self.cuts: Final[dict[str, str]] = {}
        """Why nothing passes now: the kind of fault, under a name for this one."""
        self.connections = 0
        """Made so far, from `source`."""
        self.streams: Final[dict[SimulatedStream, None]] = {}
        """Whose messages wait for this way to be free."""
        self._draws = draws
        self._sent = 0

    def draws(self) -> Stream:
        """For the next message."""
        self._draws.count = self._sent * _DRAWS_PER_MESSAGE
        self._sent += 1
        return self._draws


class Network:
    """All links, listeners and names."""

    def __init__(self, world: "Simulation") -> None:
        self.messages = 0
        """Pieces that were sent."""
        self._world = world
        self._links: dict[tuple[str, str], Link] = {}
        self._listeners: dict[tuple[str, int], SimulatedListener] = {}
        self._ports: dict[str, int] = {}
        self.connecting: Final = Connecting(world, self)

    # What the world does.

    def cut(self, source: "Host", target: "Host", name: str, kind: str) -> None:
        """Let nothing pass this way, until `mend(name)`."""
        self.link(source, target).cuts[name] = kind

    def mend(self, name: str) -> None:
        """Take back all cuts of this name."""
        for link in self._links.values():
            if name in link.cuts:
                del link.cuts[name]
                if not link.cuts:
                    self._retry(link)

    def heal(self) -> None:
        """Take back all cuts."""
        for link in self._links.values():
            if link.cuts:
                link.cuts.clear()
                self._retry(link)

    def flush(self, host: "Host") -> None:
        """A host has power again: what waited for that comes in."""
        for link in self._links.values():
            if link.target is host and not link.cuts:
                self._retry(link)

    # What streams do.

    def send(self, stream: SimulatedStream, data: bytes) -> None:
        """Put a piece, or the end, on its way from `stream` to its peer."""
        world, link = self._world, stream.link
        self.messages += 1
        message = self.messages
        delay, then = self._fate(stream)
        arrival = world.agenda.now + delay
        stream.last_arrival = max(stream.last_arrival, arrival)
        text = f"{stream.number} {len(data)} {crc32(data):08x}"
        link.source.note(
            "send",
            text,
            message=message,
            peer=link.target.name,
            detail=lambda: world.describe(data),
        )
        world.agenda.at(stream.last_arrival, partial(then, stream, data, message))

    def send_reset(self, stream: SimulatedStream) -> None:
        """Tell the end `stream` that the other one is no more; a cut swallows it."""
        back = stream.peer.link
        delay = self.delay(back)
        self._world.agenda.after(delay, partial(self._reset, back, stream))

    def link(self, source: "Host", target: "Host") -> Link:
        """The way from one host to another."""
        link = self._links.get((source.name, target.name))
        if link is None:
            draws = self._world.stream("link", source.name, target.name)
            link = self._links[source.name, target.name] = Link(source, target, draws)
        return link

    def delay(self, link: Link) -> int:
        """How long something small takes on this way, when nothing is wrong."""
        rates = self._world.rates
        stream = link.draws()
        if link.source is link.target:
            return rates.delay_min // 4
        return rates.delay_min + stream.exponential(rates.delay_mean)

    def obstacle(self, link: Link) -> str | None:
        """Why nothing passes a way now."""
        if link.cuts:
            return next(iter(link.cuts.values()))
        return None if link.target.has_power else "no power"

    def connect(
        self, life: "Life", port: int, listener: SimulatedListener
    ) -> tuple[SimulatedStream, SimulatedStream]:
        """Both ends of a new connection: of who asked, and of who is asked."""
        there, back = (
            self.link(life.host, listener.life.host),
            self.link(listener.life.host, life.host),
        )
        there.connections += 1
        number = there.connections
        own, other = (life.name, self.free_port(life.host)), (listener.life.name, port)
        near = SimulatedStream(self, life, number, there, SimulatedSocket(own, other))
        far = SimulatedStream(self, listener.life, number, back, SimulatedSocket(other, own))
        near.peer, far.peer = far, near
        return near, far

    def listener(self, host: "Host", port: int) -> SimulatedListener | None:
        """Whoever listens there."""
        return self._listeners.get((host.name, port))

    def listen(self, life: "Life", port: int) -> SimulatedListener:
        """A listener on a port, or on a free one if that is 0."""
        port = port or self.free_port(life.host)
        if (life.name, port) in self._listeners:
            raise OSError(98, "Address already in use")
        listener = SimulatedListener(self, life, port)
        self._listeners[life.name, port] = listener
        return listener

    def forget(self, listener: SimulatedListener, port: int) -> None:
        """It listens no more."""
        if self._listeners.get((listener.life.name, port)) is listener:
            del self._listeners[listener.life.name, port]

    def free_port(self, host: "Host") -> int:
        """A port that nobody has used so far."""
        port = self._ports[host.name] = self._ports.get(host.name, 49151) + 1
        return port

    # On the way.

    def _fate(self, stream: SimulatedStream) -> "tuple[int, _Then]":
        """How long a message is on its way, and what becomes of it."""
        world, link = self._world, stream.link
        rates = world.rates
        if link.source is link.target:
            link.draws()
            return rates.delay_min // 4, self._arrive
        draws = link.draws()
        delay = rates.delay_min + draws.exponential(rates.delay_mean)
        if draws.chance(rates.late):
            world.bites["late"] += 1
            delay = draws.below(rates.late_max)
        if draws.chance(rates.loss):
            world.bites["loss"] += 1
            delay += _RETRANSMIT << draws.below(3)
            if draws.chance(_BREAKS):
                world.bites["reset"] += 1
                return delay, self._break
        if draws.chance(rates.duplicate) and draws.chance(_BREAKS):
            return delay, self._arrive_and_break
        return delay, self._arrive

    def _arrive(self, stream: SimulatedStream, data: bytes, message: int) -> None:
        if stream.stalled:
            stream.stalled.append((data, message))
            return
        obstacle = self.obstacle(stream.link)
        if obstacle is None:
            self._deliver(stream, data, message)
            return
        self._world.bites[obstacle] += 1
        stream.link.target.note("stall", obstacle, message=message, peer=stream.link.source.name)
        stream.stalled.append((data, message))
        stream.link.streams[stream] = None
        patience = stream.link.draws().between(*_PATIENCE)
        self._world.agenda.after(patience, partial(self._give_up, stream))

    def _deliver(self, stream: SimulatedStream, data: bytes, message: int) -> None:
        target = stream.peer
        if target.is_deaf:
            stream.link.target.note("lose", message=message, peer=stream.link.source.name)
            if not stream.is_deaf:
                self.send_reset(stream)
            return
        stream.link.target.note(
            "deliver", str(stream.number), message=message, peer=stream.link.source.name
        )
        target.on_arrival(data)

    def _retry(self, link: Link) -> None:
        """The way may be free now: what waited arrives after a while."""
        for stream in list(link.streams):
            delay = link.draws().below(_RECOVERY)
            self._world.agenda.after(delay, partial(self._resume, stream))

    def _resume(self, stream: SimulatedStream) -> None:
        if stream.stalled and self.obstacle(stream.link) is None:
            stream.link.streams.pop(stream, None)
            waited, stream.stalled = stream.stalled, []
            for data, message in waited:
                self._deliver(stream, data, message)

    def _give_up(self, stream: SimulatedStream) -> None:
        """The sender hears nothing: for it the connection is lost; nobody tells the other end."""
        if stream.stalled and not stream.is_deaf and self.obstacle(stream.link) is not None:
            stream.link.source.note("give up", str(stream.number), peer=stream.link.target.name)
            self._world.bites["timeout"] += 1
            stream.break_off("the other side does not answer")
            stream.link.streams.pop(stream, None)

    def _reset(self, link: Link, stream: SimulatedStream) -> None:
        if self.obstacle(link) is None and not stream.life.is_over:
            link.target.note("reset", str(stream.number), peer=link.source.name)
            stream.break_off("the other side reset the connection")

    def _break(self, stream: SimulatedStream, data: bytes, message: int) -> None:
        """A message is lost, and with it the connection; both ends learn of it, the sender first."""
        stream.link.target.note("lose", "breaks", message=message, peer=stream.link.source.name)
        self._break_off(stream, data, message, "the network lost what was sent")

    def _arrive_and_break(self, stream: SimulatedStream, data: bytes, message: int) -> None:
        """It is heard, and then the connection is no more: the sender takes it for lost."""
        was_heard = not stream.stalled and self.obstacle(stream.link) is None
        self._arrive(stream, data, message)
        if was_heard and not stream.peer.is_deaf and not stream.is_deaf:
            self._world.bites["heard-then-reset"] += 1
            self._break_off(stream, END, 0, "the network broke behind what was sent")

    def _break_off(self, stream: SimulatedStream, data: bytes, message: int, why: str) -> None:
        stream.stalled.append((data, message))  # so that nothing behind it arrives
        stream.break_off(why)
        self.send_reset(stream.peer)
