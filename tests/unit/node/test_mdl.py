"""The layer above the log: what a leader says, bears and bounds. Its rules are golden files."""

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from node.core.ballot import Ballot
from node.core.interface import Add, Propose, Received, Reconfigure, Withdraw
from node.core.mdl import Coordination, Mdl, Patience
from node.core.mdl.messages import (
    Chain,
    Coordinate,
    Coordinated,
    Reigning,
    ShardMessage,
    Stamped,
    Tag,
    WhichStamps,
)
from node.core.multipaxos.messages import Heartbeat
from node.dispatch import Dispatch, encode_dispatch
from node.types import ClientId, Command, ReplicaId, ReplicaInfo, RequestNumber
from node.wire.kv import Put
from node.wire.messages import Executed, Expired, Failed, NotExecuted
from tests.support.shards import PATIENCE, Shards


@pytest.mark.parametrize("coordination", list(Coordination))
def test_operations_of_a_session_are_executed_in_order(coordination: Coordination) -> None:
    shards = _two(coordination=coordination)
    for shard in (0, 1, 0, 0, 1):
        shards.issue("a", shard, Put("x", str(shard)))
    for seq in (5, 4, 3, 2, 1):
        shards.send("a", seq)
    shards.settle()
    order = [(shard, seq) for shard, _, seq, _ in shards.executed]
    assert order == [(0, 1), (1, 2), (0, 3), (0, 4), (1, 5)]
    assert shards.sessions["a"].answered == 5


def test_what_is_no_dispatch_is_refused_and_harms_nobody() -> None:
    shards = _two()
    for number, body in enumerate([b"", b"\xff\xff", encode_dispatch(Dispatch(7, b"x"))], 1):
        _ask(shards, number, body)
        (answer,) = shards.sessions["a"].told[number]
        assert isinstance(answer, Failed)
    _ask(shards, 1, encode_dispatch(Dispatch(1, b"x")))
    assert "before the first" in str(shards.sessions["a"].told[1][-1])
    shards.issue("a", 0, Put("x", "1"))
    shards.send("a", 1)
    shards.settle()
    assert isinstance(shards.sessions["a"].told[1][-1], Executed)


def test_a_dispatch_of_a_session_that_is_not_open_has_expired() -> None:
    shards = _two()
    shards.sessions["a"].names[0] = ClientId(99)
    _ask(shards, 1, encode_dispatch(Dispatch(-1, b"x")))
    assert isinstance(shards.sessions["a"].told[1][-1], Expired)


def test_a_result_is_told_again_without_the_log() -> None:
    shards = _two()
    shards.issue("a", 0, Put("x", "1"))
    shards.send("a", 1)
    shards.settle()
    before = shards.core(1).log.accepted_upto
    shards.sessions["a"].told.clear()
    shards.send("a", 1)
    (answer,) = shards.sessions["a"].told[1]
    assert isinstance(answer, Executed)
    assert shards.core(1).log.accepted_upto == before


def test_operations_whose_predecessor_never_comes_are_given_up_while_nothing_is_in_the_log() -> (
    None
):
    shards = _two()
    shards.issue("a", 0, Put("x", "1"))
    shards.issue("a", 0, Put("x", "2"))
    shards.send("a", 2)
    before = shards.core(1).log.accepted_upto
    shards.tick_all(24)
    (answer,) = shards.sessions["a"].told[2]
    assert isinstance(answer, NotExecuted)
    assert answer.reason == "no predecessor"
    assert shards.core(1).log.accepted_upto == before
    shards.send("a", 1)
    shards.send("a", 2)
    shards.settle()
    assert shards.order(0) == ["a#1", "a#2"]


def test_what_a_leader_has_decided_is_not_withdrawn() -> None:
    shards = _two()
    for _ in range(4):
        shards.issue("a", 0, Put("x", "1"))
    core, session = shards.core(1), shards.sessions["a"]
    requests = [
        Command(
            session.names[0],
            RequestNumber(seq),
            RequestNumber(0),
            encode_dispatch(Dispatch(-1 if seq == 1 else 0, session.bodies[seq - 1])),
        )
        for seq in (1, 2, 4)
    ]
    for request in requests:
        core.step(Propose(request))
    assert core.leadership is not None
    assert len(core.leadership.pending) == 2
    core.step(Withdraw(tuple(request.request for request in requests)))
    shards.tick(1)
    shards.settle()
    assert shards.order(0) == ["a#1", "a#2"]
    shards.send("a", 3)
    shards.settle()
    assert shards.order(0) == ["a#1", "a#2", "a#3"], "the fourth has not waited"


def test_a_leader_takes_only_so_many_operations() -> None:
    shards = _two(patience=Patience(operations_max=2))
    for _ in range(4):
        shards.issue("a", 0, Put("x", "1"))
    for seq in (4, 3, 2):
        shards.send("a", seq)
    (answer,) = shards.sessions["a"].told[2]
    assert isinstance(answer, NotExecuted)
    assert answer.reason == "overloaded"


def test_those_that_wait_do_not_keep_out_whom_they_wait_for() -> None:
    """Otherwise nothing moves until they have waited too long, and then others take their places."""
    shards = _two(patience=Patience(operations_max=2))
    for _ in range(4):
        shards.issue("a", 0, Put("x", "1"))
    for seq in (4, 3, 2, 1):
        shards.send("a", seq)
    shards.settle()
    assert shards.order(0) == ["a#1"], (
        "there is room for what waits for nothing, not for the second"
    )
    shards.send("a", 2)
    shards.settle()
    assert shards.order(0) == ["a#1", "a#2", "a#3", "a#4"]


def test_a_leader_remembers_only_so_many_questions() -> None:
    shards = _two(patience=Patience(askers_max=3))
    tags = tuple(Tag(1, RequestNumber(seq)) for seq in range(1, 9))
    shards.core(1).step(Received(ReplicaId(4), Coordinate(1, tags)))  # type: ignore[arg-type]
    office = shards.core(1).office
    assert office is not None
    assert len(office.askers) == 3


def test_questions_that_nobody_can_answer_are_forgotten() -> None:
    shards = _two()
    tags = (Tag(1, RequestNumber(1)),)
    shards.core(1).step(Received(ReplicaId(4), Coordinate(1, tags)))  # type: ignore[arg-type]
    shards.tick_all(30)
    office = shards.core(1).office
    assert office is not None
    assert not office.askers


def test_who_is_of_another_shard_is_heard_as_that_only() -> None:
    shards = _two()
    core = shards.core(1)
    core.step(Received(ReplicaId(4), Heartbeat(Ballot(9, ReplicaId(4)), 0, 1)))
    assert core.leadership is not None, "it follows nobody of another shard"
    for sender, shard in ((2, 1), (4, 0), (4, 7), (1, 0)):
        core.step(Received(ReplicaId(sender), Reigning(shard, (9, 9))))  # type: ignore[arg-type]
    assert core._leaders == {1: (1, 4)}


def test_members_of_a_shard_among_several_are_fixed() -> None:
    shards = _two()
    core = shards.core(1)
    core.step(Reconfigure(Add(ReplicaInfo(ReplicaId(9), "", ""))))
    assert core.leadership is not None
    assert core.leadership.change is None


def test_a_core_is_acquainted_with_all_shards() -> None:
    infos = [ReplicaInfo(ReplicaId(number), f"h:{number}", "") for number in (1, 2)]
    shards = Shards(shards=1, replicas=1)
    host = shards.host(1)
    core = Mdl(
        replica=ReplicaId(1),
        members=infos[:1],
        settings=shards.core(1).settings,
        random=shards.core(1)._random,
        machine=host.machine,
        shard=0,
        shards=([infos[0]], [infos[1]]),
    )
    assert core.status().acquainted == tuple(infos)
    assert core.peers == ()


_small = st.integers(0, 6)
_tags = st.lists(st.builds(Tag, st.integers(999, 1003), _small), max_size=3).map(tuple)
_chains = st.lists(
    st.builds(Chain, st.integers(999, 1003), _small, st.lists(_small, max_size=4).map(tuple)),
    max_size=3,
).map(tuple)
_reigns = st.tuples(_small, _small)
_messages: st.SearchStrategy[Any] = st.one_of(
    st.builds(Reigning, _small, _reigns),
    st.builds(Coordinate, _small, _tags),
    st.builds(Coordinated, _small, _reigns, _chains, _tags),
    st.builds(WhichStamps, _small, _reigns, _tags),
    st.builds(Stamped, _small, _reigns, _reigns, _chains, _tags),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1, 2, 4, 5]), _small, _messages), max_size=25))
def test_no_message_of_another_shard_stops_a_replica(
    script: list[tuple[int, int, ShardMessage]],
) -> None:
    shards = _two()
    for shard in (0, 1, 0, 0, 1):
        shards.issue("a", shard, Put("x", "1"))
    shards.send("a", 2)
    shards.send("a", 4)
    for to, sender, message in script:
        core = shards.core(to)
        core.step(Received(ReplicaId(sender), message))  # type: ignore[arg-type]
        shards.tick(to)
    shards.settle()


def _two(
    *, coordination: Coordination = Coordination.FAST, patience: Patience = PATIENCE
) -> Shards:
    """Two shards with leaders, and a session."""
    shards = Shards(coordination=coordination, patience=patience)
    shards.elect_all()
    shards.open("a")
    return shards


def _ask(shards: Shards, number: int, body: bytes) -> None:
    client = shards.sessions["a"].names[0]
    shards.propose(1, Command(client, RequestNumber(number), RequestNumber(0), body))
    shards.settle()
