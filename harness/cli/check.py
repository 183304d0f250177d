"""`gong check`: judge stored histories, and say why."""

import gc
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from checker import (
    CONSISTENCIES,
    ENGINES,
    MODELS,
    Budget,
    CheckerError,
    Linearizable,
    Model,
    NotLinearizable,
    Undecided,
    Verdict,
    VerdictKind,
    check,
    cut_down,
    find_model,
    lint,
    peak_resident_mb,
    with_weaker_orders,
)
from harness.cli import ExitCode, InputError
from harness.cli.keeping import write_certificate, write_html
from harness.cli.numbers import POSITIVE
from history import FORMAT_NAMES, History, HistoryError, load

_EXIT_CODES: Final = {
    VerdictKind.LINEARIZABLE: ExitCode.VALID,
    VerdictKind.NOT_LINEARIZABLE: ExitCode.NOT_VALID,
    VerdictKind.UNDECIDED: ExitCode.UNDECIDED,
}

_WORST_FIRST: Final = (ExitCode.NOT_VALID, ExitCode.UNDECIDED, ExitCode.VALID)

_MEMORY_SHARE: Final = 0.75
"""Of the machine's memory, where no limit is given: an "undecided" beats the OOM killer."""

_EPILOG: Final = """\b
Example:
  gong check --model cas-register --initial 0 --time-limit 60 history.jsonl
\b
Exit status: 0 linearizable, 1 not linearizable, 2 undecided, 254 wrong arguments or input;
with several files the worst, in the order 1, 2, 0.
"""


@click.command("check", epilog=_EPILOG)
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(("auto", *FORMAT_NAMES)),
    default="auto",
    show_default=True,
    help="How the files are written.",
)
@click.option(
    "--model",
    "model_name",
    metavar="M",
    required=True,
    help=f"What the system promised to be: {', '.join(MODELS)}, or your own as package.module:NAME.",
)
@click.option("--initial", metavar="JSON", help="Initial state, instead of the model's own.")
@click.option(
    "--consistency",
    type=click.Choice(CONSISTENCIES),
    default="linearizable",
    show_default=True,
    help=(
        "The order that was promised: real time; only that in which each process (or session) "
        "issued; mdl: both, and no operation of a session without all earlier ones."
    ),
)
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="auto",
    show_default=True,
    help="auto: whichever suits the model and the history; native, reference: only the general "
    "search, in C++ or in Python.",
)
@click.option(
    "--time-limit",
    "time_limit_s",
    metavar="S",
    type=POSITIVE,
    help="Seconds for judging one file, after loading it; without one, as long as it takes.",
)
@click.option(
    "--memory-limit",
    "memory_limit_mb",
    metavar="MB",
    type=POSITIVE,
    help="Resident memory of this process.  [default: 75 % of the machine's]",
)
@click.option("--keyed", is_flag=True, help="jepsen-edn: values are [key value] pairs.")
@click.option(
    "--certificate",
    "certificate_path",
    metavar="PATH",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the evidence, for `gong verify`. For one file only.",
)
@click.option(
    "--html",
    "html_path",
    metavar="PATH",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a report: one page, readable in a browser. For one file only.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(
    *,
    files: tuple[Path, ...],
    format_name: str,
    model_name: str,
    initial: str | None,
    consistency: str,
    engine: str,
    time_limit_s: float | None,
    memory_limit_mb: float | None,
    keyed: bool,
    certificate_path: Path | None,
    html_path: Path | None,
    as_json: bool,
) -> ExitCode:
    """Judge stored histories: is there an order of the operations that explains every result?

    Operations on different keys are judged separately, whatever the model. An operation
    whose outcome is unknown may have taken effect at any time after its call, or never.
    """
    if html_path is not None and len(files) > 1:
        raise click.UsageError(
            "--html takes one history, a report for each needs one call for each"
        )
    if certificate_path is not None and len(files) > 1:
        raise click.UsageError("--certificate takes one history, each has evidence of its own")
    model = named_model(model_name, initial)
    budget = Budget(
        time_limit_s=time_limit_s,
        memory_limit_mb=memory_limit_mb or _default_memory_limit_mb(),
    )
    worst, results = len(_WORST_FIRST), []
    for file in files:
        history, verdict, result = _judged(
            file,
            format_name=format_name,
            keyed=keyed,
            model=model,
            model_name=model_name,
            engine=engine,
            budget=budget,
            consistency=consistency,
        )
        if certificate_path is not None:
            write_certificate(certificate_path, history, verdict, result, initial=initial)
        if html_path is not None:
            write_html(html_path, history, result, keyed=keyed, initial=initial)
        results.append({"file": str(file), **result} if len(files) > 1 else result)
        worst = min(worst, _WORST_FIRST.index(_EXIT_CODES[verdict.kind]))
        if not as_json:
            prefix = f"{file}: " if len(files) > 1 else ""
            click.echo(prefix + _in_words(verdict, consistency, result["seconds"]))
    if as_json:
        whole = {"files": results} if len(files) > 1 else results[0]
        click.echo(json.dumps(whole, ensure_ascii=False))
    return _WORST_FIRST[worst]


def _judged(
    file: Path,
    *,
    format_name: str,
    keyed: bool,
    model: Model,
    model_name: str,
    engine: str,
    budget: Budget,
    consistency: str,
) -> tuple[History, Verdict, dict[str, Any]]:
    """Load one file and judge it; also what `--json` says of it. Warnings go to stderr."""
    started = time.perf_counter()
    try:
        with _collecting_nothing():
            history = load(file, format=format_name, keyed=keyed)
            loaded = time.perf_counter()
            begun = time.monotonic()
            verdict = check(
                history,
                model,
                engine=engine,
                budget=budget,
                consistency=consistency,
                shrink=False,
            )
            ended = time.perf_counter()
            if isinstance(verdict, NotLinearizable):
                verdict = _told(
                    history,
                    verdict,
                    model,
                    consistency=consistency,
                    engine=engine,
                    budget=budget,
                    started=begun,
                )
            cut = time.perf_counter()
    except HistoryError as why:
        raise InputError(str(why)) from why
    except CheckerError as why:
        raise InputError(f"{file}: {why}") from why
    except OSError as why:
        raise InputError(f"{file}: {why.strerror}") from why
    warnings = [*history.warnings, *lint(history, model)]
    for warning in warnings:
        click.echo(f"{file}: warning: {warning}", err=True)
    return (
        history,
        verdict,
        {
            **_as_json(verdict),
            "model": model_name,
            "consistency": consistency,
            "load_seconds": round(loaded - started, 6),
            "seconds": round(ended - loaded, 6),
            "evidence_seconds": round(cut - ended, 6),
            "total_seconds": round(cut - started, 6),
            "peak_rss_mb": round(peak_resident_mb(), 1),
            "warnings": warnings,
        },
    )


@contextmanager
def _collecting_nothing() -> Iterator[None]:
    """Without the collector of cycles, of which there are none among millions of operations.

    A look through them all takes half a second, in which no limit of time is seen.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _told(
    history: History,
    verdict: NotLinearizable,
    model: Model,
    *,
    consistency: str,
    engine: str,
    budget: Budget,
    started: float,
) -> NotLinearizable:
    """The verdict cut down to what matters, and with what is left of the promise.

    `operations` may be a view of columns: nothing here makes objects of all of them where the
    engine that took the columns found the core too.
    """
    operations = history.operations
    if consistency == "linearizable" and not verdict.counterexample.core:
        verdict = cut_down(operations, verdict, model, budget=budget, started=started)
    if consistency != "sequential":
        verdict = with_weaker_orders(
            operations, verdict, model, budget=budget, started=started, engine=engine
        )
    return verdict


def named_model(name: str, initial: str | None = None) -> Model:
    """The model that `--model` and `--initial` mean.

    Raises:
        click.UsageError: there is none, or it cannot begin like that.
    """
    if ":" in name and str(Path.cwd()) not in sys.path:
        # A console script does not look in the current directory, where a user's model lies.
        sys.path.insert(0, str(Path.cwd()))
    try:
        model = find_model(name)
    except CheckerError as why:
        raise click.UsageError(str(why)) from why
    if initial is None:
        return model
    try:
        return model.with_initial(json.loads(initial))
    except ValueError as why:
        raise click.UsageError(f"--initial takes a JSON value, not {initial!r}: {why}") from why


def _default_memory_limit_mb() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**20 * _MEMORY_SHARE


def _as_json(verdict: Verdict) -> dict[str, Any]:
    counterexample = reason = None
    if isinstance(verdict, NotLinearizable):
        found = verdict.counterexample
        counterexample = {
            "operations": list(found.operations),
            "explanation": found.explanation,
            "operation": found.operation,
            "key": found.key,
            "core": list(found.core),
            "is_minimal": found.is_minimal,
            "rule": found.rule,
        }
    elif isinstance(verdict, Undecided):
        reason = verdict.reason
    return {
        "verdict": verdict.kind.value,
        "operations": verdict.statistics.operations,
        "crashed": verdict.statistics.crashed,
        "partitions": verdict.statistics.partitions,
        "engines": verdict.statistics.engines,
        "counterexample": counterexample,
        "also": verdict.also if isinstance(verdict, NotLinearizable) else None,
        "reason": reason,
    }


def _in_words(verdict: Verdict, consistency: str, seconds: float) -> str:
    """The verdict first, then the reason for it."""
    numbers = verdict.statistics
    judged = f"{_count(numbers.operations, 'operation')}, {numbers.crashed} of unknown outcome"
    if numbers.partitions > 1:
        judged += f", on {numbers.partitions} keys"
    judged += f"; {seconds:.2f} s"
    if numbers.engines:
        judged += f", {' and '.join(numbers.engines)} engine"
    match verdict:
        case Linearizable():
            return f"{consistency} ({judged})"
        case NotLinearizable(counterexample):
            look_at = ", ".join(str(index) for index in counterexample.operations)
            return (
                f"NOT {consistency} ({judged})\n  {counterexample.explanation}\n"
                f"  Operations to look at, counted from 0: {look_at}{_weaker_in_words(verdict)}"
            )
        case Undecided(reason):
            return f"undecided ({judged})\n  {reason}"


def _weaker_in_words(verdict: NotLinearizable) -> str:
    """What is left of the promise, where that is known."""
    words = {
        ("linearizable", True): "It is linearizable.",
        ("linearizable", False): "It is not linearizable either.",
        ("sequential", True): "It is sequentially consistent.",
        ("sequential", False): "It is not sequentially consistent either.",
    }
    known = [words[name, kept] for name, kept in verdict.also.items() if kept is not None]
    return f"\n  {' '.join(known)}" if known else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
