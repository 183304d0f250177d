"""Every verdict has a certificate that verifies, and no wrong verdict has one.

`GONG_BUDGET` multiplies the number of random histories.
"""

import json
import os
import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from checker import Model, NotLinearizable, VerdictKind, check
from checker.evidence.certificate import (
    Certificate,
    CertificateError,
    Core,
    Order,
    certify,
    decode,
    sealed,
)
from checker.evidence.steps import Rule, Step
from checker.evidence.verify import verify
from checker.evidence.work import Facts, Work
from history import Operation, Outcome
from tests.support.deletions import (
    LETTERS,
    is_linearizable,
    random_history,
    random_model,
    random_step,
)

BUDGET = int(os.environ.get("GONG_BUDGET", "1"))


def case(rng: random.Random, name: str) -> tuple[Model, list[Operation], Certificate]:
    model = random_model(rng, name)
    history = random_history(rng, model, operations_max=9)
    return model, history, certify(history, check(history, model), model=name)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(LETTERS))
def test_the_certificate_of_a_verdict_verifies(name: str) -> None:
    rng = random.Random(f"verifies {name}")
    kinds = dict.fromkeys(VerdictKind, 0)
    for _ in range(100 * BUDGET):
        model, history, certificate = case(rng, name)
        kinds[certificate.verdict] += 1
        read_again = decode(msgspec.json.encode(certificate))
        assert read_again == certificate
        assert verify(history, read_again, model) is None
    assert min(kinds[VerdictKind.LINEARIZABLE], kinds[VerdictKind.NOT_LINEARIZABLE]) > 5


@pytest.mark.slow
@pytest.mark.parametrize("name", list(LETTERS))
def test_a_core_is_minimal(name: str) -> None:
    """Without any one of its operations, if that may be deleted, it is legal."""
    rng = random.Random(f"minimal {name}")
    for _ in range(60 * BUDGET):
        model = random_model(rng, name)
        history = random_history(rng, model, operations_max=12)
        verdict = check(history, model)
        if not isinstance(verdict, NotLinearizable):
            continue
        found = verdict.counterexample
        assert found.is_minimal
        certificate = certify(history, verdict, model=name)
        assert isinstance(certificate.evidence, Core)
        for rule in (Rule.OBSERVERS, Rule.VALUES, Rule.IDLE):
            for index in found.core:
                smaller = replace(
                    certificate.evidence,
                    operations=tuple(i for i in found.core if i != index),
                    steps=(*found.steps, Step(rule=rule, operations=(index,))),
                )
                claimed = sealed(replace(certificate, evidence=smaller))
                assert verify(history, claimed, model) is not None


@pytest.mark.slow
@pytest.mark.parametrize("name", list(LETTERS))
def test_made_up_evidence_proves_nothing_that_is_false(name: str) -> None:
    """Any core, any order, any steps, properly sealed: only true verdicts can verify."""
    rng = random.Random(f"made up {name}")
    proved = 0
    for _ in range(150 * BUDGET):
        model, history, certificate = case(rng, name)
        facts, work = Facts(model, history), Work(history, model.initial)
        left = [o for o in history if o.outcome is not Outcome.FAILED]
        steps = [Step(rule=Rule.KEY, operation=0)]
        steps += [random_step(rng, work) for _ in range(rng.randrange(4))]
        steps = [steps[0], *(step for step in steps[1:] if step.rule is not Rule.KEY)]
        indices = [o.index for o in left]
        chosen = tuple(sorted(rng.sample(indices, rng.randrange(len(indices) + 1))))
        core = Core(
            operations=chosen,
            steps=tuple(steps),
            is_minimal=True,
            found_by="search",
            found=chosen,
            explanation="",
        )
        rng.shuffle(indices)
        order = Order(operations=tuple(indices))
        is_legal = is_linearizable(work, facts)
        for kind, evidence, is_true in (
            (VerdictKind.NOT_LINEARIZABLE, core, not is_legal),
            (VerdictKind.LINEARIZABLE, order, is_legal),
        ):
            claimed = sealed(replace(certificate, verdict=kind, evidence=evidence))
            if verify(history, claimed, model) is None:
                proved += 1
                assert is_true, (history, claimed)
    assert proved > 0


def _other(value: Any, rng: random.Random) -> Any:  # noqa: ANN401 - any JSON
    """A value of the same type that is another."""
    match value:
        case bool():
            return not value
        case int():
            return value + rng.choice((-1, 1))
        case str():
            return value[:-1] if value and rng.random() < 0.5 else value + "0"
        case list() if value and rng.random() < 0.7:
            at = rng.randrange(len(value))
            return [*value[:at], *([] if rng.random() < 0.5 else [value[at]] * 2), *value[at + 1 :]]
        case list():
            return [*value, 0]
        case None:
            return 1
        case _:
            return value


def _change(data: dict[str, Any], rng: random.Random) -> None:
    """Change one field, at any depth."""
    name = rng.choice(list(data))
    value = data[name]
    if isinstance(value, dict) and value:
        _change(value, rng)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        _change(rng.choice(value), rng)
    else:
        data[name] = _other(value, rng)


@pytest.mark.parametrize("name", ["cas-register", "stack"])
def test_a_changed_certificate_is_noticed(name: str) -> None:
    rng = random.Random(f"changed {name}")
    for _ in range(60 * BUDGET):
        model, history, certificate = case(rng, name)
        data = json.loads(msgspec.json.encode(certificate))
        _change(data, rng)
        try:
            changed = decode(json.dumps(data).encode())
        except CertificateError:
            continue
        assert changed == certificate or verify(history, changed, model) is not None


def test_a_cut_file_is_noticed() -> None:
    _, _, certificate = case(random.Random(3), "register")
    data = msgspec.json.encode(certificate)
    for end in range(len(data)):
        with pytest.raises(CertificateError):
            decode(data[:end])


_CHANGES: dict[str, Callable[[Operation], Operation]] = {
    "value": lambda o: replace(o, value=[o.value]),
    "output": lambda o: replace(o, output=[o.output]),
    "call": lambda o: replace(o, call=o.call - 100),
    "return": lambda o: replace(o, return_=1000 if o.return_ is None else None),
    "outcome": lambda o: replace(o, outcome=Outcome.FAILED),
    "key": lambda o: replace(o, key="another"),
    "process": lambda o: replace(o, process=99),
    "f": lambda o: replace(o, f=f"{o.f}s"),
    "session": lambda o: replace(o, session=99),
}


@pytest.mark.parametrize("field", list(_CHANGES))
def test_a_changed_history_is_noticed(field: str) -> None:
    change = _CHANGES[field]
    rng = random.Random(5)
    for _ in range(20):
        model, history, certificate = case(rng, "register")
        at = rng.randrange(len(history))
        changed = [*history[:at], change(history[at]), *history[at + 1 :]]
        flaw = verify(changed, certificate, model)
        assert flaw is not None
        assert "another history" in flaw.reason
        assert verify(history[:at], certificate, model) is not None
