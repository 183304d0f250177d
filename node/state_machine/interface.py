"""What consensus asks of an application."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol


class StateMachine(Protocol):
    """Deterministic: equal bodies in equal order give equal results on every replica."""

    def execute(self, body: bytes) -> bytes:
        """Execute one command and return its result; total, whatever the bytes are."""

    def query(self, body: bytes) -> bytes:
        """Answer a question, and change nothing; total, whatever the bytes are.

        What would change something is refused in the result, and not executed: this is asked outside
        the log, on one replica only.
        """

    def capture(self) -> Any:  # noqa: ANN401 - whatever `encode` understands
        """The state as it is now, as a copy that later commands do not change. Holds up the replica."""

    def encode(self, captured: Any) -> Iterator[bytes]:  # noqa: ANN401 - from `capture`
        """A captured state in pieces of about a millisecond each; equal states have equal ones."""

    def decode(self, pieces: Iterable[bytes]) -> Iterator[Any]:
        """Read such pieces: a part of the state for each. Changes nothing; raises WireError."""

    def restore(self, parts: Iterable[Any]) -> None:
        """Put the state that `decode` has read in place of the present one."""
