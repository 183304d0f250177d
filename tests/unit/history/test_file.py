"""Our own file: what is read back, what is forgiven, what is refused."""

import io
from pathlib import Path

import pytest

from history import HistoryError, Info, Invocation, Ok, Outcome
from history.file import Writer, read, write

EVENTS = [
    Invocation(index=0, time=1, process=1, f="write", value=5),
    Info(index=1, time=2, process="nemesis", f="kill"),
    Ok(index=2, time=3, process=1, f="write", value=5),
]


def lines(*texts: str) -> io.BytesIO:
    return io.BytesIO("".join(texts).encode())


INVOKE = '{"type":"invoke","process":1,"f":"read"}'
OK = '{"type":"ok","process":1,"value":null}'


def refused(data: bytes) -> HistoryError:
    with pytest.raises(HistoryError) as caught:
        read(io.BytesIO(data), source="h.jsonl")
    return caught.value


def test_what_was_written_is_read_back() -> None:
    file = io.BytesIO()
    write(file, EVENTS, header={"model": "register"})
    file.seek(0)
    history = read(file)
    assert history.header == {"history": 1, "model": "register"}
    assert [operation.output for operation in history.operations] == [5]
    assert [event.f for event in history.annotations] == ["kill"]
    assert history.warnings == []


@pytest.mark.parametrize("text", ["", "\n", '{"history": 1}\n'], ids=["empty", "blank", "header"])
def test_a_file_without_events_is_a_history_without_operations(text: str) -> None:
    assert read(lines(text)).operations == []


def test_the_header_is_optional() -> None:
    history = read(lines(INVOKE, "\n", OK, "\n"))
    assert history.header == {}
    assert history.operations[0].outcome is Outcome.OK
    assert history.operations[0].line == 1


def test_lines_are_counted_with_the_header_and_blank_lines() -> None:
    history = read(lines('{"history": 1}\n', "\n", INVOKE, "\n"))
    assert history.operations[0].line == 3


def test_a_first_event_that_mentions_a_history_is_no_header() -> None:
    history = read(lines('{"type":"invoke","process":1,"f":"write","value":{"history":9}}\n'))
    assert len(history.operations) == 1


@pytest.mark.parametrize("version", ["2", '"1"', "true", "null"])
def test_another_version_is_refused(version: str) -> None:
    error = refused(b'{"history": %s}\n' % version.encode())
    assert str(error) == f"h.jsonl:1: history file version {version}, expected 1"


def test_a_torn_last_line_is_dropped_with_a_warning() -> None:
    history = read(lines(INVOKE, "\n", OK[:-4]))
    assert history.operations[0].outcome is Outcome.UNKNOWN
    (warning,) = history.warnings
    assert "line 2" in warning


def test_a_complete_last_line_may_lack_its_newline() -> None:
    history = read(lines(INVOKE, "\n", OK))
    assert history.operations[0].outcome is Outcome.OK
    assert history.warnings == []


def test_a_last_line_torn_within_a_character_is_torn() -> None:
    data = INVOKE.encode() + b"\n" + '{"type":"ok","process":1,"value":"é'.encode()[:-1]
    assert len(read(io.BytesIO(data)).warnings) == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"type":"ok","proc', "expected one JSON object"),
        (b'{"type":"ok","process":1.5}', "process"),
        (b'{"type":"done","process":1}', "'done'"),
        (b'{"process":1}', "`type`"),
        (b"[1]", "object"),
        (b'{"history": 1}', "`type`"),
        (b'{"type":"ok","process":1,"value":"\xff"}', "not UTF-8"),
        (b'{"type":"ok","process":1,"comment":"\xff"}', "not UTF-8"),
        (b'{"type":"ok","process":1,"value":' + b"[" * 10_000 + b"}", "too deeply"),
        (b"\0\0\0\0", "expected one JSON object"),
    ],
    ids=["cut", "number", "tag", "no tag", "list", "header", "utf-8", "unknown", "deep", "zeros"],
)
def test_a_broken_line_that_is_not_the_torn_end_is_refused(line: bytes, words: str) -> None:
    error = refused(INVOKE.encode() + b"\n" + line + b"\n" + OK.encode() + b"\n")
    assert error.line == 2
    assert words in error.message


def test_a_complete_last_line_that_is_no_event_is_not_taken_for_torn() -> None:
    assert refused(INVOKE.encode() + b'\n{"type":"done"}').line == 2


def test_a_writer_does_not_touch_a_history_that_exists(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text(INVOKE)
    with pytest.raises(FileExistsError):
        Writer.create(path)
    assert path.read_text() == INVOKE


class FullDisk(io.RawIOBase):
    """Takes a few bytes at a time, and in the end none."""

    def __init__(self, room: int) -> None:
        self.data = b""
        self.room = room

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        taken = bytes(data)[: min(7, self.room)]  # type: ignore[call-overload]
        if not taken:
            raise OSError(28, "No space left on device")
        self.data += taken
        self.room -= len(taken)
        return len(taken)


def test_a_short_write_is_continued() -> None:
    disk = FullDisk(room=10_000)
    Writer(disk).append(EVENTS[0])  # type: ignore[arg-type]
    assert disk.data.endswith(b"}\n")
    assert len(read(io.BytesIO(disk.data)).operations) == 1


def test_nothing_is_appended_after_half_a_line() -> None:
    """Otherwise the half line would stand in the middle, where no reader forgives it."""
    disk = FullDisk(room=100)
    writer = Writer(disk)  # type: ignore[arg-type]
    writer.append(EVENTS[0])
    with pytest.raises(OSError, match="No space"):
        writer.append(EVENTS[2])
    disk.room = 10_000
    with pytest.raises(AssertionError, match="no more lines"):
        writer.append(EVENTS[2])
    assert len(read(io.BytesIO(disk.data)).warnings) == 1


def test_batches_hold_whole_lines() -> None:
    file = io.BytesIO()
    Writer(file).append_all({"n": n} for n in range(20_000))
    assert file.getvalue().count(b"\n") == 20_000
    assert file.getvalue().endswith(b'{"n":19999}\n')
