"""Claim: the judge that knows the order in which shards execute refuses what the definition refuses."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import permutations, product
from operator import attrgetter
from pathlib import Path

import pytest
from msgspec import structs

from harness.simulation.invariants import Violation
from harness.simulation.orders import Execution, Orders
from harness.simulation.tagged import TaggedStore, with_tag
from history import Operation, Outcome, load
from node.state_machine.kv import KeyValueStore
from node.types import ReplicaId
from node.wire import kv
from node.wire.kv import encode_operation, encode_result

FOLDER = Path(__file__).parents[3] / "data" / "histories" / "mdl"

FILES = sorted(FOLDER.glob("*/*.jsonl"))

ONE = ReplicaId(1)


def asked(operation: Operation) -> kv.Operation:
    """What the client asked for."""
    value = operation.value
    match operation.f:
        case "get":
            return kv.Get(operation.key)
        case "put" | "write":
            return kv.Put(operation.key, str(value))
        case "append":
            return kv.Append(operation.key, str(value))
        case "cas":
            old, new = value
            return kv.Cas(operation.key, None if old is None else str(old), str(new))
        case _:
            raise AssertionError(operation.f)


def as_simulated(operations: Sequence[Operation]) -> list[Operation]:
    """Each in a session, numbered from 1, and with texts for values."""
    counts: dict[int, int] = {}
    found = []
    for operation in sorted(operations, key=attrgetter("call")):
        session = operation.process if operation.session is None else 100 + int(operation.session)
        assert isinstance(session, int)
        seq = counts[session] = counts.get(session, 0) + 1
        is_value = operation.f == "get" and operation.output is not None
        output = str(operation.output) if is_value else operation.output
        found.append(structs.replace(operation, session=session, seq=seq, output=output))
    return found


def all_orders(operations: Sequence[Operation]) -> Iterator[Orders]:
    """Every way in which shards, one for each key, could have executed all or some of them."""
    keys = sorted({operation.key for operation in operations})
    choices = []
    for key in keys:
        mine = [operation for operation in operations if operation.key == key]
        choices.append(
            [order for size in range(len(mine) + 1) for order in permutations(mine, size)]
        )
    for chosen in product(*choices):
        orders = Orders(len(keys))
        for shard, order in enumerate(chosen):
            store = TaggedStore(partial(orders.note, shard, ONE))
            for operation in order:
                assert isinstance(operation.session, int)
                assert operation.seq is not None
                store.execute(
                    with_tag((operation.session, operation.seq), encode_operation(asked(operation)))
                )
        yield orders


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_some_order_is_accepted_of_a_good_history_and_none_of_a_bad_one(path: Path) -> None:
    operations = as_simulated(load(path).operations)
    is_accepted = any(
        orders.judge(operations, is_settled=True) is None for orders in all_orders(operations)
    )
    assert is_accepted == (path.parent.name == "good")


def executed(*order: tuple[int, int], key: str = "x") -> list[Execution]:
    """Puts, each of which was executed, in their order."""
    put, done = encode_operation(kv.Put(key, "1")), encode_result(kv.Done(None))
    return [Execution(tag, put, done) for tag in order]


def put(
    session: int, seq: int, *, call: int, returned: int | None, failed: bool = False
) -> Operation:
    """A put in a history; without a return its outcome is unknown."""
    outcome = Outcome.UNKNOWN if returned is None else Outcome.FAILED if failed else Outcome.OK
    return Operation(
        index=call, process=session, f="put", key="x", value="1", output="1", outcome=outcome,
        call=call, return_=returned, call_time=call, session=session, seq=seq,
    )  # fmt: skip


def orders_of(*shards: list[Execution]) -> Orders:
    """What one replica of each shard tells."""
    orders = Orders(len(shards))
    for shard, order in enumerate(shards):
        for place, execution in enumerate(order):
            orders.note(shard, ONE, place, execution)
    return orders


def rule_of(orders: Orders, *operations: Operation, is_settled: bool = True) -> str:
    """Which rule the judge finds broken; empty: none."""
    violation = orders.judge(operations, is_settled=is_settled)
    return "" if violation is None else violation.rule


def test_replicas_of_a_shard_must_execute_the_same() -> None:
    orders = orders_of(executed((1, 1), (2, 1)))
    first, second = executed((1, 1), (2, 1))
    orders.note(0, ReplicaId(2), 0, first)
    with pytest.raises(Violation, match="operation 1 of session 1 at place 1"):
        orders.note(0, ReplicaId(2), 1, first)
    orders.note(0, ReplicaId(2), 1, second)


def test_nothing_is_executed_twice_wherever_it_is() -> None:
    orders = orders_of(executed((1, 1)), [])
    (again,) = executed((1, 1))
    with pytest.raises(Violation, match="executed before in shard 0"):
        orders.note(0, ONE, 1, again)
    with pytest.raises(Violation, match="executed before in shard 0"):
        orders.note(1, ONE, 0, again)


def test_what_was_reported_as_failed_is_executed_nowhere() -> None:
    failed = put(1, 1, call=0, returned=1, failed=True)
    assert rule_of(orders_of([]), failed) == ""
    assert rule_of(orders_of(executed((1, 1))), failed) == "failed is never"


def test_what_was_answered_is_executed_with_that_result() -> None:
    assert rule_of(orders_of([]), put(1, 1, call=0, returned=1)) == "as answered"
    read = structs.replace(put(1, 1, call=0, returned=1), f="get", value=None, output="other")
    got = Execution((1, 1), encode_operation(kv.Get("x")), encode_result(kv.Done("this")))
    assert rule_of(orders_of([got]), read) == "as answered"
    assert rule_of(orders_of([got]), structs.replace(read, output="this")) == ""


def test_a_gap_is_none_before_all_has_settled() -> None:
    orders = orders_of(executed((1, 1), (1, 3)))
    three = [put(1, seq, call=seq, returned=None) for seq in (1, 2, 3)]
    assert orders.gap == (1, 2)
    assert rule_of(orders, *three) == "suffix rule"
    assert rule_of(orders, *three, is_settled=False) == ""


def test_real_time_counts_between_sessions() -> None:
    early = put(1, 1, call=0, returned=1)
    late = put(2, 1, call=2, returned=3)
    assert rule_of(orders_of(executed((1, 1), (2, 1))), early, late) == ""
    assert rule_of(orders_of(executed((2, 1), (1, 1))), early, late) == "one order of all"
    concurrent = put(2, 1, call=1, returned=3)
    overlapping = put(1, 1, call=0, returned=2)
    assert rule_of(orders_of(executed((2, 1), (1, 1))), overlapping, concurrent) == ""


def test_a_store_from_a_snapshot_goes_on_counting() -> None:
    told: list[tuple[int, Execution]] = []

    def tell(place: int, execution: Execution) -> None:
        told.append((place, execution))

    store, other = TaggedStore(tell), TaggedStore(tell)
    body = encode_operation(kv.Append("x", "a"))
    store.execute(with_tag((7, 1), body))
    parts = list(other.decode(store.encode(store.capture())))
    other.restore(parts)
    assert other.snapshot() == store.snapshot() == (("x", "a"),)
    other.execute(with_tag((7, 2), body))
    done = KeyValueStore().execute(body)
    assert told == [(0, Execution((7, 1), body, done)), (1, Execution((7, 2), body, done))]
