"""`gong verify`: check a certificate against its history, without the engines that made it."""

from pathlib import Path
from typing import Final

import click
from msgspec import UNSET

from checker import CheckerError, VerdictKind
from checker.evidence.certificate import Certificate, CertificateError, Core, read
from checker.evidence.verify import CONFIGURATIONS_MAX, verify
from harness.cli import ExitCode, InputError
from harness.cli.check import named_model
from history import FORMAT_NAMES, HistoryError, load

_EPILOG: Final = """\b
Example:
  gong check --model register --certificate certificate.json history.jsonl
  gong verify history.jsonl certificate.json
\b
Exit status: 0 the certificate proves its verdict, 1 it does not, 2 there is too much to try,
254 wrong arguments or input.
"""


@click.command("verify", epilog=_EPILOG)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument(
    "certificate_path",
    metavar="CERTIFICATE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(("auto", *FORMAT_NAMES)),
    default="auto",
    show_default=True,
    help="How the history is written.",
)
@click.option("--keyed", is_flag=True, help="jepsen-edn: values are [key value] pairs.")
@click.option(
    "--configurations",
    "configurations_max",
    type=click.IntRange(min=1),
    default=CONFIGURATIONS_MAX,
    show_default=True,
    help="How many configurations of a core are tried before giving up.",
)
def command(
    *,
    file: Path,
    certificate_path: Path,
    format_name: str,
    keyed: bool,
    configurations_max: int,
) -> ExitCode:
    """Check a certificate that `gong check --certificate` wrote against its history.

    A linearizable history comes with an order of its operations, which is replayed. One that is
    not comes with a few operations that no order explains, and the steps by which they follow
    from the whole: each step is checked, and then every order is tried.
    """
    try:
        certificate = read(certificate_path)
        history = load(file, format=format_name, keyed=keyed)
        model = named_model(certificate.model)
        if certificate.initial is not UNSET:
            model = model.with_initial(certificate.initial)
        flaw = verify(history.operations, certificate, model, configurations_max=configurations_max)
    except HistoryError as why:
        raise InputError(str(why)) from why
    except CertificateError as why:
        raise InputError(str(why)) from why
    except CheckerError as why:
        raise InputError(f"{certificate_path}: {why}") from why
    if flaw is None:
        click.echo(f"verified: {_in_words(certificate)}")
        return ExitCode.VALID
    if flaw.is_undecided:
        click.echo(f"undecided: {flaw.reason}")
        return ExitCode.UNDECIDED
    click.echo(f"NOT verified: {flaw.reason}")
    return ExitCode.NOT_VALID


def _in_words(certificate: Certificate) -> str:
    if certificate.verdict is VerdictKind.LINEARIZABLE:
        return (
            f"linearizable as a {certificate.model}; the order of its operations was replayed and "
            f"keeps real time"
        )
    assert isinstance(certificate.evidence, Core)
    core = ", ".join(str(index) for index in certificate.evidence.operations)
    return (
        f"NOT linearizable as a {certificate.model}; no order explains the operations {core} "
        f"(counted from 0), and every step by which they follow from the whole is sound"
    )
