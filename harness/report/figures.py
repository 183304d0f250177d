"""The verdict in words and the key figures, out of a history and what was said about it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from harness.report.faults import Faults
from harness.report.text import detail_text, visible
from history import Operation
from history.analysis import NS_PER_S, Counts, Unavailability, counts, latency
from history.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict as the page says it."""

    name: str
    word: str
    mood: str
    """`good`, `bad` or `unsure`: colour, border and sign."""
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One key figure."""

    name: str
    value: str
    note: str = ""


PROMISES: Final = {
    "linearizable": ("Linearizable", "at one moment between its call and its return"),
    "sequential": ("Sequentially consistent", "at one moment, in the order of its process"),
    "mdl": ("Multi-dispatch linearizable", "at one moment, in the order of its session"),
}


OBJECTS: Final = {
    "kv": "one key-value store",
    "cas-register": "one register with compare-and-set",
    "fifo-queue": "one first-in-first-out queue",
    "priority-queue": "one priority queue",
    "append-list": "one list per key",
}
"""What a model is a model of; the others say it with their name."""


def read_verdict(judged: Mapping[str, Any], model: str) -> Verdict:
    """Words for the object that `gong check --json` or `gong run --json` printed."""
    name = str(judged.get("verdict") or "undecided")
    reason = visible(str(judged["reason"])) if judged.get("reason") else ""
    word, moment = PROMISES.get(str(judged.get("consistency")), PROMISES["linearizable"])
    thing = OBJECTS.get(model, f"one {visible(model)}")
    if name == "linearizable" and not reason:
        return Verdict(
            name=name,
            word=word,
            mood="good",
            sentence=f"Every operation can be given its effect {moment} so that all results agree"
            f" with {thing} that executes them one at a time.",
        )
    if name == "not-linearizable":
        evidence = judged.get("counterexample")
        why = evidence.get("explanation") if isinstance(evidence, Mapping) else None
        return Verdict(
            name=name,
            word=f"Not {word[0].lower()}{word[1:]}",
            mood="bad",
            sentence=_lines(why)
            or reason
            or f"No order of the operations explains their results with {thing}.",
        )
    if name == "undecided":
        return Verdict(
            name=name,
            word="Undecided",
            mood="unsure",
            sentence=f"Neither proved nor refuted: {reason or 'no reason was recorded'}",
        )
    headline = "Stuck" if "stuck" in {name, reason.lower()} else visible(name).capitalize()
    return Verdict(
        name=name,
        word=headline,
        mood="bad",
        sentence="After the last fault was healed the cluster never served again."
        if headline == "Stuck"
        else reason or "The run did not pass.",
    )


def read_figures(
    history: History, faults: Faults, judged: Mapping[str, Any], outages: Unavailability
) -> list[Figure]:
    """The figures under the verdict: the run's own where it recorded them, else computed."""
    operations = history.operations
    tally = counts(operations)
    figures = [
        Figure(
            name="operations",
            value=f"{tally.total:,}",
            note=f"{tally.ok:,} ok · {tally.fail:,} fail · {tally.unknown:,} unknown",
        )
    ]
    if history.has_times and operations:
        figures += _timed(operations, judged, outages, tally)
    figures += _faults(faults, judged)
    for name, value in (
        ("system", judged.get("system") or history.header.get("system")),
        ("model", judged.get("model") or history.header.get("model")),
        ("seed", judged.get("seed", history.header.get("seed"))),
    ):
        if value is not None:
            figures.append(Figure(name=name, value=detail_text(value)))
    if isinstance(judged.get("engines"), Mapping):
        figures.append(
            Figure(
                name="judged by",
                value=" + ".join(visible(str(engine)) for engine in judged["engines"]) or "—",
                note=_seconds(judged.get("seconds")),
            )
        )
    return figures


def _timed(
    operations: Sequence[Operation],
    judged: Mapping[str, Any],
    outages: Unavailability,
    tally: Counts,
) -> list[Figure]:
    begin, end = extent(operations)
    seconds = max((end - begin) / NS_PER_S, 1e-9)
    rate = _number(judged.get("throughput"), tally.ok / seconds)
    figures = [
        Figure(
            name="duration", value=f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"
        ),
        Figure(
            name="throughput", value=f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}", note="ok/s"
        ),
    ]
    latencies = judged.get("latency_ms")
    if not isinstance(latencies, Mapping):
        computed = latency(operations)
        latencies = asdict(computed) if computed else {}
    if latencies:
        numbers = " / ".join(_milliseconds(latencies.get(name)) for name in ("p50", "p99", "max"))
        figures.append(Figure(name="latency p50 / p99 / max", value=numbers, note="ms"))
    total = _number(judged.get("unavailable_s"), outages.total_s)
    longest = _number(judged.get("longest_unavailable_s"), outages.longest_s)
    figures.append(
        Figure(name="unavailable", value=f"{total:.1f} s", note=f"longest {longest:.1f} s")
    )
    return figures


def _faults(faults: Faults, judged: Mapping[str, Any]) -> list[Figure]:
    figures = []
    changes = judged.get("leader_changes")
    if changes is not None or faults.leaders:
        figures.append(
            Figure(
                name="leader changes",
                value=str(changes if changes is not None else max(len(faults.leaders) - 1, 0)),
            )
        )
    counted = judged.get("faults")
    if isinstance(counted, Mapping) and counted:
        kills = sum(n for name, n in counted.items() if "kill" in str(name) and isinstance(n, int))
        others = [f"{visible(str(name))} {n}" for name, n in counted.items() if "kill" not in name]
        figures.append(Figure(name="kills", value=str(kills), note=" · ".join(others)))
    elif faults.bands or faults.marks:
        figures.append(Figure(name="kills", value=str(faults.kills)))
    return figures


def extent(operations: Sequence[Operation]) -> tuple[float, float]:
    """The first call, and the last call or response, of at least one operation."""
    assert operations
    return min(o.call_time for o in operations), max(
        o.call_time if o.return_time is None else max(o.return_time, o.call_time)
        for o in operations
    )


def _number(value: object, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) else otherwise


def _milliseconds(value: object) -> str:
    if not isinstance(value, int | float):
        return "—"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2g}"


def _seconds(value: object) -> str:
    return f"in {value:.2f} s" if isinstance(value, int | float) else ""


def _lines(words: object) -> str:
    return "\n".join(visible(line) for line in str(words).splitlines()) if words else ""
