r"""The first eight bytes of a connection: whose protocol, which version of it, and who speaks.

    89 67 6e 67 | 00 05 | 01 | 00
    magic "\x89gng" | version | role | nothing yet

They stand before the first frame and never change their shape, so that two versions that frame or
encode differently still tell each other so, in place of calling each other's bytes garbage. The
first byte is no character of ASCII: a browser, or somebody with `nc`, is recognised at once.
"""

import enum
import struct
from typing import Final

from node.errors import ForeignBytes, VersionMismatch, WrongPort

PROTOCOL_VERSION: Final = 5
"""Raised whenever a frame changes its meaning; both sides must agree. 2: MessagePack; 3: the preface
itself; 4: members that change; 5: stamps in answers."""

_MAGIC: Final = b"\x89gng"
_PREFACE: Final = struct.Struct(">4sHBB")
PREFACE_BYTES: Final = _PREFACE.size


class Speaker(enum.IntEnum):
    """Who opened the connection, and so which messages may follow."""

    CLIENT = 1
    """A client, to a replica or to the master."""
    PEER = 2
    """A replica, to another replica."""
    MEMBER = 3
    """A replica, to the master."""


def preface(speaker: Speaker) -> bytes:
    """What `speaker` sends first."""
    return _PREFACE.pack(_MAGIC, PROTOCOL_VERSION, speaker, 0)


def check_preface(data: bytes, *expected: Speaker) -> Speaker:
    """Who speaks; raises WireError with a sentence when it is nobody whom we expected here."""
    assert len(data) == PREFACE_BYTES, len(data)
    magic, version, role, _ = _PREFACE.unpack(data)
    if magic != _MAGIC:
        raise ForeignBytes(f"not gong's protocol: it begins with {data!r}")
    if version != PROTOCOL_VERSION:
        raise VersionMismatch(f"protocol version {version}; this side speaks {PROTOCOL_VERSION}")
    if role not in expected:
        names = " or ".join(speaker.name.lower() for speaker in expected)
        found = f"a {Speaker(role).name.lower()}" if role in _ROLES else f"role {role}"
        raise WrongPort(f"this port is for a {names}, and {found} speaks")
    return Speaker(role)


_ROLES: Final = tuple(Speaker)
