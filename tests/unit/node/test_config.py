"""A configuration is taken as a whole or refused with file, key, value and reason."""

from pathlib import Path

import pytest

from node.config import load_config
from node.errors import ConfigError
from node.runtime.journal import CLUSTER_BYTES_MAX
from node.types import Address, ReplicaId

GOOD = """
cluster = "demo"
data_dir = "data"
[master]
address = "127.0.0.1:7400"
[timing]
tick_ms = 20
[[replica]]
id = 1
peer_address = "127.0.0.1:7411"
client_address = "[::1]:7412"
[[replica]]
id = 2
peer_address = "127.0.0.1:7421"
client_address = "127.0.0.1:7422"
"""


def write(directory: Path, text: str) -> Path:
    path = directory / "cluster.toml"
    path.write_text(text)
    return path


def test_a_good_file_says_everything(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, GOOD))
    assert config.cluster == "demo"
    assert config.master == Address("127.0.0.1", 7400)
    assert [member.id for member in config.replicas] == [1, 2]
    assert config.replica(ReplicaId(1)).client_address == Address("::1", 7412)
    assert (config.timing.tick_ms, config.timing.election_timeout_ticks) == (20, 30)


def test_the_data_directory_is_relative_to_the_file(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, GOOD))
    assert config.journal_path(ReplicaId(2)) == tmp_path / "data" / "replica-2" / "journal"
    absolute = load_config(write(tmp_path, GOOD.replace('"data"', '"/var/lib/gong"')))
    assert absolute.data_dir == Path("/var/lib/gong")


def test_master_and_timing_are_optional(tmp_path: Path) -> None:
    without = GOOD[: GOOD.index("[master]")] + GOOD[GOOD.index("[[replica]]") :]
    config = load_config(write(tmp_path, without))
    assert config.master is None
    assert config.timing.tick_ms == 10


def test_a_replica_that_the_file_does_not_know_is_named(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, GOOD))
    with pytest.raises(ConfigError, match="no replica has id 3; the file knows 1, 2"):
        config.replica(ReplicaId(3))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('cluster = "demo"', "", "`cluster`"),
        ('cluster = "demo"', 'cluster = ""', "cluster: '': Expected `str` of length >= 1"),
        ('cluster = "demo"', f'cluster = "{"x" * 64}"', "length <= 63"),
        ('cluster = "demo"', "cluster = 5", "cluster: 5: Expected `str`, got `int`"),
        ('data_dir = "data"', 'data_dir = ""', "data_dir: ''"),
        ("tick_ms = 20", "tick_ms = 0", "timing.tick_ms: 0: Expected `int` >= 1"),
        ("tick_ms = 20", 'tick_ms = "20"', "timing.tick_ms: '20': Expected `int`"),
        ("tick_ms = 20", "tick_s = 20", "timing: Object contains unknown field `tick_s`"),
        ("[timing]", "[snapshots]\nslots = 0\n[timing]", "snapshots.slots: 0: Expected `int` >= 1"),
        (
            "tick_ms = 20",
            "heartbeat_ticks = 20",
            "timing.heartbeat_ticks: 20 is more than half of election_timeout_ticks (30)",
        ),
        (
            "tick_ms = 20",
            "lease_ticks = 31",
            "timing.lease_ticks: 31 is more than election_timeout_ticks (30)",
        ),
        ("id = 1\n", "id = 0\n", "replica[0].id: 0: Expected `int` >= 1"),
        ("id = 2\n", "id = 1\n", "replica[1].id: 1 is used twice"),
        ("id = 2\n", "", "replica[1]: Object missing required field `id`"),
        (
            '"127.0.0.1:7421"',
            '"127.0.0.1:7411"',
            "replica[1].peer_address: '127.0.0.1:7411' is already used by replica[0].peer_address",
        ),
        (
            '"127.0.0.1:7422"',
            '"127.0.0.1:7400"',
            "replica[1].client_address: '127.0.0.1:7400' is already used by master.address",
        ),
        (
            '"127.0.0.1:7421"',
            '"127.0.0.1"',
            "replica[1].peer_address: '127.0.0.1' is not HOST:PORT",
        ),
        ('"127.0.0.1:7421"', '"127.0.0.1:0"', "a port from 1 to 65535"),
        ('"127.0.0.1:7421"', '"127.0.0.1:65536"', "a port from 1 to 65535"),
        ('"127.0.0.1:7421"', '"::1:7421"', "is not HOST:PORT"),
        ('address = "127.0.0.1:7400"', 'adress = "127.0.0.1:7400"', "master: Object"),
        ('cluster = "demo"', 'cluster = "demo', "is not TOML"),
        ('cluster = "demo"', 'cluster = "demo"\ncluster = "demo"', "is not TOML"),
    ],
)
def test_a_bad_file_is_refused_with_key_value_and_reason(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert expected in message
    assert "\n" not in message


def test_the_longest_name_of_a_cluster_fits_into_a_journal(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, GOOD.replace("demo", "🦢" * 63)))
    assert len(config.cluster.encode()) <= CLUSTER_BYTES_MAX


def sharded(*replicas: str, head: str = "") -> str:
    """One line of keys for each replica, with addresses of its own."""
    text = f'cluster = "demo"\ndata_dir = "data"\n{head}\n'
    for number, keys in enumerate(replicas, 1):
        text += f"[[replica]]\nid = {number}\n{keys}\n"
        text += f'peer_address = "h:{number}"\nclient_address = "h:{number + 100}"\n'
    return text


TWO_BY_TWO = ("process = 1", "process = 2", "shard = 1\nprocess = 1", "shard = 1\nprocess = 2")


def test_shards_are_groups_and_processes_are_hosts(tmp_path: Path) -> None:
    text = sharded(*TWO_BY_TWO, head='protocol = "mdl"\ncoordination = "durable"')
    config = load_config(write(tmp_path, text))
    assert config.shards == ((1, 2), (3, 4))
    assert [info.replica for info in config.group(1)] == [3, 4]
    assert config.hosted(2) == (2, 4)
    assert [info.replica for info in config.acquaintances(ReplicaId(3))] == [1, 2]
    assert (config.protocol, config.coordination) == ("mdl", "durable")
    assert config.journal_owner(ReplicaId(3)) == "demo (mdl, shard 1 of 2)"
    with pytest.raises(ConfigError, match="no process has number 3; the file knows 1, 2"):
        config.hosted(3)


def test_without_shards_each_replica_is_a_process_of_one_group(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, GOOD))
    assert config.shards == ((1, 2),)
    assert config.hosted(2) == (2,)
    assert config.acquaintances(ReplicaId(1)) == ()
    assert config.epoch_path() == tmp_path / "data" / "master" / "epoch"
    assert config.journal_owner(ReplicaId(1)) == "demo"
    with pytest.raises(ConfigError, match="no replica has id 3; the file knows 1, 2"):
        config.hosted(3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (sharded("shard = 1"), "replica: shard 0 has none, though there is a shard 1"),
        (
            sharded("process = 7", "process = 7"),
            "replica[1].process: 7 has replica 1 of shard 0 already",
        ),
        (sharded("shard = -1"), "replica[0].shard: -1: Expected `int` >= 0"),
        (sharded("process = 0"), "replica[0].process: 0: Expected `int` >= 1"),
        (sharded("", head='protocol = "paxos"'), "protocol: 'paxos': Invalid enum value"),
        (
            sharded("", head='coordination = "fast"'),
            "coordination: 'fast' is for protocol 'mdl'; this is 'multipaxos'",
        ),
    ],
)
def test_a_layout_that_does_not_fit_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, text))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_replicas_or_too_many_are_refused(tmp_path: Path) -> None:
    head = 'cluster = "demo"\ndata_dir = "data"\n'
    with pytest.raises(ConfigError, match=r"replica: .*length >= 1"):
        load_config(write(tmp_path, head + "replica = []\n"))
    many = "".join(
        f'[[replica]]\nid = {n}\npeer_address = "h:{n}"\nclient_address = "h:{n + 100}"\n'
        for n in range(1, 17)
    )
    with pytest.raises(ConfigError, match=r"replica: .*length <= 15"):
        load_config(write(tmp_path, head + many))


def test_a_file_that_cannot_be_read_or_decoded_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.toml: cannot be read: No such file"):
        load_config(tmp_path / "missing.toml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'cluster = "\xe4"')
    with pytest.raises(ConfigError, match="is not UTF-8: invalid continuation byte at byte 11"):
        load_config(tmp_path / "latin.toml")


@pytest.mark.parametrize("text", ["127.0.0.1:80", "[::1]:80", "localhost:65535"])
def test_an_address_is_written_as_it_is_read(text: str) -> None:
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize(
    ("delay", "expected"),
    [
        ("between = [1, 7]\nms = 1", "delay[0].between: no replica has id 7"),
        ("between = [2, 2]\nms = 1", "delay[0].between: 2 has no link to itself"),
        (
            'between = ["clients", "clients"]\nms = 1',
            "delay[0].between: 'clients' has no link to itself",
        ),
        ('between = ["servers", 1]\nms = 1', "delay[0].between[0]: 'servers': "),
        ("between = [1, 2]\nms = 10001", "delay[0].ms: 10001: Expected `float` <= 10000"),
    ],
)
def test_a_link_that_is_not_there_is_named(tmp_path: Path, delay: str, expected: str) -> None:
    path = write(tmp_path, f"{GOOD}[[delay]]\n{delay}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"{path}: {expected}")
