"""Other people's formats: what each line means, and how a file says which format it is in."""

import io
import json
import os
from pathlib import Path

import pytest

from history import History, HistoryError, Operation, Outcome, load
from history.formats import jepsen_edn, jepsen_log, kv_edn_lines, operations, recognise

FOLDER = os.environ.get("GONG_HISTORIES")
needs_histories = pytest.mark.skipif(
    FOLDER is None or not Path(FOLDER, "verdicts.json").exists(),
    reason="GONG_HISTORIES does not name the folder of public histories",
)


def of(operation: Operation) -> tuple[Outcome, object]:
    return operation.outcome, operation.output


def edn(text: str, *, keyed: bool = False) -> History:
    return jepsen_edn.read(io.BytesIO(text.encode()), source="h.edn", keyed=keyed)


def log(*columns: str, end: str = "\n") -> History:
    text = "\n".join(f"INFO  jepsen.util - {line}" for line in columns) + end
    return jepsen_log.read(io.BytesIO(text.encode()), source="h.log")


def kv(text: str) -> History:
    return kv_edn_lines.read(io.BytesIO(text.encode()), source="h.txt")


def finished(*lines: str) -> History:
    return operations.read(io.BytesIO("\n".join(lines).encode()), source="h.jsonl")


# operations


def test_finished_operations_are_ranked_by_time_and_calls_come_first() -> None:
    first, second = finished(
        '{"process": 1, "f": "write", "value": 5, "call": 10, "return": 20, "output": null}',
        '{"process": "b", "f": "read", "key": "x", "call": 20, "return": 25.5, "output": 5}',
    ).operations
    assert (first.call, second.call, first.return_, second.return_) == (0, 1, 2, 3)
    assert (second.process, second.key, second.output) == ("b", "x", 5)


def test_a_return_of_null_is_unknown() -> None:
    (operation,) = finished(
        '{"process": 1, "f": "write", "value": 5, "call": 10, "return": null}'
    ).operations
    assert (operation.outcome, operation.return_) == (Outcome.UNKNOWN, None)


def test_a_finished_cas_that_says_false_observed() -> None:
    (operation,) = finished(
        '{"process": 1, "f": "cas", "value": [1, 2], "call": 1, "return": 2, "output": false}'
    ).operations
    assert operation.is_mismatch


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"process": 1, "f": "read", "call": 5, "return": 4}', "before call"),
        ('{"process": 1, "f": "cas", "call": 1, "return": 2}', "true or false"),
        ('{"process": 1, "f": "read", "call": 1}', "`return`"),
        ('{"process": 1, "f": "read", "call": 1, "return": 2, "key": []}', "key"),
        ('{"process": 1, "f": "read", "call": 1, "return": null, "key": {}}', "key"),
        ('{"process": 1, "f"', "JSON"),
    ],
)
def test_a_wrong_operation_is_refused_with_its_line(line: str, words: str) -> None:
    with pytest.raises(HistoryError, match=words) as caught:
        finished("", line, "")
    assert caught.value.line == 2


def test_operations_survive_writing_and_reading() -> None:
    history = finished(
        '{"process": 1, "f": "write", "value": 5, "call": 10, "return": 20, "output": null}',
        '{"process": 2, "f": "cas", "value": [5, 6], "call": 20, "return": 30, "output": false}',
        '{"process": 3, "f": "read", "call": 20, "return": null}',
        '{"process": 4, "f": "read", "call": 40, "return": 41, "output": 5, "stamp": ["s", 7]}',
    )
    assert history.operations[3].stamp == ("s", 7)
    file = io.BytesIO()
    operations.write(file, history.operations)
    file.seek(0)
    assert operations.read(file).operations == history.operations


def test_ranks_are_written_where_times_do_not_tell_the_order() -> None:
    """In Jepsen's files the order of the lines decides, also where the times go back."""
    history = edn(
        "{:process 1 :type :invoke :f :write :value 1 :time 9}"
        "{:process 1 :type :ok :f :write :value 1 :time 9}"
        "{:process 1 :type :invoke :f :read :time 4}{:process 1 :type :ok :f :read :value 1 :time 4}"
    )
    file = io.BytesIO()
    operations.write(file, history.operations)
    file.seek(0)
    again = operations.read(file).operations
    assert [(o.call, o.return_) for o in again] == [(0, 1), (2, 3)]


# jepsen-edn

READ = "{:process 0, :type :invoke, :f :read, :value nil}"


@pytest.mark.parametrize("around", ["%s", "[%s]", "(%s)", "; comment\n[%s]"])
def test_jepsen_maps_stand_alone_or_in_a_list(around: str) -> None:
    text = around % f"{READ}\n#_{{:junk 1}} {{:process 0, :type :ok, :f :read, :value 3, :index 9}}"
    (operation,) = edn(text).operations
    assert of(operation) == (Outcome.OK, 3)


def test_a_read_of_nil_is_one_whose_result_is_unknown() -> None:
    """Its process goes on, which an info would have ended."""
    nothing, three = edn(
        f"{READ}{{:process 0 :type :ok :f :read :value nil}}"
        f"{READ}{{:process 0 :type :ok :f :read :value 3}}"
    ).operations
    assert (nothing.outcome, nothing.return_) == (Outcome.UNKNOWN, None)
    assert of(three) == (Outcome.OK, 3)


def test_a_failed_cas_did_nothing_unless_it_says_mismatch() -> None:
    text = "{:process 0 :type :invoke :f :cas :value [1 2]}{:process 0 :type :fail :f :cas %s}"
    for said, outcome in [
        ("", Outcome.FAILED),
        (":error :timed-out", Outcome.FAILED),
        (":error :mismatch", Outcome.OK),
        (':error "value mismatch"', Outcome.OK),
        (":error [:mismatch 7]", Outcome.OK),
    ]:
        (operation,) = edn(text % said).operations
        assert operation.outcome is outcome, said
        assert operation.is_mismatch is (outcome is Outcome.OK), said


def test_keyed_values_are_split() -> None:
    history = edn(
        "{:process 0 :type :invoke :f :write :value [x 5]}"
        "{:process :nemesis :type :info :f :start :value [1 2 3]}"
        "{:process 0 :type :info :f :write :value [x 5] :error [:timeout nil]}",
        keyed=True,
    )
    (operation,) = history.operations
    assert (operation.key, operation.value, operation.error) == ("x", 5, [":timeout", None])
    assert [event.process for event in history.annotations] == ["nemesis"]


def test_times_are_for_people_and_the_order_is_that_of_the_file() -> None:
    history = edn(
        f"{READ[:-1]} :time 5}}{{:process 0 :type :ok :f :read :value 1 :time 5}}"
        f"{READ[:-1]} :time 5}}"
    )
    first, second = history.operations
    assert first.return_ is not None
    assert first.return_ < second.call
    assert history.has_times
    assert not edn(f"{READ[:-1]} :time -1}}").has_times


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{:type :ok}", "expected a :process"),
        ("{:process true :type :ok}", "expected a :process"),
        ("{:process 1 :type :done}", "expected a :type"),
        ("{:process 1 :type [1]}", "expected a :type"),
        ("{:process 1}", "expected a :type"),
        ("[1 2]", "expected a map"),
        ("{:process 1 :type :ok :f :read}", "no invocation"),
        ("{:process 1", "never closed"),
    ],
)
def test_a_wrong_map_is_refused_with_its_line(text: str, words: str) -> None:
    with pytest.raises(HistoryError, match=words) as caught:
        edn(f"{READ}\n{text}")
    assert caught.value.line == 2


def test_a_keyed_value_is_a_pair() -> None:
    with pytest.raises(HistoryError, match="pair"):
        edn("{:process 0 :type :invoke :f :write :value 5}", keyed=True)
    with pytest.raises(HistoryError, match="pair"):
        edn("{:process 0 :type :invoke :f :read}", keyed=True)


# jepsen-log


def test_columns_are_parted_by_tabs_or_by_runs_of_blanks() -> None:
    (operation,) = log("0\t:invoke\t:cas\t[1 2]", "0   :ok   :cas    [1 2]").operations
    assert (operation.value, operation.output) == ([1, 2], True)


def test_a_read_of_nil_in_a_log_observed_the_initial_value() -> None:
    (operation,) = log("0 :invoke :read nil", "0 :ok :read nil").operations
    assert of(operation) == (Outcome.OK, None)


def test_a_time_out_is_unknown_for_a_write_and_nothing_for_a_read() -> None:
    write, read, cas = log(
        "0 :invoke :write 3",
        "0 :info :write :timed-out",
        "1 :invoke :read nil",
        "1 :fail :read :timed-out",
        "1 :invoke :cas [1 2]",
        "1 :fail :cas [1 2]",
    ).operations
    assert (write.outcome, write.error) == (Outcome.UNKNOWN, "timed-out")
    assert read.outcome is Outcome.FAILED
    assert cas.outcome is Outcome.FAILED


def test_other_loggers_are_passed_over_and_the_nemesis_annotates() -> None:
    text = (
        "INFO  jepsen.core - Worker 0 starting\n"
        "INFO  jepsen.util - :nemesis\t:info\t:start\tnil\n"
        "INFO  jepsen.util - 0\t:invoke\t:read\tnil\n\n"
    )
    history = jepsen_log.read(io.BytesIO(text.encode()))
    assert len(history.operations) == 1
    assert history.operations[0].line == 3
    assert [event.f for event in history.annotations] == ["start"]


def test_a_torn_end_of_a_log_is_dropped_with_a_warning() -> None:
    assert len(log("0 :invoke :cas [1 2]", "0 :ok :cas [1", end="").warnings) == 1
    assert len(log("0 :invoke :cas [1 2]", "0 :o", end="").warnings) == 1


@pytest.mark.parametrize(
    "line", ["0 :invoke", "0 :done :read 3", "0 :ok :cas [1", "0 :ok :read 1 2"]
)
def test_a_wrong_line_of_a_log_is_refused(line: str) -> None:
    with pytest.raises(HistoryError) as caught:
        log("0 :invoke :read nil", line)
    assert caught.value.line == 2


# kv-edn-lines


def test_the_empty_string_is_the_absent_value() -> None:
    get, append = kv(
        '{:process 1, :type :invoke, :f :get, :key "0", :value nil}\n'
        '{:process 1, :type :ok, :f :get, :key "0", :value ""}\n'
        '{:process 1, :type :invoke, :f :append, :key "0", :value "x"}\n'
    ).operations
    assert of(get) == (Outcome.OK, None)
    assert (append.key, append.value, append.outcome) == ("0", "x", Outcome.UNKNOWN)


def test_a_torn_end_of_kv_lines_is_dropped_with_a_warning() -> None:
    history = kv('{:process 1, :type :invoke, :f :get, :key "0", :value nil}\n{:process 1, :ty')
    assert len(history.operations) == 1
    assert len(history.warnings) == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{:process 1 :type :ok :f :get}", ":key"),
        ('{:process 1 :type :ok :f :steal :key "0"}', ":f"),
        ('{:process 1 :type :ok :f :get :key "0" :value 5}', ":value"),
        ('{:process :n :type :ok :f :get :key "0"}', ":process"),
        ('{:process 1 :f :get :key "0"}', ":type"),
        ("17", "map"),
    ],
)
def test_a_wrong_kv_line_is_refused_with_its_line(line: str, words: str) -> None:
    with pytest.raises(HistoryError, match=words) as caught:
        kv(f"\n{line}\n")
    assert caught.value.line == 2


# which format


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ("", "gong"),
        ('{"history": 1, "model": "kv"}\n', "gong"),
        ('{"hist', "gong"),
        ("{", "gong"),
        ('\n{"index":0,"type":"invoke"}', "gong"),
        ('{"process": 3, "f": "write", "call": 1, "return": 2}', "operations"),
        ("INFO  jepsen.util - 0\t:invoke\t:read\tnil\n", "jepsen-log"),
        ("INFO  jepsen.core - x\nINFO  jepsen.util - 0 :invoke :read nil", "jepsen-log"),
        ('{:process 9, :type :invoke, :f :get, :key "0", :value nil}', "kv-edn-lines"),
        ("{:process 9, :type :invoke, :f :read, :value nil}", "jepsen-edn"),
        ("; comment\n [{\n:type :invoke\n:process 9}]", "jepsen-edn"),
        ("#jepsen.history.Op{:type :invoke :process 9}", "jepsen-edn"),
        ("hello", None),
    ],
)
def test_a_format_is_recognised_by_how_the_file_begins(head: str, name: str | None) -> None:
    assert recognise(head) == name


def test_a_file_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(HistoryError, match="cannot be read"):
            load(path)


def test_a_format_must_be_known_and_fit_what_was_asked(tmp_path: Path) -> None:
    path = tmp_path / "h"
    path.write_text("hello\n")
    with pytest.raises(HistoryError, match="not recognised"):
        load(path)
    with pytest.raises(HistoryError, match="unknown format 'edn', expected one of auto, "):
        load(path, "edn")
    with pytest.raises(HistoryError, match="keyed"):
        load(path, "operations", keyed=True)


@pytest.mark.parametrize("format_name", ["jepsen-edn", "jepsen-log", "kv-edn-lines", "gong"])
def test_a_file_that_is_not_utf_8_is_refused_with_its_line(
    format_name: str, tmp_path: Path
) -> None:
    path = tmp_path / "h"
    path.write_bytes(b"\n\xff\n")
    with pytest.raises(HistoryError, match="not UTF-8") as caught:
        load(path, format_name)
    assert caught.value.line == 2


@needs_histories
@pytest.mark.slow
def test_every_public_history_is_recognised_and_has_all_its_operations() -> None:
    """`ops` in the manifest counts invocations, failed and unknown ones included."""
    assert FOLDER is not None
    manifest = json.loads(Path(FOLDER, "verdicts.json").read_text())
    for entry in manifest:
        if entry["format"] == "limo-hist":
            continue
        history = load(Path(FOLDER, entry["path"]))
        found = (history.format, len(history.operations), list(history.warnings))
        assert found == (entry["format"], entry["ops"], []), entry["path"]
