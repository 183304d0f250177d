"""The planted bugs of mdl: D for what may be built wrongly, F for what the published protocol lacks."""

from typing import Final

from harness.mutants import mdl
from harness.mutants.mutant import Mutant

MDL: Final = (
    Mutant(
        name="vouch-before-replicated",
        number="D1",
        protocol="mdl",
        core=mdl.VouchBeforeReplicated,
        removes="An operation is answered for when its shard has chosen that it is there.",
        seen_as="a later operation is executed, and the one before it is lost with its leader",
    ),
    Mutant(
        name="forget-predecessor",
        number="D2",
        protocol="mdl",
        core=mdl.ForgetPredecessor,
        removes="An operation is ordered when the one before it is certain, on whichever shard.",
        seen_as="others see a later write of a session, and not the earlier one",
    ),
    Mutant(
        name="recover-with-new-stamps",
        number="D4",
        protocol="mdl",
        core=mdl.RecoverWithNewStamps,
        removes="What others were told of is placed again in the order in which it was decided.",
        seen_as="two clients see the writes of others in opposite orders after a leader is gone",
    ),
    Mutant(
        name="forget-announced",
        number="D5",
        protocol="mdl",
        core=mdl.ForgetAnnounced,
        removes="A new leader goes on with what was announced to an earlier one.",
        seen_as="a later operation is executed, and the one before it never",
    ),
    Mutant(
        name="pass-failures",
        number="D6",
        protocol="mdl",
        core=mdl.PassFailures,
        removes="With an operation all later ones of its session fail.",
        seen_as="a later operation is executed although an earlier one was reported as failed",
    ),
    Mutant(
        name="return-as-they-arrive",
        number="D7",
        protocol="mdl",
        client_name="ReturnAsTheyArrive",
        removes="Answers are handed over in the order of issue.",
        seen_as="a client acts on an answer, and others do not see yet what came before it",
    ),
    Mutant(
        name="any-copy-coordinates",
        number="D8",
        protocol="mdl",
        core=mdl.AnyCopyCoordinates,
        removes="An answer for an operation lets its successor pass, and no other one.",
        seen_as="others see a later write of a session, and not the earlier one",
    ),
    Mutant(
        name="stamps-stand-still",
        number="D9",
        protocol="mdl",
        core=mdl.StampsStandStill,
        removes="No two operations of a shard have the same stamp.",
        seen_as="two clients see the writes of others in opposite orders after a leader is gone",
    ),
    Mutant(
        name="number-from-one-again",
        number="D10",
        protocol="mdl",
        client_name="NumberFromOneAgain",
        removes="A session never uses a number twice.",
        seen_as="a write is confirmed and was never executed",
    ),
    Mutant(
        name="decide-across-holes",
        number="F1",
        protocol="mdl",
        machine=mdl.DecideAcrossHoles,
        removes="A decision counts when all decisions before it were executed.",
        seen_as="a write that others have seen comes after one that was made because of it",
    ),
    Mutant(
        name="believe-old-leaders",
        number="F2",
        protocol="mdl",
        core=mdl.BelieveOldLeaders,
        removes="Who told a new leader that it knows nothing believes no earlier leader any more.",
        seen_as="an operation is ordered behind another one that has lost its place",
    ),
    Mutant(
        name="answer-when-recovered",
        number="F3",
        protocol="mdl",
        core=mdl.AnswerWhenRecovered,
        removes="A new leader answers other new leaders before it has recovered itself.",
        seen_as="no answer, when the leaders of two shards are lost at the same time",
    ),
    Mutant(
        name="fail-at-once",
        number="F4",
        protocol="mdl",
        core=mdl.FailAtOnce,
        removes="A failure is chosen before anybody hears of it.",
        seen_as="an operation that was reported as failed is executed under the next leader",
    ),
    Mutant(
        name="go-on-after-failure",
        number="F5",
        protocol="mdl",
        client_name="GoOnAfterFailure",
        removes="After a failed operation a client begins another session: the numbers are used up.",
        seen_as="nothing that this client asks is executed, ever",
    ),
    Mutant(
        name="vouch-for-first",
        number="F6",
        protocol="mdl",
        core=mdl.VouchForFirst,
        removes="An operation that was not announced is answered for when it is executed.",
        seen_as="a later operation is executed, and the one before it is lost with its leader",
    ),
    Mutant(
        name="vouch-right-behind",
        number="F15",
        protocol="mdl",
        core=mdl.VouchRightBehind,
        removes="What stands right behind an operation that may be lost is not answered for.",
        seen_as="two operations of a session change places when their leader is lost",
    ),
    Mutant(
        name="query-at-once",
        number="F16",
        protocol="mdl",
        core=mdl.QueryAtOnce,
        removes="A query waits until what other shards were told of is executed.",
        seen_as="a reader without a session sees a later write of a session, and not the earlier one",
    ),
    Mutant(
        name="place-twice",
        number="F8",
        protocol="mdl",
        machine=mdl.PlaceTwice,
        removes="An operation is executed once, however often its place is decided.",
        seen_as="an append is there twice",
    ),
    Mutant(
        name="ask-once",
        number="F10",
        protocol="mdl",
        core=mdl.AskOnce,
        removes="A question to another shard is asked until it is answered, or nobody waits.",
        seen_as="no answer, when a question was lost or its leader was",
    ),
    Mutant(
        name="deposed-decide",
        number="F14",
        protocol="mdl",
        machine=mdl.DeposedDecide,
        removes="What a leader decided and stands behind the first entry of the next one is void.",
        seen_as="an operation moves behind others that had been decided after it",
    ),
)

HARMLESS_MDL: Final = {
    "D3 timestamp-not-above-pred": "A stamp is compared with stamps of the same shard only, when a "
    "new leader puts what others were told of in its old order, and there it grows with each "
    "decision, whatever the stamp of the predecessor on another shard is.",
}
"""What the design lists and this protocol cannot have, with the reason."""
