"""The floor `runtime`: whole replicas and clients, their real code, on Trio's fake clock.

drawing.py   what a seed means here
run.py       one world from its beginning to a verdict
configuration.py   what replicas are told of each other
cluster.py   replicas as programs on simulated hosts, and what is wrong when one stops
office.py    the clients: who asks what and when, and the record of it
session_office.py  the same, for clients that have many operations in flight
faults.py    the faults of the world, played
leaders.py   what those that befall leaders need
finale.py    the phase in which all that is pending must end
windows.py   what is looked at inside of replicas
speech.py    what is said over connections, for people
seams.py     what is replaced in the code under test: planted bugs, and where its log goes

What is under it, `harness.simulation.programs`, knows nothing of replicas.
"""

from harness.simulation.runtime_floor.drawing import draw_world as draw_world
from harness.simulation.runtime_floor.run import run as run
