"""The finished seeds of a campaign in a file, so that it can be interrupted and go on.

JSON lines: first what the campaign is about, then one line for each seed, in the order in which
they were finished. The file only grows. A last line without its end was being written when
somebody pulled the plug; it is dropped.
"""

import fcntl
from collections.abc import Iterable
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import msgspec
from msgspec import Struct

from harness.simulation.tally import Finished
from harness.simulation.world import Size

_DECIDE: Final = ("node", "history", "checker", "harness.simulation", "harness.mutants")
"""The packages that decide what becomes of a seed."""


class BookError(Exception):
    """The file cannot be used: one sentence that says why."""


class About(Struct, frozen=True, kw_only=True):
    """The first line: seeds of another campaign would be other runs."""

    campaign: int = 1
    """Version of the format."""
    floor: str
    size: Size
    code: str
    """A hash of the code that ran the seeds."""


class Book:
    """An open file; close it, or use it in a `with`."""

    def __init__(self, path: Path, floor: str, size: Size) -> None:
        self.finished: Final[dict[int, Finished]] = {}
        """By seed, what the file held when it was opened."""
        about = About(floor=floor, size=size, code=code_hash())
        try:
            self._file: BinaryIO = path.open("a+b")
        except OSError as why:
            raise BookError(f"{path}: {why.strerror}") from why
        try:
            self._read(path, about)
        except BaseException:
            self._file.close()
            raise

    def _read(self, path: Path, about: About) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as why:
            raise BookError(f"{path}: another campaign is writing to it") from why
        self._file.seek(0)
        *lines, torn = self._file.read().split(b"\n")
        if torn:
            self._file.truncate(sum(len(line) + 1 for line in lines))
        if not lines:
            self._write(msgspec.json.encode(about))
            return
        _compare(path, lines[0], about)
        for number, line in enumerate(lines[1:], start=2):
            try:
                finished = msgspec.json.decode(line, type=Finished)
            except msgspec.MsgspecError as why:
                raise BookError(f"{path}: line {number}: not a finished seed: {why}") from why
            self.finished[finished.seed] = finished

    def add(self, finished: Iterable[Finished]) -> None:
        """Seeds that are finished now. In the hands of the kernel when this returns."""
        for each in finished:
            self._write(msgspec.json.encode(each))

    def _write(self, line: bytes) -> None:
        self._file.write(line + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Let another campaign have the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _compare(path: Path, line: bytes, about: About) -> None:
    try:
        found = msgspec.json.decode(line, type=About)
    except msgspec.MsgspecError as why:
        raise BookError(f"{path}: line 1: not the beginning of a campaign: {why}") from why
    for name in ("campaign", "floor", "size"):
        theirs, ours = (_words(getattr(each, name)) for each in (found, about))
        if theirs != ours:
            raise BookError(f"{path}: holds a campaign with {name} {theirs}, this one has {ours}")
    if found.code != about.code:
        raise BookError(
            f"{path}: its seeds were run by other code, in which they may end otherwise; "
            "begin another file"
        )


def _words(value: object) -> str:
    return msgspec.json.encode(value).decode()


def code_hash() -> str:
    """Of all Python code that decides what becomes of a seed."""
    digest = blake2b(digest_size=8)
    for package in _DECIDE:
        for path in _modules(files(package), package):
            digest.update(path[0].encode() + b"\0" + path[1].read_bytes() + b"\0")
    return digest.hexdigest()


def _modules(folder: Traversable, name: str) -> list[tuple[str, Traversable]]:
    found = []
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.name.endswith(".py"):
            found.append((f"{name}/{entry.name}", entry))
        elif entry.is_dir() and entry.name != "__pycache__":
            found += _modules(entry, f"{name}/{entry.name}")
    return found
