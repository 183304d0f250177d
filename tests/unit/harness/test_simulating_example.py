"""The example of docs/simulating-your-own-program.md finds what it says, and the fixture its page shows."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from checker import Linearizable, NotLinearizable

ROOT = Path(__file__).parents[3]
PLUGIN = ("-p", "harness.simulation.pytest_plugin", "-p", "no:cacheprovider")
pytest_plugins = ["pytester"]


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    folder = ROOT / "docs" / "examples"
    monkeypatch.syspath_prepend(str(folder))
    path = folder / "simulate_kv_server.py"
    spec = importlib.util.spec_from_file_location("simulate_kv_server", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules.pop("kv_server", None)
    return module


@pytest.mark.slow
def test_some_world_shows_the_bug(example: ModuleType) -> None:
    verdicts = (example.judge(seed, example.Store) for seed in range(example.SEEDS))
    assert any(isinstance(verdict, NotLinearizable) for verdict in verdicts)


@pytest.mark.slow
def test_no_world_shows_it_when_it_is_fixed(example: ModuleType) -> None:
    for seed in range(10):
        assert isinstance(example.judge(seed, example.FixedStore), Linearizable)


def test_a_failing_world_names_its_seed_and_shows_its_last_events(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        import trio

        async def main(world):
            async def program(life):
                await trio.sleep_forever()
            world.host("one").start(program)
            await trio.sleep(1)
            world.host("one").crash()
            assert world.seed < 3

        def test_main(simulate_seeds):
            simulate_seeds(main)
        """
    )
    failed = pytester.runpytest_inprocess(*PLUGIN)
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(["*--simulation-seed=3*", "*1.000000 *one *crash*"])
    pytester.runpytest_inprocess(*PLUGIN, "--simulation-seed=2").assert_outcomes(passed=1)
    pytester.runpytest_inprocess(*PLUGIN, "--simulation-seeds=3").assert_outcomes(passed=1)


def test_the_page_s_test_passes_as_it_stands(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "simulating-your-own-program.md").read_text()
    for name in ("conftest", "test_server"):
        (block,) = re.findall(rf"```python\n# {name}\.py\n(.*?)```", page, re.DOTALL)
        pytester.makepyfile(**{name: block})
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "examples"))
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_a_test_that_hangs_fails_and_shows_its_last_events(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import trio

        async def main(world):
            world.host("one")
            await trio.sleep(1)
            world.cut("one", "two")
            while True:
                await trio.sleep(0)

        def test_main(simulate_seeds):
            simulate_seeds(main, steps_max=5000)
        """
    )
    failed = pytester.runpytest_inprocess(*PLUGIN)
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(["*Hung: at 1.000000 s no time has passed*", "*world *cut*"])


def test_whoever_does_not_use_the_fixture_does_not_import_the_simulator() -> None:
    script = "import sys, harness.simulation.pytest_plugin; print(sorted(sys.modules))"
    modules = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    assert "harness.simulation.pytest_plugin" in modules
    for name in ("trio", "msgspec", "harness.simulation.programs", "node"):
        assert f"'{name}'" not in modules
