"""The key-value store."""

import pytest

from node.state_machine.kv import KeyValueStore
from node.wire.kv import (
    Append,
    Cas,
    Delete,
    Done,
    Get,
    Invalid,
    Mismatch,
    Operation,
    Put,
    Result,
    decode_result,
    encode_operation,
)


@pytest.mark.parametrize(
    ("operations", "results"),
    [
        ([Get("x")], [Done(None)]),
        ([Put("x", "1"), Get("x"), Get("y")], [Done(None), Done("1"), Done(None)]),
        ([Put("x", "1"), Put("x", "2"), Get("x")], [Done(None), Done(None), Done("2")]),
        ([Cas("x", None, "1"), Get("x")], [Done(None), Done("1")]),
        ([Cas("x", "0", "1"), Get("x")], [Mismatch(), Done(None)]),
        ([Put("x", "1"), Cas("x", "1", "2"), Get("x")], [Done(None), Done(None), Done("2")]),
        ([Put("x", "1"), Cas("x", None, "2"), Get("x")], [Done(None), Mismatch(), Done("1")]),
        ([Put("x", "1"), Delete("x"), Get("x")], [Done(None), Done(None), Done(None)]),
        ([Delete("x"), Get("x")], [Done(None), Done(None)]),
        ([Append("x", "a"), Append("x", "b"), Get("x")], [Done(None), Done(None), Done("ab")]),
    ],
    ids=lambda value: "-".join(type(each).__name__.lower() for each in value),
)
def test_operations_one_after_the_other(operations: list[Operation], results: list[Result]) -> None:
    store = KeyValueStore()
    assert [decode_result(store.execute(encode_operation(o))) for o in operations] == results


@pytest.mark.parametrize("body", [b"", b"\xff", b"\x81\x18\x63", encode_operation(Get("x"))[:-1]])
def test_bytes_that_are_no_operation_change_nothing_and_say_so(body: bytes) -> None:
    store = KeyValueStore()
    store.apply(Put("x", "1"))
    assert isinstance(decode_result(store.execute(body)), Invalid)
    assert store.apply(Get("x")) == Done("1")


@pytest.mark.parametrize(
    "operation",
    [Put("k", "w"), Cas("k", "v", "w"), Delete("k"), Append("k", "w")],
    ids=lambda operation: type(operation).__name__,
)
def test_a_query_that_would_change_something_is_refused_and_changes_nothing(
    operation: Operation,
) -> None:
    store = KeyValueStore()
    store.apply(Put("k", "v"))
    result = decode_result(store.query(encode_operation(operation)))
    name = type(operation).__name__.lower()
    assert result == Invalid(f"a {name} is no query: it would change something")
    assert decode_result(store.query(encode_operation(Get("k")))) == Done("v")


def test_a_query_of_bytes_that_are_no_operation_says_so() -> None:
    assert isinstance(decode_result(KeyValueStore().query(b"?")), Invalid)
