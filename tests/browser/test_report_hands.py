"""Does the report answer to a person's hands? Real pointer, wheel and key events."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.report import write_run_report
from tests.browser.chromium import find_chromium
from tests.browser.hands import Hands, open_hands
from tests.browser.sample import write_sample

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="chromium is not installed"),
]

CTRL, SHIFT = 2, 8
ROOT = "document.documentElement.dataset"


@pytest.fixture
def hands(tmp_path: Path) -> Iterator[Hands]:
    page = write_run_report(write_sample(tmp_path / "run", 2000))
    with open_hands(page, tmp_path / "profile") as hands:
        yield hands


def drawn(hands: Hands) -> int:
    return int(hands.look(f"{ROOT}.drawn"))


def test_wheel_drag_and_keys_move_the_axis(hands: Hands) -> None:
    assert drawn(hands) == 2000
    left, top, width = hands.place("latency")
    hands.mouse("mouseWheel", left + width / 2, top + 50, deltaX=0, deltaY=-500, modifiers=CTRL)
    zoomed = drawn(hands)
    assert zoomed < 1000
    hands.mouse("mousePressed", left + 800, top + 50)
    hands.mouse("mouseMoved", left + 400, top + 50, buttons=1)
    hands.mouse("mouseReleased", left + 400, top + 50)
    panned = drawn(hands)
    assert panned not in {zoomed, 2000}
    hands.press("0")
    assert drawn(hands) == 2000
    hands.press("+")
    assert drawn(hands) < 1500


def test_a_stretch_is_chosen_on_the_overview(hands: Hands) -> None:
    left, top, _ = hands.place("overview")
    hands.mouse("mousePressed", left + 300, top + 20)
    hands.mouse("mouseMoved", left + 380, top + 20, buttons=1)
    hands.mouse("mouseReleased", left + 380, top + 20)
    assert 20 < drawn(hands) < 500


def test_a_click_opens_an_operation_and_n_the_next(hands: Hands) -> None:
    left, top, _ = hands.place("overview")
    hands.mouse("mousePressed", left + 300, top + 20)
    hands.mouse("mouseMoved", left + 310, top + 20, buttons=1)
    hands.mouse("mouseReleased", left + 310, top + 20)
    left, top, width = hands.place("rows")
    for x in range(120, int(width), 6):
        hands.click(left + x, top + 9)
        if hands.look(f"{ROOT}.selected"):
            break
    first = int(hands.look(f"{ROOT}.selected"))
    assert f"#{first}" in hands.look("document.getElementById('facts').textContent")
    assert not hands.look("document.getElementById('tip').hidden")
    hands.press("n")
    assert int(hands.look(f"{ROOT}.selected")) > first
    hands.press("Escape")
    assert hands.look(f"{ROOT}.selected") == ""


def test_filters_keep_what_they_say(hands: Hands) -> None:
    hands.look("document.querySelector('input[data-outcome=\"0\"]').click()")
    shown = int(hands.look(f"{ROOT}.shown"))
    assert 0 < shown < 200
    hands.look("document.querySelector('input[data-outcome=\"0\"]').click()")
    hands.look("document.getElementById('key').focus()")
    for character in "k3":
        hands.press(character)
    by_key = int(hands.look(f"{ROOT}.shown"))
    assert 100 < by_key < 400
    hands.look("document.getElementById('grouping').value = 'key'")
    hands.look("document.getElementById('grouping').dispatchEvent(new Event('change'))")
    assert "1 row" in hands.look("document.getElementById('count').textContent")
