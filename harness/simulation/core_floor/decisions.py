"""Leaders that lose what they decided, after they have told other shards of it.

    hold      what a leader tells other shards waits, so operations pile up that wait for them
    strike    that is let go, and none of its followers hears the leader: it is answered, decides, and
              answers for what its shard never learns
    succeed   the next leader begins, and asks the others what they were told

Chance alone hardly ever loses several decisions that others were told of: they have to be told in the few
milliseconds before a quorum has voted. What is done beside that makes a difference to what the others
believe and what clients see; `Manner` says which of it.
"""

from collections.abc import Callable, Sequence
from typing import Final

from harness.simulation.core_floor.cluster import Cluster
from harness.simulation.core_floor.holds import Hold, Stops
from harness.simulation.core_floor.replica import Replica
from harness.simulation.group import Group
from harness.simulation.usurpers import LOOK_EVERY
from harness.simulation.world import MS, SECOND, Fault, Manner
from node.core.mdl import Mdl
from node.core.mdl.messages import Coordinated, Tag, WhichStamps
from node.core.mdl.office import Office
from node.core.multipaxos.messages import Accept
from node.types import ReplicaId, RequestNumber

_PATIENCE: Final = 500 * MS
"""How long each step waits for the moment that it is made for."""

_PILING: Final = 200 * MS
"""The same while sessions stand still."""

_RETURN: Final = 300 * MS
"""After which clients whose leader does not answer have found the next one."""

_ELECTION: Final = SECOND
"""How long it waits for another leader."""


class Decisions:
    """Plays the faults of this kind, one after the other; `crash` has a leader die, and a client."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        is_over: Callable[[], bool],
        crash: Callable[[Fault, Replica], None],
    ) -> None:
        self.cluster: Final = cluster
        self.crash: Final = crash
        self.under_way: Final[list[_Loss]] = []
        self._is_over = is_over

    def strike(self, shares: Sequence[tuple[Group, Fault]]) -> None:
        """The time of a fault has come: by shard, what befalls its leader.

        While leaders recover nothing is decided, so another fault of this kind waits.
        """

        def begin() -> None:
            if self.under_way:
                return
            for group, share in shares:
                leader = group.leader
                if leader is not None and self.may_decide(leader):
                    _Loss(self, group, share, leader).pile_up()

        self.when(
            lambda: not self.under_way and all(self.may_decide(g.leader) for g, _ in shares),
            _PATIENCE,
            begin,
        )

    def when(
        self,
        is_time: Callable[[], bool],
        patience: int,
        then: Callable[[], None],
        not_before: int = 0,
    ) -> None:
        """Call `then` when it is time, at the latest after `patience`; never when the faults are over."""
        loop = self.cluster.loop
        earliest = loop.now + not_before
        latest = earliest + patience

        def look() -> None:
            if self._is_over() or self.cluster.failure is not None:
                return
            if loop.now >= latest or (loop.now >= earliest and is_time()):
                then()
            else:
                loop.after(LOOK_EVERY, look)

        look()

    def office(self, leader: ReplicaId | None) -> Office | None:
        """Of a leader that has begun."""
        core = None if leader is None else self.cluster.replicas[leader].core
        office = core.office if isinstance(core, Mdl) else None
        return office if office is not None and office.has_begun else None

    def may_decide(self, leader: ReplicaId | None) -> bool:
        """Whether a leader has nothing to recover."""
        office = self.office(leader)
        return office is not None and office.may_decide


class _Loss:
    """What befalls one leader, and its successors."""

    def __init__(self, stage: Decisions, group: Group, fault: Fault, leader: ReplicaId) -> None:
        self._stage = stage
        self._cluster = stage.cluster
        self._group = group
        self._fault = fault
        self._manner = Manner(fault.amount)
        self._length = fault.until - fault.at
        self._leader = leader
        self._holds: list[Hold] = []
        self._late: Hold | None = None
        """What the leader said last, with `Manner.LATE`."""
        stage.under_way.append(self)

    def pile_up(self, at_least: int = 0) -> None:
        """The leader waits for other shards."""
        self._hold_words()
        self._stage.when(
            lambda: self._is_replaced or self._is_ripe,
            _PILING,
            self._lose,
            not_before=at_least + self._length,
        )

    def _lose(self) -> None:
        self._release()
        if self._is_replaced:
            self._end()
            return
        leader = self._leader
        followers = [host for host in self._group.hosts if host != leader]
        replica = self._cluster.replicas[leader]
        if Manner.HOLES in self._manner:
            self._hold(
                lambda sender, _, message: (
                    sender == leader and isinstance(message, Accept) and message.slot % 2 == 0
                )
            )
            self._stage.when(
                lambda: self._is_replaced,
                self._length,
                lambda: self._stage.crash(self._fault, replica),
            )
        else:
            links = [(leader, follower) for follower in followers]
            self._cluster.links.cut(self._fault.number, self._fault.kind.value, [*links])
        if Manner.LATE in self._manner:
            self._late = self._hold_words()
        if Manner.UNANSWERED in self._manner:
            self._hold(lambda _, to, each: to in followers and isinstance(each, Coordinated))
        if Manner.AGAIN in self._manner:
            self._hold(
                lambda sender, _, each: sender in followers and isinstance(each, WhichStamps)
            )
        if Manner.CRASH in self._manner:
            self._stage.when(
                lambda: self._has_vouched or self._is_replaced,
                _PATIENCE,
                lambda: self._stage.crash(self._fault, replica),
            )
        self._stage.when(lambda: self._is_replaced, _ELECTION, self._succeed)

    def _succeed(self) -> None:
        heir = self._group.leader
        if heir is None or not self._is_replaced:
            self._end()
        elif Manner.AGAIN in self._manner:
            self._manner &= ~Manner.AGAIN
            self._cluster.links.mend(self._fault.number)
            self._leader = heir
            self.pile_up(_RETURN)
        else:
            self._stage.when(lambda: self._stage.may_decide(heir), _PATIENCE, self._tell)

    def _tell(self) -> None:
        """What the old leader said arrives; what the new one asked is answered a while later."""
        if self._late is not None:
            self._cluster.release(self._late)
        is_long = Manner.UNANSWERED in self._manner
        self._cluster.loop.after(self._length + is_long * _RETURN, self._end)

    def _end(self) -> None:
        self._release()
        self._cluster.links.mend(self._fault.number)
        self._stage.under_way.remove(self)

    def _hold_words(self) -> Hold:
        """What the leader says to other shards."""
        leader, hosts = self._leader, self._group.hosts
        return self._hold(lambda sender, to, _: sender == leader and to not in hosts)

    def _hold(self, stops: Stops) -> Hold:
        self._holds.append(self._cluster.hold(stops))
        return self._holds[-1]

    def _release(self) -> None:
        for hold in self._holds:
            self._cluster.release(hold)
        self._holds.clear()

    @property
    def _is_replaced(self) -> bool:
        """Whether another leader has begun."""
        leader = self._group.leader
        return leader != self._leader and self._stage.office(leader) is not None

    @property
    def _is_ripe(self) -> bool:
        """Whether others wait for so many operations of this shard that wait for others themselves.

        At a leader that recovers all do, so there it takes one that may be lost, and one behind it that
        others wait for.
        """
        office = self._stage.office(self._leader)
        if office is None:
            return False
        asked = [
            each
            for each in office
            if each.is_announced and each.waits and Tag(each.token, each.seq) in office.askers
        ]
        if office.may_decide:
            return len(asked) >= self._fault.other
        before = [office.get(each.client, RequestNumber(each.seq - 1)) for each in asked]
        return any(each is not None and not each.is_announced for each in before)

    @property
    def _has_vouched(self) -> bool:
        """Whether the leader has answered for what is not executed."""
        office = self._stage.office(self._leader)
        machine = self._cluster.replicas[self._leader].machine
        return office is not None and office.vouched_upto > getattr(machine, "decisions", 0)
