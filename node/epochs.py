"""The epochs that the master hands out, one a leader, on disk before anybody hears of them.

A leader is a ballot: a higher one is a new leader and gets the next epoch. The file is replaced as
a whole (written aside, synced, renamed, directory synced), so a crash leaves the old or the new
one. Ballots go up for as long as the cluster lives, so an epoch starts no lower than its ballot's
round: if the file is lost, numbers still go on growing from about where they were.

Nobody's safety rests on it: acceptors compare ballots, and have never heard of epochs.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from node.core.ballot import NO_BALLOT, Ballot
from node.errors import ConfigError, CorruptRecord, StorageError
from node.types import ReplicaId

_OWNER_ONLY: Final = 0o600


@dataclass(frozen=True, slots=True)
class Epoch:
    """One leader's."""

    number: int = 0
    ballot: Ballot = NO_BALLOT
    leader: ReplicaId | None = None

    def after(self, ballot: Ballot, leader: ReplicaId) -> "Epoch":
        """The epoch of the leader of `ballot`: this one, unless the ballot is higher."""
        if ballot <= self.ballot:
            return self
        return Epoch(max(self.number + 1, ballot.round), ballot, leader)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    """As JSON: a person may want to read it."""

    cluster: str
    epoch: int
    ballot_round: int
    ballot_replica: int
    leader: int


class EpochFile:
    """Where the latest epoch is kept. All of it blocks."""

    def __init__(self, path: Path, cluster: str) -> None:
        self._path = path
        self._cluster = cluster

    def load(self) -> Epoch:
        """The latest epoch; the zeroth where there is no file. Raises StorageError, ConfigError."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return Epoch()
        except OSError as error:
            raise StorageError(f"{self._path}: cannot be read: {error.strerror}") from error
        try:
            kept = msgspec.json.decode(data, type=_File)
        except msgspec.MsgspecError as error:
            # Written as a whole or not at all: something else has changed it.
            raise CorruptRecord(self._path, 0, str(error)) from error
        if kept.cluster != self._cluster:
            raise ConfigError(
                f"{self._path}: holds the epoch of cluster {kept.cluster!r}; this is "
                f"{self._cluster!r}"
            )
        ballot = Ballot(kept.ballot_round, ReplicaId(kept.ballot_replica))
        return Epoch(kept.epoch, ballot, ReplicaId(kept.leader))

    def save(self, epoch: Epoch) -> None:
        """Replace the file; durable when this returns. Raises StorageError."""
        assert epoch.leader is not None
        kept = _File(
            self._cluster, epoch.number, epoch.ballot.round, epoch.ballot.replica, epoch.leader
        )
        directory, aside = self._path.parent, self._path.with_suffix(".new")
        try:
            directory.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
            with open(descriptor, "wb") as file:  # noqa: PTH123 - of a descriptor
                file.write(msgspec.json.encode(kept) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            aside.replace(self._path)
            _sync_directory(directory)
            _sync_directory(directory.parent)
        except OSError as error:
            raise StorageError(f"{self._path}: cannot be written: {error.strerror}") from error


def _sync_directory(path: Path) -> None:
    """A new name is durable when the directory that holds it is."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
