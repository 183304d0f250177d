"""What is replaced in the code under test, for one run: planted bugs, and where its log goes."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

import node.runtime.replica as runtime
from harness.mutants import MUTANTS
from harness.simulation.programs.hosts import CURRENT
from node import failpoints

_LOGGERS: Final = ("gong", "trio")


@contextmanager
def planted(mutant: str) -> Iterator[None]:
    """Replicas that start within the block have the journal of a mutant."""
    if not mutant:
        yield
        return
    bug, place = MUTANTS[mutant], cast("Any", runtime)
    before = place.open_journal
    place.open_journal = bug.journal
    try:
        yield
    finally:
        place.open_journal = before


@contextmanager
def failpoints_heard(listener: Callable[[str], None]) -> Iterator[None]:
    """Call `listener` at every failpoint."""
    failpoints.listen(listener)
    try:
        yield
    finally:
        failpoints.listen(None)


class _IntoTrace(logging.Handler):
    """Log records become events of the host whose code wrote them."""

    def emit(self, record: logging.LogRecord) -> None:
        life = CURRENT.get()
        if life is not None and not life.is_over:
            life.host.note("note", record.getMessage())


@contextmanager
def log_in_trace() -> Iterator[None]:
    """Within the block what replicas log goes into the trace, and nowhere else."""
    handler = _IntoTrace()
    before = []
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        before.append((logger, logger.level, logger.propagate))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, level, propagate in before:
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
