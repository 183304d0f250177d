"""Whole replicas and clients in simulated worlds: what repeats, what is played, what is noticed."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from msgspec import structs

from harness.simulation.draws import MILLION
from harness.simulation.floors import find_floor
from harness.simulation.outcome import FailureKind
from harness.simulation.pool import open_executor
from harness.simulation.programs import simulation
from harness.simulation.runtime_floor import draw_world, run
from harness.simulation.runtime_floor.office import Office
from harness.simulation.runtime_floor.speech import describe
from harness.simulation.seeds import run_seeds
from harness.simulation.story import tell
from harness.simulation.trace import Trace
from harness.simulation.watching import Event
from harness.simulation.world import MS, SECOND, US, Fault, Kind, Rates, Size, World, healthy
from node.core.interface import Role, Tick
from node.core.multipaxos import MultiPaxos
from node.runtime.codecs import PEER_CODEC
from node.types import ClientId, ReplicaId, RequestNumber
from node.wire.framing import frame
from node.wire.messages import (
    CLIENT_CODEC,
    FRAME_BYTES_MAX,
    PeerHello,
    Request,
)
from node.wire.preface import Speaker, preface

CALM = Rates(delay_min=100 * US, delay_mean=300 * US, sync_mean=1 * MS)


def world(*faults: Fault, seed: int = 1, mutant: str = "", replicas: int = 3) -> World:
    return World(
        seed=seed,
        replicas=replicas,
        clients=3,
        operations=75,
        keys=2,
        think_mean=60 * MS,
        horizon=2 * SECOND,
        rates=CALM,
        faults=faults,
        mutant=mutant,
    )


def fault(kind: Kind, *, at: int = 800 * MS, target: int = 1, **named: object) -> Fault:
    return Fault(number=1, kind=kind, at=at, target=target, until=at + 300 * MS, **named)  # type: ignore[arg-type]


def test_a_calm_world_answers_everything() -> None:
    outcome = run(world())
    assert outcome.failure is None
    assert outcome.operations == outcome.completed == 78
    assert not {kind.value for kind in Kind} & set(outcome.bites)
    assert outcome.crashes == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("struck", "bite"),
    [
        (fault(Kind.CRASH), "crash"),
        (fault(Kind.CRASH_AT_FAILPOINT, where="before-save"), "crash-at-failpoint"),
        (fault(Kind.CRASH_AT_FAILPOINT, where="after-send"), "crash-at-failpoint"),
        (fault(Kind.PAUSE), "pause"),
        (fault(Kind.SLOW, amount=5 * MS), "slow"),
        (fault(Kind.CUT, other=2), "cut"),
        (fault(Kind.CUT_BOTH, other=2), "cut-both"),
        (fault(Kind.ISOLATE), "isolate"),
        (fault(Kind.RING), "ring"),
        (fault(Kind.CUT_LEADERS, amount=30 * MS), "cut-leaders"),
        (fault(Kind.STRAND_LEADER), "strand-leader"),
        (fault(Kind.SUSPEND_LEADER), "suspend-leader"),
        (fault(Kind.USURP_LEADER, amount=5 * MS), "usurp-leader"),
        (fault(Kind.TURN_BACK, amount=5 * MS), "turn-back"),
        (fault(Kind.CLOCK_RATE, amount=2 * MILLION), "clock-rate"),
        (fault(Kind.FAIL_FSYNC), "fail-fsync"),
        (fault(Kind.CLIENT_CRASH, target=101), "client-crash"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.where or value.kind.name.lower(),
)
def test_every_kind_of_fault_bites_and_is_survived(struck: Fault, bite: str) -> None:
    outcome = run(world(struck))
    assert outcome.failure is None
    assert outcome.bites[bite] > 0
    assert outcome.operations >= 30


@pytest.mark.slow
@pytest.mark.parametrize(("mutant", "rule"), [("", None), ("local-reads", "fresh reads")])
def test_an_answer_from_a_state_older_than_the_query_is_seen(mutant: str, rule: str | None) -> None:
    """What the client port is asked, and what the state machine reads, meet in one invariant."""
    stranded = fault(Kind.STRAND_LEADER)
    asked = structs.replace(world(stranded, mutant=mutant), readers=1, restless=2)
    failure = run(asked).failure
    assert (failure and failure.rule) == rule


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Kind.CLOCK_STEP, Kind.CLOCK_STROBE])
def test_a_wrong_wall_clock_bites_when_somebody_looks(kind: Kind) -> None:
    wrong = fault(kind, amount=SECOND)
    calm = run(world(wrong))
    assert calm.failure is None
    assert kind.value not in calm.bites  # nobody had anything to log
    crash = Fault(number=2, kind=Kind.CRASH, at=850 * MS, target=1, until=870 * MS)
    outcome = run(world(wrong, crash))
    assert outcome.failure is None
    assert outcome.bites[kind.value] > 0


@pytest.mark.slow
def test_a_disk_that_cannot_be_read_once_is_started_from_at_the_second_try() -> None:
    crash = fault(Kind.CRASH)
    outcome = run(world(structs.replace(fault(Kind.FAIL_READ, at=700 * MS), number=2), crash))
    assert outcome.failure is None
    assert outcome.bites["fail-read"] == outcome.bites["stopped-by-disk"] == 1


@pytest.mark.slow
def test_a_damaged_replica_refuses_to_start_and_is_done_without() -> None:
    flip = structs.replace(fault(Kind.FLIP_BIT, at=1000 * MS), number=2)
    outcome = run(world(flip, fault(Kind.CRASH, at=1100 * MS)))
    assert outcome.failure is None
    assert outcome.bites["flip-bit"] == outcome.bites["stopped-by-disk"] == 1
    assert not outcome.unavailable


@pytest.mark.slow
def test_a_world_has_one_outcome_first_and_last_in_a_process() -> None:
    worlds = [draw_world(seed, Size(operations=30)) for seed in (4, 5, 6)]
    first = [run(each) for each in worlds]
    assert [run(each) for each in reversed(worlds)] == first[::-1]


@pytest.mark.slow
def test_a_worker_plays_what_this_process_plays() -> None:
    size = Size(replicas=5)
    with open_executor(2, floor="runtime") as executor:
        batches = [executor.submit(run_seeds, "runtime", size, n, n + 2) for n in (3, 5)]
        there = [each.trace_hash for batch in batches for each in batch.result()]
    assert there == [run(draw_world(seed, size)).trace_hash for seed in range(3, 7)]


@pytest.mark.slow
def test_a_world_has_one_outcome_in_another_process_with_another_hash_seed() -> None:
    script = """
        from harness.simulation.runtime_floor import draw_world, run
        from harness.simulation.world import Size
        for seed in (7, 4):
            print(run(draw_world(seed, Size(operations=30))).trace_hash)
    """
    here = [run(draw_world(seed, Size(operations=30))).trace_hash for seed in (7, 4)]
    for hash_seed in ("1", "2"):
        there = subprocess.run(
            [sys.executable, "-c", dedent(script)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=Path(__file__).parents[2],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        assert there == here


def test_the_trace_tells_what_happened() -> None:
    trace = Trace(is_kept=True)
    outcome = run(world(fault(Kind.CRASH)), trace=trace)
    assert outcome.trace_hash == trace.digest()
    kinds = {event.kind for event in trace.events if event.host == "replica 1"}
    assert {"start", "serve", "send", "deliver", "note", "crash", "restart"} <= kinds


def test_a_piece_of_a_stream_is_told_as_its_messages() -> None:
    hello = PeerHello("test", ReplicaId(1), ReplicaId(2), 5)
    request = Request(ClientId(1), RequestNumber(2), RequestNumber(1), b"x")
    frames = [
        frame(codec.encode(message), FRAME_BYTES_MAX)
        for codec, message in ((PEER_CODEC, hello), (CLIENT_CODEC, request))
    ]
    assert describe(b"".join(frames)).split("\n") == [repr(hello), repr(request)]
    first = preface(Speaker.PEER) + frames[0]
    assert describe(first) == repr(hello)
    for piece in (b"", frames[0][:-1], b"GET / HTTP/1.1"):
        assert describe(piece) == repr(piece)


def test_the_last_phase_is_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was not: with slow disks and short elections a cluster was called stuck (seed 512)."""
    seen = []
    read_finally = Office.read_finally

    async def note(self: Office) -> None:
        seen.append(self._simulation.rates)
        await read_finally(self)

    monkeypatch.setattr(Office, "read_finally", note)
    slow = structs.replace(CALM, loss=1, duplicate=1, late=1, sync_stall=1, sync_mean=30 * MS)
    run(structs.replace(world(), rates=slow, operations=3))
    assert seen == [healthy(slow)]
    assert healthy(slow).sync_mean < slow.sync_mean


@pytest.mark.slow
def test_a_diagram_names_the_messages() -> None:
    story = tell(world(), "runtime", "")
    said = [story.words(event) for event in story.events if event.kind == "send"]
    for message in ("PeerHello", "Heartbeat", "Accept ", "Accepted", "Request", "Executed"):
        assert any(message in words for words in said), message
    assert not [words for words in said if words.endswith(" bytes")]
    assert {"Heartbeat", "Request"} <= {story.type_of(event) for event in story.events}


@pytest.mark.slow
def test_another_future_of_the_same_past() -> None:
    past, future = Trace(is_kept=True), Trace(is_kept=True)
    run(world(), trace=past)
    run(structs.replace(world(), reseed=5, reseed_at=SECOND), trace=future)

    def before(trace: Trace) -> list[object]:
        return [event for event in trace.events if event.at < SECOND]

    assert before(past) == before(future)
    assert past.digest() != future.digest()


@pytest.mark.slow
def test_drawn_worlds_are_survived() -> None:
    for seed in range(12):
        outcome = run(draw_world(seed, Size()))
        assert outcome.failure is None, f"seed {seed}: {outcome.failure}"


@pytest.mark.slow
def test_a_planted_bug_is_noticed() -> None:
    for mutant in ("no-fsync", "dedup-by-number-only", "half-is-enough"):
        outcomes = (run(draw_world(seed, Size(mutant=mutant))) for seed in range(10))
        assert any(outcome.failure is not None for outcome in outcomes), mutant


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mutant", "rule"),
    [
        ("name-not-durable", "votes"),
        ("promise-not-durable", "promises"),
        ("half-is-enough", "chosen by a quorum"),
        ("dedup-by-number-only", "exactly once"),
        ("count-duplicate-votes", "chosen by a quorum"),
    ],
)
def test_a_look_inside_notices_what_no_client_has_seen_yet(mutant: str, rule: str) -> None:
    """Other rules may see it first in another world; no client does."""
    outcomes = (run(draw_world(seed, Size(mutant=mutant))) for seed in range(30))
    failures = (outcome.failure for outcome in outcomes if outcome.failure is not None)
    for failure in failures:
        assert failure.kind is FailureKind.INVARIANT
        if failure.rule == rule:
            return
    raise AssertionError(f"no world in which {rule!r} sees it first")


class _Loops(MultiPaxos):
    """A core that never comes back from a tick, once it leads."""

    def step(self, event: Event, /) -> None:
        super().step(event)
        while isinstance(event, Tick) and self.role is Role.LEADER:
            pass


def test_code_that_loops_for_ever_is_a_failure_that_repeats(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(simulation, "STUCK_S", 0.2)
    first, again = run(world(), core=_Loops), run(world(), core=_Loops)
    assert first.failure is not None
    assert (first.failure.kind, first.failure.rule) == (FailureKind.LIVENESS, "hangs")
    assert "Driver.run" in first.failure.what
    assert (first.failure, first.trace_hash) == (again.failure, again.trace_hash)


def test_a_crash_at_a_failpoint_may_wait_for_a_write_that_can_be_torn() -> None:
    crash = fault(Kind.CRASH_AT_FAILPOINT, where="before-sync")
    assert run(world(crash)).crashes == 1
    assert run(world(structs.replace(crash, amount=10**9))).crashes == 0


def test_a_bug_of_the_other_floors_clients_cannot_be_planted_here() -> None:
    with pytest.raises(ValueError, match="real ones"):
        run(world(mutant="silence-is-failure"))


def test_the_floor_is_found_by_its_name() -> None:
    floor = find_floor("runtime")
    assert floor.run is run
    assert floor.draw_world is draw_world


@pytest.mark.slow
def test_nothing_on_the_real_file_system_is_touched() -> None:
    """A run crashes, opens journals again and judges: Python would report every real file of it."""
    script = """
        import sys
        from harness.simulation.runtime_floor import draw_world, run
        from harness.simulation.world import Size

        FILES = ("open", "os.", "shutil.", "tempfile.", "glob.", "pathlib.", "sqlite3.")
        touched = []

        def note(event, arguments):
            # The checker, afterwards, asks /proc how much memory it takes.
            if event.startswith(FILES) and not str(arguments[0]).startswith("/proc/"):
                touched.append((event, arguments[:1]))

        run(draw_world(1, Size(operations=10)))  # whatever is imported late is imported now
        sys.addaudithook(note)
        outcome = run(draw_world(8, Size(operations=40)))
        assert outcome.crashes and outcome.completed, outcome
        assert not touched, touched
        open("/dev/null").close()
        assert touched, "the hook hears nothing"
    """
    subprocess.run(
        [sys.executable, "-c", dedent(script)], cwd=Path(__file__).parents[2], check=True
    )


def test_a_replica_that_dies_right_after_it_has_sent_its_vote_has_cast_it() -> None:
    """Seed 50142 of 158ef73: the floor took note of a vote behind the failpoint, and so never."""
    outcome = run(draw_world(50142, Size()))
    assert outcome.failure is None
    assert outcome.bites["crash-at-failpoint"] > 0
