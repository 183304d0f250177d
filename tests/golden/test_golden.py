"""Golden files: what a cluster of cores says and writes, step by step."""

from pathlib import Path
from typing import Final

import pytest

from node.core.interface import Add, Remove
from node.core.multipaxos import Settings
from node.types import ClientId, Command, Query, ReplicaId, ReplicaInfo, RequestNumber
from node.wire.kv import Get, Put, encode_operation
from tests.support.cluster import Cluster, Packet
from tests.support.datadriven import Directive, run_file
from tests.support.formatting import Printer, members_text, message_text, status_text

_FILES: Final = sorted((Path(__file__).parent / "testdata" / "multipaxos").glob("*.txt"))
_TICKS: Final = {"election_timeout_ticks": 10, "heartbeat_ticks": 5, "batch_wait_ticks": 0}


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
def test_the_cores_say_and_write_what_the_file_says(path: Path, *, rewrite: bool) -> None:
    run_file(path, Scene().execute, rewrite=rewrite)


def test_there_are_golden_files() -> None:
    assert len(_FILES) >= 16


class Scene:
    """Carries out the commands of one file.

    A word is a replica; `quiet=yes` prints nothing but the end. Without `sync=manual` every disk
    is synced as soon as there is something to sync.
    """

    def __init__(self) -> None:
        self._cluster: Cluster | None = None
        self._printer = Printer(shows_held=False)
        self._proposals = 0

    @property
    def cluster(self) -> Cluster:
        assert self._cluster is not None, "a file begins with `cluster replicas=n`"
        return self._cluster

    def execute(self, directive: Directive) -> str:
        """What the command prints."""
        printed = getattr(self, f"on_{directive.name}")(directive)
        lines = self._printer.take()
        if directive.options.get("quiet") == "yes":
            lines = "ok"
        return lines if printed is None else str(printed)

    def on_cluster(self, directive: Directive) -> str:
        options = dict(directive.options)
        replicas, spares = int(options.pop("replicas")), int(options.pop("spares", "0"))
        manual = options.pop("sync", "at-once") == "manual"
        limits = {name: int(value) for name, value in options.items()}
        self._printer = Printer(shows_held=manual)
        self._cluster = Cluster(
            replicas=replicas,
            spares=spares,
            settings=Settings(**_TICKS | limits),
            observers=[self._printer],
            syncs_at_once=not manual,
        )
        return "ok"

    def on_tick(self, directive: Directive) -> None:
        self.cluster.tick(_replica(directive), int(directive.options.get("n", "1")))

    def on_campaign(self, directive: Directive) -> None:
        self.cluster.campaign(_replica(directive))

    def on_elect(self, directive: Directive) -> None:
        """Campaign, and deliver everything until the cluster is at rest."""
        self.cluster.elect(_replica(directive), among=_among(directive))

    def on_settle(self, directive: Directive) -> None:
        self.cluster.settle(among=_among(directive))

    def on_propose(self, directive: Directive) -> None:
        """`propose 1 x=1 y=2` proposes two puts at once."""
        commands = []
        for key, value in directive.options.items():
            if key == "quiet":
                continue
            self._proposals += 1
            body = encode_operation(Put(key, value))
            number = RequestNumber(self._proposals)
            commands.append(
                Command(client=ClientId(9), number=number, answered=RequestNumber(0), body=body)
            )
        self.cluster.propose(_replica(directive), *commands)

    def on_ask(self, directive: Directive) -> None:
        """`ask 1 for=x,y` asks for what two keys hold, at once."""
        queries = []
        for key in directive.options["for"].split(","):
            self._proposals += 1
            number = RequestNumber(self._proposals)
            queries.append(Query(ClientId(9), number, encode_operation(Get(key))))
        self.cluster.ask(_replica(directive), *queries)

    def on_transfer(self, directive: Directive) -> None:
        """`transfer 1 to=2`, or to whoever seems fit."""
        to = directive.options.get("to")
        self.cluster.transfer(_replica(directive), None if to is None else int(to))

    def on_add(self, directive: Directive) -> None:
        """`add 4 at=1` asks 1 to make 4 a member."""
        info = ReplicaInfo(ReplicaId(_replica(directive)), "", "")
        self.cluster.reconfigure(int(directive.options["at"]), Add(info))

    def on_remove(self, directive: Directive) -> None:
        """`remove 3 at=1`."""
        change = Remove(ReplicaId(_replica(directive)))
        self.cluster.reconfigure(int(directive.options["at"]), change)

    def on_members(self, directive: Directive) -> str:
        """Who is a member, as far as each replica knows."""
        del directive
        return "\n".join(members_text(host) for host in self.cluster.hosts.values())

    def on_deliver(self, directive: Directive) -> None:
        for packet in self._packets(directive):
            self.cluster.deliver(packet)

    def on_drop(self, directive: Directive) -> None:
        for packet in self._packets(directive):
            self.cluster.drop(packet)

    def on_duplicate(self, directive: Directive) -> None:
        for packet in self._packets(directive):
            self.cluster.duplicate(packet)

    def on_messages(self, directive: Directive) -> str:
        """The bag."""
        del directive
        return "\n".join(
            f"{p.sender}->{p.to} {message_text(p.message)}" for p in self.cluster.messages
        )

    def on_sync(self, directive: Directive) -> None:
        self.cluster.sync(_replica(directive))

    def on_snapshot(self, directive: Directive) -> None:
        self.cluster.snapshot(_replica(directive))

    def on_state(self, directive: Directive) -> str:
        """Whether replicas that executed equally far hold the same, byte for byte."""
        some = [int(word) for word in directive.words] or self.cluster.members
        machines = [self.cluster.host(replica).machine for replica in some]
        images = {machine.executed_upto: b"" for machine in machines}
        for machine in machines:
            image = b"".join(machine.encode(machine.capture()))
            assert images[machine.executed_upto] in (b"", image), "states differ"
            images[machine.executed_upto] = image
        return "\n".join(
            f"{replica}: after slot {machine.executed_upto}"
            for replica, machine in zip(some, machines, strict=True)
        )

    def on_crash(self, directive: Directive) -> None:
        self.cluster.crash(_replica(directive))

    def on_lose_disk(self, directive: Directive) -> None:
        self.cluster.lose_disk(_replica(directive))

    def on_restart(self, directive: Directive) -> None:
        self.cluster.restart(_replica(directive))

    def on_cut(self, directive: Directive) -> None:
        """`cut 1` cuts all links of 1, `cut 1 2` those between 1 and 2; or only `way=one`."""
        ends = [int(word) for word in directive.words]
        if len(ends) == 1:
            self.cluster.cut_off(ends[0])
        elif directive.options.get("way") == "one":
            self.cluster.cut(*ends)
        else:
            self.cluster.cut(*ends)
            self.cluster.cut(*reversed(ends))

    def on_heal(self, directive: Directive) -> None:
        del directive
        self.cluster.heal()

    def on_status(self, directive: Directive) -> str:
        some = [int(word) for word in directive.words] or self.cluster.members
        hosts = self.cluster.hosts.values()
        return "\n".join(status_text(host) for host in hosts if host.replica in some)

    def _packets(self, directive: Directive) -> list[Packet]:
        """Those to a replica (or to all), from a sender, of a kind: the oldest `n`."""
        to = [int(word) for word in directive.words] or list(self.cluster.members)
        options = directive.options
        found = [
            packet
            for packet in self.cluster.messages
            if packet.to in to
            and str(packet.sender) == options.get("from", str(packet.sender))
            and type(packet.message).__name__ == options.get("type", type(packet.message).__name__)
        ]
        assert found, f"nothing to {directive.name}: {directive}"
        return found[: int(options.get("n", len(found)))]


def _replica(directive: Directive) -> int:
    (word,) = directive.words
    return int(word)


def _among(directive: Directive) -> list[int] | None:
    """`among=1,2`."""
    some = directive.options.get("among")
    return None if some is None else [int(member) for member in some.split(",")]
