"""An acceptor against its memory: whatever it has written, a restart gives it back."""

from hypothesis import given, strategies as st

from node.core.ballot import Ballot
from node.core.log import Batch, Entry
from node.core.multipaxos.acceptor import Acceptor
from node.core.multipaxos.messages import Record
from node.types import ClientId, Command, ReplicaId, RequestNumber

ballots = st.builds(Ballot, st.integers(1, 4), st.integers(1, 3).map(ReplicaId))
Step = tuple[str, Ballot, int]
steps = st.lists(
    st.tuples(st.sampled_from(("promise", "accept", "learn")), ballots, st.integers(1, 4)),
    max_size=30,
)


@given(steps, st.integers(0, 30))
def test_a_restart_from_any_prefix_is_the_acceptor_of_that_moment(
    schedule: list[Step], kept: int
) -> None:
    acceptor = Acceptor()
    records: list[Record] = []
    moments = [snapshot(acceptor)]
    for name, ballot, slot in schedule:
        record = perform(acceptor, name, ballot, slot)
        if record is not None:
            records.append(record)
            moments.append(snapshot(acceptor))
    kept = min(kept, len(records))
    assert snapshot(Acceptor.restored(records[:kept])) == moments[kept]


@given(steps)
def test_promises_only_grow_and_bound_everything_accepted(schedule: list[Step]) -> None:
    acceptor = Acceptor()
    for name, ballot, slot in schedule:
        before = acceptor.promised
        perform(acceptor, name, ballot, slot)
        assert acceptor.promised >= before
        held = acceptor.log.entries(1, acceptor.log.accepted_upto)
        assert all(entry.ballot <= acceptor.promised for entry in held)


@given(steps, st.integers(1, 5), st.integers(1, 3))
def test_parts_of_a_report_make_up_the_whole(
    schedule: list[Step], from_slot: int, entries_max: int
) -> None:
    acceptor = Acceptor()
    for name, ballot, slot in schedule:
        perform(acceptor, name, ballot, slot)
    whole = acceptor.report(from_slot, entries_max=100, commands_bytes_max=1 << 20)
    assert whole.is_last
    entries: list[Entry] = []
    part = acceptor.report(from_slot, entries_max=entries_max, commands_bytes_max=1 << 20)
    entries += part.entries
    while not part.is_last:
        assert part.entries
        assert len(part.entries) <= entries_max
        following = part.to_slot + 1
        part = acceptor.report(following, entries_max=entries_max, commands_bytes_max=1 << 20)
        assert part.from_slot == following
        entries += part.entries
    assert tuple(entries) == whole.entries


def perform(acceptor: Acceptor, name: str, ballot: Ballot, slot: int) -> Record | None:
    """One legal step: slots are chosen one after the other, and one value only goes with a slot."""
    entry = Entry(slot, ballot, value_of(slot))
    match name:
        case "promise" if ballot >= acceptor.promised:
            return acceptor.promise(ballot)
        case "accept" if ballot >= acceptor.promised:
            return acceptor.accept(entry)
        case "learn":
            return acceptor.learn(entry)
        case _:
            return None


def value_of(slot: int) -> Batch:
    command = Command(
        client=ClientId(1), number=RequestNumber(slot), answered=RequestNumber(0), body=b"x"
    )
    return Batch((command,))


def snapshot(acceptor: Acceptor) -> tuple[object, ...]:
    log = acceptor.log
    return acceptor.promised, list(log.entries(1, log.accepted_upto)), log.chosen_upto
