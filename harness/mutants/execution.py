"""Multi-Paxos that agrees on a log and then executes, answers or reads something else."""

from collections.abc import Iterable
from random import Random

from node.core.ballot import Ballot
from node.core.interface import Chosen, Refusal, Snapshot
from node.core.multipaxos import MultiPaxos, Record, Settings
from node.core.multipaxos.messages import Accepted
from node.types import Command, ReplicaId


class ExecuteOutOfOrder(MultiPaxos):
    """A leader executes a slot as soon as it is chosen, whether the ones before it are or not."""

    def __init__(
        self,
        *,
        replica: ReplicaId,
        members: Iterable[ReplicaId],
        settings: Settings,
        random: Random,
        records: Iterable[Record] = (),
        snapshot: Snapshot | None = None,
    ) -> None:
        super().__init__(
            replica=replica,
            members=members,
            settings=settings,
            random=random,
            records=records,
            snapshot=snapshot,
        )
        self._executions = self.log.chosen_upto
        self._early: dict[int, None] = {}

    def _on_accepted(self, sender: ReplicaId, accepted: Accepted) -> None:
        super()._on_accepted(sender, accepted)
        if self.leadership is not None:
            for slot, open_slot in self.leadership.open.items():
                if slot not in self._early and self._is_chosen(open_slot):
                    self._early[slot] = None
                    self._execute(open_slot.value.commands)

    def _choose(self, slot: int) -> None:
        super()._choose(slot)
        chosen = self._outbox.chosen.pop()
        if slot not in self._early:
            self._execute(chosen.commands)

    def _execute(self, commands: tuple[Command, ...]) -> None:
        # The state machine insists on counting; so it is told that all is in order.
        self._executions += 1
        self._outbox.chosen.append(Chosen(self._executions, commands))


class TrustOldEntries(MultiPaxos):
    """A follower takes what it holds in a slot for what was chosen there, of any old ballot too."""

    def _on_chosen_upto(self, sender: ReplicaId, ballot: Ballot, chosen_upto: int) -> None:
        while self.log.chosen_upto < chosen_upto:
            if self.log.get(self.log.chosen_upto + 1) is None:
                break
            self._choose(self.log.chosen_upto + 1)
        super()._on_chosen_upto(sender, ballot, chosen_upto)


class RefuseWhatIsProposed(MultiPaxos):
    """A leader that is deposed says of all its proposals that they are certainly not executed."""

    def _step_down(self, reason: str) -> None:
        if self.leadership is not None:
            for open_slot in self.leadership.open.values():
                for command in open_slot.value.commands:
                    self._refuse(command, Refusal.NOT_LEADER)
        super()._step_down(reason)
