"""What a server process says and raises when it cannot start; signals are for the process tests."""

from pathlib import Path

import pytest

from node.cli import run_master, run_process
from node.errors import ConfigError, StorageError

CONFIG = """
cluster = "test"
data_dir = "data"
[[replica]]
id = 1
peer_address = "127.0.0.1:1"
client_address = "127.0.0.1:2"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "cluster.toml"
    path.write_text(CONFIG)
    return path


def test_a_bad_configuration_is_raised_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        run_process(tmp_path / "missing.toml", 1, until_stdin_closes=False)


def test_a_replica_that_the_file_does_not_know_is_not_started(path: Path) -> None:
    with pytest.raises(ConfigError, match="no replica has id 2; the file knows 1"):
        run_process(path, 2, until_stdin_closes=False)
    assert not (path.parent / "data").exists()


def test_a_master_that_the_file_does_not_describe_is_not_started(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"master\.address: missing"):
        run_master(path, until_stdin_closes=False)


def test_a_failure_inside_the_tree_of_tasks_comes_out_bare(path: Path) -> None:
    (path.parent / "data").write_text("no directory")
    with pytest.raises(StorageError, match="cannot be created: Not a directory"):
        run_process(path, 1, until_stdin_closes=False)
