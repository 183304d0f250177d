"""One wheel with exactly our packages, which works where nothing else of ours is.

The wheel is built from a copy of the tree, so that the build directory of the checkout stays as
it is. Building needs the package index, for the build backend.
"""

import json
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PACKAGES = {"node", "checker", "history", "clients", "harness"}
NOT_SOURCES = shutil.ignore_patterns(
    ".venv", ".git", ".*_cache", ".hypothesis", "__pycache__", "runs", "build", "dist"
)

HISTORY = (
    '{"history": 1, "model": "kv"}\n'
    '{"index":0,"time":0,"type":"invoke","process":0,"f":"put","key":"x","value":"1"}\n'
    '{"index":1,"time":5,"type":"ok","process":0,"f":"put","key":"x","value":"1"}\n'
    '{"index":2,"time":6,"type":"invoke","process":1,"f":"get","key":"x"}\n'
    '{"index":3,"time":9,"type":"ok","process":1,"f":"get","key":"x","value":VALUE}\n'
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, place / "source", ignore=NOT_SOURCES)
    run(sys.executable, "-m", "build", "--wheel", "--outdir", place, place / "source", cwd=place)
    (built,) = place.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def gong(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script in a new environment that borrows only our dependencies.

    The directory of the present environment is on its path, but the hooks in it that would lead
    to the checkout are not run.
    """
    place = tmp_path_factory.mktemp("borrowing")
    venv.create(place, symlinks=True)
    (site,) = place.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = (sys.executable, "-m", "pip", "--python", place / "bin" / "python")
    run(*pip, "install", "--quiet", "--no-deps", "--ignore-installed", wheel, cwd=place)
    return place / "bin" / "gong"


def run(*command: object, cwd: Path, code: int = 0) -> str:
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def names(wheel: Path) -> list[PurePosixPath]:
    with ZipFile(wheel) as archive:
        return [PurePosixPath(name) for name in archive.namelist()]


def test_the_wheel_holds_exactly_our_packages(wheel: Path) -> None:
    top = {name.parts[0] for name in names(wheel)}
    assert {name for name in top if not name.endswith(".dist-info")} == PACKAGES
    assert len(top) == len(PACKAGES) + 1


def test_every_module_is_in_the_wheel_and_no_source_of_native_code_is(wheel: Path) -> None:
    inside = {str(name) for name in names(wheel)}
    for package in PACKAGES:
        for module in (ROOT / package).rglob("*.py"):
            assert str(module.relative_to(ROOT)) in inside
    allowed = {".py", ".pyi", ".typed", ".so", ".html", ".css", ".js", ".j2"}
    ours = {name for name in names(wheel) if not name.parts[0].endswith(".dist-info")}
    strange = {str(name) for name in ours if name.suffix not in allowed and name.name != "py.typed"}
    assert strange == set()


def test_the_wheel_carries_licence_and_script(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (scripts,) = (n for n in archive.namelist() if n.endswith("entry_points.txt"))
        assert "gong = harness.cli:main" in archive.read(scripts).decode().replace(
            "gong=", "gong = "
        )
        assert any(name.endswith("LICENSE") for name in archive.namelist())


@pytest.mark.parametrize(
    ("value", "code", "verdict"),
    [('"1"', 0, "linearizable"), ("null", 1, "not-linearizable")],
    ids=["good", "bad"],
)
def test_a_history_is_judged_in_an_empty_directory(
    gong: Path, tmp_path: Path, value: str, code: int, verdict: str
) -> None:
    history = tmp_path / "history.jsonl"
    history.write_text(HISTORY.replace("VALUE", value))
    empty = tmp_path / "empty"
    empty.mkdir()
    out = run(gong, "check", "--model", "kv", "--json", history, cwd=empty, code=code)
    assert json.loads(out)["verdict"] == verdict
    assert list(empty.iterdir()) == []


def test_the_installed_code_is_that_of_the_wheel(gong: Path, tmp_path: Path) -> None:
    code = "import harness, node; print(harness.__file__); print(node.__file__)"
    python = gong.parent / "python"
    for line in run(python, "-c", code, cwd=tmp_path).split():
        assert Path(line).is_relative_to(gong.parents[1])


def test_a_cluster_runs_from_the_wheel(gong: Path, tmp_path: Path) -> None:
    """Its replicas are started as `python -m harness`, which must find itself again."""
    options = ["--replicas", "1", "--clients", "2", "--rate", "100", "--time-limit", "1", "--json"]
    result = json.loads(run(gong, "run", *options, cwd=tmp_path))
    assert result["verdict"] == "linearizable"
    assert (tmp_path / "runs" / "latest" / "report.html").exists()


def test_a_fresh_environment_with_dependencies_from_the_index(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "fresh"
    venv.create(place, symlinks=True, with_pip=True)
    run(place / "bin" / "pip", "install", "--quiet", wheel, cwd=tmp_path)
    history = tmp_path / "history.jsonl"
    history.write_text(HISTORY.replace("VALUE", '"1"'))
    out = run(place / "bin" / "gong", "check", "--model", "kv", history, cwd=place)
    assert "linearizable" in out.lower()
