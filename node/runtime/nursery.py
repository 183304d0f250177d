"""Errors that leave a nursery, bare: callers catch them by their class.

What leaves a nursery is a group, even of one, and `except StorageError` misses
`ExceptionGroup([StorageError])`. A boundary that promises an error unwraps it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import trio


@contextmanager
def bare_errors(*expected: type[BaseException]) -> Iterator[None]:
    """Raise a group's only error by itself; of several, the first that is `expected`."""
    try:
        yield
    except BaseExceptionGroup as group:
        errors = [error for error in _leaves(group) if not isinstance(error, trio.Cancelled)]
        ours = [error for error in errors if isinstance(error, expected)]
        if len(errors) == 1:
            raise errors[0] from errors[0].__cause__
        if ours:
            # One failure tore everything else down; the group stays visible as its cause.
            raise ours[0] from group
        raise


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
