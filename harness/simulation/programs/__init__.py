"""Simulate any Trio program: hosts, a network and disks that fail as a seed decides, repeatably.

    result = simulate(main, seed=1)        main(world) starts programs and plays fate

Nothing here knows of replicas. docs/simulating-your-own-program.md shows how to use it.
"""

from harness.simulation.programs.hosts import (
    Host as Host,
    HostCrashed as HostCrashed,
    Life as Life,
    Program as Program,
)
from harness.simulation.programs.scheduling import SchedulingError as SchedulingError
from harness.simulation.programs.simulation import (
    CALM as CALM,
    Simulated as Simulated,
    Simulation as Simulation,
    TooLongError as TooLongError,
    simulate as simulate,
)
from harness.simulation.programs.substitutes import NotSimulatedError as NotSimulatedError
from harness.simulation.programs.watchdog import Hung as Hung
from node.runtime.disk import Disk as Disk, DiskFile as DiskFile, OsDisk as OsDisk
