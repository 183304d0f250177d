"""Golden files: what shards say to each other and execute, step by step."""

from pathlib import Path
from typing import Final

import pytest

from tests.support.datadriven import run_file
from tests.support.shards_scene import Scene

_FILES: Final = sorted((Path(__file__).parent / "testdata" / "mdl").glob("*.txt"))


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
def test_the_shards_say_and_execute_what_the_file_says(path: Path, *, rewrite: bool) -> None:
    run_file(path, Scene().execute, rewrite=rewrite)


def test_there_are_golden_files() -> None:
    assert len(_FILES) >= 13
