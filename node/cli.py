"""Run one server process in the foreground until a signal, or the end of its stdin, stops it.

The first SIGTERM or SIGINT lets it finish: what is saved is synced, ports are closed. A second one
ends it at once, as SIGKILL would, which it survives like any crash. It is also ended when it has
not finished after `STOP_TIMEOUT_S`: a disk that does not answer must not keep a supervisor waiting.
"""

import gc
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from random import Random
from typing import Final

import msgspec
import trio

from node.config import ClusterConfig, load_config
from node.errors import ConfigError, NodeError
from node.failpoints import listen_to_environment
from node.master import open_master
from node.runtime.hosting import open_process
from node.runtime.logs import log_to_stderr, logger
from node.runtime.newcomer import check_is_new
from node.runtime.nursery import bare_errors
from node.runtime.replica import Replica, open_replica
from node.types import Address, ReplicaId

_log = logger("process")

STOP_TIMEOUT_S: Final = 10.0
"""Far more than an fsync; what supervisors usually wait before they send SIGKILL."""

UNFINISHED: Final = 1
"""Exit status of a server that could not finish: as for a disk that failed."""

COLLECT_AFTER: Final = 50_000
"""Objects made and not dropped between two collections of garbage."""


def run_process(
    config_path: Path,
    process: int,
    *,
    until_stdin_closes: bool,
    lost_disk: bool = False,
    joins: bool = False,
    metrics: str | None = None,
    log_format: str = "text",
) -> None:
    """Serve as the replicas of one process, usually one, until SIGTERM, SIGINT or a failure.

    Raises NodeError.

    With `GONG_FAILPOINT` in the environment it dies where that says: see `node.failpoints`.
    """
    listen_to_environment()
    config = load_config(config_path)
    hosted = config.hosted(process)
    if metrics is not None:
        if len(hosted) > 1:
            raise ConfigError(
                f"--metrics: process {process} has {len(hosted)} replicas; give each a "
                "metrics_address in the file"
            )
        config = _with_metrics(config, hosted[0], metrics)

    def open_one(replica: ReplicaId) -> AbstractAsyncContextManager[Replica]:
        # Seeded by the system: replicas must not draw the same election timeouts.
        return open_replica(config, replica, random=Random(), lost_disk=lost_disk, joins=joins)

    server: AbstractAsyncContextManager[object]
    if len(hosted) == 1:
        name = f"replica {hosted[0]}"
        server = open_one(hosted[0])
    else:
        named = ", ".join(map(str, hosted))
        name = f"process {process} with replicas {named}"
        server = open_process(hosted, open_one)
    log_to_stderr(log_format, f"replica-{hosted[0]}" if len(hosted) == 1 else f"process-{process}")
    for replica in hosted:
        if joins and not config.journal_path(replica).exists():
            trio.run(check_is_new, config, replica)
    _serve(server, f"{name} of {config.cluster}", until_stdin_closes=until_stdin_closes)


def run_master(config_path: Path, *, until_stdin_closes: bool, log_format: str = "text") -> None:
    """Serve as the master until SIGTERM, SIGINT or a failure; raises NodeError."""
    config = load_config(config_path)
    log_to_stderr(log_format, "master")
    name = f"master of {config.cluster}"
    _serve(open_master(config), name, until_stdin_closes=until_stdin_closes)


def _with_metrics(config: ClusterConfig, replica: ReplicaId, text: str) -> ClusterConfig:
    """The address of the command line in place of the file's."""
    try:
        address = Address.parse(text)
    except ValueError as error:
        raise ConfigError(f"--metrics: {error}") from error
    members = [
        msgspec.structs.replace(member, metrics_address=address) if member.id == replica else member
        for member in config.replicas
    ]
    return msgspec.structs.replace(config, replicas=tuple(members))


def _serve(
    server: AbstractAsyncContextManager[object], name: str, *, until_stdin_closes: bool
) -> None:
    # What a replica keeps is values without cycles, and lots of them: looking through them often
    # finds nothing. What is here already stays.
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 10, 10)
    with bare_errors(NodeError):
        trio.run(_serve_until_told, server, name, until_stdin_closes)


async def _serve_until_told(
    server: AbstractAsyncContextManager[object],
    name: str,
    until_stdin_closes: bool,
) -> None:
    told = trio.Event()
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as watchers:
            watchers.start_soon(_watch_signals, signals, told)
            if until_stdin_closes:
                watchers.start_soon(_watch_stdin, told)
            async with server:
                _log.info("%s serves", name)
                await told.wait()
                watchers.start_soon(_bound_the_end, name)
            watchers.cancel_scope.cancel()
    _log.info("%s stopped", name)


async def _watch_signals(signals: AsyncIterator[int], told: trio.Event) -> None:
    async for number in signals:
        _log.info("received %s", signal.Signals(number).name)
        if told.is_set():
            _log.warning("stopping at once")
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        told.set()


async def _watch_stdin(told: trio.Event) -> None:
    """A parent that dies, however it dies, closes the pipe: no server is left behind."""
    async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as stdin:
        while await stdin.receive_some(1024):
            pass
    _log.info("stdin closed")
    told.set()


async def _bound_the_end(name: str) -> None:
    """Only a thread that the system does not let go can still be there then: leave without it."""
    await trio.sleep(STOP_TIMEOUT_S)
    _log.error("%s did not finish within %s s: ended as if it had crashed", name, STOP_TIMEOUT_S)
    logging.shutdown()
    os._exit(UNFINISHED)
