"""Claim: each fault that befalls a leader shows the planted bug that it is there for.

The worlds are calm but for one fault, and each operation is begun at any replica.
"""

import pytest

from harness.simulation.core_floor import run
from harness.simulation.world import MS, SECOND, US, Fault, Kind, Rates, World

CALM = Rates(delay_min=100 * US, delay_mean=300 * US, sync_mean=1 * MS)


def world(kind: Kind, *, mutant: str = "", length: int = 500 * MS, replicas: int = 3) -> World:
    fault = Fault(
        number=1, kind=kind, at=SECOND, target=1, until=SECOND + length, amount=20 * MS
    )  # fmt: skip
    return World(
        seed=1,
        replicas=replicas,
        clients=8,
        readers=4,
        restless=8,
        operations=1000,
        keys=2,
        think_mean=40 * MS,
        horizon=4 * SECOND,
        election_ticks=30,
        heartbeat_ticks=3,
        lease_ticks=30,
        rates=CALM,
        faults=(fault,),
        mutant=mutant,
    )


@pytest.mark.parametrize("replicas", [3, 5])
@pytest.mark.parametrize(
    ("kind", "length", "mutant"),
    [
        (Kind.STRAND_LEADER, 500 * MS, "hand-over-keeps-lease"),
        (Kind.SUSPEND_LEADER, 1000 * MS, "lease-without-margin"),
        (Kind.USURP_LEADER, 500 * MS, "forget-grants"),
        (Kind.TURN_BACK, 500 * MS, "confirms-without-memory"),
    ],
)
def test_a_leader_without_followers_answers_from_an_old_state(
    kind: Kind, length: int, mutant: str, replicas: int
) -> None:
    healthy = run(world(kind, length=length, replicas=replicas))
    assert healthy.failure is None
    assert healthy.bites[kind.value] > 0
    failure = run(world(kind, length=length, replicas=replicas, mutant=mutant)).failure
    assert failure is not None
    assert failure.rule == "fresh reads"


@pytest.mark.parametrize(
    "kind", [Kind.STRAND_LEADER, Kind.SUSPEND_LEADER, Kind.USURP_LEADER, Kind.TURN_BACK]
)
@pytest.mark.parametrize("replicas", [1, 2])
def test_where_nobody_else_can_lead_nothing_happens(kind: Kind, replicas: int) -> None:
    outcome = run(world(kind, replicas=replicas))
    assert outcome.failure is None
    assert kind.value not in outcome.bites
