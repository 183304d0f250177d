"""Diagrams of simulated runs: what is drawn, in words and as data of a page."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from harness.report import ReportError
from harness.simulation.diagram import data, page, write_diagram
from harness.simulation.lanes import lines
from harness.simulation.likely import Moment, Share
from harness.simulation.story import Story, brief, tell
from harness.simulation.trace import Event
from harness.simulation.world import MS, SECOND, Fault, Kind, Size
from tests.support.toy_floor import draw_world

TOY = "tests.support.toy_floor"
FAILING = 3
COMMAND = "gong simulate --seeds 3:4"


@pytest.fixture
def story() -> Story:
    return tell(draw_world(FAILING, Size()), TOY, COMMAND)


def test_lanes_are_in_an_order_that_reads_well(story: Story) -> None:
    kinds = [host[0] for host in story.hosts]
    assert kinds == sorted(kinds, key="wcr".index)
    assert story.hosts[0] == "world"


def test_a_run_as_text_has_a_line_for_each_event(story: Story) -> None:
    text = list(lines(story))
    events = [line for line in text if not line.startswith("#")]
    assert len(events) == len(story.events)
    assert COMMAND in text[2]
    assert "two values in a slot" in text[1]
    arrivals = [line for line in events if "▶" in line]
    assert arrivals
    assert all(re.search(r"r\d ← r1: Accept slot=\d+, after \d", line) for line in arrivals)
    assert any("✕" in line and line.endswith(", is lost") for line in events) == any(
        event.kind == "lose" for event in story.events
    )
    assert len({line.index("r1 ") for line in text if re.match(r"#\s+time", line)}) == 1


def test_a_host_that_is_down_has_a_dotted_lane(story: Story) -> None:
    events = [
        Event(at, host, kind, "")
        for at, host, kind in (
            (0, "replica 1", "start"), (1, "replica 1", "crash"), (2, "replica 2", "note"),
            (3, "replica 1", "start"), (4, "replica 2", "note"),
        )
    ]  # fmt: skip
    text = list(lines(Story(outcome=story.outcome, events=events, command=COMMAND)))[-5:]
    lane = text[0].index("┬")
    assert [line[lane] for line in text] == ["┬", "┴", "·", "┬", "│"]


def test_faults_are_told_in_words(story: Story) -> None:
    assert any("nothing passes between replicas 1 and 2" in line for line in lines(story))


@pytest.mark.parametrize(
    ("text", "short"),
    [
        (
            "Accept(ballot=Ballot(round=1, replica=3), slot=7, value=Batch(commands=(1, 2)), chosen_upto=6)",
            "Accept 1.3 slot=7 chosen_upto=6",
        ),
        ("Request(client=776943751629072902, number=4, answered=3, body=b'a(,')", "Request number=4"),
        ("NotExecuted(client=9, number=0, reason='not-leader', leader=None)",
         "NotExecuted number=0 reason=not-leader"),
        ("Stop()", "Stop"),
        ("b'a(b'", "3 bytes"),
        ("b''", "end of the stream"),
        ("plain words", "plain words"),
    ],
)  # fmt: skip
def test_a_message_has_a_short_form(text: str, short: str) -> None:
    assert brief(text) == short


def test_the_page_stands_by_itself(story: Story) -> None:
    words = page(story)
    assert "two values in a slot" in words
    assert COMMAND in words
    assert not re.search(r"(?:src|href)=\"(?!data:)", words)
    assert not re.search(r"https?://", words)


def embedded(words: str) -> dict[str, Any]:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', words, re.DOTALL)
    assert match is not None
    found: dict[str, Any] = json.loads(match[1])
    return found


def test_events_are_columns(story: Story) -> None:
    found = embedded(page(story))
    columns = ("at", "host", "kind", "message", "peer", "type", "words", "detail")
    assert {len(found[name]) for name in columns} == {len(story.events)}
    assert sum(found["at"]) == story.events[-1].at
    assert found["types"][found["type"][-1]] in {"", "Accept"}
    assert found["failure"]["words"] == "two values in a slot"


def test_faults_lie_beside_the_lanes_that_they_concern(story: Story) -> None:
    faults = (
        Fault(number=1, kind=Kind.PAUSE, at=MS, target=2, until=SECOND),
        Fault(number=2, kind=Kind.CUT, at=MS, target=1, other=3, until=SECOND),
        Fault(number=3, kind=Kind.RING, at=MS, target=1, until=SECOND),
        Fault(number=4, kind=Kind.CLIENT_CRASH, at=MS, target=101, until=SECOND),
        Fault(number=5, kind=Kind.FLIP_BIT, at=MS, target=1, until=SECOND),
        Fault(number=6, kind=Kind.PAUSE, at=MS, target=99, until=SECOND),
    )
    world = structs.replace(story.outcome.world, faults=faults)
    other = Story(
        outcome=structs.replace(story.outcome, world=world), events=story.events, command=COMMAND
    )
    lanes = [[other.hosts[lane] for lane in band["lanes"]] for band in data(other)["faults"]]
    replicas = [host for host in story.hosts if host.startswith("r")]
    assert lanes == [["r2"], ["r1", "r3"], replicas, ["c101"], ["r1"], []]
    ends = [band["end"] for band in data(other)["faults"]]
    assert ends == [SECOND, SECOND, SECOND, SECOND, MS, SECOND]


def test_the_turning_point_is_there_unless_it_is_the_beginning(story: Story) -> None:
    before, after = Share(400 * MS, 1, 12), Share(401 * MS, 12, 12)
    first = Share(0, 1, 12)
    moment = Moment(before=before, after=after, shares=[first, before, after], runs=36)
    assert data(with_moment(story, moment))["moment"] == [400 * MS, 401 * MS]
    early = structs.replace(moment, shares=[Share(0, 11, 12), before, after])
    assert data(with_moment(story, early))["moment"] is None
    assert "it was likely from the beginning" in page(with_moment(story, early))


def with_moment(story: Story, moment: Moment) -> Story:
    return Story(outcome=story.outcome, events=story.events, command=story.command, moment=moment)


def test_nothing_in_a_trace_becomes_markup(story: Story) -> None:
    hostile = "</script><img src=x onerror=hack()>\x1b[31m"
    events = [Event(1, "replica 1", "note", hostile), Event(2, hostile, hostile, "", hostile)]
    words = page(Story(outcome=story.outcome, events=events, command=hostile))
    assert "<img" not in words
    assert "\x1b" not in words
    text = "\n".join(lines(Story(outcome=story.outcome, events=events, command="x")))
    assert "\x1b" not in text


def test_the_ending_decides(tmp_path: Path, story: Story) -> None:
    write_diagram(tmp_path / "a.html", story)
    write_diagram(tmp_path / "a.trace", story)
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "a.trace").read_text().startswith("# seed 3")
    with pytest.raises(ReportError, match="cannot write"):
        write_diagram(tmp_path / "no" / "a.html", story)


def test_a_run_in_which_nothing_happened_is_a_page_too(story: Story) -> None:
    empty = Story(outcome=story.outcome, events=[], command=COMMAND)
    assert embedded(page(empty))["hosts"] == []
    assert list(lines(empty))
