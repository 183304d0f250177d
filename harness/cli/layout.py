"""Shards, replicas and protocols that do not go together, told before anything is started."""

from typing import Final

from harness.cli import InputError

REPLICAS_IN_ALL_MAX: Final = 60
"""What one configuration may hold."""


def check_layout(protocol: str, replicas: int, shards: int, coordination: str | None) -> None:
    """Raises InputError."""
    if coordination is not None and protocol != "mdl":
        raise InputError(f"--coordination: {coordination} is for --protocol mdl, not {protocol}")
    if replicas * shards > REPLICAS_IN_ALL_MAX:
        raise InputError(
            f"--shards: {shards} of {replicas} replicas are {replicas * shards}; at most "
            f"{REPLICAS_IN_ALL_MAX} go"
        )
