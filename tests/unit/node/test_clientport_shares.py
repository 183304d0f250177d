"""The client port among many: one who asks for a lot leaves room for the others. Counted, not timed."""

import pytest
from trio.testing import wait_all_tasks_blocked

from node.core.interface import Propose
from node.runtime import clientport
from node.runtime.clientport import FIRST_CREDIT, SHARE
from node.wire.framing import frame
from node.wire.messages import CLIENT_CODEC, FRAME_BYTES_MAX
from tests.support.inboxes import take_all
from tests.support.ports import command, executed, open_port, request


def requests(first: int, last: int) -> bytes:
    return b"".join(
        frame(CLIENT_CODEC.encode(request(number)), FRAME_BYTES_MAX)
        for number in range(first, last + 1)
    )


async def test_who_asks_one_thing_has_a_turn_before_a_flood_is_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clientport, "FIRST_CREDIT", 1024)
    flood = 10 * SHARE
    async with open_port() as port:
        greedy, modest = await port.connect(), await port.connect()
        await wait_all_tasks_blocked()
        await greedy.stream.send_all(requests(1, flood))
        await modest.stream.send_all(requests(1000, 1000))
        await wait_all_tasks_blocked()
        proposed = await take_all(port.inbox)
    assert len(proposed) == flood + 1
    assert proposed.index(Propose(command(1000))) <= 3 * SHARE


async def test_who_has_read_no_answer_yet_may_not_ask_for_much() -> None:
    """Each request may cost every replica a megabyte of work, whether or not somebody reads it."""
    async with open_port() as port:
        client = await port.connect()
        await client.stream.send_all(requests(1, 500))
        await wait_all_tasks_blocked()
        assert len(await take_all(port.inbox)) == FIRST_CREDIT
        for number in range(1, FIRST_CREDIT + 1):
            port.replies.answer(executed(number))
        port.replies.flush()
        await wait_all_tasks_blocked()
        assert len(await take_all(port.inbox)) == 2 * FIRST_CREDIT, "it grows as answers leave"


async def test_who_lets_answers_wait_may_not_ask_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.runtime.connection.send_now", lambda _stream, _data: 0)
    monkeypatch.setattr(clientport, "FREE_BYTES", 0)
    async with open_port() as port:
        client = await port.connect()
        await client.stream.send_all(requests(1, 500))
        await wait_all_tasks_blocked()
        assert len(await take_all(port.inbox)) == FIRST_CREDIT
        for number in range(1, FIRST_CREDIT + 1):
            port.replies.answer(executed(number))
        await wait_all_tasks_blocked()
        assert len(await take_all(port.inbox)) == FIRST_CREDIT, "answered, and not more"
