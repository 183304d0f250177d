"""Run one server process in the foreground until a signal, or the end of its stdin, stops it."""

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

import trio

from node.config import load_config
from node.errors import NodeError
from node.failpoints import listen_to_environment
from node.master import open_master
from node.runtime.logs import logger
from node.runtime.nursery import bare_errors
from node.runtime.replica import open_replica
from node.types import ReplicaId

_log = logger("process")

COLLECT_AFTER: Final = 50_000
"""Objects made and not dropped between two collections of garbage."""


def run_replica(
    config_path: Path, replica: int, *, until_stdin_closes: bool, lost_disk: bool = False
) -> None:
    """Serve as one replica until SIGTERM, SIGINT or a failure; raises NodeError.

    With `GONG_FAILPOINT` in the environment it dies where that says: see `node.failpoints`.
    """
    listen_to_environment()
    config = load_config(config_path)
    config.replica(ReplicaId(replica))
    # Seeded by the system: replicas must not draw the same election timeouts.
    server = open_replica(config, ReplicaId(replica), random=Random(), lost_disk=lost_disk)
    _serve(server, f"replica {replica} of {config.cluster}", until_stdin_closes=until_stdin_closes)


def run_master(config_path: Path, *, until_stdin_closes: bool) -> None:
    """Serve as the master until SIGTERM, SIGINT or a failure; raises NodeError."""
    config = load_config(config_path)
    name = f"master of {config.cluster}"
    _serve(open_master(config), name, until_stdin_closes=until_stdin_closes)


def _serve(
    server: AbstractAsyncContextManager[object], name: str, *, until_stdin_closes: bool
) -> None:
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
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
            watchers.cancel_scope.cancel()
    _log.info("%s stopped", name)


async def _watch_signals(signals: AsyncIterator[int], told: trio.Event) -> None:
    async for number in signals:
        _log.info("received %s", signal.Signals(number).name)
        told.set()


async def _watch_stdin(told: trio.Event) -> None:
    """A parent that dies, however it dies, closes the pipe: no server is left behind."""
    async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as stdin:
        while await stdin.receive_some(1024):
            pass
    _log.info("stdin closed")
    told.set()
