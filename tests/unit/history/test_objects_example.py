"""The example of docs/testing-your-own-objects.md does what the page says."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

EXAMPLES: Final = Path(__file__).parents[3] / "docs" / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_naive_counter_has_a_race_and_the_locked_one_has_none() -> None:
    module = example("shared_counter")
    race = module.find_race(module.NaiveCounter, module.ROUNDS_MAX)
    assert race is not None
    assert "read returned" in race.counterexample.explanation
    assert module.find_race(module.LockedCounter, 5) is None
