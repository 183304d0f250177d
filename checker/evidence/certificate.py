"""Certificates: the evidence of a verdict as data, and the file that holds it.

A certificate names the history that it speaks of by a digest of its operations, so that it cannot be
held against another one, and carries a checksum of itself, so that an accident to the file is
noticed. Neither makes it true: that is for `checker.evidence.verify` to say.
"""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from checker.errors import CheckerError
from checker.evidence.steps import Step
from checker.verdict import Linearizable, NotLinearizable, Undecided, Verdict, VerdictKind
from history import Operation
from history.whole import written_whole

VERSION: Final = 1

_BATCH: Final = 4096
"""Operations that are digested at once."""


class CertificateError(CheckerError):
    """A certificate cannot be read, or there is none for a verdict: says which, and why."""


class Order(Struct, frozen=True, kw_only=True, tag="order", forbid_unknown_fields=True):
    """Evidence of "linearizable"."""

    operations: tuple[int, ...]
    """Indices in an order in which the operations could have taken effect."""


class Core(Struct, frozen=True, kw_only=True, tag="core", forbid_unknown_fields=True):
    """Evidence of "not linearizable"."""

    operations: tuple[int, ...]
    """Indices of operations that no order explains."""
    steps: tuple[Step, ...]
    """How they follow from the whole history: a key, cuts, and sound deletions, in order."""
    is_minimal: bool
    """True when no further sound deletion would leave them unexplained; for the reader."""
    found_by: str
    """What the engine found, for the reader: the name of a structure, or "search"."""
    found: tuple[int, ...]
    """The operations to look at, for the reader."""
    explanation: str
    """In words, for the reader."""


class Certificate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One verdict on one history, with its evidence."""

    certificate: int = VERSION
    """Version of the format."""
    verdict: VerdictKind
    model: str
    """As after `--model`."""
    initial: Any | UnsetType = UNSET
    """As after `--initial`; absent for the model's own initial state."""
    consistency: str
    operations: int
    """How many the history has, failed ones included."""
    digest: str
    """Of the operations: see `digest_of`."""
    evidence: Order | Core
    checksum: str = ""
    """Of everything above."""


_DECODER: Final = msgspec.json.Decoder(Certificate)


def certify(
    operations: Sequence[Operation],
    verdict: Verdict,
    *,
    model: str,
    initial: Any | UnsetType = UNSET,  # noqa: ANN401 - any JSON value
    consistency: str = "linearizable",
) -> Certificate:
    """The certificate of a verdict that `check` gave on `operations`.

    Raises:
        CertificateError: there is no evidence: the verdict is undecided, or nothing was shrunk.
    """
    if consistency != "linearizable":
        raise CertificateError(f"there are no certificates for the consistency {consistency} yet")
    evidence: Order | Core
    match verdict:
        case Linearizable(witness):
            evidence = Order(operations=tuple(witness.order))
        case NotLinearizable(found):
            if not found.core:
                raise CertificateError(
                    "there was no time left to cut the violation down to a core that can be verified"
                )
            evidence = Core(
                operations=found.core,
                steps=found.steps,
                is_minimal=found.is_minimal,
                found_by=found.rule,
                found=found.operations,
                explanation=found.explanation,
            )
        case Undecided():
            raise CertificateError("an undecided verdict has no evidence")
    certificate = Certificate(
        verdict=verdict.kind,
        model=model,
        initial=initial,
        consistency=consistency,
        operations=len(operations),
        digest=digest_of(operations),
        evidence=evidence,
    )
    return sealed(certificate)


def sealed(certificate: Certificate) -> Certificate:
    """The same with its checksum."""
    return msgspec.structs.replace(certificate, checksum=checksum_of(certificate))


def checksum_of(certificate: Certificate) -> str:
    """SHA-256 of the certificate as JSON without its checksum."""
    bare = msgspec.structs.replace(certificate, checksum="")
    return hashlib.sha256(msgspec.json.encode(bare, order="deterministic")).hexdigest()


def digest_of(operations: Iterable[Operation]) -> str:
    """SHA-256 of all that a verdict can depend on: not of times, nodes and errors, but of ranks."""
    digest = hashlib.sha256()
    rows = (
        (
            o.index,
            o.process,
            o.session,
            o.seq,
            o.f,
            o.key,
            o.value,
            o.output,
            o.outcome.value,
            o.call,
            o.return_,
        )
        for o in operations
    )
    while batch := list(islice(rows, _BATCH)):
        digest.update(msgspec.json.encode(batch, order="deterministic"))
    return digest.hexdigest()


def write(path: Path, certificate: Certificate) -> None:
    """Write the file as a whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    data = msgspec.json.encode(certificate)
    if isinstance(certificate.evidence, Core):
        data = msgspec.json.format(data, indent=1)  # a page to read; an order would be a book
    with written_whole(path) as file:
        file.write(data + b"\n")


def read(path: Path) -> Certificate:
    """Read a certificate; its checksum is not looked at here.

    Raises:
        CertificateError: the file cannot be read or holds no certificate of this version.
    """
    try:
        return decode(path.read_bytes())
    except OSError as why:
        raise CertificateError(f"{path}: {why.strerror or why}") from why
    except CertificateError as why:
        raise CertificateError(f"{path}: {why}") from why


def decode(data: bytes) -> Certificate:
    """A certificate from the contents of its file.

    Raises:
        CertificateError: they are no certificate of this version.
    """
    try:
        certificate = _DECODER.decode(data)
    except (ValueError, RecursionError) as why:
        raise CertificateError(f"not a certificate: {why}") from why
    if certificate.certificate != VERSION:
        raise CertificateError(f"version {certificate.certificate}, expected {VERSION}")
    return certificate
