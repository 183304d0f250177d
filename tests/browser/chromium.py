"""Open a page in a real browser, without a driver: Chromium prints the document it made."""

import shutil
import subprocess
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,1600",
]

TIMEOUT_S = 60


def find_chromium() -> str | None:
    """The browser's path, None where there is none."""
    return shutil.which("chromium")


@dataclass
class Document:
    """What the browser shows: attributes of the root, text and attributes by id."""

    root: dict[str, str | None] = field(default_factory=dict)
    text: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, dict[str, str | None]] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    VOID = frozenset(["meta", "link", "input", "br", "img", "path", "rect", "circle"])

    def __init__(self) -> None:
        super().__init__()
        self.document = Document()
        self._open: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.document.tags.append(tag)
        named = dict(attrs)
        if tag == "html":
            self.document.root = named
        identity = named.get("id")
        if identity is not None:
            self.document.attributes[identity] = named
            self.document.text.setdefault(identity, "")
        if tag not in self.VOID:
            self._open.append((tag, identity))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        for _, identity in self._open:
            if identity is not None:
                self.document.text[identity] += data


def open_page(page: Path, profile: Path, *, fragment: str = "") -> Document:
    """Load a page, let its scripts run, read what became of it. `profile` must be new."""
    browser = find_chromium()
    assert browser is not None
    done = subprocess.run(
        [browser, *FLAGS, f"--user-data-dir={profile}", "--dump-dom", page.as_uri() + fragment],
        capture_output=True,
        check=True,
        timeout=TIMEOUT_S,
        text=True,
    )
    reader = _Reader()
    reader.feed(done.stdout)
    return reader.document
