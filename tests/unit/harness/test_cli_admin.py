"""`gong admin` and `gong node --join`: what is wrong before anybody is asked."""

import pytest

from harness.cli import main
from harness.cli.admin import View, _as_json, _as_table
from node.types import ReplicaId, ReplicaInfo
from node.wire.messages import StatusReply

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
    told = _as_json(view)
    assert (told["leader"], told["members"], told["configured_in"]) == (1, [1, 2, 4], 7)
    assert [each["is_member"] for each in told["replicas"]] == [True, True, False, True]
    assert [each["answers"] for each in told["replicas"]] == [True, True, True, False]
    assert _as_table(view) == [
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
    told = _as_json(view)
    assert (told["leader"], told["members"], told["is_settled"]) == (None, [], True)
    assert len(_as_table(view)) == 2
