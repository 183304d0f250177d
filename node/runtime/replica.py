"""One replica as a tree of tasks; nesting is the order of shutdown.

    open_replica(config)                     leaving the block stops the replica
    └─ journal opened, recovery done
       └─ stages                             die after everyone who can speak is gone
          ├─ storage stage
          ├─ snapshotter
          ├─ driver
          └─ peers
             ├─ ticker, registration with the master
             ├─ peer port ─ one task a link
             ├─ one link to each peer
             └─ clients
                └─ client port ─ one nursery a client

A crash anywhere leaves through its nursery, cancels everything above it, and ends the process:
nothing restarts a stage inside the process; only links are supervised.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

import trio

from node.config import ClusterConfig
from node.core.interface import Core, Role, Snapshot, Transfer
from node.core.multipaxos import (
    MultiPaxos,
    Record,
    RejoinedRecord,
    RejoinRecord,
    Settings,
    truncated_upto,
)
from node.errors import ConfigError, MalformedFrame, NodeError, StorageError, WireError
from node.runtime.clientport import ClientPort, Replies
from node.runtime.codecs import RECORD_CODEC
from node.runtime.connection import Counters
from node.runtime.delay import delayed
from node.runtime.disk import Disk, OsDisk
from node.runtime.driver import Driver, Event, Stop
from node.runtime.inbox import Inbox
from node.runtime.journal import Journal, open_journal
from node.runtime.logs import logger
from node.runtime.nursery import bare_errors
from node.runtime.outbox import PeerOutbox
from node.runtime.peerlink import PeerLink, PeerPort, hello_of
from node.runtime.registration import keep_registered
from node.runtime.snapshots import Policy, recover, slots_in
from node.runtime.snapshotter import Snapshotter
from node.runtime.storage import Work, storage_stage
from node.runtime.ticker import tick
from node.state_machine.kv import KeyValueStore
from node.state_machine.sessions import SessionedStateMachine
from node.types import Address, ReplicaId
from node.wire.messages import ReplicaInfo, StatusReply

_log = logger("replica")

STORAGE_QUEUE: Final = 64
"""Works between driver and storage stage; when it is full the disk holds the driver up."""

CoreFactory = Callable[..., Core[Any, Any]]
"""Called with the arguments of `MultiPaxos`: the seam for other protocols."""

Serve = Callable[[trio.abc.Stream], Awaitable[None]]
"""Serves one connection and closes it."""


class Replica:
    """The parts of one replica, joined; its tasks are started by `open_replica`."""

    def __init__(
        self,
        config: ClusterConfig,
        replica: ReplicaId,
        core: Core[Any, Any],
        machine: SessionedStateMachine,
        random: Random,
    ) -> None:
        self.config = config
        self.replica = replica
        self.counters = Counters()
        self._own = config.replica(replica)
        self._core = core
        self._random = random
        self._machine = machine
        self._inbox: Inbox[Event] = Inbox()
        self._outboxes = {
            member.id: PeerOutbox() for member in config.replicas if member.id != replica
        }
        self._replies = Replies({m.id: str(m.client_address) for m in config.replicas})

    def status(self) -> StatusReply:
        """A snapshot; cheap."""
        status = self._core.status()
        return StatusReply(
            replica=status.replica,
            role=status.role.value,
            ballot_round=status.ballot.round,
            ballot_replica=status.ballot.replica,
            leader=status.leader,
            chosen_upto=status.chosen_upto,
            executed_upto=self._machine.executed_upto,
            accepted_upto=status.accepted_upto,
            truncated_upto=status.truncated_upto,
            snapshot_slot=status.snapshot_slot,
        )

    def start_stages(self, stages: trio.Nursery, disk: Disk, saved: "Saved") -> None:
        """Driver and storage stage: the only ones who touch core, state machine and journal.

        The snapshotter has copies of the state, and files of its own.
        """
        snapshots = Snapshotter(
            disk=disk,
            journal=saved.journal,
            policy=Policy(
                slots=self.config.snapshots.slots,
                journal_bytes=self.config.snapshots.journal_bytes,
            ),
            machine=self._machine,
            inbox=self._inbox,
            newest=saved.snapshot,
        )
        sender, receiver = trio.open_memory_channel[Work](STORAGE_QUEUE)
        driver = Driver(
            replica=self.replica,
            core=self._core,
            machine=self._machine,
            inbox=self._inbox,
            storage=sender,
            outboxes=self._outboxes,
            replies=self._replies,
            snapshots=snapshots,
        )
        stages.start_soon(storage_stage, receiver, saved.journal, driver.deliver)
        stages.start_soon(snapshots.run)
        stages.start_soon(driver.run)

    async def start_peers(self, peer_tasks: trio.Nursery) -> None:
        """Time, the links to and from peers, and the news for the master."""
        config = self.config
        port = PeerPort(
            cluster=config.cluster,
            peers=tuple(self._outboxes),
            inbox=self._inbox,
            counters=self.counters,
        )
        await _listen(peer_tasks, self._own.peer_address, self._as_slow_as_asked(port.serve))
        for member in config.replicas:
            if member.id != self.replica:
                link = PeerLink(
                    hello=hello_of(config.cluster, self.replica),
                    peer=member.id,
                    address=member.peer_address,
                    outbox=self._outboxes[member.id],
                    random=self._random,
                )
                peer_tasks.start_soon(link.run)
        peer_tasks.start_soon(tick, self._inbox, config.timing.tick_ms / 1000)
        if config.master is not None:
            registration = partial(
                keep_registered,
                cluster=config.cluster,
                master=config.master,
                info=ReplicaInfo(
                    self.replica, str(self._own.peer_address), str(self._own.client_address)
                ),
                status=self._core.status,
                random=self._random,
            )
            peer_tasks.start_soon(registration)

    async def start_clients(self, client_tasks: trio.Nursery) -> None:
        """The client port."""
        port = ClientPort(
            cluster=self.config.cluster,
            inbox=self._inbox,
            replies=self._replies,
            status=self.status,
            counters=self.counters,
        )
        await _listen(client_tasks, self._own.client_address, self._as_slow_as_asked(port.serve))

    def _as_slow_as_asked(self, serve: Serve) -> Serve:
        """`serve`, on connections that are delayed as the configuration says; usually not at all."""
        delay_s = self.config.timing.delay_ms / 1000
        if not delay_s:
            return serve

        async def serve_later(stream: trio.abc.Stream) -> None:
            async with delayed(stream, delay_s) as slow:
                await serve(slow)

        return serve_later

    def transfer(self, to: ReplicaId | None) -> None:
        """Hand the leadership over, if it is here; `status` tells when that has happened."""
        self._inbox.post(Transfer(to))

    async def hand_over(self) -> None:
        """If this replica leads, let another one lead before it goes.

        Waits an election timeout at most: without a hand-over the cluster would take longer than that
        to miss its leader.
        """
        timing = self.config.timing
        if self._core.status().role is not Role.LEADER or not self._outboxes:
            return
        self.transfer(None)
        tick_s = timing.tick_ms / 1000
        with trio.move_on_after(timing.election_timeout_ticks * tick_s):
            while self._core.status().leader in (None, self.replica):  # noqa: ASYNC110 - and soon over
                await trio.sleep(tick_s)

    def stop(self) -> None:
        """Let driver and storage stage finish; nobody else may be posting any more."""
        # Breaks the cycle driver -> storage -> driver, which no end of a channel would.
        self._inbox.post(Stop())


@asynccontextmanager
async def open_replica(
    config: ClusterConfig,
    replica: ReplicaId,
    *,
    random: Random,
    disk: Disk | None = None,
    core: CoreFactory = MultiPaxos,
    lost_disk: bool = False,
) -> AsyncIterator[Replica]:
    """Run one replica; inside the block it serves, leaving the block stops it.

    `lost_disk` says that an empty directory is not that of a new replica: what stood there is lost.
    It then learns from the others, all of which must answer once, before it votes.

    Raises ConfigError, also for an address that cannot be bound; StorageError at once, or later out
    of the block, since a replica that cannot save stops. After a stop all records are durable.
    """
    path = config.journal_path(replica)
    disk = disk or OsDisk()
    machine = SessionedStateMachine(KeyValueStore())
    if lost_disk:
        _check_may_rejoin(config)
    saved = await trio.to_thread.run_sync(
        partial(_recover, disk, path, config.cluster, replica, machine, lost_disk=lost_disk)
    )
    try:
        the_core = core(
            replica=replica,
            members=tuple(member.id for member in config.replicas),
            settings=Settings(
                election_timeout_ticks=config.timing.election_timeout_ticks,
                heartbeat_ticks=config.timing.heartbeat_ticks,
                lease_ticks=config.timing.lease_ticks,
                clock_drift_percent=config.timing.clock_drift_percent,
                tick_ns=config.timing.tick_ms * 1_000_000,
                log_slots_kept=config.snapshots.slots_kept,
            ),
            random=random,
            records=saved.records,
            snapshot=saved.snapshot,
        )
        running = Replica(config, replica, the_core, machine, random)
        with bare_errors(NodeError):
            async with trio.open_nursery() as stages:
                running.start_stages(stages, disk, saved)
                async with trio.open_nursery() as peer_tasks:
                    await running.start_peers(peer_tasks)
                    async with trio.open_nursery() as client_tasks:
                        await running.start_clients(client_tasks)
                        yield running
                        await running.hand_over()
                        client_tasks.cancel_scope.cancel()  # last opened, first closed
                    peer_tasks.cancel_scope.cancel()
                running.stop()
    finally:
        saved.journal.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What a replica begins with."""

    journal: Journal
    records: tuple[Record, ...]
    snapshot: Snapshot | None


def _check_may_rejoin(config: ClusterConfig) -> None:
    members = len(config.replicas)
    if members < 3:
        raise ConfigError(
            f"a replica of a cluster of {members} cannot rejoin without its disk: the others are no "
            "quorum without it"
        )


def begin_rejoining(journal: Journal, frames: list[bytes]) -> list[bytes]:
    """Note in an empty journal that what was in it is lost; its records from now on.

    Raises StorageError when it is not empty.
    """
    note = RECORD_CODEC.encode(RejoinRecord())
    if not frames:
        journal.append([note])
        journal.sync()
        return [note]
    if frames[0] != note or RECORD_CODEC.encode(RejoinedRecord()) in frames:
        raise StorageError(
            f"{journal.path}: holds {len(frames)} records, so this replica has not lost its disk"
        )
    return frames


def check_journal_is_there(disk: Disk, path: Path) -> None:
    """Refuse to begin a journal where snapshots show that there was one."""
    if path.name not in disk.names(path.parent) and slots_in(disk, path.parent):
        raise StorageError(
            f"{path}: is not there, though snapshots are: its promises are lost, so start this "
            "replica with --lost-disk"
        )


def _recover(
    disk: Disk,
    path: Path,
    cluster: str,
    replica: ReplicaId,
    machine: SessionedStateMachine,
    *,
    lost_disk: bool = False,
) -> Saved:
    """Open the journal and read back what this replica has said. Runs in a thread.

    `machine` then holds the state of the newest snapshot.
    """
    if not lost_disk:
        check_journal_is_there(disk, path)
    journal, frames = open_journal(disk, path, cluster, replica)
    if journal.dropped_bytes:
        _log.warning("%s: dropped a torn tail of %d bytes", path, journal.dropped_bytes)
    records: list[Record] = []
    try:
        if lost_disk:
            frames = begin_rejoining(journal, frames)
        for number, data in enumerate(frames):
            record = RECORD_CODEC.decode(data)
            if not isinstance(record, Record):
                raise MalformedFrame(f"record {number} is a {type(record).__name__}")
            records.append(record)
    except StorageError:
        journal.close()
        raise
    except WireError as error:
        journal.close()
        raise StorageError(f"{path}: holds what this version cannot read: {error}") from error
    _log.info("recovered %d records from %s", len(records), path)
    try:
        found = recover(disk, path.parent, truncated_upto(records), machine.decode)
    except StorageError:
        journal.close()
        raise
    if found is None:
        return Saved(journal=journal, records=tuple(records), snapshot=None)
    snapshot, state = found
    machine.restore(state)
    _log.info("recovered the state after slot %d", snapshot.slot)
    return Saved(journal=journal, records=tuple(records), snapshot=snapshot)


async def _listen(nursery: trio.Nursery, address: Address, serve: Serve) -> None:
    """Accept on `address` before returning; the listeners live in `nursery`."""
    try:
        listeners = await trio.open_tcp_listeners(address.port, host=address.host)
    except OSError as error:
        raise ConfigError(f"cannot listen on {address}: {error.strerror or error}") from error
    nursery.start_soon(partial(trio.serve_listeners, serve, listeners))
