"""What happens in a cluster, one line each: for golden files.

1: record accept slot=1 ballot=1.1 put x=1
   1->2 Accept slot=1 ballot=1.1 put x=1 chosen_upto=0
   after persist: 1->1 Accepted slot=1 ballot=1.1
   chosen slot=1 put x=1
"""

from collections.abc import Iterable
from typing import assert_never

from node.core.interface import Chosen, Envelope, Ready
from node.core.log import Entry, Members, Noop, Value
from node.core.multipaxos import Message, Record
from node.core.multipaxos.messages import (
    Accept,
    Accepted,
    AcceptRecord,
    BeginRecord,
    ChosenRecord,
    Chunk,
    Declined,
    Fetch,
    FetchChunk,
    HandOver,
    Heard,
    Heartbeat,
    Learn,
    Outdated,
    Prepare,
    Probe,
    Promise,
    PromiseRecord,
    Rejoin,
    RejoinedRecord,
    RejoinRecord,
    Standing,
    TruncatedRecord,
    Willing,
)
from node.types import OPEN_SESSION, Command, Query, ReplicaInfo
from node.wire.kv import Append, Cas, Delete, Get, Put, decode_operation
from tests.support.hosts import Host, Observer


class Printer(Observer):
    """Collects lines; `take` hands them out."""

    def __init__(self, *, shows_held: bool) -> None:
        self._shows_held = shows_held
        """Print what waits for the disk when it begins to wait, too."""
        self._lines: list[str] = []
        self._subject: int | None = None

    def take(self) -> str:
        """What was printed since the last time, or `ok`."""
        lines, self._lines = self._lines, []
        self._subject = None
        return "\n".join(lines) or "ok"

    def on_ready(self, host: Host, ready: Ready[Message, Record]) -> None:
        self._subject = None
        for record in ready.records:
            self._say(host, f"record {record_text(record)}")
        for record in ready.journal or ():
            self._say(host, f"new journal: {record_text(record)}")
        for envelope in ready.messages:
            self._say(host, envelope_text(host, envelope))
        if self._shows_held:
            for envelope in ready.messages_after_persist:
                self._say(host, f"until persisted: {envelope_text(host, envelope)}")
        if ready.received is not None:
            self._say(host, f"received snapshot slot={ready.received.slot}")
        if ready.restored is not None:
            self._say(host, f"restored slot={ready.restored.snapshot.slot}")
        for chosen in ready.chosen:
            self._say(host, f"chosen slot={chosen.slot} {chosen_text(chosen)}")
        for query in ready.reads:
            self._say(host, f"answers {query_text(query)}")
        for refused in ready.refused:
            self._say(host, f"refuse {refused.client}#{refused.number}: {refused.why.value}")
        hint = ready.leader_hint
        if hint is not None:
            leader = "nobody" if hint.leader is None else hint.leader
            self._say(host, f"is {hint.role.value} ballot={hint.ballot} leader={leader}")

    def on_sent(self, host: Host, envelope: Envelope[Message], *, after_persist: bool) -> None:
        if after_persist:
            self._say(host, f"after persist: {envelope_text(host, envelope)}")

    def on_stepped(self, host: Host) -> None:
        self._subject = None

    def _say(self, host: Host, text: str) -> None:
        lead = "   " if self._subject == host.replica else f"{host.replica}: "
        self._subject = host.replica
        self._lines.append(lead + text)


def envelope_text(host: Host, envelope: Envelope[Message]) -> str:
    """`1->2 Accept …`."""
    return f"{host.replica}->{envelope.to} {message_text(envelope.message)}"


def message_text(message: Message) -> str:  # noqa: PLR0912 - one each
    """One message, all of it."""
    match message:
        case Prepare(ballot, from_slot, released):
            text = f"ballot={ballot} from_slot={from_slot}"
            text += "" if released is None else f" released={released}"
        case Promise(ballot, from_slot, to_slot, entries, is_last, chosen_upto, truncated_upto):
            text = f"ballot={ballot} slots={from_slot}..{to_slot} {entries_text(entries)}"
            text += f" is_last={is_last} chosen_upto={chosen_upto}"
            text += f" truncated_upto={truncated_upto}" if truncated_upto else ""
        case Declined(promised):
            text = f"promised={promised}"
        case Accept(ballot, slot, value, chosen_upto, configured_in):
            text = f"slot={slot} ballot={ballot} {value_text(value)} chosen_upto={chosen_upto}"
            text += f" configured_in={configured_in}" if configured_in else ""
        case Accepted(ballot, slot):
            text = f"slot={slot} ballot={ballot}"
        case Heartbeat(ballot, chosen_upto, round_):
            text = f"ballot={ballot} chosen_upto={chosen_upto} round={round_}"
        case Fetch(from_slot):
            text = f"from_slot={from_slot}"
        case Learn(entries, chosen_upto):
            text = f"{entries_text(entries)} chosen_upto={chosen_upto}"
        case Probe(ballot, asked_at) | Willing(ballot, asked_at):
            text = f"ballot={ballot} asked_at={asked_at}"
        case HandOver(ballot, chosen_upto):
            text = f"ballot={ballot} chosen_upto={chosen_upto}"
        case Heard(ballot, round_, _):
            text = f"ballot={ballot} round={round_}"
        case Rejoin():
            text = "nonce=…"
        case Standing():
            leads = "nobody" if message.leads is None else message.leads
            text = f"promised={message.promised} leads={leads}"
            text += f" accepted_upto={message.accepted_upto}"
        case Outdated(chosen_upto):
            text = f"chosen_upto={chosen_upto}"
        case FetchChunk(slot, _, offset):
            text = f"slot={slot} offset={offset}"
        case Chunk(slot, size, _, offset, data):
            text = f"slot={slot} bytes={offset}..{offset + len(data)} of {size}"
        case _:
            assert_never(message)
    return f"{type(message).__name__} {text}"


def record_text(record: Record) -> str:
    """One record, all of it."""
    match record:
        case PromiseRecord(ballot):
            return f"promise ballot={ballot}"
        case AcceptRecord(entry):
            return f"accept slot={entry.slot} ballot={entry.ballot} {value_text(entry.value)}"
        case ChosenRecord(upto):
            return f"chosen upto={upto}"
        case TruncatedRecord(upto):
            return f"truncated upto={upto}"
        case RejoinRecord():
            return "rejoins"
        case RejoinedRecord():
            return "rejoined"
        case BeginRecord(members):
            return f"begins with {members_of(members)}"
        case _:
            assert_never(record)


def status_text(host: Host) -> str:
    """What a replica believes, and its log."""
    if host.core is None:
        return f"{host.replica}: down"
    status = host.core.status()
    leader = "nobody" if status.leader is None else status.leader
    text = f"{host.replica}: {status.role.value} promised={status.ballot} leader={leader}"
    text += f" chosen_upto={status.chosen_upto}"
    log = host.core.log
    lines = [text]
    if log.truncated_upto:
        lines.append(f"   1..{log.truncated_upto} truncated")
    for slot in range(log.truncated_upto + 1, log.accepted_upto + 1):
        entry = log.get(slot)
        content = "-" if entry is None else f"{entry.ballot} {value_text(entry.value)}"
        lines.append(f"   {slot} {'chosen' if slot <= log.chosen_upto else 'open'} {content}")
    return "\n".join(lines)


def entries_text(entries: tuple[Entry, ...]) -> str:
    """`[1@1.1 put x=1, 2@1.1 no-op]`."""
    return "[" + ", ".join(f"{e.slot}@{e.ballot} {value_text(e.value)}" for e in entries) + "]"


def value_text(value: Value) -> str:
    """A no-op, members, or what its commands do."""
    match value:
        case Noop():
            return "no-op"
        case Members(replicas):
            return f"members {members_of(replicas)}"
        case _:
            return commands_text(value.commands)


def chosen_text(chosen: Chosen) -> str:
    """What is executed, or who the members are from now on."""
    if chosen.configuration is not None:
        return f"members {members_of(chosen.configuration.replicas)}"
    return commands_text(chosen.commands)


def members_of(replicas: Iterable[ReplicaInfo]) -> str:
    """`1,2,3`."""
    return ",".join(str(info.replica) for info in replicas)


def members_text(host: Host) -> str:
    """Who is a member, as far as `host` knows."""
    if host.core is None:
        return f"{host.replica}: down"
    status = host.core.status()
    text = f"{host.replica}: {members_of(status.configuration.replicas) or 'nobody'}"
    text += f" behind slot {status.configuration.slot}"
    text += "" if status.is_settled else ", not settled"
    text += f", to come: {status.change}" if status.change else ""
    return text + (", retired" if status.is_retired else "")


def commands_text(commands: tuple[Command, ...]) -> str:
    """`put x=1 & get x`; a no-op has none."""
    return " & ".join(command_text(command) for command in commands) or "no-op"


def query_text(query: Query) -> str:
    """Who asks for what."""
    return f"{query.client}#{query.number} {body_text(query.body)}"


def command_text(command: Command) -> str:
    """What one command does."""
    if command.number == OPEN_SESSION:
        return f"open-session {command.client}"
    return body_text(command.body)


def body_text(body: bytes) -> str:
    """An operation."""
    match decode_operation(body):
        case Get(key):
            return f"get {key}"
        case Put(key, value):
            return f"put {key}={value}"
        case Cas(key, old, new):
            return f"cas {key}={old}:{new}"
        case Delete(key):
            return f"delete {key}"
        case Append(key, suffix):
            return f"append {key}={suffix}"
