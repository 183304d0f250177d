"""Which shard a key belongs to: the same everywhere and for ever, or nothing would be found again.

    BLAKE2b of the key in UTF-8, 8 bytes, as a big-endian number, modulo the number of shards

(A checksum would be quicker, but CRC-32 puts k0, k1, … into one of two shards.) Nothing else decides: a
key does not move, and the number of shards of a cluster does not change.
"""

from hashlib import blake2b


def shard_of(key: str, shards: int) -> int:
    """The number of the shard, from 0, that holds `key`."""
    if shards == 1:
        return 0
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big") % shards
