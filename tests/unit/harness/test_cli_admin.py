"""`gong admin` and `gong node --join`: what is wrong before anybody is asked."""

import dataclasses
from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from clients.connection import CannotConnect
from harness.cli import ExitCode, admin, main
from harness.cli.cluster_view import View, all_to_json, all_to_lines, to_json, to_lines
from node.types import Address, ReplicaId, ReplicaInfo
from node.wire.messages import ChangeReply, RemoveRequest, StatusReply, leads_not

NOBODY = "127.0.0.1:1"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["admin", "--master", "here", "status"], 254, "--master: 'here' is not HOST:PORT"),
        (["admin", "--master", NOBODY, "add", "4", "x"], 254, "HOST:PORT: 'x' is not HOST:PORT"),
        (["admin", "--master", NOBODY, "add", "4", NOBODY], 254, "start it first, with --join"),
        (["admin", "--master", NOBODY, "remove", "x"], 254, "'x' is not a valid integer"),
        (["admin", "--master", NOBODY, "remove", "4"], 1, "the master does not answer"),
        (["admin", "--master", NOBODY, "status"], 1, "the master does not answer"),
        (["node", "--config", "f", "--id", "4", "--join", "--lost-disk"], 254, "has lost nothing"),
    ],
)
def test_one_line_says_what_is_wrong(
    arguments: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == code
    error = capsys.readouterr().err
    assert says in error
    assert len(error.splitlines()) == 1


def info(replica: int) -> ReplicaInfo:
    return ReplicaInfo(ReplicaId(replica), f"peer:{replica}", f"client:{replica}")


def status(replica: int, role: str, *, members: tuple[int, ...], slot: int) -> StatusReply:
    number = ReplicaId(replica)
    return StatusReply(
        number,
        role,
        3,
        ReplicaId(1),
        ReplicaId(1),
        9,
        9,
        9,
        members=tuple(info(member) for member in members),
        configured_in=slot,
        is_settled=slot == 0,
        change="waits" if role == "leader" else "",
    )


def test_who_knows_the_latest_change_says_who_the_members_are() -> None:
    view = View(
        tuple(info(replica) for replica in (1, 2, 3, 4)),
        {
            ReplicaId(1): status(1, "leader", members=(1, 2, 4), slot=7),
            ReplicaId(2): status(2, "follower", members=(1, 2, 3), slot=0),
            ReplicaId(3): status(3, "follower", members=(1, 2, 3), slot=0),
        },
    )
    told = to_json(view)
    assert (told["leader"], told["members"], told["configured_in"]) == (1, [1, 2, 4], 7)
    assert [each["is_member"] for each in told["replicas"]] == [True, True, False, True]
    assert [each["answers"] for each in told["replicas"]] == [True, True, True, False]
    assert to_lines(view) == [
        "id  role                 ballot  chosen  executed  clients at  peers at",
        "1   leader               3.1     9       9         client:1    peer:1",
        "2   follower             3.1     9       9         client:2    peer:2",
        "3   follower, no member  3.1     9       9         client:3    peer:3",
        "4   silent                                         client:4    peer:4",
        "members since slot 7, not settled",
        "under way: waits",
    ]


def test_a_cluster_of_which_nobody_answers_is_shown_all_the_same() -> None:
    view = View((info(1),), {})
    told = to_json(view)
    assert (told["leader"], told["members"], told["is_settled"]) == (None, [], True)
    assert len(to_lines(view)) == 2


def test_shards_are_shown_one_after_the_other() -> None:
    views = (
        View((info(1),), {ReplicaId(1): status(1, "leader", members=(1,), slot=0)}),
        View((), {}),
    )
    assert all_to_json(views) == {"shards": [to_json(view) for view in views]}
    lines = all_to_lines(views)
    assert [line for line in lines if line.startswith("shard")] == [
        "shard 0: replica 1 leads",
        "shard 1: nobody leads",
    ]
    assert all_to_lines(views[:1]) == to_lines(views[0])


# ── What may have begun ──────────────────────────────────────────────────────────────────────────

Look = View | CannotConnect
MASTER = Address("127.0.0.1", 1)
AWAY = CannotConnect("the master does not answer")


def led_by_one(*members: int, slot: int = 0) -> View:
    leads = dataclasses.replace(status(1, "leader", members=members, slot=slot), change="")
    return View((info(1),), {ReplicaId(1): dataclasses.replace(leads, is_settled=True)})


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Look], list[str | None]], None]:
    """What is seen, the last for ever, and what the leader answers; None is no answer."""

    def install(looks: list[Look], problems: list[str | None]) -> None:
        async def look(_: Address) -> tuple[View, ...]:
            await trio.lowlevel.checkpoint()
            seen = looks.pop(0) if len(looks) > 1 else looks[0]
            if isinstance(seen, CannotConnect):
                raise seen
            return (seen,)

        async def ask(*_: object) -> ChangeReply | None:
            await trio.lowlevel.checkpoint()
            problem = problems.pop(0)
            return None if problem is None else ChangeReply(problem)

        monkeypatch.setattr(admin, "look", look)
        monkeypatch.setattr(admin, "_ask", ask)

    return install


async def remove_two() -> ExitCode:
    request = RemoveRequest(ReplicaId(2))
    return await admin._change(
        admin._Office(MASTER), request, lambda members: 2 not in members, "2 is gone"
    )


@pytest.mark.parametrize("answer", ["", None], ids=["begun", "no answer"])
async def test_a_master_that_goes_away_after_the_change_began_does_not_undo_it(
    answer: str | None,
    script: Callable[[list[Look], list[str | None]], None],
    autojump_clock: MockClock,
) -> None:
    script([led_by_one(1, 2, 3), AWAY, AWAY, led_by_one(1, 3, slot=8)], [answer])
    assert await remove_two() is ExitCode.VALID


async def test_a_master_that_is_away_before_that_is_told(
    script: Callable[[list[Look], list[str | None]], None],
) -> None:
    script([AWAY], [])
    with pytest.raises(CannotConnect):
        await remove_two()


async def test_a_refusal_counts_only_while_nothing_can_have_begun(
    script: Callable[[list[Look], list[str | None]], None], autojump_clock: MockClock
) -> None:
    """The first attempt took effect between a look and the second one."""
    script(
        [led_by_one(1, 2, 3), led_by_one(1, 2, 3), led_by_one(1, 3, slot=8)],
        [None, "replica 2 is no member"],
    )
    assert await remove_two() is ExitCode.VALID
    script([led_by_one(1, 2, 3)], ["replica 2 is no member"])
    assert await remove_two() is ExitCode.NOT_VALID


async def test_whoever_does_not_lead_is_no_refusal(
    script: Callable[[list[Look], list[str | None]], None], autojump_clock: MockClock
) -> None:
    script(
        [led_by_one(1, 2, 3), led_by_one(1, 2, 3), led_by_one(1, 3, slot=8)],
        [leads_not(ReplicaId(1), None), ""],
    )
    assert await remove_two() is ExitCode.VALID
