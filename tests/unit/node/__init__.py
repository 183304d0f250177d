"""Unit tests of the replica: formats, disk, protocol parts, state machine."""
