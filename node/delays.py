"""How slow links are made to be, for measurements: what the configuration says of each.

[[delay]]                         # the last one that names both ends counts; else timing.delay_ms
between = [1, "clients"]          # or two replicas
ms = 45.0                         # one way
"""

from collections.abc import Collection, Sequence
from typing import Annotated, Final, Literal

import msgspec

MILLISECONDS_MAX: Final = 10_000

Milliseconds = Annotated[float, msgspec.Meta(ge=0, le=MILLISECONDS_MAX)]

End = int | Literal["clients"]
"""Of a link: a replica by its id, or whoever has connected as a client."""


class Delay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of one link: every message is held for so long, in either direction."""

    between: tuple[End, End]
    ms: Milliseconds


def delay_s(delays: Sequence[Delay], one: End, other: End, default_ms: float) -> float:
    """Of the link between `one` and `other`, in seconds."""
    for delay in reversed(delays):
        if delay.between in ((one, other), (other, one)):
            return delay.ms / 1000
    return default_ms / 1000


def problem(delays: Sequence[Delay], replicas: Collection[int]) -> str | None:
    """What is wrong with them, by place; None when nothing is."""
    for place, delay in enumerate(delays):
        for end in delay.between:
            if end != "clients" and end not in replicas:
                return f"delay[{place}].between: no replica has id {end}"
        if delay.between[0] == delay.between[1]:
            return f"delay[{place}].between: {delay.between[0]!r} has no link to itself"
    return None
