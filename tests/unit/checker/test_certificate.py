"""Certificates as data and as files."""

from pathlib import Path

import msgspec
import pytest

from checker import Undecided, check, find_model
from checker.evidence.certificate import (
    CertificateError,
    certify,
    checksum_of,
    decode,
    digest_of,
    read,
    write,
)
from tests.support.strategies import timeline

REGISTER = find_model("register")
GOOD = timeline(("write", 1, None, 0, 1), ("read", None, 1, 2, 3))
BAD = timeline(("write", 1, None, 0, 1), ("read", None, 2, 2, 3))


@pytest.mark.parametrize("history", [GOOD, BAD], ids=["good", "bad"])
def test_a_certificate_comes_back_from_its_file(history: list, tmp_path: Path) -> None:  # type: ignore[type-arg]
    certificate = certify(history, check(history, REGISTER), model="register", initial=[None, 1])
    path = tmp_path / "certificate.json"
    write(path, certificate)
    assert read(path) == certificate
    assert certificate.checksum == checksum_of(certificate)
    assert [entry.name for entry in tmp_path.iterdir()] == ["certificate.json"]


def test_a_certificate_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = certify(GOOD, check(GOOD, REGISTER), model="register")
    path = tmp_path / "certificate.json"
    path.write_text("old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        write(path, certificate)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["certificate.json"]


def test_there_is_no_certificate_without_evidence() -> None:
    with pytest.raises(CertificateError, match="undecided"):
        certify(GOOD, Undecided("late"), model="register")
    with pytest.raises(CertificateError, match="no time left"):
        certify(BAD, check(BAD, REGISTER, engine="reference", shrink=False), model="register")
    with pytest.raises(CertificateError, match="sequential"):
        certify(GOOD, check(GOOD, REGISTER), model="register", consistency="sequential")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not a certificate"),
        (b"[]", "not a certificate"),
        (b'{"certificate": 1}', "missing required field"),
        (b"[" * 100_000, "not a certificate"),
    ],
)
def test_what_is_no_certificate_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(CertificateError, match=why):
        decode(data)


def test_another_version_is_refused() -> None:
    certificate = certify(GOOD, check(GOOD, REGISTER), model="register")
    newer = msgspec.structs.replace(certificate, certificate=2)
    with pytest.raises(CertificateError, match="version 2, expected 1"):
        decode(msgspec.json.encode(newer))


def test_a_digest_does_not_depend_on_times_and_nodes() -> None:
    moved = [msgspec.structs.replace(o, call_time=o.call_time + 5, node="n1", line=3) for o in GOOD]
    assert digest_of(moved) == digest_of(GOOD)
    assert digest_of(GOOD) != digest_of(GOOD[:1])
