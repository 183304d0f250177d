"""The floor `core`: cores on a discrete-event loop, for millions of messages.

run.py         one world from its beginning to a verdict
cluster.py     everything that lives in it, joined
loop.py        virtual time
replica.py     what a driver does with a core, on a virtual disk
client.py      what a client does, without a socket
faults.py      the faults of the world, played
finale.py      the phase in which all that is pending must end
"""

from harness.simulation.core_floor.run import run as run
from harness.simulation.swarm import draw_world as draw_world
