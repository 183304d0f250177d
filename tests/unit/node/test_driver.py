"""The driver carries a `Ready` out in field order, and owns the core alone."""

from collections.abc import Callable
from typing import Any

import trio
from trio.testing import wait_all_tasks_blocked

from node.core.ballot import NO_BALLOT, Ballot
from node.core.interface import (
    Chosen,
    Envelope,
    LeaderHint,
    Propose,
    Ready,
    Received,
    Refusal,
    Refused,
    Role,
    Status,
    Tick,
)
from node.core.multipaxos.messages import Accepted, Fetch, PromiseRecord
from node.failpoints import listen
from node.runtime.codecs import PEER_CODEC
from node.runtime.counters import Counters
from node.runtime.driver import Driver, Stop
from node.runtime.inbox import Inbox
from node.runtime.outbox import PeerOutbox
from node.runtime.replies import Replies
from node.runtime.snapshotter import Snapshotter
from node.runtime.storage import StorageStage, Work
from node.settings import Limits
from node.state_machine.kv import KeyValueStore
from node.state_machine.sessions import SessionedStateMachine
from node.types import (
    OPEN_SESSION,
    ClientId,
    Command,
    Query,
    ReplicaId,
    ReplicaInfo,
    RequestNumber,
)
from node.wire.framing import FrameDecoder
from node.wire.messages import FRAME_BYTES_MAX, Answer, Executed, Opened
from tests.support.inboxes import take_all

ONE, TWO, THREE = ReplicaId(1), ReplicaId(2), ReplicaId(3)
BALLOT = Ballot(1, ONE)


def command(number: int, client: int = 7) -> Command:
    return Command(
        client=ClientId(client),
        number=RequestNumber(number),
        answered=RequestNumber(0),
        body=b"body",
    )


def ready(**fields: Any) -> Ready[Any, Any]:  # noqa: ANN401 - whatever a Ready has
    return Ready(**fields)


class ScriptedCore:
    """Hands out what a test prepared, one `Ready` after each batch of events."""

    def __init__(self, *readies: Ready[Any, Any] | None) -> None:
        self._readies = list(readies)
        self.stepped: list[object] = []
        self.asked = 0
        self.more_comes: list[bool] = []
        self.lacks_company = False
        self.on_asked: Callable[[], None] = lambda: None

    def step(self, event: object, /) -> None:
        self.stepped.append(event)

    def take_ready(self, *, more_comes: bool = False) -> Ready[Any, Any] | None:
        self.asked += 1
        self.more_comes.append(more_comes)
        self.on_asked()
        return self._readies.pop(0) if self._readies else None

    def status(self) -> Status:
        return Status(
            replica=ONE,
            role=Role.FOLLOWER,
            ballot=NO_BALLOT,
            leader=None,
            chosen_upto=0,
            accepted_upto=0,
        )


class Echo(KeyValueStore):
    """Executes by saying what it executed, on the diary."""

    def __init__(self, diary: list[str]) -> None:
        super().__init__()
        self._diary = diary

    def execute(self, body: bytes) -> bytes:
        self._diary.append("execute")
        return body

    def query(self, body: bytes) -> bytes:
        self._diary.append("read")
        return body


class NoSnapshots(Snapshotter):
    """Is never due."""

    def __init__(self) -> None:
        self._outstanding = 1

    def stop(self) -> None:
        pass


class DiaryReplies(Replies):
    def __init__(self, diary: list[str]) -> None:
        super().__init__({TWO: "two:2"}, Limits())
        self._diary = diary
        self.answers: list[Answer] = []

    def answer(self, answer: Answer) -> None:
        self._diary.append(f"answer {type(answer).__name__}")
        self.answers.append(answer)

    def interrupt_all(self, leader: ReplicaId | None) -> None:
        self._diary.append(f"interrupt, leader {leader}")


class DiaryOutbox(PeerOutbox):
    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__()
        self._note = note
        self.messages: list[object] = []

    def put(self, frame: bytes) -> None:
        decoder = FrameDecoder(FRAME_BYTES_MAX)
        decoder.receive_data(frame)
        payload = decoder.next_frame()
        assert payload is not None
        self.messages.append(PEER_CODEC.decode(payload))
        self._note(f"send {type(self.messages[-1]).__name__}")


class Works(StorageStage):
    """Keeps what is submitted, and has room for so much."""

    def __init__(self, room: int) -> None:
        self.works: list[Work] = []
        self.is_closed = False
        self._room = room
        self._taken = trio.Event()

    @property
    def has_room(self) -> bool:
        return len(self.works) < self._room

    async def wait_room(self) -> None:
        while not self.has_room:
            await self._taken.wait()

    def take(self) -> None:
        """The disk has caught up."""
        self.works.clear()
        self._taken.set()

    def submit(self, work: Work) -> None:
        self.works.append(work)

    def close(self) -> None:
        self.is_closed = True


class Stage:
    """A driver between fakes, and a diary of what it did."""

    def __init__(self, *readies: Ready[Any, Any] | None, room: int = 10) -> None:
        self.diary: list[str] = []
        self.core = ScriptedCore(*readies)
        self.inbox: Inbox[Any] = Inbox()
        self.storage = Works(room)
        self.replies = DiaryReplies(self.diary)
        self.turned_to: list[tuple[ReplicaInfo, ...]] = []
        self.ticks: list[Tick] = []
        self.outboxes = {TWO: DiaryOutbox(self.diary.append), THREE: DiaryOutbox(lambda _: None)}
        self.driver = Driver(
            replica=ONE,
            core=self.core,
            machine=SessionedStateMachine(Echo(self.diary)),
            inbox=self.inbox,
            storage=lambda _: self.storage,
            turn_to=self.turned_to.append,
            outboxes=self.outboxes,
            replies=self.replies,
            counters=Counters(),
            snapshots=NoSnapshots(),
            due=lambda: self.ticks.pop(0) if self.ticks else None,
        )

    async def run(self, *events: object) -> None:
        """Run until `Stop`, which comes right after `events`."""
        for event in (*events, Stop()):
            self.inbox.post(event)
        await self.driver.run()


async def test_events_are_stepped_in_order_before_the_core_is_asked_once() -> None:
    stage = Stage()
    events = [Tick(), Propose(command(1)), Received(TWO, Fetch(3))]
    await stage.run(*events)
    assert stage.core.stepped == events
    assert stage.core.asked == 1


async def test_a_tick_whose_time_has_come_is_stepped_behind_what_has_arrived() -> None:
    stage = Stage()
    stage.ticks = [Tick(5)]
    stage.inbox.post(Received(TWO, Fetch(3)))
    stage.driver.turn()
    assert stage.core.stepped == [Received(TWO, Fetch(3)), Tick(5)]
    assert stage.core.asked == 1


async def test_a_ready_is_carried_out_field_by_field() -> None:
    full = ready(
        records=(PromiseRecord(BALLOT),),
        messages=(Envelope(TWO, Fetch(1)),),
        messages_after_persist=(Envelope(TWO, Accepted(BALLOT, 1)),),
        chosen=(Chosen(1, (command(OPEN_SESSION),)), Chosen(2, (command(1, client=1 << 20),))),
        reads=(Query(ClientId(7), RequestNumber(5), b"body"),),
        refused=(Refused(ClientId(7), RequestNumber(9), Refusal.NOT_LEADER),),
        leader_hint=LeaderHint(Role.FOLLOWER, BALLOT, TWO),
        notes=("something happened",),
    )
    stage = Stage(full)
    await stage.run(Tick())
    assert stage.diary == [
        "send Fetch",
        "answer Opened",
        "execute",
        "answer Executed",
        "read",
        "answer Executed",
        "answer NotExecuted",
    ]
    assert stage.storage.works == [Work(full.records, full.messages_after_persist)]
    assert stage.storage.is_closed
    assert stage.outboxes[TWO].messages == [Fetch(1)], "what rests on records waits for the disk"
    opened, executed, read, refused = stage.replies.answers
    assert opened == Opened(ClientId(7), ClientId(1 << 20))
    assert executed == Executed(ClientId(1 << 20), RequestNumber(1), b"body")
    assert read == Executed(ClientId(7), RequestNumber(5), b"body")
    assert getattr(refused, "leader_address", None) == "two:2", "the hint of the same Ready counts"


async def test_a_ready_with_nothing_to_save_does_not_touch_the_disk() -> None:
    stage = Stage(ready(messages=(Envelope(TWO, Fetch(1)),)))
    await stage.run(Tick())
    assert stage.storage.works == []


async def test_messages_for_itself_come_back_through_the_inbox() -> None:
    stage = Stage()
    stage.driver.deliver([Envelope(ONE, Accepted(BALLOT, 1)), Envelope(THREE, Fetch(1))])
    assert await take_all(stage.inbox) == [Received(ONE, Accepted(BALLOT, 1))]
    assert stage.outboxes[THREE].messages == [Fetch(1)]


async def test_losing_the_lead_interrupts_those_who_wait_and_nothing_else_does() -> None:
    follows = ready(leader_hint=LeaderHint(Role.FOLLOWER, BALLOT, TWO))
    leads = ready(leader_hint=LeaderHint(Role.LEADER, Ballot(2, ONE), ONE))
    lost = ready(leader_hint=LeaderHint(Role.FOLLOWER, Ballot(3, TWO), TWO))
    stage = Stage(follows, leads, ready(), lost, follows)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.driver.run)
        for expected in ([], [], [], ["interrupt, leader 2"], ["interrupt, leader 2"]):
            stage.inbox.post(Tick())
            await wait_all_tasks_blocked()
            assert stage.diary == expected
        stage.inbox.post(Stop())


async def test_a_full_storage_stage_holds_the_driver_up() -> None:
    saves = ready(records=(PromiseRecord(BALLOT),))
    stage = Stage(saves, saves, saves, room=2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.driver.run)
        for _ in range(3):
            stage.inbox.post(Tick())
            await wait_all_tasks_blocked()
        assert stage.core.asked == 2, "the third waits for the disk"
        stage.storage.take()
        await wait_all_tasks_blocked()
        assert stage.core.asked == 3
        stage.inbox.post(Stop())


async def test_a_turn_goes_on_until_nothing_has_come_back() -> None:
    """Its own vote, say, when the disk is quick."""
    stage = Stage(ready(messages=(Envelope(ONE, Accepted(BALLOT, 1)),)), ready())
    stage.inbox.hold()
    stage.inbox.post(Tick())
    stage.driver.take_batch(False)
    assert stage.core.stepped == [Tick(), Received(ONE, Accepted(BALLOT, 1))]
    assert stage.core.asked == 2
    assert len(stage.inbox) == 0


async def test_a_batch_that_lacks_company_is_taken_again_at_last_without_waiting() -> None:
    stage = Stage()
    stage.core.lacks_company = True
    stage.inbox.hold()
    stage.inbox.post(Propose(command(1)))
    assert stage.driver.take_batch(True)
    stage.inbox.hold()
    assert stage.driver.take_batch(True), "nobody came"
    assert stage.core.more_comes == [True]
    stage.core.lacks_company = False
    assert not stage.driver.take_batch(True)
    assert stage.core.more_comes == [True]


async def test_whoever_does_not_wait_has_the_core_asked_though_nothing_has_come() -> None:
    stage = Stage()
    stage.core.lacks_company = True
    stage.core.on_asked = lambda: setattr(stage.core, "lacks_company", False)
    assert not stage.driver.take_batch(False)
    assert stage.core.more_comes == [False]


async def test_what_came_with_the_stop_is_still_carried_out() -> None:
    stage = Stage(ready(records=(PromiseRecord(BALLOT),)))
    stage.inbox.post(Tick())
    await stage.run()
    assert [work.records for work in stage.storage.works] == [(PromiseRecord(BALLOT),)]


async def test_failpoints_stand_around_sending_and_around_each_slot() -> None:
    chosen = (Chosen(1, (command(0),)), Chosen(2, ()))
    stage = Stage(ready(messages=(Envelope(TWO, Fetch(1)),), chosen=chosen), ready())
    listen(stage.diary.append)
    try:
        await stage.run()
    finally:
        listen(None)
    assert stage.diary == [
        "before-send",
        "send Fetch",
        "after-send",
        "before-execute",
        "answer Opened",
        "after-execute",
        "before-execute",
        "after-execute",
    ]


async def test_a_core_that_looks_again_is_asked_when_its_work_is_carried_out() -> None:
    known = Executed(ClientId(7), RequestNumber(3), b"known")
    stage = Stage(
        ready(chosen=(Chosen(1, (command(0),)),), looks_again=True),
        ready(answers=(known,), messages=(Envelope(TWO, Fetch(1)),)),
    )
    await stage.run(Tick())
    assert stage.diary == ["answer Opened", "send Fetch", "answer Executed"]
    assert stage.core.asked == 2
    assert stage.replies.answers[-1] == known
