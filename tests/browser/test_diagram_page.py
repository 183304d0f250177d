"""Can a person read the diagram of a simulated run, and does it answer to their hands?"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from harness.simulation.diagram import write_diagram
from harness.simulation.story import Story, tell
from harness.simulation.world import MS, Size
from tests.browser.chromium import find_chromium, open_page
from tests.browser.hands import Hands, open_hands
from tests.support.toy_floor import draw_world

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="chromium is not installed"),
]

TOY = "tests.support.toy_floor"
FAILING = 3
CTRL = 2
ROOT = "document.documentElement.dataset"

RENDER_MS_MAX = 3000
"""Several times what two busy cores need for tens of thousands of events."""


def toy_story(operations: int = 0) -> Story:
    world = draw_world(FAILING, Size())
    if operations:
        world = structs.replace(world, operations=operations, think_mean=900 * MS // operations)
    return tell(world, TOY, "gong simulate --seeds 3:4")


@pytest.fixture
def hands(tmp_path: Path) -> Iterator[Hands]:
    write_diagram(tmp_path / "run.html", toy_story(400))
    with open_hands(tmp_path / "run.html", tmp_path / "profile") as hands:
        yield hands


def number(hands: Hands, name: str) -> int:
    return int(hands.look(f"{ROOT}.{name}"))


def test_tens_of_thousands_of_events_are_drawn_at_once(tmp_path: Path) -> None:
    story = toy_story(6_000)
    assert len(story.events) > 30_000
    write_diagram(tmp_path / "run.html", story)
    document = open_page(tmp_path / "run.html", tmp_path / "profile")
    assert document.root["data-rendered"] == str(len(story.events))
    assert float(document.root["data-render-ms"] or "inf") < RENDER_MS_MAX
    assert 0 < int(document.root["data-drawn"] or "0") < 300
    assert document.text["verdict"] == "invariant: two values in a slot"


def test_an_event_can_be_linked_to(tmp_path: Path) -> None:
    story = toy_story()
    write_diagram(tmp_path / "run.html", story)
    place = next(i for i, event in enumerate(story.events) if event.kind == "deliver")
    document = open_page(tmp_path / "run.html", tmp_path / "profile", fragment=f"#event={place}")
    assert document.root["data-selected"] == str(place)
    assert "Accept" in document.text["facts"]
    assert "sent" in document.text["facts"]


def test_wheel_drag_and_keys_move_through_time(hands: Hands) -> None:
    everything = number(hands, "shown")
    before = number(hands, "drawn")
    left, top, width = hands.place("diagram")
    hands.mouse("mouseWheel", left + width / 2, top + 300, deltaX=0, deltaY=-400, modifiers=CTRL)
    assert number(hands, "drawn") < before
    hands.press("0")
    assert number(hands, "drawn") == everything
    hands.press("f")
    assert number(hands, "drawn") < everything
    hands.press("t")
    assert hands.look("document.getElementById('spacing').value") == "time"


def test_keys_step_through_a_lane_and_over_a_message(hands: Hands) -> None:
    hands.press("n")
    first = number(hands, "selected")
    hands.press("n")
    second = number(hands, "selected")
    assert second > first
    hands.press("p")
    assert number(hands, "selected") == first
    events = toy_story(400).events
    sending = next(i for i, event in enumerate(events) if event.kind == "send")
    # The page follows its address in a task of its own, which a key may overtake.
    followed = "addEventListener('hashchange', done, {once: true})"
    hands.look(
        f"new Promise(done => {{ {followed}; location.hash = '#event={sending}'; }}).then(() => 0)"
    )
    hands.press("o")
    arrival = number(hands, "selected")
    assert events[arrival].message == events[sending].message
    hands.press("o")
    assert number(hands, "selected") == sending
    hands.press("Escape")
    assert hands.look(f"{ROOT}.selected") == ""


def test_types_hosts_and_words_can_be_picked(hands: Hands) -> None:
    everything = number(hands, "shown")
    hands.look("document.querySelector('input[data-type]').click()")
    without = number(hands, "shown")
    assert 0 < without < everything
    hands.look("document.querySelector('button[data-command=all-types]').click()")
    assert number(hands, "shown") == everything
    left, top, _ = hands.place("diagram")
    hands.click(left + 130, top + 12)  # the name of the first lane
    assert 0 < number(hands, "shown") < everything
    hands.look("(box => { box.value = '-1'; box.dispatchEvent(new Event('change')); })"
               "(document.getElementById('host'))")  # fmt: skip
    hands.look("(box => { box.value = 'slot=17'; box.dispatchEvent(new Event('input')); })"
               "(document.getElementById('search'))")  # fmt: skip
    assert hands.look("document.getElementById('matches').textContent").endswith(" found")
    assert not hands.look("document.getElementById('matches').textContent").startswith("0 ")


def test_a_click_on_a_dot_tells_everything(hands: Hands) -> None:
    left, top, width = hands.place("diagram")
    hands.press("0")
    hands.press("f")
    hosts = toy_story(400).hosts
    lane = (hosts.index("r1") + 0.5) / len(hosts)
    for y in range(40, 500, 4):
        hands.click(left + 96 + (width - 96) * lane, top + y)
        if hands.look(f"{ROOT}.selected"):
            break
    assert hands.look("document.getElementById('facts').textContent")
    assert hands.look("document.getElementById('details').className") == ""
