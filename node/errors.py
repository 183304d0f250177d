"""Errors, sorted by what whoever catches them may conclude."""

from pathlib import Path


class NodeError(Exception):
    """Something a replica can meet and cannot mend by itself."""


class ConfigError(NodeError):
    """The operator must fix a file: which key, which value, why."""


class WireError(NodeError):
    """Bytes that are not our protocol: close that connection, count it."""


class FrameTooLarge(WireError):
    """A frame announces more bytes than this connection accepts."""


class MalformedFrame(WireError):
    """A frame's content is not a message of ours."""


class UnknownTag(MalformedFrame):
    """A frame names a message that this version does not know."""


class ForeignBytes(WireError):
    """The connection does not begin as one of ours does."""


class VersionMismatch(WireError):
    """The other side speaks another version of the protocol."""


class WrongPort(WireError):
    """One of ours, at the wrong door: a client on a peer port, or the other way round."""


class ClusterMismatch(WireError):
    """The other side belongs to another cluster: the two must never mix."""


class WrongPeer(WireError):
    """A replica that is not configured here, or that looks for another one."""


class TooSlow(WireError):
    """A hello or a frame did not arrive in time."""


class DoesNotRead(WireError):
    """The other side does not read what it asked for."""


class TooMuchHeld(WireError):
    """All connections together hold more than they may, and this one held most."""


class TooManyConnections(WireError):
    """As many connections are open as may be."""


class LinkReplaced(WireError):
    """The same peer has opened a newer link."""


class StorageError(NodeError):
    """The disk failed: a replica that cannot save must not speak."""


class CorruptRecord(StorageError):
    """Bytes that had been made durable changed: refuse to start, keep the evidence."""

    def __init__(self, path: Path | str, offset: int, reason: str) -> None:
        super().__init__(f"{path}: damaged at byte {offset}: {reason}")
        self.path = path
        self.offset = offset
        self.reason = reason


class Removed(NodeError):
    """This replica is no member any more, and the others can do without it: it may end."""


class ProtocolViolation(NodeError):
    """A peer contradicted itself (two values for one ballot): stop, keep the evidence."""
