"""Delays of a wide area: a file names links by what they join, the cluster's configuration by replicas.

# One way, in milliseconds. The last that fits counts; for what none fits, `--delay`.
[[delay]]
between = ["clients", "leaders"]      # or "followers", "process 1", ...
ms = 45

[[delay]]
between = ["leaders", "leaders"]
ms = 1

Leaders are the replicas that lead at the start, one of each shard (`harness/placement.py`); if another one is elected,
the delays stay where they were, as distances do.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated

import msgspec

from harness.placement import preferred_leaders
from node.delays import Delay, End, Milliseconds
from node.types import ReplicaId

_END = r"^(clients|leaders|followers|process [1-9][0-9]{0,2})$"

_End = Annotated[str, msgspec.Meta(pattern=_END)]


class DelaysError(Exception):
    """What is wrong with the file, in a sentence."""


class _Rule(msgspec.Struct, forbid_unknown_fields=True):
    between: tuple[_End, _End]
    ms: Milliseconds


class _File(msgspec.Struct, forbid_unknown_fields=True):
    delay: Annotated[list[_Rule], msgspec.Meta(min_length=1)]


def read_delays(path: Path, *, replicas: int, shards: int) -> tuple[Delay, ...]:
    """Of each link, in a cluster of that layout; raises DelaysError."""
    try:
        rules = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File).delay
    except OSError as error:
        raise DelaysError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DelaysError(f"{path}: is not TOML: {error}") from error
    except msgspec.ValidationError as error:
        reason = str(error).replace(
            f"Expected `str` matching regex {_END!r}",
            'expected "clients", "leaders", "followers" or "process N"',
        )
        raise DelaysError(f"{path}: {reason}") from error
    groups = [
        tuple(ReplicaId(shard * replicas + process) for process in range(1, replicas + 1))
        for shard in range(shards)
    ]
    found: dict[tuple[End, End], Delay] = {}
    for place, rule in enumerate(rules):
        try:
            ends = [list(_ends(name, groups)) for name in rule.between]
        except ValueError as error:
            raise DelaysError(f"{path}: delay[{place}].between: {error}") from error
        if rule.between == ("clients", "clients"):
            raise DelaysError(
                f"{path}: delay[{place}].between: clients do not talk with each other"
            )
        for one, other in product(*ends):
            if one != other:
                found.pop((other, one), None)
                found[one, other] = Delay(between=(one, other), ms=rule.ms)
    if not found:
        raise DelaysError(
            f"{path}: joins nobody in a cluster of {shards} times {replicas} replicas"
        )
    return tuple(found.values())


def _ends(name: str, groups: Sequence[tuple[ReplicaId, ...]]) -> Iterator[End]:
    """Whom a name means; raises ValueError."""
    leaders = preferred_leaders(tuple(groups))
    if name == "clients":
        yield "clients"
    elif name == "leaders":
        yield from leaders
    elif name == "followers":
        yield from (member for group in groups for member in group if member not in leaders)
    else:
        process = int(re.sub(r"\D", "", name))
        if process > len(groups[0]):
            raise ValueError(f"there is no {name}, the last one is process {len(groups[0])}")
        yield from (group[process - 1] for group in groups)


def configured(delays: Sequence[Delay]) -> str:
    """For the configuration of a cluster."""
    lines: list[str] = []
    for delay in delays:
        ends = ", ".join(f'"{end}"' if isinstance(end, str) else str(end) for end in delay.between)
        lines += ["", "[[delay]]", f"between = [{ends}]", f"ms = {delay.ms}"]
    return "\n".join(lines) + "\n"
