"""Numbers on a command line."""

import math
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
