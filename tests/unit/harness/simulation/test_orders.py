"""Claim: the judge that knows the order in which shards execute refuses what the definition refuses."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import permutations, product
from operator import attrgetter
from pathlib import Path

import pytest
from msgspec import structs

from checker import find_model
from checker.proposed import verified
from checker.values import Value
from harness.simulation.invariants import Violation
from harness.simulation.judges import judge
from harness.simulation.orders import Execution, Orders, Tag
from harness.simulation.outcome import FailureKind
from harness.simulation.tagged import TaggedStore, with_tag
from history import Operation, Outcome, load
from history.event import Stamp
from node.state_machine.kv import KeyValueStore
from node.types import ReplicaId
from node.wire import kv
from node.wire.kv import encode_operation, encode_result

FOLDER = Path(__file__).parents[3] / "data" / "histories" / "mdl"

FILES = sorted(FOLDER.glob("*/*.jsonl"))

ONE = ReplicaId(1)

KV = find_model("kv")


def asked(operation: Operation) -> kv.Operation:
    """What the client asked for."""
    value = operation.value
    match operation.f:
        case "get":
            return kv.Get(operation.key)
        case "put" | "write":
            return kv.Put(operation.key, value)
        case "append":
            return kv.Append(operation.key, value)
        case "cas":
            old, new = value
            return kv.Cas(operation.key, old, new)
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
        is_read = operation.f == "get"
        output = as_text(operation.output) if is_read else operation.output
        value = as_text(operation.value)
        found.append(
            structs.replace(operation, session=session, seq=seq, value=value, output=output)
        )
    return found


def as_text(value: Value) -> Value:
    """Values of the store are texts."""
    if isinstance(value, list):
        return [as_text(each) for each in value]
    return None if value is None else str(value)


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
            store = TaggedStore(partial(orders.note, shard, ONE), partial(orders.note_read, shard))
            for operation in order:
                assert isinstance(operation.session, int)
                assert operation.seq is not None
                store.execute(
                    with_tag((operation.session, operation.seq), encode_operation(asked(operation)))
                )
        yield orders


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_is_accepted_has_a_witness_that_the_checker_verifies(path: Path) -> None:
    operations = as_simulated(load(path).operations)
    accepted = verifiable = 0
    for orders in all_orders(operations):
        witness = orders.witness(operations)
        is_verified = witness is not None and verified(operations, KV, witness, "mdl") is not None
        verifiable += is_verified
        if orders.judge(operations, is_settled=True) is None:
            accepted += 1
            assert is_verified
    assert bool(accepted) == bool(verifiable) == (path.parent.name == "good")


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


@pytest.mark.parametrize(
    ("stamps", "rule"),
    [
        ([(0, 3), (0, 4), (0, 9)], ""),
        ([(0, 3), None, (0, 4)], ""),
        ([(0, 3), (0, 3), (0, 4)], "as stamped"),
        ([(0, 3), None, (0, 2)], "as stamped"),
        ([(1, 3), (0, 4), (0, 5)], "as stamped"),
    ],
)
def test_stamps_grow_as_the_shard_executes(stamps: list[Stamp | None], rule: str) -> None:
    orders = orders_of(executed((1, 1), (2, 1), (3, 1)))
    history = [
        structs.replace(put(session, 1, call=session, returned=10 + session), stamp=stamp)
        for session, stamp in enumerate(stamps, start=1)
    ]
    assert rule_of(orders, *history) == rule


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
    read: list[tuple[int, Tag, bytes]] = []

    def tell(place: int, execution: Execution) -> None:
        told.append((place, execution))

    def tell_read(place: int, tag: Tag, result: bytes) -> None:
        read.append((place, tag, result))

    store, other = TaggedStore(tell, tell_read), TaggedStore(tell, tell_read)
    body = encode_operation(kv.Append("x", "a"))
    store.execute(with_tag((7, 1), body))
    parts = list(other.decode(store.encode(store.capture())))
    other.restore(parts)
    assert other.snapshot() == store.snapshot() == (("x", "a"),)
    other.execute(with_tag((7, 2), body))
    done = KeyValueStore().execute(body)
    assert told == [(0, Execution((7, 1), body, done)), (1, Execution((7, 2), body, done))]
    other.query(with_tag((8, 1), encode_operation(kv.Get("x"))))
    assert read == [(2, (8, 1), encode_result(kv.Done("aa")))]


def query(process: int, key: str, output: str | None, *, call: int, returned: int) -> Operation:
    """A get without a session."""
    return structs.replace(
        put(process, 1, call=call, returned=returned), f="get", key=key, value=None, output=output,
        session=None, seq=None,
    )  # fmt: skip


def test_queries_stand_where_they_were_read() -> None:
    """Each shard alone fits either way; the reader saw the write of "y", and not that of "x"."""
    orders = orders_of(executed((1, 1), key="x"), executed((2, 1), key="y"))
    writes = [
        put(1, 1, call=0, returned=20),
        structs.replace(put(2, 1, call=1, returned=21), key="y"),
    ]
    reads = [
        query(9, "y", "1", call=2, returned=3),
        structs.replace(query(9, "x", None, call=4, returned=5), index=4),
    ]
    history = [*writes, *reads]
    assert orders.witness(history) is not None
    orders.note_read(1, 1, (9, 1), encode_result(kv.Done("1")))
    assert verified(history, KV, orders.witness(history) or [], "mdl") is None, "one is not told"
    orders.note_read(0, 0, (9, 2), encode_result(kv.Done("1")))
    assert verified(history, KV, orders.witness(history) or [], "mdl") is None, "nor what was heard"
    orders.note_read(0, 0, (9, 2), encode_result(kv.Done(None)))
    orders.note_read(0, 1, (9, 2), encode_result(kv.Done("1")))
    assert orders.witness(history) == [1, 2, 4, 0]
    assert verified(history, KV, [1, 2, 4, 0], "mdl") is not None


def test_what_fits_in_no_order_has_no_witness() -> None:
    """Two readers see the two writes in opposite orders."""
    orders = orders_of(executed((1, 1), key="x"), executed((2, 1), key="y"))
    history = [
        put(1, 1, call=0, returned=20),
        structs.replace(put(2, 1, call=1, returned=21), key="y"),
        query(8, "x", "1", call=2, returned=3),
        query(8, "y", None, call=4, returned=5),
        query(9, "y", "1", call=6, returned=7),
        query(9, "x", None, call=8, returned=9),
    ]
    seen, not_seen = encode_result(kv.Done("1")), encode_result(kv.Done(None))
    orders.note_read(0, 1, (8, 1), seen)
    orders.note_read(1, 0, (8, 2), not_seen)
    orders.note_read(1, 1, (9, 1), seen)
    orders.note_read(0, 0, (9, 2), not_seen)
    assert orders.witness(history) is None
    assert rule_of(orders, *history) == "", "queries are for the checker to judge"
    judgement = judge(history, at=7, orders=orders)
    assert judgement.failure is not None
    assert (judgement.failure.kind, judgement.failure.rule) == (FailureKind.HISTORY, "not mdl")
    assert judge(history[:5], at=7, orders=orders).failure is None


class Liar(Orders):
    """Claims any order."""

    def __init__(self, claimed: list[int]) -> None:
        super().__init__(1)
        self.claimed = claimed

    def witness(self, operations: Sequence[Operation]) -> list[int]:
        """Whatever the history is."""
        del operations
        return self.claimed


@pytest.mark.parametrize("claimed", [[0, 2, 4], [4, 0, 2], [0, 4], [0, 2, 4, 6], [0, 2]])
def test_no_claim_changes_what_is_found(claimed: list[int]) -> None:
    """A write, a later read that misses it, and a write that failed."""
    guilty = [
        put(1, 1, call=0, returned=1),
        structs.replace(put(2, 1, call=2, returned=3), f="get", value=None, output=None),
        put(3, 1, call=4, returned=5),
        put(4, 1, call=6, returned=7, failed=True),
    ]
    innocent = [guilty[0], structs.replace(guilty[1], output="1"), *guilty[2:]]
    for history, rule in ((guilty, "not mdl"), (innocent, "as answered")):
        liar = Liar(claimed)
        judgement = judge(history, at=7, orders=liar)
        assert judgement.failure is not None
        assert judgement.failure.rule == rule, "the shard told of nothing that it executed"
