"""One replica as a tree of tasks; nesting is the order of shutdown.

    open_replica(config)                     leaving the block stops the replica
    └─ journal opened, recovery done
       └─ stages                             die after everyone who can speak is gone
          ├─ storage stage
          ├─ snapshotter
          ├─ driver
          ├─ readers: one task that reads for all connections
          └─ peers
             ├─ ticker, registration with the master, what slow links hold
             ├─ peer port ─ one task a link
             ├─ peers ─ one link to each peer, as they come and go
             ├─ metrics port, if there is one
             └─ clients
                └─ client port ─ one nursery a client

A crash anywhere leaves through its nursery, cancels everything above it, and ends the process:
nothing restarts a stage inside the process; only links are supervised.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from typing import Any, Final

import trio

from node.config import ClusterConfig
from node.core.interface import Add, Core, Reconfigure, Remove, Role, Transfer
from node.core.mdl import ShardMessage
from node.core.multipaxos import (
    Message,
    obstacle,
)
from node.errors import ConfigError, NodeError
from node.readers import Readers
from node.runtime.clientport import ClientPort
from node.runtime.counters import Counters
from node.runtime.delay import delayed
from node.runtime.disk import Disk, OsDisk
from node.runtime.driver import Driver, Event, Stop
from node.runtime.inbox import Inbox
from node.runtime.logs import logger
from node.runtime.nursery import bare_errors
from node.runtime.peerlink import PeerPort
from node.runtime.peers import Peers
from node.runtime.process import gong_version, resident_bytes
from node.runtime.protocol import CoreFactory, protocol_of, settings_of
from node.runtime.recovery import Saved, check_joined, check_may_rejoin, read_back
from node.runtime.registration import keep_registered
from node.runtime.replies import Replies
from node.runtime.snapshots import Policy
from node.runtime.snapshotter import Snapshotter
from node.runtime.storage import StorageStage
from node.runtime.ticker import Ticker
from node.state_machine.sessions import SessionedStateMachine
from node.types import Address, ReplicaId, ReplicaInfo
from node.wire.messages import PeerState, StatusReply, leads_not

_log = logger("replica")

STORAGE_QUEUE: Final = 64
"""Works between driver and storage stage; when it is full the disk holds the driver up."""

_INCARNATION_BITS: Final = 62
"""So that two starts of one replica do not draw the same number."""

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
        self.incarnation = random.getrandbits(_INCARNATION_BITS)
        self._started_at = trio.current_time()
        self._own = config.replica(replica)
        self._core = core
        self._random = random
        self._machine = machine
        self.inbox: Inbox[Event] = Inbox()
        self.readers = Readers()
        self._ticker = Ticker(config.timing.tick_ms / 1000)
        self.peers = Peers(
            config,
            replica,
            self.incarnation,
            random,
            lambda: self._core.status().configuration.removed,
        )
        self.outboxes = self.peers.outboxes
        # Who joins knows of nobody yet but those whom the file names.
        self.peers.turn_to(core.status().acquainted or config.group(self._own.shard))
        self.replies = Replies(self.peers.client_addresses, config.limits)
        self.peer_port = PeerPort(
            cluster=config.cluster,
            replica=replica,
            admit=self.peers.admit,
            is_dismissed=self._is_dismissed,
            limits=config.limits,
            inbox=self.inbox,
            counters=self.counters,
            readers=self.readers,
            carries=Message if config.protocol == "multipaxos" else Message | ShardMessage,
        )
        self.peers.on_gone = self.peer_port.part_from
        self.peer_port.on_left = self.peers.leave
        self.client_port = ClientPort(
            cluster=config.cluster,
            limits=config.limits,
            inbox=self.inbox,
            replies=self.replies,
            status=self.status,
            change_members=self.change_members,
            counters=self.counters,
            readers=self.readers,
        )
        # At the start: who asks for a status must not make the replica wait for files.
        self._version = gong_version()

    def status(self) -> StatusReply:
        """A snapshot; cheap, but for a look at the process table."""
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
            peers=tuple(
                PeerState(
                    each.info.replica,
                    each.link.is_connected,
                    each.info.replica in self.peer_port.links,
                    each.outbox.queued_bytes,
                )
                for each in self.peers
            ),
            connections=len(self.client_port.connections),
            requests=len(self.replies),
            refused=self.counters.refused,
            version=self._version,
            uptime_ms=round(1000 * (trio.current_time() - self._started_at)),
            resident_bytes=resident_bytes(),
            incarnation=self.incarnation,
            peer_address=str(self._own.peer_address),
            client_address=str(self._own.client_address),
            members=status.configuration.replicas,
            configured_in=status.configuration.slot,
            is_settled=status.is_settled,
            change=status.change,
        )

    def _is_dismissed(self, replica: ReplicaId) -> bool:
        """Whether `replica` was removed, and a slot is chosen that it had no part in: nobody needs it."""
        status = self._core.status()
        return status.is_settled and replica in status.configuration.removed

    def start_stages(self, stages: trio.Nursery, disk: Disk, saved: Saved) -> Driver:
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
            inbox=self.inbox,
            newest=saved.snapshot,
        )
        driver = Driver(
            replica=self.replica,
            core=self._core,
            machine=self._machine,
            inbox=self.inbox,
            storage=partial(StorageStage, saved.journal, self.counters.syncs),
            outboxes=self.outboxes,
            replies=self.replies,
            counters=self.counters,
            snapshots=snapshots,
            turn_to=self.peers.turn_to,
            due=self._ticker.due,
        )
        stages.start_soon(driver.storage.run)
        stages.start_soon(snapshots.run)
        stages.start_soon(driver.run)
        return driver

    async def start_peers(self, peer_tasks: trio.Nursery) -> None:
        """Time, the links to and from peers, and the news for the master."""
        config = self.config
        await _listen(peer_tasks, self._own.peer_address, self.peer_port.serve)
        peer_tasks.start_soon(self.peer_port.connections.watch)
        peer_tasks.start_soon(self.peers.run)
        if config.has_delays:
            peer_tasks.start_soon(self.peers.later.run)
        if self._own.metrics_address is not None:
            await _listen_for_scrapes(peer_tasks, self._own.metrics_address, self)
        peer_tasks.start_soon(self._ticker.run, self.inbox)
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
                shard=self._own.shard,
            )
            peer_tasks.start_soon(registration)

    async def start_clients(self, client_tasks: trio.Nursery) -> None:
        """The client port, on connections that are as slow as the configuration says."""
        client_tasks.start_soon(self.client_port.connections.watch)
        delay_s = self.config.delay_s(self.replica, "clients")

        async def serve_later(stream: trio.abc.Stream) -> None:
            async with delayed(stream, delay_s, self.peers.later) as slow:
                await self.client_port.serve(slow)

        serve = serve_later if delay_s else self.client_port.serve
        await _listen(client_tasks, self._own.client_address, serve)

    def transfer(self, to: ReplicaId | None) -> None:
        """Hand the leadership over, if it is here; `status` tells when that has happened."""
        self.inbox.post(Transfer(to))

    def change_members(self, change: Add | Remove) -> str:
        """Begin to change the members, if this replica leads; or why not, in a sentence.

        `status` tells what becomes of it.
        """
        status = self._core.status()
        if status.role is not Role.LEADER:
            return leads_not(self.replica, status.leader)
        if self.config.acquaintances(self.replica):
            return "the members of shards that coordinate are fixed: each knows those of the others"
        problem = obstacle(status, change)
        if not problem:
            self.inbox.post(Reconfigure(change))
        return problem

    async def hand_over(self) -> None:
        """If this replica leads, let another one lead before it goes.

        Waits an election timeout at most: without a hand-over the cluster would take longer than that
        to miss its leader.
        """
        timing = self.config.timing
        if self._core.status().role is not Role.LEADER or not self.outboxes:
            return
        self.transfer(None)
        tick_s = timing.tick_ms / 1000
        with trio.move_on_after(timing.election_timeout_ticks * tick_s):
            while self._core.status().leader in (None, self.replica):  # noqa: ASYNC110 - and soon over
                await trio.sleep(tick_s)

    def stop(self) -> None:
        """Let driver and storage stage finish; nobody else may be posting any more."""
        # Breaks the cycle driver -> storage -> driver, which no end of a channel would.
        self.inbox.post(Stop())


@asynccontextmanager
async def open_replica(
    config: ClusterConfig,
    replica: ReplicaId,
    *,
    random: Random,
    disk: Disk | None = None,
    core: CoreFactory | None = None,
    lost_disk: bool = False,
    joins: bool = False,
) -> AsyncIterator[Replica]:
    """Run one replica; inside the block it serves, leaving the block stops it.

    `core` makes another core than that of the protocol, for tests. `lost_disk` says that an empty directory is not that of a new replica: what stood there is lost.
    It then learns from the others, all of which must answer once, before it votes. `joins` says that
    this replica is no member yet, though the file names it beside those who are.

    Raises ConfigError, also for an address that cannot be bound; StorageError at once, or later out
    of the block, since a replica that cannot save stops; Removed, likewise, when it is no member any
    more. After a stop all records are durable.
    """
    path = config.journal_path(replica)
    group = config.group(config.replica(replica).shard)
    disk = disk or OsDisk()
    machine, make_core = protocol_of(config, replica, core)
    if lost_disk:
        check_may_rejoin(len(group))
    saved = await trio.to_thread.run_sync(
        partial(
            read_back,
            disk,
            path,
            config.journal_owner(replica),
            replica,
            machine,
            members=() if joins else group,
            lost_disk=lost_disk,
        )
    )
    try:
        if joins:
            check_joined(saved)
        the_core = make_core(
            replica=replica,
            members=group,
            settings=settings_of(config),
            random=random,
            records=saved.records,
            snapshot=saved.snapshot,
        )
        running = Replica(config, replica, the_core, machine, random)
        with bare_errors(NodeError):
            async with trio.open_nursery() as stages:
                driver = running.start_stages(stages, disk, saved)
                async with (
                    running.readers.open(before=running.inbox.hold, after=driver.take_batch),
                    trio.open_nursery() as peer_tasks,
                ):
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


async def _listen(nursery: trio.Nursery, address: Address, serve: Serve) -> None:
    """Accept on `address` before returning; the listeners live in `nursery`."""
    try:
        listeners = await trio.open_tcp_listeners(address.port, host=address.host)
    except OSError as error:
        raise ConfigError(f"cannot listen on {address}: {error.strerror or error}") from error
    nursery.start_soon(partial(trio.serve_listeners, serve, listeners))


async def _listen_for_scrapes(nursery: trio.Nursery, address: Address, replica: Replica) -> None:
    # Only here: who wants no metrics need not wait for these libraries at every start.
    from node.runtime.metrics import ReplicaMetrics  # noqa: PLC0415
    from node.runtime.metricsport import MetricsPort  # noqa: PLC0415

    await _listen(nursery, address, MetricsPort(ReplicaMetrics(replica)).serve)
