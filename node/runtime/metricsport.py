"""The metrics port: one page for Prometheus, over HTTP.

h11 speaks HTTP; here are the bytes, the deadline and the bound. A scrape takes a request, an answer
and the end of the connection. It runs in the replica's one thread like everything else, so that
nothing it reads changes meanwhile; a page costs about a millisecond.
"""

from typing import Final, Protocol

import h11
import trio

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
PATH: Final = b"/metrics"
PATIENCE_S: Final = 10.0
"""For the whole scrape, from the connection to its end."""
SCRAPES_MAX: Final = 16
"""At once. Prometheus makes one; whoever opens more waits in the system's queue."""
_CHUNK_BYTES: Final = 16 * 1024
_NOT_HTTP: Final = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Page(Protocol):
    """What there is to read."""

    def text(self) -> bytes:
        """As it is now."""


class MetricsPort:
    """Serves one page until it is cancelled."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._scrapes = trio.CapacityLimiter(SCRAPES_MAX)

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Answer one request; closes `stream`. Nothing that comes over it can harm the replica."""
        async with stream:
            with trio.move_on_after(PATIENCE_S):
                async with self._scrapes:
                    try:
                        await self._answer(stream, h11.Connection(h11.SERVER))
                    except h11.RemoteProtocolError:
                        await _send_quietly(stream, _NOT_HTTP)
                    except (trio.BrokenResourceError, trio.ClosedResourceError):
                        return  # it did not wait for its page

    async def _answer(self, stream: trio.abc.Stream, http: h11.Connection) -> None:
        request = None
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                http.receive_data(bytes(await stream.receive_some(_CHUNK_BYTES)))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.EndOfMessage):
                break
            elif isinstance(event, h11.ConnectionClosed):
                return
        assert request is not None
        status, body = self._page_for(request)
        headers = [
            ("Content-Type", CONTENT_TYPE),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
        if request.method == b"HEAD":
            body = b""
        for part in (
            h11.Response(status_code=status, headers=headers),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            data = http.send(part)
            if data:
                await stream.send_all(data)

    def _page_for(self, request: h11.Request) -> tuple[int, bytes]:
        if request.method not in (b"GET", b"HEAD"):
            return 405, b"only GET\n"
        if request.target.partition(b"?")[0] != PATH:
            return 404, b"the metrics are at /metrics\n"
        return 200, self._page.text()


async def _send_quietly(stream: trio.abc.Stream, data: bytes) -> None:
    try:
        await stream.send_all(data)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return
