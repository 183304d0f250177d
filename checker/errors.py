"""Errors of the checker, sorted by who has to change something.

A verdict is never an exception: "not linearizable" and "undecided" are values (`checker.verdict`).
"""


class CheckerError(Exception):
    """What the checker cannot judge; the message says what, where, and what was expected."""


class OperationError(CheckerError):
    """An operation of the history does not fit the model: the other model, or another history."""


class ModelError(CheckerError):
    """There is no such model, or a model broke its own contract."""


class UnsupportedError(CheckerError):
    """An engine or a consistency condition that this build does not have."""
