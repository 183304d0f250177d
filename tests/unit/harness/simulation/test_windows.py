"""What is seen through the windows of a whole replica."""

from types import SimpleNamespace
from typing import Any

import pytest

from harness.simulation.invariants import Violation
from harness.simulation.programs.hosts import CURRENT
from harness.simulation.runtime_floor import draw_world
from harness.simulation.runtime_floor.windows import Windows
from harness.simulation.world import Size
from node.core.multipaxos import MultiPaxos
from node.state_machine.sessions import SessionedStateMachine


def broken() -> None:
    raise Violation("one value a slot", "two of them")


@pytest.mark.parametrize("is_over", [False, True])
def test_what_a_replica_does_after_its_death_counts_for_nothing(is_over: bool) -> None:
    heard: list[Violation] = []
    windows = Windows(
        draw_world(1, Size()),
        MultiPaxos,
        SessionedStateMachine,
        groups=(),
        orders=None,
        on_violation=heard.append,
    )
    life: Any = SimpleNamespace(is_over=is_over)
    token = CURRENT.set(life)
    try:
        if is_over:
            windows.look(broken)
        else:
            with pytest.raises(Violation, match="two of them"):
                windows.look(broken)
    finally:
        CURRENT.reset(token)
    assert len(heard) == (not is_over)
