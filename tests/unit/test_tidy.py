"""Ratchets: what nobody decides to let slip, and what slips when nobody looks."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
FOLDERS: Final = ("benchmarks", "checker", "clients", "harness", "history", "node", "tests")
MODULES: Final = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
GOLDEN: Final = sorted((ROOT / "tests" / "golden" / "testdata").rglob("*.txt"))

MODULE_LINES_MAX: Final = 400
FUNCTION_LINES_MAX: Final = 70
LONG_MODULES: Final[dict[str, int]] = {
    "harness/simulation/disk.py": 435,  # names in directories are a second subject
    "node/runtime/journal.py": 405,
}
LONG_FUNCTIONS: Final = {
    "tests/browser/sample.py:write_sample": 75,  # a table of made-up figures
}
"""What is over a limit, with a limit of its own. These lists shrink."""

_TEXT: Final = {".py", ".md", ".toml", ".txt", ".js", ".css", ".html", ".jsonl", ".hpp", ".cpp", ""}
_BANNED: Final = {
    r"(?<![\w./])/(?:wor[k]|roo[t]|hom[e])/": "a path on somebody's machine",
    r"\b(?:FIXM[E]|XX[X]|TOD[O])\b": "finish it, or write down why not",
    r"(?i)\b(?:assistan[t]|chatbo[t]|agen[t])s?\b": "the repository is about gong",
    r"(?i)pyp[i]\.org|pythonhoste[d]|npmj[s]\.": "installers know where packages are",
}
"""What must not appear, and why. The brackets keep this table from finding itself."""


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def sources() -> Iterator[Path]:
    """Every text file that belongs to the project."""
    folders = (*FOLDERS, "docs", "changelog.d", ".ci")
    nested = (path for folder in folders for path in (ROOT / folder).rglob("*"))
    for path in (*ROOT.glob("*.md"), *ROOT.glob("*.toml"), ROOT / "Makefile", *nested):
        if path.is_file() and path.suffix in _TEXT and "__pycache__" not in path.parts:
            yield path


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_says_what_it_is_for_and_keeps_its_size(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    docstring = ast.get_docstring(tree) or ""
    assert len(docstring.split()) >= 3, "the first line says what the module is for"
    limit = LONG_MODULES.get(name(path), MODULE_LINES_MAX)
    assert len(text.splitlines()) <= limit, "look for the second subject"
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            assert function.end_lineno is not None
            lines = function.end_lineno - function.lineno + 1
            limit = LONG_FUNCTIONS.get(f"{name(path)}:{function.name}", FUNCTION_LINES_MAX)
            assert lines <= limit, f"{function.name}: {lines} lines"


def test_long_modules_are_still_long() -> None:
    for path in LONG_MODULES:
        lines = len((ROOT / path).read_text().splitlines())
        assert lines > MODULE_LINES_MAX, f"{path} fits now: take it off the list"


def test_no_module_is_called_util() -> None:
    vague = {"util", "utils", "common", "helpers", "base", "misc"}
    assert [name(path) for path in MODULES if path.stem in vague] == []


@pytest.mark.parametrize("path", GOLDEN, ids=name)
def test_a_golden_file_opens_with_why(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    assert first.startswith("# ")
    assert len(first.split()) > 3


@pytest.mark.parametrize("pattern", _BANNED, ids=list(_BANNED.values()))
def test_what_must_not_appear_does_not(pattern: str) -> None:
    found = [
        f"{name(path)}:{number}: {line.strip()}"
        for path in sources()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if re.search(pattern, line)
    ]
    assert found == []
