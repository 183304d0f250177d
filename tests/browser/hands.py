"""Hands for a page: pointer, wheel and keys, through Chromium's debugging pipe.

The pipe is file descriptors 3 and 4 of the browser; messages are JSON, each ended by a zero byte.
"""

import json
import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.browser.chromium import FLAGS, TIMEOUT_S, find_chromium


class Hands:
    """One page in one browser."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to = to_browser
        self._from = from_browser
        self._received = b""
        self._count = 0
        self._session: str | None = None

    def call(self, method: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401
        """Ask the browser; events on the way are dropped."""
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = json.loads(self._receive())
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def _receive(self) -> bytes:
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._from], [], [], TIMEOUT_S)
            assert ready, f"the browser said nothing for {TIMEOUT_S} s"
            chunk = os.read(self._from, 1 << 16)
            assert chunk, "the browser has gone"
            self._received += chunk
        message, _, self._received = self._received.partition(b"\0")
        return message

    def open(self, page: Path) -> None:
        """Show a page and wait until it is drawn."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        self.call("Page.enable")
        self.call("Page.navigate", url=page.as_uri())
        while json.loads(self._receive()).get("method") != "Page.loadEventFired":
            pass
        assert self.look("document.documentElement.dataset.rendered"), "the page did not draw"

    def look(self, expression: str) -> Any:  # noqa: ANN401
        """The value of an expression in the page, after the next frame."""
        code = f"new Promise(r => requestAnimationFrame(() => setTimeout(r))).then(() => ({expression}))"
        answer = self.call(
            "Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def place(self, identity: str) -> tuple[float, float, float]:
        """Left, top and width of an element, scrolled into view."""
        box = f"document.getElementById('{identity}')"
        self.look(f"{box}.scrollIntoView({{block: 'center'}})")
        left, top, width = self.look(
            f"(b => [b.left, b.top, b.width])({box}.getBoundingClientRect())"
        )
        return left, top, width

    def mouse(self, kind: str, x: float, y: float, **params: Any) -> None:  # noqa: ANN401
        """One event: mousePressed, mouseMoved, mouseReleased, mouseWheel."""
        button = {} if kind in {"mouseMoved", "mouseWheel"} else {"button": "left", "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button, **params)

    def click(self, x: float, y: float) -> None:
        """Press and release."""
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y)
        self.mouse("mouseReleased", x, y)

    def press(self, key: str) -> None:
        """One key; a single character is typed."""
        typed = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **typed)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)


@contextmanager
def open_hands(page: Path, profile: Path) -> Iterator[Hands]:
    """A browser that shows `page`; it is stopped, and waited for, at the end."""
    browser = find_chromium()
    assert browser is not None
    browser_reads, we_write = os.pipe()
    we_read, browser_writes = os.pipe()
    # The shell puts the pipe where the browser expects it, whatever numbers the ends have here.
    script = f'exec 3<&{browser_reads} 4>&{browser_writes}; exec "$0" "$@"'
    running = subprocess.Popen(
        ["/bin/bash", "-c", script, browser, *FLAGS, "--remote-debugging-pipe",
         f"--user-data-dir={profile}", "about:blank"],
        pass_fds=(browser_reads, browser_writes),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(browser_reads)
    os.close(browser_writes)
    try:
        hands = Hands(we_write, we_read)
        hands.open(page)
        yield hands
    finally:
        os.close(we_write)  # the browser ends with its pipe
        os.close(we_read)
        try:
            running.wait(TIMEOUT_S / 6)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
