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


class VersionMismatch(WireError):
    """The other side speaks another version of the protocol, or belongs to another cluster."""


class StorageError(NodeError):
    """The disk failed: a replica that cannot save must not speak."""


class CorruptRecord(StorageError):
    """Bytes that had been made durable changed: refuse to start, keep the evidence."""

    def __init__(self, path: Path | str, offset: int, reason: str) -> None:
        super().__init__(f"{path}: damaged at byte {offset}: {reason}")
        self.path = path
        self.offset = offset
        self.reason = reason


class ProtocolViolation(NodeError):
    """A peer contradicted itself (two values for one ballot): stop, keep the evidence."""
