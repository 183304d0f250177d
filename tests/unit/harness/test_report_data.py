"""What the report's page is fed with: escaped texts, columns, bands."""

import json
from typing import Any

import msgspec
import pytest

from harness.report.assembly import data_block
from harness.report.columns import Strings, columns, processes
from harness.report.faults import Band, Mark, read_faults
from harness.report.text import LENGTH_MAX, detail_text, name_text, value_text
from history import Event, Info, Invocation, Operation, Outcome


def operation(index: int, **fields: Any) -> Operation:  # noqa: ANN401
    defaults: dict[str, Any] = {
        "process": 0, "f": "put", "key": "x", "value": 1, "outcome": Outcome.OK, "call": 2 * index,
        "return_": 2 * index + 1, "call_time": 100 * index, "return_time": 100 * index + 30,
    }  # fmt: skip
    return Operation(index=index, **(defaults | fields))


def note(time: int, f: str, value: object = msgspec.UNSET, **fields: Any) -> Event:  # noqa: ANN401
    return Info(time=time, process="nemesis", f=f, value=value, **fields)


# Texts


@pytest.mark.parametrize("hostile", ["\x1b[31m", "\u2028", "\u202e", "\x00", "\ud800", "\ufeff"])
def test_what_cannot_be_seen_is_spelled_out(hostile: str) -> None:
    for words in (value_text(hostile), name_text(hostile), detail_text({hostile: hostile})):
        assert words.isprintable()
        assert "\\u" in words
        words.encode()


def test_a_key_is_named_without_quotes_unless_it_could_be_mistaken() -> None:
    assert name_text("x") == "x"
    assert name_text(7) == "7"
    assert name_text("") == '""'
    assert name_text(" x") == '" x"'


def test_a_long_value_is_cut_and_says_so() -> None:
    words = value_text(list(range(1000)))
    assert len(words) < LENGTH_MAX + 40
    assert words.endswith("characters)")


def test_no_value_can_end_the_data_block() -> None:
    hostile = ["</script>", "<!--", "]]>", "&lt;", "\u2028", "é", "\ud800"]
    block = data_block(hostile)
    assert block.isascii()
    assert not set("<>&") & set(block)
    assert json.loads(block) == hostile


# Columns


def test_columns_are_differences_durations_and_numbers_of_texts() -> None:
    strings = Strings()
    made = columns(
        [
            operation(0, value="a", output="a"),
            operation(1, value="b", outcome=Outcome.UNKNOWN, return_=None, return_time=None),
            operation(2, value="a", outcome=Outcome.FAILED, error="no"),
        ],
        strings,
        0,
    )
    assert made["call"] == [0, 100, 100]
    assert made["duration"] == [30, -1, 30]
    assert made["outcome"] == [0, 2, 1]
    assert [strings.table[number] for number in made["value"]] == ['"a"', '"b"', '"a"']
    assert made["output"] == [made["value"][0], -1, -1]
    assert made["node"] == -1  # the same everywhere: one number
    assert made["index"] is None  # the position is the index


def test_true_and_one_are_different_values() -> None:
    strings = Strings()
    numbers = [strings.value(value) for value in (1, True, "1", None, 1.0, 0, False)]
    assert [strings.table[n] for n in numbers] == ["1", "true", '"1"', "null", "1.0", "0", "false"]


def test_processes_are_listed_once() -> None:
    names, column = processes(
        [operation(0, process=7), operation(1, process=27), operation(2, process=7)]
    )
    assert (names, column) == ([7, 27], [0, 1, 0])


# Faults


def test_a_killed_replica_is_down_until_its_own_restart() -> None:
    faults = read_faults(
        [
            note(10, "kill-leader", {"replica": 3, "ballot": "1.3"}),
            note(12, "kill", {"replica": 1}),
            note(20, "restart", {"replica": 3}),
            note(30, "heal"),
            note(40, "restart", {"replica": 1}),
        ]
    )
    assert faults.bands == [
        Band(kind="kill-leader", target="replica 3", start=10, end=20, detail="ballot 1.3"),
        Band(kind="kill", target="replica 1", start=12, end=40, heal=30),
    ]
    assert faults.kills == 2
    assert faults.marks == []


def test_a_heal_ends_everything_that_nothing_else_ends() -> None:
    faults = read_faults([note(1, "partition", [[1], [2, 3]]), note(2, "kill", 2), note(9, "heal")])
    assert [(band.kind, band.target, band.end) for band in faults.bands] == [
        ("partition", "cluster", 9),
        ("kill", "replica 2", 9),
    ]


def test_start_and_stop_pair_by_their_subject() -> None:
    faults = read_faults(
        [
            note(1, "start-partition"),
            note(2, "start-skew"),
            note(3, "stop-partition"),
            note(4, "bump-clock"),
        ]
    )
    assert [(band.kind, band.end) for band in faults.bands] == [("partition", 3), ("skew", None)]
    assert faults.marks == [Mark(f="bump-clock", target="cluster", time=4)]


def test_a_pause_ends_with_a_resume_of_the_same_replica() -> None:
    faults = read_faults(
        [note(1, "pause", node="n1"), note(2, "resume", node="n2"), note(3, "resume", node="n1")]
    )
    assert [(band.target, band.end) for band in faults.bands] == [("n1", 3)]
    assert [mark.target for mark in faults.marks] == ["n2"]


def test_an_invocation_and_its_completion_are_one_event() -> None:
    faults = read_faults(
        [
            Invocation(time=1, process="nemesis", f="kill"),
            note(2, "kill", {"replica": 4}),
            Invocation(time=5, process="nemesis", f="restart", value={"replica": 4}),
            note(6, "restart", {"replica": 4}),
        ]
    )
    assert [(band.target, band.start, band.end) for band in faults.bands] == [("replica 4", 1, 5)]
    assert faults.marks == []


def test_leaders_are_stretches_and_repetitions_are_none() -> None:
    faults = read_faults([note(t, "leader", {"replica": r}) for t, r in ((1, 1), (2, 1), (3, 2))])
    assert [(each.name, each.time) for each in faults.leaders] == [
        ("replica 1", 1),
        ("replica 2", 3),
    ]


def test_annotations_without_a_time_are_left_out() -> None:
    assert read_faults([Info(process="nemesis", f="kill", value=1)]).bands == []
