"""A file of delays names what links join; a cluster's configuration has each link, and as many milliseconds."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.bench.delays import DelaysError, configured, read_delays
from harness.cli import InputError
from harness.cli.bench import command
from node.config import ClusterConfig, load_config
from node.types import ReplicaId

WIDE = """
[[delay]]
between = ["clients", "leaders"]
ms = 1
[[delay]]
between = ["clients", "followers"]
ms = 2
[[delay]]
between = ["followers", "leaders"]
ms = 3
[[delay]]
between = ["leaders", "leaders"]
ms = 4.5
"""

HEAD = """
cluster = "demo"
data_dir = "data"
protocol = "mdl"
[timing]
delay_ms = 9
"""


def configuration(
    directory: Path, text: str, *, replicas: int = 3, shards: int = 2
) -> ClusterConfig:
    """Of a cluster whose links are as the file says."""
    (directory / "delays.toml").write_text(text)
    delays = read_delays(directory / "delays.toml", replicas=replicas, shards=shards)
    members = "".join(
        f"""
[[replica]]
id = {number}
shard = {(number - 1) // replicas}
process = {(number - 1) % replicas + 1}
peer_address = "127.0.0.1:{7000 + number}"
client_address = "127.0.0.1:{8000 + number}"
"""
        for number in range(1, replicas * shards + 1)
    )
    (directory / "cluster.toml").write_text(HEAD + members + configured(delays))
    return load_config(directory / "cluster.toml")


def test_links_are_named_by_what_they_join(tmp_path: Path) -> None:
    """Replicas 1 to 3 are one shard, led by 1; 4 to 6 another one, led by 5."""
    config = configuration(tmp_path, WIDE)
    of = config.delay_s
    assert of(1, "clients") == of(5, "clients") == 0.001
    assert of("clients", 2) == of(4, "clients") == 0.002
    assert of(1, 2) == of(3, 1) == of(5, 6) == of(1, 4) == of(5, 3) == 0.003
    assert of(1, 5) == of(5, 1) == 0.0045
    assert of(2, 3) == of(4, 6) == 0.009, "nothing fits: as for all"
    assert config.has_delays


def test_what_comes_later_counts_and_processes_are_places(tmp_path: Path) -> None:
    text = WIDE + '[[delay]]\nbetween = ["process 2", "process 1"]\nms = 7\n'
    of = configuration(tmp_path, text).delay_s
    assert of(1, 2) == of(1, 5) == of(4, 5) == of(4, 2) == 0.007
    assert of(1, 3) == 0.003


def test_without_delays_no_link_is_slow(tmp_path: Path) -> None:
    path = tmp_path / "cluster.toml"
    configuration(tmp_path, WIDE)
    path.write_text(path.read_text()[: path.read_text().index("[[delay]]")])
    path.write_text(path.read_text().replace("delay_ms = 9", ""))
    config = load_config(path)
    assert config.delay_s(ReplicaId(1), "clients") == 0
    assert not config.has_delays


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[delay]", "is not TOML: "),
        ("", "Object missing required field `delay`"),
        (
            '[[delay]]\nbetween = ["clients", "moon"]\nms = 1',
            'expected "clients", "leaders", "followers" or "process N" - at `$.delay[0].between[1]`',
        ),
        ('[[delay]]\nbetween = ["clients"]\nms = 1', "Expected `array` of length 2"),
        ('[[delay]]\nbetween = ["clients", "leaders"]\nms = -1', "Expected `float` >= 0"),
        (
            '[[delay]]\nbetween = ["clients", "clients"]\nms = 1',
            "delay[0].between: clients do not talk with each other",
        ),
        (
            '[[delay]]\nbetween = ["clients", "process 4"]\nms = 1',
            "delay[0].between: there is no process 4, the last one is process 3",
        ),
    ],
)
def test_a_bad_file_is_refused_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "delays.toml"
    path.write_text(text)
    result = CliRunner().invoke(command, ["--delays", str(path)])
    assert isinstance(result.exception, InputError)
    assert str(result.exception).startswith(f"--delays: {path}: ")
    assert said in str(result.exception)


def test_a_file_that_slows_nothing_down_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "delays.toml"
    path.write_text('[[delay]]\nbetween = ["leaders", "leaders"]\nms = 1\n')
    with pytest.raises(DelaysError, match="joins nobody in a cluster of 1 times 3 replicas"):
        read_delays(path, replicas=3, shards=1)
    assert read_delays(path, replicas=3, shards=2)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["--delays", str(tmp_path / "no")])
    assert isinstance(result.exception, InputError)
    assert (
        str(result.exception)
        == f"--delays: {tmp_path}/no: cannot be read: No such file or directory"
    )
