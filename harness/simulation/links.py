"""What becomes of a message on its way: lost, late, twice, overtaken, or stopped at a cut.

Draws are taken from a stream for each directed link, at a place for each message, so that what
happens to one message says nothing about any other.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from harness.simulation.draws import Draws, Stream
from harness.simulation.world import Fault, Kind, Rates, healthy

_DRAWS_PER_MESSAGE: Final = 8

Host = int
"""Replicas are 1 … n, clients 101, 102, …; a world has no more than a hundred replicas."""

FIRST_CLIENT: Final = 101


class Links:
    """All links of a world."""

    def __init__(self, draws: Draws, rates: Rates, bites: Counter[str]) -> None:
        self._draws = draws
        self._rates = rates
        self._bites = bites
        self._links: dict[tuple[Host, Host], tuple[Stream, list[int]]] = {}
        self._cuts: dict[int, tuple[str, dict[tuple[Host, Host], None]]] = {}
        self._salt = 0
        self._is_healed = False

    def cut(self, number: int, name: str, links: list[tuple[Host, Host]]) -> None:
        """Let nothing pass these links either, until `mend(number)`. `name` is the kind of fault."""
        self._cuts.setdefault(number, (name, {}))[1].update(dict.fromkeys(links))

    def mend(self, number: int) -> None:
        """Take back all cuts of this number."""
        self._cuts.pop(number, None)

    def heal(self) -> None:
        """Take back all cuts, and lose nothing any more."""
        self._cuts.clear()
        self._is_healed = True
        self._rates = healthy(self._rates)

    def rekey(self, salt: int) -> None:
        """Another future for every link."""
        self._salt = salt
        for stream, _ in self._links.values():
            stream.rekey(salt)

    def is_cut(self, sender: Host, to: Host) -> str | None:
        """The kind of fault that stops messages on this link now, if any."""
        for name, links in self._cuts.values():
            if (sender, to) in links:
                return name
        return None

    def delays(self, sender: Host, to: Host, kind: str = "") -> list[int]:
        """For one message sent now: nanoseconds until each copy arrives. None: it is lost."""
        stream = self._stream(sender, to)
        cut = self.is_cut(sender, to)
        if cut is not None:
            if not self._is_healed:
                self._bites[cut] += 1
            return []
        rates = self._rates
        is_worse = kind == rates.kind
        loss = rates.loss + rates.kind_loss * is_worse
        late = rates.late + rates.kind_late * is_worse
        if loss and stream.chance(loss):
            self._bites["loss"] += 1
            return []
        arrivals = [self._delay(stream, late)]
        # A client speaks over a connection, which never says a thing twice: a copy that is refused
        # beside one that is accepted would make a liar of whoever believes the refusal.
        is_stream = max(sender, to) >= FIRST_CLIENT
        if rates.duplicate and stream.chance(rates.duplicate) and not is_stream:
            self._bites["duplicate"] += 1
            arrivals.append(self._delay(stream, late))
        return arrivals

    def _delay(self, stream: Stream, late: int) -> int:
        rates = self._rates
        if late and stream.chance(late):
            self._bites["late"] += 1
            return stream.below(rates.late_max)
        return rates.delay_min + stream.exponential(rates.delay_mean)

    def _stream(self, sender: Host, to: Host) -> Stream:
        """The draws about the next message on a link."""
        link = self._links.get((sender, to))
        if link is None:
            link = self._links[sender, to] = (self._draws.stream("link", sender, to), [0])
            if self._salt:
                link[0].rekey(self._salt)
        stream, sent = link
        stream.count = sent[0] * _DRAWS_PER_MESSAGE
        sent[0] += 1
        return stream


def links_of(
    fault: Fault, members: Sequence[Host], clients: Iterable[Host]
) -> list[tuple[Host, Host]]:
    """What a cut of some kind stops: sender and receiver."""
    target = fault.target
    match fault.kind:
        case Kind.CUT:
            return [(target, fault.other)]
        case Kind.CUT_BOTH:
            return [(target, fault.other), (fault.other, target)]
        case Kind.ISOLATE:
            others = [*members, *clients]
            return [link for o in others for link in ((o, target), (target, o)) if o != target]
        case Kind.RING:
            return ring(members)
        case _:
            raise AssertionError(fault.kind)


def links_between(fault: Fault, shards: Sequence[Sequence[Host]]) -> list[tuple[Host, Host]]:
    """What a cut between shards stops."""
    others = [
        host for number, shard in enumerate(shards) if number != fault.shard for host in shard
    ]
    out = [(host, other) for host in shards[fault.shard] for other in others]
    return out + [(other, host) for host, other in out] if fault.amount else out


def ring(members: Sequence[Host]) -> list[tuple[Host, Host]]:
    """Links to cut so that each member hears a majority, and no two the same one.

    Everybody is put in a circle and hears only those nearest to it, half of the others. With three
    that is a majority too many to be a ring, so there each hears one neighbour only.
    """
    count = len(members)
    reach = (count // 2 + 1) // 2 if count > 3 else 0
    links: list[tuple[Host, Host]] = []
    for place, sender in enumerate(members):
        for other_place, to in enumerate(members):
            apart = min((place - other_place) % count, (other_place - place) % count)
            is_next = (other_place - place) % count == 1
            if sender != to and (apart > reach if reach else not is_next):
                links.append((sender, to))
    return links
