"""What must hold inside the cluster after every step, whoever is lost and whatever arrives late.

    one value a slot       no two values get a quorum of votes, or are executed, in one slot
    chosen by a quorum     nothing is executed for which no quorum has voted in one ballot
    what was reported      a proposal follows from what its quorum of promises reported: `recovery`
    counted votes          a leader counts no vote that was not cast in its ballot
    votes                  after a crash an acceptor still reports what it voted for
    promises               what an acceptor has told others it never takes back, not even by dying
    chosen prefix          it never shrinks within one incarnation
    equal state            replicas that executed the same slots gave the same answers, hold the same
    exactly once           one incarnation executes each request of a session at most once
    members                nothing is chosen behind a change of members before it is, but in a lower
                           ballot, which knew another value there; a leader is one of
                           those who decide on what it proposes, and they are chosen; members
                           change by one at a time
    fresh reads            a query is answered from a state that has all that anybody had executed
                           when it arrived; so all that anybody had been told

Each is checked on what changed, so that a step costs microseconds.
"""

from collections.abc import Sequence
from typing import Any, Final

from harness.simulation.recovery import Reports
from harness.simulation.watching import Event, Watched, Watcher
from node.core.ballot import NO_BALLOT, Ballot
from node.core.interface import Chosen, Envelope, Ready, Received
from node.core.log import Entry, Members, Value
from node.core.multipaxos import MultiPaxos
from node.core.multipaxos.leader import Leadership
from node.core.multipaxos.messages import Accept, Accepted, AcceptRecord, Promise
from node.core.quorum import majority
from node.types import Query, ReplicaId
from node.wire.messages import Answer, Executed, Expired, Opened


class Violation(Exception):
    """An invariant does not hold."""

    def __init__(self, rule: str, what: str) -> None:
        super().__init__(what)
        self.rule: Final = rule
        self.what: Final = what


class Invariants(Watcher):
    """Watches all replicas of one cluster."""

    def __init__(
        self, replicas: Sequence[ReplicaId], members: Sequence[ReplicaId] | None = None
    ) -> None:
        """`members` are those at the beginning: all, if nothing is said."""
        self.configurations: dict[int, tuple[ReplicaId, ...]] = {0: tuple(members or replicas)}
        """By the slot that decided it, ascending; chosen by a quorum, whoever knows of it."""
        self.chosen_upto = 0
        """The highest slot for which a quorum has voted."""
        self._proposed: dict[tuple[int, Ballot], Any] = {}
        """What was accepted in a slot under a ballot: one value, whoever accepted it."""
        self._votes: dict[tuple[int, Ballot], dict[ReplicaId, None]] = {}
        self._chosen: dict[int, Any] = {}
        """By slot, the value for which a quorum voted first."""
        self._chosen_in: dict[int, Ballot] = {}
        """By slot, the highest ballot in which one did."""
        self._decided: dict[int, Any] = {}
        """By slot, the first value that a quorum voted for or a replica executed."""
        self._reports = Reports()
        self._followed: dict[tuple[ReplicaId, Ballot, int], None] = {}
        """Proposals that follow from the promises of their ballots; they are sent more than once."""
        self._voted: dict[ReplicaId, dict[int, Ballot]] = {m: {} for m in replicas}
        """By slot, the highest ballot for which each has voted."""
        self._told: dict[ReplicaId, Ballot] = dict.fromkeys(replicas, NO_BALLOT)
        self._chosen_upto: dict[ReplicaId, int] = dict.fromkeys(replicas, 0)
        self._answers: dict[int, Sequence[Answer]] = {}
        self._states: dict[int, tuple[tuple[str, str], ...]] = {}
        self._images: dict[int, bytes] = {}
        self._executed: dict[ReplicaId, dict[tuple[int, int], None]] = {m: {} for m in replicas}
        self._executions: dict[ReplicaId, int] = dict.fromkeys(replicas, 0)
        self._executed_upto = 0
        """The highest slot that anybody has executed."""
        self._needed: dict[tuple[ReplicaId, Query], int] = {}
        """What a query that waits at a replica must see: slots up to this one."""

    def on_started(self, replica: Watched) -> None:
        """A new incarnation must remember what the earlier ones have told."""
        self._chosen_upto[replica.number] = 0
        self._executed[replica.number] = {}
        self._executions[replica.number] = 0
        assert replica.core is not None
        self._check_promise(replica.number, replica.core.status().ballot)
        self._check_votes(replica)

    def on_restored(self, replica: Watched, slot: int) -> None:
        """A state that came by a snapshot is the one that others have executed."""
        self._check_state(replica, slot)
        # Sessions came with it: what was executed up to its slot must not be executed again.
        self._executed[replica.number] = {
            (answer.client, answer.number): None
            for executed in range(1, slot + 1)
            for answer in self._answers[executed]
            if isinstance(answer, Executed)
        }

    def on_captured(self, replica: Watched, slot: int, image: bytes) -> None:
        """Equal states have equal bytes, whoever took the snapshot."""
        expected = self._images.setdefault(slot, image)
        if expected != image:
            raise Violation(
                "equal state",
                f"replica {replica.number} took another snapshot of slot {slot} than somebody else",
            )

    def on_disk_lost(self, replica: Watched) -> None:
        """It cannot know what it told. What was chosen with its votes must stand all the same."""
        self._told[replica.number] = NO_BALLOT
        self._voted[replica.number] = {}

    def on_event(self, replica: Watched, event: Event) -> None:
        """A promise counts when it is there, whatever the core makes of it."""
        if isinstance(event, Received) and isinstance(event.message, Promise):
            self._reports.add(replica.number, event.sender, event.message)

    def on_sent(self, replica: Watched, envelope: Envelope[Any]) -> None:
        """Votes, promises and proposals count from the moment in which they leave."""
        core, message = replica.core, envelope.message
        if not isinstance(core, MultiPaxos):
            return
        if isinstance(message, Accepted):
            if message.ballot < self._told[replica.number]:
                raise Violation(
                    "promises",
                    f"replica {replica.number} told {self._told[replica.number]} "
                    f"and then votes in {message.ballot}",
                )
            self._tell(replica.number, message.ballot)
            self._vote(replica.number, message)
        elif isinstance(message, Promise):
            self._tell(replica.number, message.ballot)
        elif isinstance(message, Accept):
            self._check_proposal(replica.number, message)

    def on_ready(self, replica: Watched, ready: Ready[Any, Any]) -> None:
        """What is handed out for execution was chosen, and is what others had chosen."""
        for record in (*ready.records, *(ready.journal or ())):
            if isinstance(record, AcceptRecord):
                self._note_proposal(record.entry)
        for chosen in ready.chosen:
            handed_out = _handed_out(chosen)
            self._decide(chosen.slot, handed_out, f"replica {replica.number} executes")
            if self._chosen.get(chosen.slot) != handed_out:
                raise Violation(
                    "chosen by a quorum",
                    f"replica {replica.number} executes {handed_out} in slot {chosen.slot}, "
                    f"for which no quorum has voted",
                )

    def on_executed(
        self, replica: Watched, slot: int, commands: Sequence[Any], answers: Sequence[Answer]
    ) -> None:
        """Equal commands have equal answers, and nothing is executed twice."""
        self._executed_upto = max(self._executed_upto, slot)
        expected = self._answers.setdefault(slot, answers)
        if list(expected) != list(answers):
            raise Violation(
                "equal state",
                f"replica {replica.number} answered slot {slot} with {answers}, "
                f"another replica with {expected}",
            )
        self._check_state(replica, slot)
        self._check_once(replica, slot, commands, answers)

    def _check_once(
        self, replica: Watched, slot: int, commands: Sequence[Any], answers: Sequence[Answer]
    ) -> None:
        seen = self._executed[replica.number]
        fresh = 0
        for command, answer in zip(commands, answers, strict=True):
            match answer:
                case Executed():
                    fresh += command.request not in seen
                    seen[command.request] = None
                case Opened() | Expired():
                    pass
                case _:
                    raise AssertionError(answer)
        executions = replica.store.executions
        done = executions - self._executions[replica.number]
        self._executions[replica.number] = executions
        if done != fresh:
            raise Violation(
                "exactly once",
                f"replica {replica.number} executed {done} commands in slot {slot}, "
                f"of which {fresh} were new",
            )

    def on_asked(self, replica: Watched, query: Query) -> None:
        """From its first arrival on: the same query may be asked there again."""
        self._needed.setdefault((replica.number, query), self._executed_upto)

    def on_read(self, replica: Watched, query: Query, executed_upto: int) -> None:
        """Whoever has executed a slot may have told a client of it."""
        needed = self._needed.get((replica.number, query), 0)
        if executed_upto < needed:
            raise Violation(
                "fresh reads",
                f"replica {replica.number} answers {query} from the state of slot "
                f"{executed_upto}; slot {needed} was executed before it arrived",
            )

    def on_stepped(self, replica: Watched) -> None:
        """Nothing that was known is unknown again."""
        core = replica.core
        if core is None:
            return
        status = core.status()
        if status.chosen_upto < self._chosen_upto[replica.number]:
            raise Violation(
                "chosen prefix",
                f"replica {replica.number} went from slot {self._chosen_upto[replica.number]} "
                f"back to {status.chosen_upto}",
            )
        self._chosen_upto[replica.number] = status.chosen_upto
        self._check_promise(replica.number, status.ballot)
        if isinstance(core, MultiPaxos) and core.leadership is not None:
            self._check_count(replica.number, core.leadership)

    def _check_state(self, replica: Watched, slot: int) -> None:
        state = replica.store.snapshot()
        if self._states.setdefault(slot, state) != state:
            raise Violation(
                "equal state",
                f"replica {replica.number} holds {state} after slot {slot}, "
                f"another replica {self._states[slot]}",
            )

    # ── What was told ────────────────────────────────────────────────────────────────────────

    def _tell(self, replica: ReplicaId, ballot: Ballot) -> None:
        self._told[replica] = max(self._told[replica], ballot)

    def _check_promise(self, replica: ReplicaId, promised: Ballot) -> None:
        told = self._told[replica]
        if promised < told:
            raise Violation(
                "promises", f"replica {replica} told {told} and now knows of {promised}"
            )

    def _check_votes(self, replica: Watched) -> None:
        core = replica.core
        if not isinstance(core, MultiPaxos):
            return
        for slot, ballot in self._voted[replica.number].items():
            if slot > core.log.chosen_upto:
                entry = core.log.get(slot)
                if entry is None or entry.ballot < ballot:
                    raise Violation(
                        "votes",
                        f"replica {replica.number} voted for slot {slot} in {ballot} and now "
                        f"knows of {entry}",
                    )

    def _check_count(self, leader: ReplicaId, leadership: Leadership) -> None:
        for slot, open_slot in leadership.open.items():
            cast = self._votes.get((slot, leadership.ballot), {})
            for member in self._told:
                if open_slot.votes.has(member) and member not in cast:
                    raise Violation(
                        "counted votes",
                        f"replica {leader} counts a vote of {member} for slot {slot} in "
                        f"{leadership.ballot}, which {member} has not cast",
                    )

    def _check_proposal(self, leader: ReplicaId, accept: Accept) -> None:
        place = (leader, accept.ballot, accept.slot)
        if place in self._followed:
            return
        members = self.configurations.get(accept.configured_in)
        if members is None or leader not in members:
            raise Violation(
                "members",
                f"replica {leader} proposes {accept.value} in {accept.ballot} slot {accept.slot} to "
                f"the members of slot {accept.configured_in}, which are {members or 'not chosen'}",
            )
        why = self._reports.why_not(leader, accept, members)
        if why:
            raise Violation(
                "what was reported",
                f"replica {leader} proposes {_content(accept.value)} in {accept.ballot} "
                f"slot {accept.slot}, but {why}",
            )
        self._followed[place] = None

    def _note_proposal(self, entry: Entry) -> None:
        content = _content(entry.value)
        before = self._proposed.setdefault((entry.slot, entry.ballot), content)
        if before != content:
            raise Violation(
                "one value a ballot",
                f"in {entry.ballot} slot {entry.slot} holds {before} and {content}",
            )

    def _vote(self, replica: ReplicaId, accepted: Accepted) -> None:
        place = (accepted.slot, accepted.ballot)
        content = self._proposed.get(place)
        if content is None:
            raise Violation(
                "one value a ballot", f"replica {replica} votes for {place}, which nobody accepted"
            )
        votes = self._votes.setdefault(place, {})
        votes[replica] = None
        voted = self._voted[replica]
        voted[accepted.slot] = max(voted.get(accepted.slot, NO_BALLOT), accepted.ballot)
        members = self.members_of(accepted.slot)
        if sum(voter in members for voter in votes) >= majority(members):
            self._decide(accepted.slot, content, f"a quorum votes in {accepted.ballot}")
            highest = self._chosen_in.get(accepted.slot, accepted.ballot)
            self._chosen_in[accepted.slot] = max(highest, accepted.ballot)
            if accepted.slot not in self._chosen:
                self._chosen[accepted.slot] = content
                self._note_chosen(accepted.slot, content, accepted.ballot)

    def members_of(self, slot: int) -> tuple[ReplicaId, ...]:
        """Who decides on a slot, as far as that is decided."""
        return self.configurations[
            max(decided for decided in self.configurations if decided < slot)
        ]

    @property
    def newest(self) -> tuple[ReplicaId, ...]:
        """The members of slots that nobody has proposed yet."""
        return self.configurations[max(self.configurations)]

    @property
    def needed(self) -> list[tuple[ReplicaId, ...]]:
        """The newest members, and those before them, whom nobody can do without until it is settled."""
        *before, newest = self.configurations
        found = [self.configurations[newest]]
        if before and self.chosen_upto == newest:
            # Maybe nobody of the new members knows yet that they are.
            found.append(self.configurations[before[-1]])
        return found

    def _note_chosen(self, slot: int, content: Any, ballot: Ballot) -> None:  # noqa: ANN401 - as below
        if not isinstance(content, Members):
            self.chosen_upto = max(self.chosen_upto, slot)
            return
        members = tuple(info.replica for info in content.replicas)
        before = self.members_of(slot)
        behind = sorted(later for later in self._chosen if later > slot)
        if any(self._chosen_in[later] >= ballot for later in behind):
            why = f"slot {behind[-1]} is chosen"
        elif len(set(members) ^ set(before)) != 1:
            why = "that is not one"
        else:
            self._change_members(slot, members, behind)
            return
        raise Violation(
            "members", f"slot {slot} changes the members from {before} to {members}; {why}"
        )

    def _change_members(self, slot: int, members: tuple[ReplicaId, ...], behind: list[int]) -> None:
        """A lower ballot may have had a quorum of the old members `behind` the change.

        It had something else in the slot of the change, and so executed none of that. Nothing else
        may ever be chosen there (`_decided`), but now it is for the new members to vote for it.
        """
        self.configurations[slot] = members
        self.chosen_upto = slot
        for later in behind:
            del self._chosen[later], self._chosen_in[later]

    def _decide(self, slot: int, content: Any, who: str) -> None:  # noqa: ANN401 - of a value
        decided = self._decided.setdefault(slot, content)
        if decided != content:
            raise Violation(
                "one value a slot", f"slot {slot}: {who} for {content}, decided was {decided}"
            )


def _content(value: Value) -> Any:  # noqa: ANN401 - commands, or members
    """What counts of a value: a no-op and a batch without commands are the same."""
    return value if isinstance(value, Members) else value.commands


def _handed_out(chosen: Chosen) -> Any:  # noqa: ANN401 - as above
    """The same, of what is handed out for execution."""
    configuration = chosen.configuration
    if configuration is None:
        return chosen.commands
    return Members(configuration.replicas, configuration.removed)
