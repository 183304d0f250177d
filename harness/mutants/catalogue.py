"""The planted bugs by name.

A run with one of them must be noticed: by the checker, which sees only what clients were answered, by
a look inside, or because clients wait for ever.

The numbers are those of the design: M for Multi-Paxos, S for storage, C for clients and sessions; those
of mdl stand in `catalogue_mdl`. What
the design lists and is not here cannot go wrong, since there is no such step: see `HARMLESS`.
"""

from typing import Final

from harness.mutants import (
    execution,
    membership,
    multipaxos,
    promises,
    quorums,
    reads,
    recovery,
    sessions,
    snapshots,
    storage,
)
from harness.mutants.catalogue_mdl import HARMLESS_MDL, MDL
from harness.mutants.mutant import Mutant

_CORES: Final = (
    Mutant(
        name="reply-before-quorum",
        number="M20",
        core=multipaxos.ReplyBeforeQuorum,
        removes="A value is chosen once a quorum has durably accepted it.",
        seen_as="a write that was confirmed is gone when the leader is",
    ),
    Mutant(
        name="ignore-accepted",
        number="M6",
        core=multipaxos.IgnoreAccepted,
        removes="A new leader proposes what an acceptor of its quorum reported for a slot.",
        seen_as="a write that was confirmed is gone under the next leader",
    ),
    Mutant(
        name="local-reads",
        number="M11",
        core=reads.LocalReads,
        removes="A leader answers a query after a quorum has said that it still leads.",
        seen_as="a leader that was replaced answers with values that were overwritten",
    ),
    Mutant(
        name="read-before-recovery",
        number="M13",
        core=reads.ReadBeforeRecovery,
        removes="A new leader answers a query after it has executed all that it recovers.",
        seen_as="right after an election, a write that was confirmed before it is not read",
    ),
    Mutant(
        name="count-stale-confirmations",
        number="M14",
        core=reads.CountStaleConfirmations,
        removes="A confirmation counts for the queries that came before its round began.",
        seen_as="a leader that was replaced, and hears what was true before, answers from an old state",
    ),
    Mutant(
        name="confirms-without-memory",
        number="M27",
        core=reads.ConfirmsWithoutMemory,
        removes="A replica that lost its disk confirms no leader until it may vote again.",
        seen_as="a leader that was replaced, by the vote of one that forgot it, answers from an old state",
    ),
    Mutant(
        name="lease-without-margin",
        number="M12",
        core=reads.LeaseWithoutMargin,
        removes="A lease is held for less time than it is granted, by a clock that never stands still.",
        seen_as="a leader that stood still, and was replaced meanwhile, answers from an old state",
    ),
    Mutant(
        name="forget-grants",
        number="M25",
        core=reads.ForgetGrants,
        removes="A replica that restarts promises nothing for the length of a lease.",
        seen_as="a leader that was replaced, by the vote of one that restarted, answers from an old state",
    ),
    Mutant(
        name="hand-over-keeps-lease",
        number="M26",
        core=reads.HandOverKeepsLease,
        removes="A leader ends its lease before it lets another one lead.",
        seen_as="a leader that let go and has not heard of the next one answers from an old state",
    ),
    Mutant(
        name="send-before-sync",
        number="M2",
        core=multipaxos.SendBeforeSync,
        removes="Promises and votes leave only when what they rest on is durable.",
        seen_as="a write that was confirmed is gone when power fails at a quorum",
    ),
    Mutant(
        name="promise-not-durable",
        number="M1",
        core=promises.PromiseNotDurable,
        removes="A promise is durable before anyone is told of it.",
        seen_as="a write that was confirmed is gone: a restarted acceptor helps an older leader",
    ),
    Mutant(
        name="accept-lower-ballot",
        number="M3",
        core=promises.AcceptLowerBallot,
        removes="An acceptor accepts nothing below its promise.",
        seen_as="a write that was confirmed is overwritten by a leader that was replaced",
    ),
    Mutant(
        name="promise-lower",
        number="M4",
        core=promises.PromiseLower,
        removes="A promise is never taken back for a lower one.",
        seen_as="a write that was confirmed is gone when an old candidate wins late",
    ),
    Mutant(
        name="shared-ballots",
        number="M5",
        core=promises.SharedBallots,
        removes="No two replicas ever use one ballot.",
        seen_as="two leaders at once; replicas that answer differently",
    ),
    Mutant(
        name="believe-the-first",
        number="M7",
        core=recovery.BelieveTheFirst,
        removes="Of several reported values the one of the highest ballot is proposed.",
        seen_as="a write that was confirmed gives way to an older one that was not",
    ),
    Mutant(
        name="half-is-enough",
        number="M8",
        core=quorums.HalfIsEnough,
        removes="Any two quorums have a member in common.",
        seen_as="two halves of the cluster go on, and confirm writes to two logs",
    ),
    Mutant(
        name="count-duplicate-votes",
        number="M9",
        core=quorums.CountDuplicateVotes,
        removes="A vote counts once, however often it is delivered.",
        seen_as="a write that was confirmed is gone with the minority that had it",
    ),
    Mutant(
        name="count-stale-votes",
        number="M10",
        core=quorums.CountStaleVotes,
        removes="A vote counts only for the ballot that it names.",
        seen_as="a write is confirmed that no quorum has, and is gone with its leader",
    ),
    Mutant(
        name="execute-out-of-order",
        number="M15",
        core=execution.ExecuteOutOfOrder,
        removes="A slot is executed after all slots before it.",
        seen_as="a read of a state that never was, once the next leader has told",
    ),
    Mutant(
        name="fill-gaps-at-once",
        number="M16",
        core=recovery.FillGapsAtOnce,
        removes="A hole is filled with a no-op only when nobody of the quorum has a value for it.",
        seen_as="one write of several that were confirmed is gone under the next leader",
    ),
    Mutant(
        name="trust-old-entries",
        number="M17",
        core=execution.TrustOldEntries,
        removes="A follower fetches what was chosen where it holds an entry of an older ballot.",
        seen_as="replicas differ, and the next leader answers with what was never chosen",
    ),
    Mutant(
        name="refuse-what-is-proposed",
        number="M21",
        core=execution.RefuseWhatIsProposed,
        removes="Only what was never proposed is refused as certainly not executed.",
        seen_as="a write that was reported as failed is read",
    ),
    Mutant(
        name="election-livelock",
        number="M24",
        core=multipaxos.ElectionLivelock,
        removes="Nobody campaigns unless a quorum hears no leader, nor at the same time as others.",
        seen_as="no answer, for as long as one link is broken one way",
    ),
)

_MEMBERS: Final = (
    Mutant(
        name="reconfigure-at-once",
        number="M22",
        core=membership.ReconfigureAtOnce,
        removes="Others are members when the old ones have chosen that, and a slot of the same leader.",
        seen_as="two groups go on, each with a quorum of its own, and confirm writes to two logs",
    ),
    Mutant(
        name="forget-new-quorum",
        number="M28",
        core=membership.ForgetNewQuorum,
        removes="A leader has promises of a quorum of those who decide on the slot that it opens.",
        seen_as="a write that the new members confirmed is gone under a leader whom the old ones elected",
    ),
    Mutant(
        name="removed-keeps-voting",
        number="M23",
        core=membership.RemovedKeepVoting,
        removes="Votes count of those only who decide on the slot.",
        seen_as="a write that was confirmed is gone when the replica that was removed is switched off",
    ),
    Mutant(
        name="removed-keeps-campaigning",
        number="M29",
        core=membership.RemovedKeepCampaigning,
        removes="Who was removed does not campaign, and is turned away if it does not know.",
        seen_as="leaders are deposed again and again by a replica that should be gone",
    ),
)

_JOURNALS: Final = (
    Mutant(
        name="no-fsync",
        number="S1",
        journal=storage.on(storage.NoFsync),
        removes="What was synced survives a crash.",
        seen_as="a write that was confirmed is gone when power fails at a quorum",
    ),
    Mutant(
        name="sync-then-write",
        number="S2",
        journal=storage.on(storage.SyncThenWrite),
        removes="An fsync covers the group that waits for it.",
        seen_as="the last writes that were confirmed are gone when power fails at a quorum",
    ),
    Mutant(
        name="name-not-durable",
        number="S3",
        journal=storage.on(disk_class=storage.NameNotDurable),
        removes="That there is a journal is durable before anything in it is relied on.",
        seen_as="a write that was confirmed is gone when power fails at a quorum",
    ),
    Mutant(
        name="trust-checksums",
        number="S4",
        journal=storage.on(storage.TrustChecksums),
        removes="A frame with a wrong checksum is not recovered from.",
        seen_as="a value that nobody wrote; or a promise that was torn off is kept by halves",
    ),
    Mutant(
        name="retry-fsync",
        number="S5",
        journal=storage.on(storage.RetryFsync),
        removes="A failed fsync ends the replica.",
        seen_as="a write that was confirmed is gone when power fails at a quorum",
    ),
    Mutant(
        name="cut-at-damage",
        number="S6",
        journal=storage.on(storage.CutAtDamage),
        removes="A replica with damaged records refuses to start.",
        seen_as="a write that was confirmed is gone with the records behind the damage",
    ),
)

_SNAPSHOTS: Final = (
    Mutant(
        name="snapshot-drops-sessions",
        number="M18",
        machine=snapshots.DropsSessions,
        removes="Sessions and their results are part of a snapshot.",
        seen_as="an append is there twice, or a client is told that its session is gone",
    ),
    Mutant(
        name="snapshot-index-mismatch",
        number="M19",
        machine=snapshots.LabelsTooHigh,
        removes="A snapshot is the state after exactly the slot that it names.",
        seen_as="a write that was confirmed is missing where a snapshot was loaded",
    ),
    Mutant(
        name="rename-without-directory-sync",
        number="S11",
        disk=snapshots.ForgetsRenames,
        removes="A file that takes the place of another has it only when the directory is synced.",
        seen_as="a promise is gone with the journal that was switched to; or no replica starts",
    ),
    Mutant(
        name="stale-snapshot-wins",
        number="S7",
        disk=snapshots.OldestWins,
        removes="Recovery begins with the newest snapshot; those before it go.",
        seen_as="values of the past; here a replica that refuses to start, as its log has a gap",
    ),
    Mutant(
        name="votes-as-if-new",
        number="S9",
        admits_loss=False,
        removes="A replica that lost its disk learns what it may have promised before it votes.",
        seen_as="a write that was confirmed is gone with the disk of one replica",
    ),
    Mutant(
        name="votes-before-it-has-learned",
        number="S10",
        core=snapshots.VotesBeforeItHasLearned,
        removes="A replica that lost its disk reports again when it knows all that was chosen with it.",
        seen_as="a write that was confirmed is gone under the next leader",
    ),
    Mutant(
        name="double-apply-on-replay",
        number="S8",
        machine=snapshots.LabelsTooLow,
        removes="What a snapshot already has is not executed on it again.",
        seen_as="an append is there twice after a restart",
    ),
)

_CLIENTS: Final = (
    Mutant(
        name="silence-is-failure",
        number="C1",
        client_name="SilenceIsFailure",
        removes="What may have been executed is recorded as unknown.",
        seen_as="a write that was recorded as failed is read",
    ),
    Mutant(
        name="new-number-each-time",
        number="C2",
        client_name="NewNumberEachTime",
        removes="A request keeps its number when it is asked again.",
        seen_as="an append is there twice; a cas fails against its own effect",
    ),
    Mutant(
        name="dedup-by-number-only",
        number="C3",
        machine=sessions.DedupByNumberOnly,
        removes="A request is known by its session and its number.",
        seen_as="a write is confirmed and was never executed",
    ),
    Mutant(
        name="forget-sessions-early",
        number="C4",
        machine=sessions.ForgetSessionsEarly,
        removes="A session that was forgotten stays unknown for ever.",
        seen_as="an append is there twice, when its second copy comes late",
    ),
    Mutant(
        name="any-answer",
        number="C5",
        client_name="AnyAnswer",
        removes="An answer belongs to the request that it names.",
        seen_as="a read returns what another request was answered",
    ),
    Mutant(
        name="read-anywhere",
        number="C6",
        core=reads.FollowerReads,
        client_name="ReadAnywhere",
        removes="A query is answered by the leader, whoever is asked.",
        seen_as="a replica that lags answers with a value that was overwritten",
    ),
    Mutant(
        name="wall-clock-stamps",
        number="C7",
        client_name="WallClockStamps",
        removes="All events of a history are stamped by one clock that never goes back.",
        seen_as="operations that seem to overlap or to follow each other, and did not",
    ),
    Mutant(
        name="stamp-when-answered",
        number="C8",
        client_name="StampWhenAnswered",
        removes="An invocation is on record before its request is sent.",
        seen_as="a read that seems to begin after a write that it did not see",
    ),
    Mutant(
        name="cached-reads",
        number="C9",
        client_name="CachedReads",
        removes="A read is answered by the cluster.",
        seen_as="a client reads its own write, which nobody else ever sees or has overwritten",
    ),
)

MUTANTS: Final[dict[str, Mutant]] = {
    m.name: m for m in (*_CORES, *_MEMBERS, *_JOURNALS, *_SNAPSHOTS, *_CLIENTS, *MDL)
}
"""By name, in the order in which they are shown."""

HARMLESS: Final = {
    "M4 promise-equal": "A ballot names its replica, so an equal one comes from the same candidate "
    "and asks the same question again.",
    **HARMLESS_MDL,
}
"""What the design lists and this code cannot have, with the reason: there is no such step."""
