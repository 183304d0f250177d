"""What consensus asks of an application."""

from typing import Protocol


class StateMachine(Protocol):
    """Deterministic: equal bodies in equal order give equal results on every replica."""

    def execute(self, body: bytes) -> bytes:
        """Execute one command and return its result; total, whatever the bytes are."""

    def query(self, body: bytes) -> bytes:
        """Answer a question, and change nothing; total, whatever the bytes are.

        What would change something is refused in the result, and not executed: this is asked outside
        the log, on one replica only.
        """
