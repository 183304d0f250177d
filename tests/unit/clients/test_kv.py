"""The key-value client: what each method asks for and returns."""

import pytest

from clients import KvClient, Rejected
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
    replica = ScriptedReplica(*opening(*map(answers, results)))
    async with client_of(network, a=replica) as client:
        store = KvClient(client)
        assert await store.get("k") == "v"
        assert await store.get("absent") is None
        await store.put("k", "v")
        assert await store.cas("k", "v", "w")
        assert not await store.cas("k", None, "w")
        await store.delete("k")
        await store.append("k", "s")
    assert [decode_operation(request.body) for request in replica.requests[1:]] == [
        Get("k"),
        Get("absent"),
        Put("k", "v"),
        Cas("k", "v", "w"),
        Cas("k", None, "w"),
        Delete("k"),
        Append("k", "s"),
    ]


async def test_an_operation_that_the_state_machine_does_not_take_is_rejected(
    network: FakeNetwork,
) -> None:
    replica = ScriptedReplica(*opening(answers(Invalid("too long"))))
    async with client_of(network, a=replica) as client:
        with pytest.raises(Rejected, match="too long"):
            await KvClient(client).append("k", "s")
