"""The commands of golden files about shards."""

from node.core.mdl import Coordination, Mdl
from node.state_machine.ordering import OrderedStateMachine
from node.wire.kv import Get, Operation, Put
from tests.support.datadriven import Directive
from tests.support.shards import Shards
from tests.support.shards_parts import Packet
from tests.support.shards_play import QUERY, Broken, Times, judge


class Scene:
    """Carries out the commands of one file; `quiet=yes` prints nothing but the end."""

    def __init__(
        self,
        core: type[Mdl] = Mdl,
        machine: type[OrderedStateMachine] = OrderedStateMachine,
    ) -> None:
        self._core = core
        self._machine = machine
        self._shards: Shards | None = None
        self._lines: list[str] = []
        self._times: dict[tuple[str, int], Times] = {}
        self._now = 0

    @property
    def shards(self) -> Shards:
        assert self._shards is not None, "a file begins with `shards n=2`"
        return self._shards

    def execute(self, directive: Directive) -> str:
        """What the command prints."""
        self._now += 1
        printed = getattr(self, f"on_{directive.name}")(directive)
        self._note_answers()
        lines = list(self._lines)
        self._lines.clear()
        if directive.options.get("quiet") == "yes":
            lines = []
        return str(printed) if printed is not None else "\n".join(lines) or "ok"

    def on_shards(self, directive: Directive) -> str:
        """Each with its first replica as its leader."""
        options = directive.options
        self._shards = Shards(
            shards=int(options["n"]),
            replicas=int(options.get("replicas", "3")),
            coordination=Coordination(options.get("coordination", "fast")),
            core=self._core,
            machine=self._machine,
            say=self._lines.append,
        )
        self._shards.elect_all()
        return "\n".join(
            f"shard {number}: {' '.join(map(str, group))}"
            for number, group in enumerate(self._shards.groups)
        )

    def on_open(self, directive: Directive) -> str:
        for name in directive.words:
            self.shards.open(name)
        return "ok"

    def on_issue(self, directive: Directive) -> None:
        """`issue a on=1 x=2` or `issue a on=1 get=x`: but do not send it yet."""
        (name,) = directive.words
        self._issue(name, directive)

    def on_send(self, directive: Directive) -> None:
        """`send a on=1 x=2` issues and sends; `send a 2` sends operation 2, perhaps `to=3`."""
        name, *seqs = directive.words
        to = directive.options.get("to")
        for seq in [int(seq) for seq in seqs] or [self._issue(name, directive)]:
            self.shards.send(name, seq, to=None if to is None else int(to))

    def on_ask(self, directive: Directive) -> None:
        """`ask 1 get=x`."""
        (word,) = directive.words
        self._times[QUERY, self._now] = Times(self._now)
        self.shards.ask(int(word), self._now, directive.options["get"])

    def on_settle(self, directive: Directive) -> None:
        among = directive.options.get("among")
        self.shards.settle(
            among=None if among is None else [int(each) for each in among.split(",")],
            hold=directive.options.get("hold", "").split(","),
        )

    def on_deliver(self, directive: Directive) -> None:
        for packet in self._packets(directive):
            self.shards.deliver(packet)

    def on_drop(self, directive: Directive) -> None:
        self.shards.drop(self._packets(directive))

    def on_duplicate(self, directive: Directive) -> None:
        for packet in self._packets(directive):
            self.shards.bag.append(Packet(packet.sender, packet.to, packet.data))

    def on_crash(self, directive: Directive) -> None:
        for word in directive.words:
            self.shards.crash(int(word))

    def on_restart(self, directive: Directive) -> None:
        for word in directive.words:
            self.shards.restart(int(word))

    def on_campaign(self, directive: Directive) -> None:
        (word,) = directive.words
        self.shards.campaign(int(word))

    def on_tick(self, directive: Directive) -> None:
        for word in directive.words:
            self.shards.tick(int(word), int(directive.options.get("n", "1")))

    def on_pass(self, directive: Directive) -> None:
        """`pass n=20`: time passes everywhere, and what comes of it is delivered."""
        self.shards.tick_all(int(directive.options["n"]))

    def on_judge(self, directive: Directive) -> str:
        """In which order each shard has executed, and whether that is one history."""
        del directive
        orders = [
            f"shard {shard}: {' '.join(self.shards.order(shard))}".rstrip()
            for shard in range(len(self.shards.groups))
        ]
        try:
            judge(self.shards, self._times)
        except Broken as why:
            return "\n".join([*orders, f"no history: {why}"])
        return "\n".join([*orders, "one history"])

    def _issue(self, name: str, directive: Directive) -> int:
        options = dict(directive.options)
        shard = int(options.pop("on"))
        options.pop("quiet", None)
        options.pop("to", None)
        ((key, value),) = options.items()
        operation: Operation = Get(value) if key == "get" else Put(key, value)
        seq = self.shards.issue(name, shard, operation)
        self._times[name, seq] = Times(self._now)
        return seq

    def _note_answers(self) -> None:
        if self._shards is None:
            return
        answered = [(QUERY, number) for number in self.shards.seen]
        for name, session in self.shards.sessions.items():
            answered += [(name, seq) for seq in range(1, session.answered + 1)]
        for each in answered:
            times = self._times[each]
            times.answered = self._now if times.answered is None else times.answered

    def _packets(self, directive: Directive) -> list[Packet]:
        """`deliver Accept from=1 to=2`: the oldest `n`, or all."""
        (kind,) = directive.words
        options = directive.options
        sender, to = options.get("from"), options.get("to")
        found = self.shards.find(
            kind,
            sender=None if sender is None else int(sender),
            to=None if to is None else int(to),
        )
        assert found, f"nothing to {directive.name}: {directive}"
        return found[: int(options.get("n", len(found)))]
