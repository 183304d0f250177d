"""What the golden files about shards end with when the rule that each is about is removed."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from node.core.mdl import Mdl
from node.core.mdl.messages import Tag
from node.core.mdl.office import Office, Operation
from node.dispatch import Announced, Reign, Standing
from node.state_machine.ordering import Order, OrderedStateMachine
from node.state_machine.sessions import Told
from node.types import ClientId, RequestNumber
from tests.support.datadriven import parse_directive
from tests.support.shards_scene import Scene

_FILES: Final = Path(__file__).parent / "testdata" / "mdl"


class CountsAnything(OrderedStateMachine):
    """Without F1."""

    def _counts(self, reign: Reign, decision: int) -> bool:
        del reign, decision
        return True


class BelievesAnybody(Mdl):
    """Without F2."""

    def _is_believed(self, shard: int, reign: Reign) -> bool:
        del shard, reign
        return True


class WaitsForItself(Mdl):
    """Without F3: nobody is answered before the own recovery is done."""

    def _is_left_open(self, office: Office, tag: Tag) -> bool:
        return not office.may_decide or super()._is_left_open(office, tag)


class TellsFailuresAtOnce(Mdl):
    """Without F4."""

    def _fail(self, office: Office, operation: Operation) -> None:
        super()._fail(office, operation)
        self._tell(self._machine.refusal(operation.client, operation.seq, "at once"))


class ForgetsFailures(OrderedStateMachine):
    """Without F5: only the operation itself has failed."""

    def _has_failed(self, order: Order, seq: RequestNumber) -> bool:
        return order.failed_from == seq


class VouchesForTheUnannounced(Mdl):
    """Without F6."""

    def _is_remembered(self, operation: Operation) -> bool:
        del operation
        return True


class VouchesForWhatIsBehind(Mdl):
    """With half of it."""

    def _is_remembered(self, operation: Operation) -> bool:
        return operation.is_announced


class AnnouncesTwice(OrderedStateMachine):
    """Without F8."""

    def _is_done(self, order: Order, seq: RequestNumber, tell: Callable[[Told], None]) -> bool:
        del order, seq, tell
        return False


class FindsNothing(Mdl):
    """Without F10."""

    def _found_announced(self) -> list[Announced]:
        return []


class DeniesTheForgotten(OrderedStateMachine):
    """Without F13: what is forgotten never was."""

    def standing(self, client: ClientId, seq: RequestNumber) -> Standing:
        found = super().standing(client, seq)
        return Standing.UNKNOWN if found is Standing.ANSWERED else found


class AnswersAtOnce(Mdl):
    """Queries do not wait for what others were told."""

    def _is_safe_to_read(self, office: Office) -> bool:
        del office
        return True


_SCENES: Final[dict[str, type[Mdl] | type[OrderedStateMachine]]] = {
    "f1_decisions_behind_a_hole_are_void": CountsAnything,
    "f2_late_answers_of_old_leaders_are_not_believed": BelievesAnybody,
    "f4_failures_are_in_the_log_before_they_are_told": TellsFailuresAtOnce,
    "f5_what_comes_after_a_failure_fails": ForgetsFailures,
    "f6_what_was_never_announced_is_certain_when_it_is_executed": VouchesForTheUnannounced,
    "f6_nor_what_is_right_behind_it": VouchesForWhatIsBehind,
    "f8_an_old_announcement_comes_back": AnnouncesTwice,
}
_STUCK: Final[dict[str, type[Mdl] | type[OrderedStateMachine]]] = {
    "f3_two_shards_recover_at_the_same_time": WaitsForItself,
    "f10_a_new_leader_asks_for_what_waits": FindsNothing,
    "f13_a_question_about_what_was_answered": DeniesTheForgotten,
}


@pytest.mark.parametrize("name", list(_SCENES))
def test_without_its_rule_there_is_no_history(name: str) -> None:
    assert "no history" in _last(name, _SCENES[name])


@pytest.mark.parametrize("name", list(_STUCK))
def test_without_its_rule_something_is_never_done(name: str) -> None:
    right = (_FILES / f"{name}.txt").read_text().rpartition("judge\n----\n")[2].strip()
    assert _last(name, _STUCK[name]) != right


def test_without_its_rule_a_query_sees_what_is_no_more() -> None:
    name = "queries_see_what_others_were_told"
    assert "value=None" not in "\n".join(line for line in _all(name, Mdl) if "query" in line)
    printed = _all(name, AnswersAtOnce)
    assert any("query" in line and "value=None" in line for line in printed)
    assert "no history" in "\n".join(printed)


def _last(name: str, without: type[Mdl] | type[OrderedStateMachine]) -> str:
    """What the last command of a file prints."""
    *_, last = _printed(name, without)
    return last


def _all(name: str, without: type[Mdl] | type[OrderedStateMachine]) -> list[str]:
    """All lines that its commands print."""
    return "\n".join(_printed(name, without)).splitlines()


def _printed(name: str, without: type[Mdl] | type[OrderedStateMachine]) -> list[str]:
    scene = Scene(core=without) if issubclass(without, Mdl) else Scene(machine=without)
    lines = (_FILES / f"{name}.txt").read_text().splitlines()
    return [
        scene.execute(parse_directive(line)) for line, below in pairwise(lines) if below == "----"
    ]
