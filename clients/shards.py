"""Which shard a key belongs to: the same everywhere and for ever, or nothing would be found again.

    CRC-32 of the key in UTF-8 (the one of zlib and Ethernet), modulo the number of shards

It spreads keys that differ in a digit as well as random ones, and every language has it. Nothing else
decides: a key does not move, and the number of shards of a cluster does not change.
"""

from zlib import crc32


def shard_of(key: str, shards: int) -> int:
    """The number of the shard, from 0, that holds `key`."""
    return crc32(key.encode()) % shards
