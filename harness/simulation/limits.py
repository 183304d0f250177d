"""Small limits, so that a short run meets what otherwise takes a long one."""

from dataclasses import replace
from typing import Final

from harness.simulation.world import World
from node.core.mdl import Patience
from node.core.multipaxos import Settings
from node.state_machine.sessions import SESSIONS_MAX

_LITTLE: Final = {"operations_max": 12, "askers_max": 12, "message_tags_max": 2}
"""Of `Patience`, where limits are small."""


def limited(settings: Settings, world: World) -> Settings:
    """Few commands in a slot, slots at once, commands waiting and entries in a message, if so drawn."""
    if not world.has_small_limits:
        return settings
    return replace(
        settings,
        batch_commands_max=1,
        slots_in_flight_max=4,
        pending_max=4,
        report_entries_max=2,
    )


def sessions_max(world: World) -> int:
    """Sessions that are remembered: few, if so drawn, but enough for all clients at once.

    With mdl that is not small: a shard that forgets a session which another one may still have to ask for
    reaches a limit of the protocol (docs/internals/mdl.md, "Bounds").
    """
    is_small = world.has_small_limits and world.protocol != "mdl"
    return world.clients + 2 if is_small else SESSIONS_MAX


def patience_of(world: World) -> Patience:
    """How long shards wait for each other, and for how many operations at once."""
    return Patience(
        ask_ticks=5,
        coordination_timeout_ticks=world.coordination_ticks,
        **(_LITTLE if world.has_small_limits else {}),
    )
