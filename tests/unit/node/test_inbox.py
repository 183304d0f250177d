"""The driver's inbox and the ticker that posts to it."""

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from node.runtime.inbox import ROOMY, Inbox
from tests.support.inboxes import take_all


async def test_everything_that_arrived_is_taken_at_once_and_in_order() -> None:
    inbox: Inbox[int] = Inbox()
    for event in range(5):
        inbox.post(event)
    assert await take_all(inbox) == [0, 1, 2, 3, 4]


async def test_taking_waits_for_an_event(autojump_clock: MockClock) -> None:
    inbox: Inbox[int] = Inbox()
    taken: list[list[int]] = []

    async def take_twice() -> None:
        taken.append(await take_all(inbox))
        taken.append(await take_all(inbox))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take_twice)
        await trio.sleep(1)
        assert taken == []
        inbox.post(1)
        await trio.sleep(1)
        assert taken == [[1]]
        inbox.post(2)
    assert taken == [[1], [2]]


async def test_edges_wait_for_room_and_posting_never_does() -> None:
    inbox: Inbox[int] = Inbox()
    for event in range(ROOMY - 1):
        inbox.post(event)
    await inbox.wait_room()
    inbox.post(0)
    went_on: list[int] = []

    async def edge(number: int) -> None:
        await inbox.wait_room()
        went_on.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(edge, number)
        await wait_all_tasks_blocked()
        assert went_on == []
        inbox.post(0)
        assert len(await take_all(inbox)) == ROOMY + 1
    assert sorted(went_on) == [0, 1, 2]


async def test_an_edge_that_finds_the_inbox_full_again_waits_again() -> None:
    inbox: Inbox[int] = Inbox()
    went_on = trio.Event()

    async def edge() -> None:
        await inbox.wait_room()
        went_on.set()

    def fill() -> None:
        for event in range(ROOMY):
            inbox.post(event)

    fill()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(edge)
        await wait_all_tasks_blocked()
        await take_all(inbox)
        fill()
        await wait_all_tasks_blocked()
        assert not went_on.is_set()
        await take_all(inbox)
        await went_on.wait()


async def test_who_holds_the_inbox_wakes_nobody_up_if_everything_is_taken_meanwhile() -> None:
    inbox: Inbox[int] = Inbox()
    woken: list[list[int]] = []

    async def driver() -> None:
        while True:
            await inbox.wait()
            woken.append(inbox.take_all())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(driver)
        await wait_all_tasks_blocked()
        inbox.hold()
        inbox.post(1)
        assert inbox.take_all() == [1]
        inbox.release()
        await wait_all_tasks_blocked()
        assert woken == []
        inbox.hold()
        inbox.post(2)
        inbox.release()
        await wait_all_tasks_blocked()
        assert woken == [[2]]
        inbox.post(3)
        await wait_all_tasks_blocked()
        assert woken == [[2], [3]]
        nursery.cancel_scope.cancel()
