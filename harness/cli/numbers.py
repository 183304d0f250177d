"""Numbers on a command line."""

import math
import re
from typing import Any, Final

import click


class _Positive(click.FloatRange):
    """Seconds, rates, sizes. Python also reads "nan" and "inf", which no comparison refuses."""

    def convert(
        self,
        value: Any,  # noqa: ANN401 - the signature is click's
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


POSITIVE: Final = _Positive(min=0, min_open=True)
"""More than zero, and finite."""


SEEDS_MAX: Final = 1 << 63
"""Seeds are 64-bit numbers wherever they are stored."""


class Seeds(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.3 only
    """`1000` for the first thousand seeds, `17:19` for 17 and 18."""

    name = "seeds"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - the signature is click's
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> range:
        """The seeds that the words mean."""
        if isinstance(value, range):
            return value
        found = re.fullmatch(r"(?:([0-9]+):)?([0-9]+)", str(value).strip(), re.ASCII)
        if found is None:
            self.fail(f"{value!r} is neither a number N nor a range A:B.", param, ctx)
        seeds = range(int(found[1] or 0), int(found[2]))
        if not seeds:
            self.fail(f"{value!r} holds no seed; 17:18 is the single seed 17.", param, ctx)
        if seeds.stop > SEEDS_MAX:
            self.fail(f"{value!r} goes beyond {SEEDS_MAX}.", param, ctx)
        return seeds
