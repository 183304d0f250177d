"""Events in the order of their moments, to be cut between two of them again and again."""

from typing import Final

from checker.engines.lifetimes import Event
from checker.patience import watched

_WORD: Final = 512
"""Moments to a word of the bit map, so that finding a neighbour looks at a handful of words."""


class _Marks:
    """A set of moments that finds neighbours quickly: a bit map, and one of its words."""

    def __init__(self, length: int) -> None:
        self._words = [0] * (length // _WORD + 1)
        self._used = 0

    def add(self, moment: int) -> None:
        word, bit = divmod(moment, _WORD)
        self._words[word] |= 1 << bit
        self._used |= 1 << word

    def before(self, moment: int) -> int | None:
        """The last one below `moment`."""
        word, bit = divmod(moment, _WORD)
        low = self._words[word] & ((1 << bit) - 1)
        if not low:
            used = self._used & ((1 << word) - 1)
            if not used:
                return None
            word = used.bit_length() - 1
            low = self._words[word]
        return word * _WORD + low.bit_length() - 1


class Line:
    """A linked list of events by moment; `before` finds the last event ahead of a moment."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._marks = _Marks(length)
        self._events: list[tuple[int, Event | None]] = [(-1, None)]
        """With their moments, as they came; the first is an anchor before everything."""
        self._following = [-1]
        self._last_at: dict[int, int] = {}
        """By moment, the last event there."""

    def append(self, moment: int, event: Event) -> None:
        """Add behind all others; for a line that has only such."""
        self.insert(moment + 1, [(moment, event)])

    def around(self, first: int, last: int) -> tuple[int, int]:
        """The moments of the events before `first` and after it, which is after `last` too."""
        place = self._place(first)
        following = self._following[place]
        high = self._length if following == -1 else self._events[following][0]
        assert high >= last
        return self._events[place][0], high

    def insert(self, first: int, placed: list[tuple[int, Event]]) -> None:
        """Add events behind the last one whose moment is below `first`, one after the other."""
        place = self._place(first)
        after = self._following[place]
        limit = self._length if after == -1 else self._events[after][0]
        for moment, event in placed:
            number = len(self._events)
            self._events.append((moment, event))
            self._following[place] = number
            self._following.append(after)
            if moment < limit:
                self._marks.add(moment)
                self._last_at[moment] = number
            place = number

    def _place(self, moment: int) -> int:
        before = self._marks.before(moment)
        return 0 if before is None else self._last_at[before]

    def with_bursts(self, bursts: list[tuple[int, list[Event]]]) -> list[Event]:
        """All events in order; each burst behind the last event that is not after its moment."""
        order: list[Event] = []
        number, done = self._following[0], 0
        for _ in watched(self._events[1:]):
            moment, event = self._events[number]
            while done < len(bursts) and bursts[done][0] < moment:
                order += bursts[done][1]
                done += 1
            assert event is not None
            order.append(event)
            number = self._following[number]
        for _, events in watched(bursts[done:]):
            order += events
        return order
