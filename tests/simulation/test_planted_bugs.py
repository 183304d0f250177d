"""Each planted bug is seen by the checker, in what clients wrote down and nowhere else.

Each script is played twice: with the bug, where the history must be refused, and without it, where
the same steps must give a history that is linearizable. So neither the script nor the checker
can be what is wrong. Clients with bugs have their scripts in `tests.unit.harness.mutants.test_clients`.
"""

from collections.abc import Callable
from typing import Final

import pytest

from checker import VerdictKind
from harness.mutants import MUTANTS, Mutant
from tests.simulation import (
    scripts_logs,
    scripts_members,
    scripts_promises,
    scripts_reads,
    scripts_storage,
    scripts_votes,
)
from tests.simulation.stage import Stage

Play = Callable[[Mutant], Stage]

NO_BUG: Final = Mutant(name="", number="", removes="", seen_as="")

SCRIPTS: Final[dict[str, Play]] = {
    "reply-before-quorum": scripts_votes.reply_before_quorum,
    "ignore-accepted": scripts_logs.ignore_accepted,
    "local-reads": scripts_reads.local_reads,
    "read-before-recovery": scripts_reads.read_before_recovery,
    "count-stale-confirmations": scripts_reads.count_stale_confirmations,
    "confirms-without-memory": scripts_reads.confirms_without_memory,
    "lease-without-margin": scripts_reads.lease_without_margin,
    "forget-grants": scripts_reads.forget_grants,
    "hand-over-keeps-lease": scripts_reads.hand_over_keeps_lease,
    "send-before-sync": scripts_votes.send_before_sync,
    "promise-not-durable": scripts_promises.promise_not_durable,
    "accept-lower-ballot": scripts_promises.accept_lower_ballot,
    "promise-lower": scripts_promises.promise_lower,
    "shared-ballots": scripts_promises.shared_ballots,
    "believe-the-first": scripts_logs.believe_the_first,
    "half-is-enough": scripts_votes.half_is_enough,
    "count-duplicate-votes": scripts_votes.count_duplicate_votes,
    "count-stale-votes": scripts_votes.count_stale_votes,
    "execute-out-of-order": scripts_logs.execute_out_of_order,
    "fill-gaps-at-once": scripts_logs.fill_gaps_at_once,
    "trust-old-entries": scripts_logs.trust_old_entries,
    "refuse-what-is-proposed": scripts_logs.refuse_what_is_proposed,
    "reconfigure-at-once": scripts_members.reconfigure_at_once,
    "forget-new-quorum": scripts_members.forget_new_quorum,
    "removed-keeps-voting": scripts_members.removed_keeps_voting,
    "no-fsync": scripts_storage.power_fails,
    "name-not-durable": scripts_storage.power_fails,
    "sync-then-write": scripts_storage.power_fails,
    "trust-checksums": scripts_storage.trust_checksums,
    "retry-fsync": scripts_storage.retry_fsync,
    "cut-at-damage": scripts_storage.cut_at_damage,
    "dedup-by-number-only": scripts_logs.dedup_by_number_only,
    "forget-sessions-early": scripts_logs.forget_sessions_early,
    "read-anywhere": scripts_reads.read_anywhere,
}

SAFE: Final = {"M24", "M29"}
"""What makes clients wait for ever, and tells them nothing wrong: no history shows it."""

OF_SNAPSHOTS: Final = {"M18", "M19", "S7", "S8", "S9", "S10", "S11"}
"""What takes a snapshot or a lost disk, which no script has: the simulator finds them."""


def test_there_is_a_script_for_every_planted_bug_in_a_replica() -> None:
    planted = {
        name
        for name, bug in MUTANTS.items()
        if bug.protocol == "multipaxos"  # of mdl: tests/simulation/test_sharded_worlds.py
        and bug.number not in SAFE | OF_SNAPSHOTS
        and (bug.client is None or bug.core is not NO_BUG.core)
    }
    assert set(SCRIPTS) == planted


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_checker_refuses_what_clients_saw_of(name: str) -> None:
    assert SCRIPTS[name](MUTANTS[name]).verdict() is VerdictKind.NOT_LINEARIZABLE


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_same_script_is_linearizable_without(name: str) -> None:
    assert SCRIPTS[name](NO_BUG).verdict() is VerdictKind.LINEARIZABLE
