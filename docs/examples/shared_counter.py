# ruff: noqa: INP001, T201 - a script to be run and read, not a module
"""A counter that threads share: the naive one loses updates, the locked one does not.

Run it: python docs/examples/shared_counter.py
"""

import sys
import threading  # noqa: TID251 - sharing between threads is what the example is about

from checker import Linearizable, NotLinearizable, Verdict, check, find_model
from history import Call, record

THREADS = 2
INCREMENTS = 200
ROUNDS_MAX = 200


class NaiveCounter:
    """Looks harmless. Between reading and writing another thread may have its turn."""

    def __init__(self) -> None:
        self._value = 0

    def get(self) -> int:
        """The number of increments."""
        return self._value

    def increment(self) -> None:
        """Count one more."""
        self._set(self._value + 1)

    def _set(self, value: int) -> None:
        self._value = value


class LockedCounter(NaiveCounter):
    """The same, one at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def increment(self) -> None:
        """Count one more, when nobody else does."""
        with self._lock:
            super().increment()


def judge(counter: NaiveCounter) -> Verdict:
    """Let threads increment and read the counter, and judge what they saw."""
    recording = record(counter, {"increment": Call("add", value=lambda: 1), "get": "read"})
    start = threading.Barrier(THREADS)

    def work() -> None:
        start.wait()
        for _ in range(INCREMENTS):
            recording.object.increment()
            recording.object.get()

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return check(recording, find_model("counter"))


def find_race(kind: type[NaiveCounter], rounds: int) -> NotLinearizable | None:
    """The first violation in so many rounds; None when all were linearizable."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads take turns often, so that few rounds are enough
    try:
        for _ in range(rounds):
            verdict = judge(kind())
            if isinstance(verdict, NotLinearizable):
                return verdict
            assert isinstance(verdict, Linearizable)
    finally:
        sys.setswitchinterval(interval)
    return None


def main() -> None:
    """Show one race, and its absence."""
    race = find_race(NaiveCounter, ROUNDS_MAX)
    print(f"naive: {'no race found' if race is None else race.counterexample.explanation}")
    race = find_race(LockedCounter, 20)
    print(f"locked: {'linearizable in all rounds' if race is None else race}")


if __name__ == "__main__":
    main()
