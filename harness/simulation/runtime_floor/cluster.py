"""Replicas as programs on simulated hosts, and what is wrong when one stops.

    open_replica(...) on host "replica 1", its disk, its clock        unchanged, as in production
    open_process(...) on host "machine 1"                             one replica of each shard

A process that stops because its disk failed is started again, as by an operator, on a machine that was
not: it still shows the bytes that a failed fsync has lost. One that stops for any other reason has
a defect, and that ends the run. Whatever happens to a machine happens to all its replicas.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, Final

import trio

from harness.mutants import MUTANTS
from harness.mutants.storage import truthful
from harness.simulation.draws import StreamRandom
from harness.simulation.group import Group
from harness.simulation.outcome import Failure, FailureKind
from harness.simulation.programs import Host, Life, Simulation
from harness.simulation.runtime_floor.configuration import (
    config_of,
    first_config,
    host_name,
    with_limits,
)
from harness.simulation.world import MS, Kind, World
from node.config import ClusterConfig
from node.core.ballot import Ballot
from node.core.interface import Core, Role, Status
from node.errors import Removed, StorageError
from node.runtime.hosting import open_process
from node.runtime.protocol import CoreFactory
from node.runtime.replica import Replica, open_replica
from node.types import ReplicaId

RESTART_AFTER_STOP: Final = 200 * MS
"""When a process stopped by itself, an operator starts it again."""


class Cluster:
    """The replicas of one world."""

    def __init__(
        self,
        world: World,
        simulation: Simulation,
        core: CoreFactory,
        groups: Sequence[Group],
        cores: Mapping[ReplicaId, Core[Any, Any]],
    ) -> None:
        """`cores` are those that `core` has made, each the last one of its replica."""
        self.world: Final = world
        self.simulation: Final = simulation
        self.groups: Final = groups
        """One for each shard."""
        self.members: Final = tuple(host for group in groups for host in group.hosts)
        """All replicas, whether or not they are members now."""
        self._group_of: Final = {host: group for group in groups for host in group.hosts}
        self.config: Final[ClusterConfig] = config_of(world, groups)
        self._first_config: Final = first_config(self.config, groups)
        self.hosts: Final = {m: simulation.host(host_name(m, world)) for m in self.members}
        self.residents: Final[dict[Host, tuple[ReplicaId, ...]]] = {
            host: tuple(member for member in self.members if self.hosts[member] is host)
            for host in self.hosts.values()
        }
        """Who runs on each machine."""
        self.running: Final[dict[ReplicaId, Replica]] = {}
        """Those that have opened their journal and serve."""
        self.frozen: Final[dict[ReplicaId, None]] = {}
        """Down for good: the finale does without them."""
        self._struck_lately: dict[Host, dict[Kind, None]] = {}
        """Damage done while replicas opened their journals: they have served without noticing."""
        self.failure: Failure | None = None
        self.failed: Final = trio.Event()
        self._cores = cores
        self._core = with_limits(core, world)
        self._disk = MUTANTS[world.mutant].disk if world.mutant else truthful

    def group_of(self, member: int) -> Group:
        """The shard that a replica serves."""
        return self._group_of[ReplicaId(member)]

    def core(self, member: int) -> Core[Any, Any] | None:
        """What a replica thinks with, if it serves."""
        return self._cores[ReplicaId(member)] if member in self.running else None

    def status(self, member: int) -> Status | None:
        """Without what a replica looks up for people, which takes its time."""
        core = self.core(member)
        return None if core is None else core.status()

    def leads(self, member: ReplicaId) -> Ballot | None:
        """The ballot under which a replica leads, if it does."""
        status = self.status(member)
        return status.ballot if status is not None and status.role is Role.LEADER else None

    def start_all(self) -> None:
        """Start every replica for the first time."""
        for residents in self.residents.values():
            self.start(residents[0])

    def start(self, member: ReplicaId) -> None:
        """Start the machine of a replica, unless it is up."""
        host = self.hosts[member]
        if not host.is_up and member not in self.frozen and self.failure is None:
            self._struck_lately[host] = {}

            async def serve(life: Life) -> None:
                await self._serve(life)

            host.start(serve)

    def freeze(self, host: Host) -> None:
        """It does nothing any more, for good."""
        self.frozen.update(dict.fromkeys(self.residents[host]))
        if host.is_up:
            host.crash("frozen")

    def fail(self, kind: FailureKind, rule: str, what: str) -> None:
        """Remember what went wrong first, and end the run."""
        if self.failure is None:
            self.failure = Failure(kind=kind, rule=rule, what=what, at=self.simulation.agenda.now)
            self.simulation.note("failure", f"{kind.value}: {rule}: {what}")
            self.failed.set()

    def may_damage(self, host: Host) -> bool:
        """Whether each of its replicas may lose something of what it has stored."""
        return all(self.group_of(m).atlas.allows(m) for m in self.residents[host])

    def damaged(self, host: Host, kind: Kind) -> None:
        """A disk was damaged, or will fail the next time."""
        for member in self.residents[host]:
            self.group_of(member).atlas.struck(member, kind)
        if host.is_up and any(member not in self.running for member in self.residents[host]):
            self._struck_lately[host][kind] = None

    def is_gone(self, host: Host) -> bool:
        """Whether a disk is damaged for good."""
        return any(self.group_of(m).atlas.is_gone(m) for m in self.residents[host])

    def is_up(self, member: ReplicaId) -> bool:
        """Whether there is anything to crash."""
        return self.hosts[member].is_up

    async def _serve(self, life: Life) -> None:
        host = life.host
        try:
            async with self._open(host, life):
                self._on_started(life)
                await trio.sleep_forever()
        except StorageError as error:
            if not life.is_over:
                self._on_stopped(host, error)
        except Removed:
            if not life.is_over:
                self._on_removed(host)
        except Exception as error:
            if not life.is_over:
                self.fail(
                    FailureKind.INVARIANT,
                    f"{_innermost(error)} in the code",
                    f"{host.name}: {error!r}",
                )
        finally:
            if host.life in (life, None):
                for member in self.residents[host]:
                    self.running.pop(member, None)

    def _open(self, host: Host, life: Life) -> AbstractAsyncContextManager[object]:
        residents = self.residents[host]
        open_one = partial(self._open_replica, life=life)
        return (
            open_process(residents, open_one)
            if self.world.shared_machines
            else open_one(residents[0])
        )

    @asynccontextmanager
    async def _open_replica(self, member: ReplicaId, life: Life) -> AsyncIterator[Replica]:
        joins = member not in self.group_of(member).members
        async with open_replica(
            self.config if joins else self._first_config,
            member,
            random=StreamRandom(self.simulation.stream("replica", member, life.number)),
            disk=self._disk(life.disk),
            core=self._core,
            joins=joins,
        ) as replica:
            self.running[member] = replica
            yield replica

    def _on_started(self, life: Life) -> None:
        """All replicas of a machine serve."""
        host, lately = life.host, self._struck_lately[life.host]
        host.note("serve")
        # A bit that flipped after the journal had been read is for the next start to notice.
        if host.stored.is_damaged and Kind.FLIP_BIT not in lately:
            self.fail(
                FailureKind.INVARIANT,
                "starts from damage",
                f"{host.name} started although bits of a journal had flipped",
            )
        for member in self.residents[host]:
            atlas = self.group_of(member).atlas
            atlas.restarted(member)
            for kind in lately:
                atlas.struck(member, kind)

    def _on_removed(self, host: Host) -> None:
        """It has ended by itself, and nobody starts it again."""
        host.note("removed")
        self.simulation.bites["retired"] += 1
        for member in self.residents[host]:
            self.frozen[member] = None
            needed = self.group_of(member).invariants.needed
            if any(member in members for members in needed):
                self.fail(
                    FailureKind.INVARIANT,
                    "ends when it is not needed",
                    f"replica {member} ended as if it was removed; needed are members of {needed}",
                )

    def _on_stopped(self, host: Host, error: StorageError) -> None:
        host.note("refuse", str(error))
        self.simulation.bites["stopped-by-disk"] += 1
        residents = self.residents[host]
        if not all(self.group_of(member).atlas.may_refuse(member) for member in residents):
            self.fail(
                FailureKind.INVARIANT,
                "refuses a good disk",
                f"{host.name} stopped although its disk was good: {error}",
            )
        elif not self.is_gone(host):
            self.simulation.agenda.after(RESTART_AFTER_STOP, lambda: self.start(residents[0]))


def _innermost(error: BaseException) -> str:
    """The kind of an error that came through nurseries."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__
