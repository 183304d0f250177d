"""Snapshots that hold too little, say they are of another slot, or are not what recovery finds."""

from dataclasses import replace
from pathlib import Path

from harness.mutants.storage import MisleadingDisk
from node.core.multipaxos import MultiPaxos
from node.core.multipaxos.messages import Standing
from node.runtime.disk import Disk
from node.runtime.snapshots import PREFIX
from node.state_machine.sessions import SessionedStateMachine
from node.state_machine.snapshot import Capture
from node.types import ReplicaId


class DropsSessions(SessionedStateMachine):
    """A snapshot holds what the application does, and no sessions."""

    def capture(self) -> Capture:
        """Without them."""
        return replace(super().capture(), sessions=())


class LabelsTooHigh(SessionedStateMachine):
    """A snapshot says that it is of the slot behind the last one that was executed."""

    def capture(self) -> Capture:
        """One slot is missing."""
        captured = super().capture()
        return replace(captured, slot=captured.slot + 1)


class LabelsTooLow(SessionedStateMachine):
    """A snapshot says that its last slot is still to be executed."""

    def capture(self) -> Capture:
        """One slot is executed on a state that has it."""
        captured = super().capture()
        return replace(captured, slot=captured.slot - 1)


class ForgetsRenames(MisleadingDisk):
    """A file that was renamed counts as durable under its new name at once."""

    def __init__(self, disk: Disk) -> None:
        super().__init__(disk)
        self._has_renamed = False

    def rename(self, path: Path, to: Path) -> None:
        """Give a file another name."""
        super().rename(path, to)
        self._has_renamed = True

    def sync_directory(self, path: Path) -> None:
        """Nothing, after a rename."""
        if not self._has_renamed:
            super().sync_directory(path)
        self._has_renamed = False


class OldestWins(MisleadingDisk):
    """Snapshots stay when there are newer ones, and recovery finds the oldest."""

    def remove(self, path: Path) -> None:
        """Not a snapshot that was finished."""
        if not _is_finished(path.name):
            super().remove(path)

    def names(self, path: Path) -> list[str]:
        """Of several snapshots only the oldest."""
        names = super().names(path)
        newer = [name for name in names if _is_finished(name)][1:]
        return [name for name in names if name not in newer]


def _is_finished(name: str) -> bool:
    return name.startswith(PREFIX) and name[len(PREFIX) :].isdigit()


class VotesBeforeItHasLearned(MultiPaxos):
    """A replica that lost its disk votes again as soon as all others have told what they promised."""

    def _on_standing(self, sender: ReplicaId, standing: Standing) -> None:
        super()._on_standing(sender, standing)
        amnesia = self.amnesia
        if amnesia is not None and amnesia.floor is not None:
            amnesia.goal = 0
            self._vote_again_when_caught_up(amnesia)
