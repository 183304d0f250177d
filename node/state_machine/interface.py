"""What consensus asks of an application."""

from typing import Protocol


class StateMachine(Protocol):
    """Deterministic: equal bodies in equal order give equal results on every replica."""

    def execute(self, body: bytes) -> bytes:
        """Execute one command and return its result; total, whatever the bytes are."""
