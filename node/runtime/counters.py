"""What a replica counts while it serves: plain integers, so that counting costs an addition.

Read by the status, by metrics (`node.runtime.metrics`) and by tests.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from logging import Logger
from typing import Final

import trio

from node.errors import WireError

SYNC_BOUNDS_S: Final = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2)
"""Of the histogram of fsyncs: from a fast SSD's to that of a disk that is about to fail."""


class Durations:
    """How often something took how long."""

    def __init__(self, bounds_s: tuple[float, ...]) -> None:
        self.bounds_s: Final = bounds_s
        self.counts = [0] * (len(bounds_s) + 1)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        self.counts[bisect_left(self.bounds_s, seconds)] += 1
        self.sum_s += seconds


class Counters:
    """Since the replica, or the master, started."""

    def __init__(self) -> None:
        self.ended: Counter[str] = Counter()
        """Connections that ended, by port and reason: `closed`, `broken`, or the error's class."""
        self.refused = 0
        """Those that ended with an error: closed by us because of what the other side did."""
        self.accepted: Counter[str] = Counter()
        """Connections that were accepted, by port; those that are still open are among them."""
        self.refused_requests: Counter[str] = Counter()
        """Requests that were answered with a refusal, by its class or the core's reason."""
        self.proposals = 0
        self.slots = 0
        self.commands = 0
        """Executed; a command that was executed before and is only answered again counts too."""
        self.leaderships = 0
        """How often this replica began to lead."""
        self.syncs: Final = Durations(SYNC_BOUNDS_S)

    @contextmanager
    def connection(self, port: str, log: Logger) -> Iterator[None]:
        """Take the end of one connection for what it is: an event, not an error of ours."""
        self.accepted[port] += 1
        why = "closed"
        try:
            yield
        except WireError as error:
            why = type(error).__name__
            self.refused += 1
            fields = {"port": port, "reason": why}
            log.warning("closed a %s connection: %s", port, error, extra={"fields": fields})
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            why = "broken"
        finally:
            self.ended[f"{port}: {why}"] += 1
