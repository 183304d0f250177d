"""What the simulator is asked to run: options that go together, and worlds in files."""

from pathlib import Path

import msgspec

from harness.cli import InputError
from harness.mutants import MUTANTS
from harness.simulation.world import World


def refuse_what_is_not_there(
    protocol: str, shards: int | None, coordination: str | None, *, mutant: str | None, floor: str
) -> None:
    """Raises InputError for options that do not go together."""
    if mutant is not None and floor == "runtime" and MUTANTS[mutant].client_name:
        raise InputError(
            f"--mutant: {mutant} is a bug of the simulated clients, and those of --floor runtime are "
            "real ones; use --floor core"
        )
    if protocol == "mdl":
        return
    if shards not in {None, 1}:
        raise InputError(f"--shards: {protocol} is simulated with one shard; use --protocol mdl")
    if coordination is not None:
        raise InputError(f"--coordination: {protocol} has no coordination; use --protocol mdl")


def read_world(path: Path) -> World:
    """The world in a file; raises InputError when there is none."""
    try:
        return World.from_json(path.read_bytes())
    except (msgspec.MsgspecError, UnicodeDecodeError) as why:
        raise InputError(f"--world: {path}: not a world: {why}") from why
    except OSError as why:
        raise InputError(f"--world: {path}: {why.strerror}") from why


def write(path: Path, content: bytes) -> None:
    """Write a file; raises InputError when that cannot be."""
    try:
        path.write_bytes(content)
    except OSError as why:
        raise InputError(f"{path}: {why.strerror}") from why
