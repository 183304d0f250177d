"""Our own small histories; `tests/data/histories/README.md` says why each is what it is."""

import os
import time
from pathlib import Path

import pytest

from checker import Budget, VerdictKind, check, find_model
from history import load

SLACK_S = 1.5 if "ASAN_OPTIONS" in os.environ else 0.3
"""With sanitizers everything takes several times as long, giving memory back most of all."""

FOLDER = Path(__file__).parents[2] / "data" / "histories"

FILES = sorted(FOLDER.glob("*/*.jsonl"))

VERDICTS = {
    "good": VerdictKind.LINEARIZABLE,
    "bad": VerdictKind.NOT_LINEARIZABLE,
    "undecided": VerdictKind.UNDECIDED,
}

MODELS = {
    "register": "register",
    "operations": "register",
    "cas": "cas-register",
    "kv": "kv",
    "counter": "counter",
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_known_history_gets_its_verdict(path: Path) -> None:
    history = load(path)
    model = find_model(MODELS[path.name.split("-")[0]])
    limit_s = 0.2 if path.parent.name == "undecided" else 20
    started = time.process_time()
    verdict = check(history, model, budget=Budget(time_limit_s=limit_s))
    assert verdict.kind is VERDICTS[path.parent.name]
    assert time.process_time() - started < limit_s + SLACK_S


def test_every_known_history_has_a_line_in_the_readme() -> None:
    readme = (FOLDER / "README.md").read_text()
    names = {f"{path.parent.name}/{path.name.split('.')[0]}" for path in FILES}
    listed = {line.split(" | ")[0].lstrip("| ") for line in readme.splitlines() if "/" in line}
    assert names == {name for name in listed if name.split("/")[0] in VERDICTS}
