"""Small limits, so that a short run meets what otherwise takes a long one."""

from dataclasses import replace

from harness.simulation.world import World
from node.core.multipaxos import Settings
from node.state_machine.sessions import SESSIONS_MAX


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
    """Sessions that are remembered: few, if so drawn, but enough for all clients at once."""
    return world.clients + 2 if world.has_small_limits else SESSIONS_MAX
