"""The key-value client: what each method asks for and returns."""

import pytest

from clients import KvClient, Rejected
from node.types import Query
from node.wire.kv import (
    Append,
    Cas,
    Delete,
    Done,
    Get,
    Invalid,
    Mismatch,
    Put,
    Result,
    decode_operation,
)
from tests.support.streams import FakeNetwork, fake_network
from tests.unit.clients.scripted import ScriptedReplica, answers, client_of, opening


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    return fake_network(monkeypatch)


async def test_each_method_sends_its_operation_and_returns_its_result(
    network: FakeNetwork,
) -> None:
    results: list[Result] = [
        Done("v"),
        Done(None),
        Done(None),
        Done(None),
        Mismatch(),
        Done(None),
        Done(None),
    ]
    get, absent, *others = map(answers, results)
    replica = ScriptedReplica(get, absent, *opening(*others))
    async with client_of(network, a=replica) as client:
        store = KvClient(client)
        assert await store.get("k") == "v"
        assert await store.get("absent") is None
        await store.put("k", "v")
        assert await store.cas("k", "v", "w")
        assert not await store.cas("k", None, "w")
        await store.delete("k")
        await store.append("k", "s")
    assert [decode_operation(request.body) for request in replica.requested[1:]] == [
        Put("k", "v"),
        Cas("k", "v", "w"),
        Cas("k", None, "w"),
        Delete("k"),
        Append("k", "s"),
    ]
    queries = [request for request in replica.requests if isinstance(request, Query)]
    assert [decode_operation(query.body) for query in queries] == [Get("k"), Get("absent")]


async def test_a_get_takes_a_place_in_the_log_if_it_is_told_to(network: FakeNetwork) -> None:
    replica = ScriptedReplica(*opening(answers(Done("v"))))
    async with client_of(network, a=replica) as client:
        assert await KvClient(client, reads_through_log=True).get("k") == "v"
    assert [decode_operation(request.body) for request in replica.requested[1:]] == [Get("k")]


async def test_an_operation_that_the_state_machine_does_not_take_is_rejected(
    network: FakeNetwork,
) -> None:
    replica = ScriptedReplica(*opening(answers(Invalid("too long"))))
    async with client_of(network, a=replica) as client:
        with pytest.raises(Rejected, match="too long"):
            await KvClient(client).append("k", "s")
