"""For tests of one's own Trio programs: `simulate_seeds`, a fixture.

    # conftest.py
    pytest_plugins = ["harness.simulation.pytest_plugin"]

    # test_server.py
    def test_what_was_acknowledged_survives(simulate_seeds):
        simulate_seeds(main)                # main(world), for seeds 0 … 19

A failure names its seed and shows the last events; `--simulation-seed=17` runs that one alone,
`--simulation-seeds=1000` more of them.

Not an entry point, which would save that line: pytest rewrites the assertions of every package of a
distribution that has one (node, checker, …), in every session, and warns about an editable install.
Loading this module imports nothing but pytest; Trio and the simulator come with the first call.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from harness.simulation.programs import Simulated, Simulation

SEEDS: Final = 20

_EVENTS: Final = 40
"""Of a failed run, shown."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which seeds."""
    group = parser.getgroup("simulation")
    group.addoption("--simulation-seeds", type=int, help="how many seeds `simulate_seeds` tries")
    group.addoption("--simulation-seed", type=int, help="the only seed that `simulate_seeds` tries")


@pytest.fixture
def simulate_seeds(request: pytest.FixtureRequest) -> "SimulateSeeds":
    """Runs a world under one seed after the other; see `harness.simulation.programs.simulate`."""
    return SimulateSeeds(
        only=request.config.getoption("--simulation-seed"),
        count=request.config.getoption("--simulation-seeds"),
    )


class SimulateSeeds:
    """Call it with `main`, once or more in a test."""

    def __init__(self, *, only: int | None, count: int | None) -> None:
        self._only = only
        self._count = count

    def __call__(
        self,
        main: "Callable[[Simulation], Awaitable[Any]]",
        *,
        seeds: int = SEEDS,
        **named: Any,  # noqa: ANN401 - as `simulate` takes them
    ) -> "list[Simulated[Any]]":
        """Run `main(world)` under `seeds` seeds; the options of pytest come first."""
        from harness.simulation.programs import Hung, simulate  # noqa: PLC0415 - see above

        count = seeds if self._count is None else self._count
        done = []
        for seed in range(count) if self._only is None else [self._only]:
            try:
                done.append(simulate(main, seed=seed, **named))
            except (Exception, Hung) as error:
                error.add_note(f"again, alone: pytest --simulation-seed={seed}")
                error.add_note(_last_events(main, seed, named))
                raise
        return done


def _last_events(
    main: "Callable[[Simulation], Awaitable[Any]]", seed: int, named: dict[str, Any]
) -> str:
    """Run it once more, and keep what happens."""
    from harness.simulation.programs import Hung, simulate  # noqa: PLC0415 - see above
    from harness.simulation.trace import Trace  # noqa: PLC0415

    trace = Trace(is_kept=True)
    try:
        simulate(main, seed=seed, **(named | {"trace": trace}))
    except (Exception, Hung):
        lines = [
            f"{event.at / 1e9:12.6f}  {event.host:12} {event.kind:8} {event.peer} {event.text}"
            for event in trace.events[-_EVENTS:]
        ]
        return "\n".join(["the last events:", *lines])
    return "The second run of this seed did not fail: the program depends on more than the seed."
