"""What the simulated network does to connections: as TCP does, on good days and bad ones."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
import trio
from msgspec import structs

from harness.simulation.draws import MILLION
from harness.simulation.programs import CALM, Life, Simulation, simulate
from harness.simulation.world import MS

Main = Callable[[Simulation], Awaitable[None]]


async def echo(_: Life) -> None:
    async def handle(stream: trio.SocketStream) -> None:
        try:
            async for data in stream:
                await stream.send_all(data)
        except trio.BrokenResourceError:
            return

    await trio.serve_tcp(handle, 7)


async def silent(_: Life) -> None:
    async def handle(_: trio.SocketStream) -> None:
        await trio.sleep_forever()

    await trio.serve_tcp(handle, 7)


def run(main: Main, *, loss: int = 0) -> None:
    for seed in range(5):
        simulate(main, seed=seed, rates=structs.replace(CALM, loss=loss))


def test_bytes_arrive_in_order_and_whole() -> None:
    async def main(world: Simulation) -> None:
        world.host("server").start(echo)
        sent = b"".join(n.to_bytes(2, "big") for n in range(50_000))
        received = bytearray()
        async with await trio.open_tcp_stream("server", 7) as stream:

            async def send() -> None:
                for start in range(0, len(sent), 1000):
                    await stream.send_all(sent[start : start + 1000])
                await stream.send_eof()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(send)
                async for data in stream:
                    received += data
        assert received == sent

    run(main)


def test_a_sender_waits_for_a_reader_who_does_not_read() -> None:
    async def main(world: Simulation) -> None:
        world.host("server").start(silent)
        sent = 0
        async with await trio.open_tcp_stream("server", 7) as stream:
            with trio.move_on_after(5) as patience:
                while True:
                    await stream.send_all(b"x" * 1000)
                    sent += 1000
        assert patience.cancelled_caught
        assert 60_000 < sent < 70_000

    run(main)


def test_nobody_listens() -> None:
    async def main(world: Simulation) -> None:
        world.host("server")
        with pytest.raises(OSError, match="failed") as caught:
            await trio.open_tcp_stream("server", 7)
        assert isinstance(caught.value.__cause__, ConnectionRefusedError)
        with pytest.raises(OSError, match="no simulated host"):
            await trio.open_tcp_stream("nobody", 7)

    run(main)


def test_a_host_listens_on_its_own_addresses_only_and_once() -> None:
    async def program(_: Life) -> None:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        name, port = listener.socket.getsockname()
        assert name == "server"
        assert port > 0
        with pytest.raises(OSError, match="in use"):
            await trio.open_tcp_listeners(port)
        with pytest.raises(OSError, match="not an address"):
            await trio.open_tcp_listeners(80, host="outside")

    async def main(world: Simulation) -> None:
        world.host("server").start(program)
        await trio.sleep(1)

    run(main)


def test_the_dead_are_not_heard_of_until_somebody_speaks_to_them() -> None:
    async def main(world: Simulation) -> None:
        server = world.host("server")
        server.start(echo)
        stream = await trio.open_tcp_stream("server", 7)
        await stream.send_all(b"x")
        await stream.receive_some()
        server.crash()
        server.restart()
        with trio.move_on_after(60) as patience:
            await stream.receive_some()
        assert patience.cancelled_caught, "a crash says nothing"
        await stream.send_all(b"x")
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()

    run(main)


def test_a_killed_process_ends_its_connections() -> None:
    async def main(world: Simulation) -> None:
        server = world.host("server")
        server.start(echo)
        stream = await trio.open_tcp_stream("server", 7)
        server.kill()
        with trio.fail_after(1):
            assert await stream.receive_some() == b""

    run(main)


def test_a_cut_stalls_and_a_short_one_loses_nothing() -> None:
    async def main(world: Simulation) -> None:
        world.host("server").start(echo)
        async with await trio.open_tcp_stream("server", 7) as stream:
            world.cut("outside", "server", both_ways=False)
            await stream.send_all(b"late")
            with trio.move_on_after(0.4) as patience:
                await stream.receive_some()
            assert patience.cancelled_caught
            world.mend()
            with trio.fail_after(2):
                assert await stream.receive_some() == b"late"

    run(main)


def test_a_long_cut_breaks_the_connection_of_whoever_sends() -> None:
    async def main(world: Simulation) -> None:
        world.host("server").start(echo)
        stream = await trio.open_tcp_stream("server", 7)
        world.isolate("server")
        await stream.send_all(b"lost")
        with trio.fail_after(60), pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()

    run(main)


def test_nobody_connects_across_a_cut_until_it_is_mended() -> None:
    async def main(world: Simulation) -> None:
        world.host("server").start(echo)
        world.cut("outside", "server")
        world.agenda.after(4000 * MS, world.heal)
        with trio.fail_after(20):
            await (await trio.open_tcp_stream("server", 7)).aclose()
        assert world.now_s > 4

    run(main)


def test_lost_packets_come_late_or_break_the_connection() -> None:
    async def main(world: Simulation) -> None:
        world.host("server").start(echo)
        broken = slow = 0
        for _ in range(50):
            began = world.now_s
            try:
                async with await trio.open_tcp_stream("server", 7) as stream:
                    await stream.send_all(b"x")
                    assert await stream.receive_some() == b"x"
            except trio.BrokenResourceError:
                broken += 1
            slow += world.now_s - began > 0.1
        assert 0 < broken < 25
        assert 0 < slow < 50

    run(main, loss=MILLION // 4)


def test_a_closed_stream_says_so() -> None:
    async def main(world: Simulation) -> None:
        world.host("server").start(echo)
        stream = await trio.open_tcp_stream("server", 7)
        async with trio.open_nursery() as nursery:

            async def receive() -> None:
                with pytest.raises(trio.ClosedResourceError):
                    await stream.receive_some()

            nursery.start_soon(receive)
            await trio.sleep(1)
            with pytest.raises(trio.BusyResourceError):
                await stream.receive_some()
            await stream.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_all(b"x")

    run(main)


def test_taking_a_fault_out_leaves_what_others_draw() -> None:
    """The messages of one link do not depend on what is cut elsewhere."""

    def arrivals(*, cut: bool) -> list[float]:
        times: list[float] = []

        async def main(world: Simulation) -> None:
            for name in ("one", "two"):
                world.host(name).start(echo)
            if cut:
                world.cut("outside", "two")

            async def disturb() -> None:
                with trio.move_on_after(5):
                    stream = await trio.open_tcp_stream("two", 7)
                    await stream.send_all(b"x")

            async with trio.open_nursery() as nursery:
                nursery.start_soon(disturb)
                async with await trio.open_tcp_stream("one", 7) as stream:
                    for _ in range(10):
                        await stream.send_all(b"x")
                        await stream.receive_some()
                        times.append(world.now_s)

        simulate(main, seed=3)
        return times

    assert arrivals(cut=False) == arrivals(cut=True)


def test_a_connection_breaks_behind_what_was_heard_and_its_sender_cannot_know() -> None:
    """What a duplicate is over TCP: it comes once, but whoever sent it has to ask again."""

    async def serve(_: Life) -> None:
        async def handle(stream: trio.SocketStream) -> None:
            with suppress(trio.BrokenResourceError):
                async for data in stream:
                    heard.append(bytes(data))  # noqa: PERF401 - as they come

        await trio.serve_tcp(handle, 7)

    async def main(world: Simulation) -> int:
        world.host("server").start(serve)
        for number in range(100):
            stream = await trio.open_tcp_stream("server", 7)
            await stream.send_all(b"%d" % number)
            with trio.move_on_after(1):
                try:
                    await stream.receive_some()
                except trio.BrokenResourceError:
                    broken.append(number)
            await stream.aclose()
        return world.bites["heard-then-reset"]

    heard: list[bytes] = []
    broken: list[int] = []
    bites = simulate(main, seed=1, rates=structs.replace(CALM, duplicate=MILLION)).result
    assert heard == [b"%d" % number for number in range(100)], "all of it arrives, once"
    assert bites >= len(broken) > 0
