"""Can a person read the report? Opened in headless Chromium, asserted on what it shows."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.report import write_run_report
from tests.browser.chromium import Document, find_chromium, open_page
from tests.browser.sample import write_sample

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="chromium is not installed"),
]

RENDER_MS_MAX = 3000
"""Several times what two busy cores need for 20,000 operations: a change of order is caught, a slow
machine is not."""

BYTES_PER_OPERATION_MAX = 80

Open = Callable[..., Document]


@pytest.fixture
def browse(tmp_path: Path) -> Open:
    """Opens a page with a profile of its own; pytest removes it with the rest."""

    def browse(page: Path, fragment: str = "") -> Document:
        profile = tmp_path / f"profile{len(list(tmp_path.glob('profile*')))}"
        return open_page(page, profile, fragment=fragment)

    return browse


def test_twenty_thousand_operations_are_shown_at_once(tmp_path: Path, browse: Open) -> None:
    page = write_run_report(write_sample(tmp_path / "run", 20_000))
    document = browse(page)
    assert document.text["verdict"] == "Not linearizable"
    assert document.root["data-rendered"] == "20000"
    assert document.root["data-drawn"] == "20000"
    assert document.text["count"] == "20,000 of 20,000 operations, 20 rows"
    assert float(document.root["data-render-ms"] or "inf") < RENDER_MS_MAX
    assert page.stat().st_size < 20_000 * BYTES_PER_OPERATION_MAX


def test_a_link_to_an_operation_opens_its_details(tmp_path: Path, browse: Open) -> None:
    page = write_run_report(write_sample(tmp_path / "run", 200, duration_s=5))
    document = browse(page, "#op=17")
    assert document.root["data-selected"] == "17"
    assert "operation#17" in document.text["facts"]
    assert "history.jsonl" in document.text["facts"]
    # Zoomed in: only what lies near it is drawn.
    assert 0 < int(document.root["data-drawn"] or "0") < 200


def test_the_counterexample_is_shown_with_its_key_only(tmp_path: Path, browse: Open) -> None:
    run = write_sample(tmp_path / "run", 2000)
    evidence = json.loads((run / "result.json").read_text())["counterexample"]
    document = browse(write_run_report(run), "#counterexample")
    assert document.root["data-selected"] == str(evidence["operation"])
    assert f"key{evidence['key']}" in document.text["facts"]
    assert "no order has a place for it" in document.text["facts"]
    drawn, shown = (int(document.root[name] or "0") for name in ("data-drawn", "data-shown"))
    assert len(evidence["operations"]) <= drawn < shown < 2000


def test_an_empty_history_is_a_page_too(tmp_path: Path, browse: Open) -> None:
    document = browse(write_run_report(write_sample(tmp_path / "run", 0, violated=False)))
    assert document.text["verdict"] == "Linearizable"
    assert document.root["data-rendered"] == "0"
    assert "hidden" in document.attributes["charts"]


HOSTILE = (
    "</script><script>document.documentElement.dataset.hacked=1</script>",
    "<img src=x onerror=document.documentElement.dataset.hacked=1>",
    "\x1b[31mred\x1b[0m \u2028 \u202e rtl",
    "{{ 7 * 7 }} ${alert(1)} ]]> --> <!--<script>",
)


def test_hostile_values_stay_text(tmp_path: Path, browse: Open) -> None:
    run = tmp_path / "<b>run"
    run.mkdir()
    events = [{"history": 1, "model": "kv", "system": HOSTILE[0]}]
    for number, words in enumerate(HOSTILE):
        call = {
            "process": number,
            "f": words,
            "key": words,
            "node": words,
            "session": words,
            "seq": 0,
        }
        events += [
            {"index": 3 * number, "time": 30 * number, "type": "invoke", **call, "value": words},
            {"index": 3 * number + 1, "time": 30 * number + 9, "type": "ok", **call, "value": words,
             "error": words},
            {"index": 3 * number + 2, "time": 30 * number + 11, "type": "info", "process": words,
             "f": f"kill-{words}", "value": {"replica": words, words: words}},
        ]  # fmt: skip
    (run / "history.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    (run / "run.json").write_text(json.dumps({words: words for words in HOSTILE}))
    (run / "result.json").write_text(json.dumps({
        "verdict": "not-linearizable", "reason": HOSTILE[1], "latency_ms": {"p50": HOSTILE[0]},
        "faults": {HOSTILE[0]: 1}, "engines": {HOSTILE[1]: 1}, "seed": HOSTILE[1],
        "counterexample": {"operations": [0, 1, 2, 3], "explanation": "\n".join(HOSTILE)},
    }))  # fmt: skip
    document = browse(write_run_report(run), "#op=1")
    assert document.root["data-rendered"] == "4"
    assert "data-hacked" not in document.root
    assert "img" not in document.tags
    assert document.tags.count("script") == 2  # the data and our own
    assert HOSTILE[1] in document.text["details-title"]


def test_a_script_that_got_into_the_page_does_not_run(tmp_path: Path, browse: Open) -> None:
    page = write_run_report(write_sample(tmp_path / "run", 5, duration_s=4))
    broken = "<script>document.documentElement.dataset.hacked=1</script><img src=x onerror=hack()>"
    page.write_text(page.read_text().replace("<main>", f"<main>{broken}"))
    document = browse(page)
    assert document.root["data-rendered"] == "5"
    assert "data-hacked" not in document.root
