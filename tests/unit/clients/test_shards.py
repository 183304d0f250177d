"""Where a key lives must never change: these answers are for ever."""

from collections import Counter

import pytest

from clients import shard_of


@pytest.mark.parametrize(
    ("key", "of_two", "of_three", "of_nine"),
    [("x", 1, 0, 6), ("y", 1, 0, 0), ("k0", 1, 2, 2), ("k1", 0, 2, 8), ("ключ", 0, 2, 8)],
)
def test_a_key_stays_where_it_is(key: str, of_two: int, of_three: int, of_nine: int) -> None:
    assert (shard_of(key, 1), shard_of(key, 2)) == (0, of_two)
    assert (shard_of(key, 3), shard_of(key, 9)) == (of_three, of_nine)


@pytest.mark.parametrize("shards", [2, 3, 4, 9])
def test_keys_that_differ_in_a_digit_are_spread(shards: int) -> None:
    found = Counter(shard_of(f"k{number}", shards) for number in range(900))
    assert len(found) == shards
    assert max(found.values()) < 2 * min(found.values())
