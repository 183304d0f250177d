"""Named places at which a replica may be made to die: before and after it saves, sends, executes.

    failpoint("after-save")

Does nothing unless somebody listens. A simulator listens and raises; in a real process,
`GONG_FAILPOINT=after-save:3` (see `listen_to_environment`) kills it with SIGKILL at the third pass.
"""

import os
import signal
from collections.abc import Callable
from typing import Final

from node.errors import ConfigError

NAMES: Final = (
    "at-opening",
    "before-save",
    "before-sync",
    "after-save",
    "before-send",
    "after-send",
    "before-execute",
    "after-execute",
    "before-snapshot",
    "before-snapshot-rename",
    "after-snapshot-rename",
    "after-snapshot",
    "before-journal-switch",
    "after-journal-switch",
    "after-truncation",
)
"""Of the driver, the storage stage and the snapshotter.

"at-opening" is passed once in a life, when a journal was created, or its torn tail cut off, and that
is not yet synced. To save is to write and sync one group of records, with "before-sync" in between;
to send is to hand envelopes to the outboxes of peers, which the driver does not wait for; to execute
is to execute one slot and queue its answers. A snapshot is written and synced, renamed, and its
directory synced; then the journal is switched for a shorter one in the same steps."""

OF_SNAPSHOTS: Final = NAMES[NAMES.index("before-snapshot") :]
"""Passed only when a snapshot is taken, which may be seldom."""

VARIABLE: Final = "GONG_FAILPOINT"

_listener: Callable[[str], None] | None = None


def failpoint(name: str) -> None:
    """The code is at this place."""
    if _listener is not None:
        _listener(name)


def listen(listener: Callable[[str], None] | None) -> None:
    """Call `listener` at every failpoint from now on; None ends it. One at a time."""
    global _listener  # noqa: PLW0603 - one check of one name is what keeps it free
    _listener = listener


def listen_to_environment() -> None:
    """Die at the failpoint that the environment names, if it names one.

    Raises:
        ConfigError: it names none that exists.
    """
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    name, _, passes = wanted.partition(":")
    if name not in NAMES or not (passes or "1").isdigit() or int(passes or "1") < 1:
        raise ConfigError(
            f"{VARIABLE}={wanted!r}: expected NAME or NAME:PASS, where NAME is one of "
            f"{', '.join(NAMES)} and PASS a number from 1"
        )
    left = int(passes or "1")

    def die(passed: str) -> None:
        nonlocal left
        if passed == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    listen(die)
