"""One run, told from its trace: who there is, which events are one message, what to call them."""

import re
from ast import literal_eval
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from harness.simulation.floors import find_floor
from harness.simulation.likely import Moment
from harness.simulation.outcome import Outcome
from harness.simulation.trace import Event, Trace
from harness.simulation.words import failure_text, fault_text, size_text
from harness.simulation.world import World

FIELDS_MAX: Final = 3
"""Of a message, beside its ballot, in its short form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What a diagram is made of."""

    outcome: Outcome
    events: Sequence[Event]
    command: str
    """Repeats the run."""
    note: str = ""
    """How the world came to be so small, when it was cut down."""
    moment: Moment | None = None
    hosts: list[str] = field(init=False)
    """In the order of their lanes: the world, clients, replicas."""
    sent: dict[int, Event] = field(init=False)
    """By number of the message, the event of sending."""
    _faults: dict[tuple[int, str], str] = field(init=False)
    """By time and kind, in words."""

    def __post_init__(self) -> None:
        named = {event.host: None for event in self.events} | {
            event.peer: None for event in self.events if event.peer
        }
        object.__setattr__(self, "hosts", sorted(named, key=_lane))
        sent = {event.message: event for event in self.events if event.kind == "send"}
        object.__setattr__(self, "sent", sent)
        faults = self.outcome.world.faults
        words = {(fault.at, fault.kind.value): fault_text(fault) for fault in faults}
        object.__setattr__(self, "_faults", words)

    @property
    def title(self) -> str:
        """The world in one line."""
        world = self.outcome.world
        mutant = f", mutant {world.mutant}" if world.mutant else ""
        return f"seed {world.seed}, {world.protocol}{mutant}: {size_text(world)}"

    @property
    def end(self) -> str:
        """What became of it."""
        failure = self.outcome.failure
        if failure is not None:
            return f"{failure_text(failure)}: {failure.what}"
        return (
            f"undecided: {self.outcome.undecided}" if self.outcome.undecided else "nothing failed"
        )

    def words(self, event: Event) -> str:
        """The short form of an event: that of its message, where it has one."""
        sending = self.sent.get(event.message)
        if sending is None:
            return self._faults.get((event.at, event.text.split(" ", 1)[0]), event.text)
        # Over a stream several messages go in one piece.
        said = " + ".join(brief(message) for message in sending.detail.split("\n"))
        return said if sending.detail else sending.text

    def type_of(self, event: Event) -> str:
        """The type of its message; nothing for other events."""
        sending = self.sent.get(event.message)
        return "" if sending is None else _type(sending)


def tell(
    world: World, floor: str, command: str, *, note: str = "", moment: Moment | None = None
) -> Story:
    """Run the world once more and keep what happens."""
    trace = Trace(is_kept=True)
    outcome = find_floor(floor).run(world, trace=trace)
    return Story(outcome=outcome, events=trace.events, command=command, note=note, moment=moment)


def _type(sending: Event) -> str:
    """The class of a message, or what else its chunk of a stream is."""
    if sending.detail in {"b''", 'b""'}:
        return "end"
    if sending.detail.startswith(("b'", 'b"')):
        return "bytes"
    named = re.match(r"([A-Za-z_]\w*)\(", sending.detail)
    return named[1] if named else sending.text.partition(" ")[0]


def _lane(host: str) -> tuple[int, int, str]:
    """The world first, then clients, then replicas; within these by number."""
    number = re.search(r"\d+", host)
    role = 0 if host == "world" else 1 if host.startswith("c") else 2
    return role, int(number[0]) if number else 0, host


_BALLOT: Final = re.compile(r"Ballot\(round=(\d+), replica=(\d+)\)")
_LONG: Final = ("client", "answered", "session")
"""Fields with numbers that tell nobody anything."""


def brief(text: str) -> str:
    """`Accept(ballot=Ballot(round=1, replica=3), slot=7, …)` becomes `Accept 1.3 slot=7`."""
    if text.startswith(("b'", 'b"')):
        length = len(literal_eval(text))
        return f"{length} bytes" if length else "end of the stream"
    name, opened, rest = _BALLOT.sub(r"\1.\2", text).partition("(")
    if not opened or not name.isidentifier():
        return text
    words = [name]
    for part in _parts(rest):
        label, _, value = part.partition("=")
        short = re.fullmatch(r"'?([\w.-]{1,20})'?", value)
        if label in _LONG or short is None or value == "None":
            continue
        words.append(short[1] if label == "ballot" else f"{label}={short[1]}")
    return " ".join(words[: FIELDS_MAX + 1])


def _parts(text: str) -> Iterator[str]:
    """Split at the commas that are in no bracket and in no quotes."""
    depth, begun, quote = 0, 0, ""
    for i, character in enumerate(text):
        if quote:
            quote = "" if character == quote and text[i - 1] != "\\" else quote
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        if depth < 0 or (character == "," and not depth and not quote):
            yield text[begun:i].strip()
            begun = i + 1
        if depth < 0:
            return
