"""Randomness by counting: the n-th draw of a stream depends on the seed, the stream and n only.

So a fault that is taken out of a run re-rolls nothing else: what every other stream draws stays what
it was, and a run can be cut down to what matters. Streams have names (`draws.stream("link", 1, 2)`).

Integers only, by the arithmetic of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom
number generators", OOPSLA 2014): the same on every machine and in every version of Python, which is
not promised of `random.Random`.
"""

from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from typing import Final, TypeVar

T = TypeVar("T")

MILLION: Final = 1_000_000
"""Chances are given in parts of a million."""

_MASK: Final = (1 << 64) - 1
_GAMMA: Final = 0x9E3779B97F4A7C15


def mixed(number: int) -> int:
    """64 bits that look like chance, by a permutation of all 64-bit numbers."""
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB & _MASK
    return number ^ (number >> 31)


class Draws:
    """All the streams of one seed."""

    def __init__(self, seed: int) -> None:
        self.seed: Final = seed

    def stream(self, *name: str | int) -> "Stream":
        """A stream from its beginning; the same name is the same stream."""
        text = repr((self.seed, *name)).encode()
        return Stream(int.from_bytes(blake2b(text, digest_size=8).digest(), "big"))


class Stream:
    """One sequence of draws."""

    __slots__ = ("_key", "count")

    def __init__(self, key: int) -> None:
        self._key = key
        self.count = 0
        """Draws so far; may be set, to begin the draws about one message at a place of its own."""

    def rekey(self, salt: int) -> None:
        """Draw something else from now on: the same world with another future."""
        self._key = mixed(self._key ^ mixed(salt))

    def bits(self) -> int:
        """64 random bits."""
        self.count += 1
        return mixed((self._key + self.count * _GAMMA) & _MASK)

    def below(self, end: int) -> int:
        """One of 0 … end - 1. Its bias, at most end / 2**64, is of no concern here."""
        return self.bits() * end >> 64

    def between(self, first: int, last: int) -> int:
        """One of first … last, both included."""
        return first + self.below(last - first + 1)

    def chance(self, parts: int) -> bool:
        """True in `parts` of a million cases; draws in any case."""
        return self.below(MILLION) < parts

    def choice(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[self.below(len(items))]

    def weighted(self, weights: Sequence[tuple[T, int]]) -> T:
        """One of the items, each as likely as its weight says."""
        left = self.below(sum(weight for _, weight in weights))
        for item, weight in weights:
            left -= weight
            if left < 0:
                return item
        raise AssertionError("the weights changed under way")

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """All of the items, in any order (Fisher and Yates)."""
        left, order = list(items), []
        while left:
            order.append(left.pop(self.below(len(left))))
        return order

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """Some of the items, in any order."""
        return self.shuffled(items)[:count]

    def exponential(self, mean: int) -> int:
        """Mostly little, sometimes much: exponentially distributed around `mean`.

        Without logarithms, which differ between machines: the position of the first bit gives the
        whole part of the dual logarithm, and what follows it a straight line for the rest. That line
        lies a little high, so the factor is 2/3 and not the natural logarithm of 2.
        """
        word = self.bits() | 1
        whole = 64 - word.bit_length()
        rest = ((word << (whole + 1)) & _MASK) >> 44  # 20 bits behind the first one
        return mean * ((whole << 20) + (1 << 20) - rest) * 2 // (3 << 20)


class StreamRandom(Random):
    """A stream for code that takes a `random.Random`, such as a core."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        super().__init__(0)

    def seed(self, *_: object, **__: object) -> None:
        """Does nothing: the stream has its own."""

    def random(self) -> float:
        """As in `random.Random`."""
        return (self.stream.bits() >> 11) * (1.0 / (1 << 53))

    def getrandbits(self, k: int, /) -> int:
        """As in `random.Random`."""
        found = 0
        for _ in range((k + 63) // 64):
            found = found << 64 | self.stream.bits()
        return found >> (-k % 64)
