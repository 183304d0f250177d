"""Campaigns: the same figures whoever is quicker, from the beginning or resumed."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness.simulation.book import Book, BookError
from harness.simulation.campaign import Campaign, Plan, run_campaigns
from harness.simulation.floors import UnknownFloor, find_floor
from harness.simulation.pool import Inline, open_executor
from harness.simulation.seeds import run_seeds
from harness.simulation.tally import Tally
from harness.simulation.world import Size
from tests.support.toy_floor import MUTANT_DEFECT

TOY = "tests.support.toy_floor"


def tally_in_any_order(what: Plan, seed: int) -> Tally:
    """Up to six batches are under way; any of them is finished next."""
    random, campaign = Random(seed), Campaign(what)
    under_way: list[range] = []
    while not campaign.is_done:
        batch = campaign.next_batch() if len(under_way) < 6 else None
        if batch is not None:
            under_way.append(batch)
        if batch is None or random.random() < 0.3:
            batch = under_way.pop(random.randrange(len(under_way)))
            campaign.take(run_seeds(what.floor, what.size, batch.start, batch.stop))
    return campaign.tally


def plan(end: int = 60, *, first: int = 0, keep_going: bool = True, mutant: str = "") -> Plan:
    return Plan(floor=TOY, size=Size(mutant=mutant), first=first, end=end, keep_going=keep_going)


def tally_of(
    what: Plan, executor: Executor | None = None, *, jobs: int = 1, path: Path | None = None
) -> Tally:
    book = None if path is None else Book(path, what.floor, what.size)
    campaign = Campaign(what, book=book)
    run_campaigns([campaign], executor or Inline(), jobs=jobs)
    if book is not None:
        book.close()
    return campaign.tally


def figures(tally: Tally) -> dict[str, Any]:
    return {
        "hash": tally.trace_hash,
        "seeds": tally.seeds,
        "failures": [each.seed for each in tally.failures],
        "undecided": [each.seed for each in tally.undecided],
        "virtual": tally.virtual,
        "messages": tally.messages,
        "bites": (tally.bite_seeds, tally.bite_times),
        "marks": tally.marks,
        "quiet": tally.quiet,
    }


def test_all_seeds_are_added_up() -> None:
    tally = tally_of(plan(60))
    assert tally.seeds == 60
    assert 5 < len(tally.failures) < 25
    assert "a comet" in tally.marks_never_passed
    assert tally.bite_times["crash"] > tally.bite_seeds["crash"] > 0
    assert tally.too_quiet == ""


@pytest.mark.parametrize("keep_going", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_the_order_in_which_seeds_are_finished_changes_nothing(seed: int, keep_going: bool) -> None:
    what = plan(96, keep_going=keep_going)
    assert figures(tally_of(what)) == figures(tally_in_any_order(what, seed))


def test_a_campaign_ends_at_its_lowest_failure() -> None:
    every = tally_of(plan(60))
    lowest = every.failures[0].seed
    first = tally_in_any_order(plan(60, keep_going=False), 1)
    assert [each.seed for each in first.failures] == [lowest]
    assert first.seeds == lowest + 1


def test_seeds_begin_where_the_plan_says() -> None:
    every = tally_of(plan(60))
    later = tally_of(plan(60, first=30))
    assert [each.seed for each in later.failures] == [
        each.seed for each in every.failures if each.seed >= 30
    ]
    assert later.trace_hash != every.trace_hash


def test_a_defect_of_the_floor_says_which_seed() -> None:
    with pytest.raises(LookupError) as caught:
        tally_of(plan(3, mutant=MUTANT_DEFECT))
    assert caught.value.__notes__ == [f"in seed 0 of floor {TOY}"]


@pytest.mark.slow
def test_processes_find_the_same_and_are_gone_at_the_end() -> None:
    with open_executor(2, floor=TOY) as executor:
        tally = tally_of(plan(96), executor, jobs=2)
    assert figures(tally) == figures(tally_of(plan(96)))
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_no_signal_comes_between_a_world_and_its_worker() -> None:
    """Each signal wakes Trio, and a world of whole replicas would go on another way."""
    before = signal.getitimer(signal.ITIMER_REAL)
    with open_executor(2, floor=TOY) as executor:
        timers = [executor.submit(signal.getitimer, signal.ITIMER_REAL).result() for _ in range(4)]
    assert {before, *timers} == {(0.0, 0.0)}


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "SIGKILL"])
def test_an_interrupted_campaign_leaves_no_process_behind(how: signal.Signals) -> None:
    script = (
        "from harness.simulation.pool import open_executor\n"
        "from time import sleep\n"
        "import os\n"
        "with open_executor(2) as executor:\n"
        "    for _ in range(2): executor.submit(sleep, 0.3)\n"
        "    print(*[executor.submit(os.getpid).result() for _ in range(9)], flush=True)\n"
        "    for _ in range(9): executor.submit(sleep, 600)\n"
        "    sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        workers = {int(word) for word in parent.stdout.readline().split()}
        assert workers
        parent.send_signal(how)
        parent.wait(20)
    deadline = time.monotonic() + 20
    while any(is_running(pid) for pid in workers):
        assert time.monotonic() < deadline, "a worker outlived its campaign"
        time.sleep(0.1)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False  # ended, and forgotten by whoever waited for it, before or while we looked
    return state.rpartition(")")[2].split()[0] != "Z"


# The file of finished seeds


def test_a_resumed_campaign_ends_as_one_that_was_never_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    whole = figures(tally_of(plan(60), path=path))
    assert whole == figures(tally_of(plan(60)))
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) == 61
    for kept in (1, 2, 30, 61):
        some = Random(kept).sample(lines[1:], kept - 1)
        path.write_bytes(b"".join([lines[0], *some]))
        assert figures(tally_of(plan(60), path=path)) == whole
        assert len(path.read_bytes().splitlines()) == 61


def test_nothing_is_run_again(tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    tally_of(plan(60), path=path)
    with Book(path, TOY, Size()) as book:
        campaign = Campaign(plan(60), book=book)
        assert campaign.is_done
        assert campaign.next_batch() is None
        assert Campaign(plan(61), book=book).next_batch() == range(60, 61)


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    whole = figures(tally_of(plan(20), path=path))
    content = path.read_bytes()
    for end in range(len(content) - 40, len(content)):
        path.write_bytes(content[:end])
        assert figures(tally_of(plan(20), path=path)) == whole
        assert path.read_bytes().endswith(b"\n")
        assert len(path.read_bytes().splitlines()) == 21


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda about: about["size"].update(replicas=7), "holds a campaign with size"),
        (lambda about: about.update(floor="core"), "holds a campaign with floor"),
        (lambda about: about.update(code="0"), "by other code"),
        (lambda about: about.clear(), "line 1: not the beginning of a campaign"),
    ],
)
def test_seeds_of_another_campaign_are_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], complaint: str
) -> None:
    path = tmp_path / "seeds.jsonl"
    tally_of(plan(3), path=path)
    first, *others = path.read_text().splitlines(keepends=True)
    about = json.loads(first)
    change(about)
    path.write_text("".join([json.dumps(about) + "\n", *others]))
    with pytest.raises(BookError, match=complaint):
        Book(path, TOY, Size())


def test_a_line_that_is_no_seed_is_refused_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    tally_of(plan(3), path=path)
    path.write_text(path.read_text() + "{}\n")
    with pytest.raises(BookError, match="line 5: not a finished seed"):
        Book(path, TOY, Size())


def test_a_file_has_one_campaign_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    with (
        Book(path, TOY, Size()),
        pytest.raises(BookError, match="another campaign is writing to it"),
    ):
        Book(path, TOY, Size())
    with pytest.raises(BookError, match="Is a directory"):
        Book(tmp_path, TOY, Size())


def test_unknown_floors_are_named() -> None:
    with pytest.raises(UnknownFloor, match="'cellar' is not one of core, runtime"):
        find_floor("cellar")
    with pytest.raises(UnknownFloor, match=r"'no\.such' is not part of this version"):
        find_floor("no.such")


@pytest.mark.slow
def test_a_campaign_of_cores_is_the_same_in_every_process_and_number_of_processes() -> None:
    gong = str(Path(sys.executable).with_name("gong"))
    asked = ["simulate", "--seeds", "12", "--keep-going", "--no-shrink", "--json"]
    found = []
    for hash_seed, jobs in (("1", "1"), ("2", "2")):
        done = subprocess.run(
            [gong, *asked, "--jobs", jobs],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=False,
        )
        assert done.returncode in {0, 1, 2}, done.stderr
        found.append({**json.loads(done.stdout), "seconds": 0})
    assert found[0] == found[1]
