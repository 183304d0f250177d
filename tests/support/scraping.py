"""Reading a metrics port, as Prometheus would."""

from collections.abc import Callable, Iterable

import trio
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from node.types import Address

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def http_get(address: Address, request: bytes) -> tuple[bytes, bytes]:
    """Send bytes and read to the end: the head and the body of the answer."""
    async with await trio.open_tcp_stream(*address) as stream:
        await stream.send_all(request)
        answer = b"".join([bytes(chunk) async for chunk in stream])
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


async def scrape(address: Address) -> Samples:
    """All samples, by name and labels."""
    head, body = await http_get(address, b"GET /metrics HTTP/1.1\r\nHost: replica\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    families: Iterable[object] = parse(body.decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in samples_of(family)
    }


def total(samples: Samples, name: str, **labels: str) -> float:
    """The sum of a metric's samples that have these labels."""
    return sum(
        value
        for (found, pairs), value in samples.items()
        if found == name and labels.items() <= dict(pairs).items()
    )


parse: Callable[[str], Iterable[object]] = text_string_to_metric_families


def samples_of(family: object) -> list[Sample]:
    """Of one metric family."""
    found: list[Sample] = getattr(family, "samples")  # noqa: B009 - the parser has no types
    return found
