"""An operation as the verifier sees it."""

from math import inf

from msgspec import Struct

from checker.model import Action


class Item(Struct):
    """An operation as far as the verifier is concerned."""

    index: int
    call: int
    end: float
    """Its return; infinite when it need not have taken effect at all."""
    action: Action

    @property
    def is_required(self) -> bool:
        """True when every order must have it."""
        return self.end < inf
