"""The verdicts of others on public histories: Porcupine's, Knossos's and LiMo's test data."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from checker import Budget, check, find_model
from history import load

FOLDER = os.environ.get("GONG_HISTORIES")

MODEL_NAMES = {
    "cas-register": "cas-register",
    "kv-append": "kv",
    "fifo-queue": "fifo-queue",
    "stack": "stack",
}


def cases() -> list[dict[str, Any]]:
    manifest = Path(FOLDER or "/nowhere") / "verdicts.json"
    if not manifest.is_file():
        return []
    entries: list[dict[str, Any]] = json.loads(manifest.read_text())
    return entries


pytestmark = pytest.mark.skipif(
    not cases(), reason="GONG_HISTORIES names no folder with verdicts.json"
)


@pytest.mark.parametrize("case", cases() or [{"path": "none"}], ids=lambda case: case["path"])
def test_the_verdict_on_a_public_history_is_the_published_one(case: dict[str, Any]) -> None:
    """Decided within seconds, and each "linearizable" is replayed by `check` itself."""
    history = load(Path(FOLDER or "") / case["path"], format=case["format"])
    model = find_model(MODEL_NAMES[case["model"]]).with_initial(case.get("initial"))
    verdict = check(history, model, budget=Budget(time_limit_s=20))
    expected = "linearizable" if case["linearizable"] else "not-linearizable"
    assert verdict.kind.value == expected
    assert verdict.statistics.operations >= case["ops"]


def test_every_file_names_its_format_by_how_it_begins() -> None:
    for case in cases():
        assert load(Path(FOLDER or "") / case["path"]).format == case["format"], case["path"]
