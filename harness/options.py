"""The options of a run, as `gong run` takes them and `run.json` keeps them."""

from pathlib import Path

from msgspec import Struct


class RunOptions(Struct, frozen=True, kw_only=True):
    """Everything that decides what a run does; with `seed`, all that can be repeated of it."""

    system: str = "gong"
    protocol: str = "multipaxos"
    replicas: int = 5
    shards: int = 1
    coordination: str | None = None
    """Of mdl: fast or durable."""
    clients: int = 20
    keys: int = 10
    workload: str = "kv"
    rate: float | None = None
    """Operations per second at most, over all clients; None for as fast as they are answered."""
    time_limit_s: float = 20.0
    """How long to load and hurt; healing, final reads and judging come on top."""
    nemesis: tuple[str, ...] = ()
    nemesis_interval_s: float = 5.0
    seed: int
    out: Path = Path("runs")
    """Run directories are made below this one."""
