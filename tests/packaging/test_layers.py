"""Who may import whom, by the contracts in pyproject.toml; and that there is one console script."""

import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_layers_of_the_packages_are_kept() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_the_contracts_cover_every_package_that_is_shipped() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    shipped = settings["scikit-build"]["wheel"]["packages"]
    assert settings["importlinter"]["root_packages"] == shipped
    (layers,) = (
        contract["layers"]
        for contract in settings["importlinter"]["contracts"]
        if contract["name"] == "Packages are layered"
    )
    assert {name for layer in layers for name in layer.split(" | ")} == set(shipped)


def test_there_is_one_console_script_and_it_is_gong() -> None:
    scripts = [
        script.name
        for script in entry_points(group="console_scripts")
        if script.value.split(":")[0].split(".")[0]
        in {"node", "checker", "history", "clients", "harness"}
    ]
    assert scripts == ["gong"]
    (gong,) = entry_points(group="console_scripts", name="gong")
    assert callable(gong.load())
