"""Free ports on loopback, outside the range from which the system takes ports for connections.

A replica that is down for a second leaves its ports unbound; a port from the ephemeral range could
then be taken by any outgoing connection, and the replica could not come back.
"""

import socket
from pathlib import Path
from random import Random
from typing import Final

_EPHEMERAL: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST: Final = 10_000
_HIGHEST_WHEN_UNKNOWN: Final = 30_000


def free_ports(count: int, random: Random) -> list[int]:
    """`count` different ports that nobody listens on at the moment."""
    try:
        highest = int(_EPHEMERAL.read_text().split()[0]) - 1
    except (OSError, ValueError, IndexError):
        highest = _HIGHEST_WHEN_UNKNOWN
    lowest = _LOWEST if highest - _LOWEST > 1000 else 1024
    ports: list[int] = []
    for port in random.sample(range(lowest, highest + 1), highest + 1 - lowest):
        if len(ports) == count:
            break
        if _is_free(port):
            ports.append(port)
    assert len(ports) == count, f"only {len(ports)} free ports from {lowest} to {highest}"
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
