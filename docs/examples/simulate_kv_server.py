# ruff: noqa: INP001, T201 - a script to be run and read, not a module
"""Crashes the server of kv_server.py in simulated worlds until its clients saw what cannot be.

Run it: python docs/examples/simulate_kv_server.py
"""

import json
from pathlib import Path

import trio
from kv_server import PORT, FixedStore, Store, serve

from checker import NotLinearizable, Verdict, check, find_model
from harness.simulation.draws import Stream
from harness.simulation.programs import Life, Simulation, simulate
from history import Recorder, pair

CLIENTS = 4
OPERATIONS = 60
SEEDS = 40


async def ask(f: str, key: str, value: str | None = None) -> str | None:
    """One request over a connection of its own."""
    async with await trio.open_tcp_stream("server", PORT) as stream:
        request = {"f": f, "key": key, "value": value}
        await stream.send_all(json.dumps(request).encode() + b"\n")
        line = b""
        while not line.endswith(b"\n"):
            data = await stream.receive_some()
            if not data:
                raise OSError("the server hung up")
            line += data
    answer: str | None = json.loads(line)["value"]
    return answer


async def client(process: int, draws: Stream, recorder: Recorder) -> None:
    """Ask, and write down what was asked and answered."""
    for number in range(OPERATIONS):
        await trio.sleep(draws.below(8) / 1000)
        key = draws.choice(["a", "b"])
        if draws.below(2):
            call = recorder.invoke(process, "put", value := f"{process}.{number}", key=key)
        else:
            call, value = recorder.invoke(process, "get", key=key), None
        answer = None
        try:
            with trio.fail_after(1):
                answer = await ask(call.f or "", key, value)
        except (OSError, trio.TooSlowError, trio.BrokenResourceError) as why:
            if value is None:
                recorder.fail(call, repr(why))  # a get that failed changed nothing
                continue
            recorder.info(call, repr(why))  # a put may have happened: a new process goes on
            process += CLIENTS
        else:
            recorder.ok(call, answer if value is None else value)


def judge(seed: int, store: type[Store]) -> Verdict:
    """One world: clients ask, and the power fails now and then."""

    async def program(life: Life) -> None:
        await serve(life.disk, Path("/data/log"), store)

    async def main(world: Simulation) -> Verdict:
        draws = world.stream("example")
        server = world.host("server")
        server.start(program)
        recorder = Recorder(None, lambda: world.agenda.now, keep_events=True)
        async with trio.open_nursery() as clients:
            for number in range(CLIENTS):
                clients.start_soon(client, number, world.stream("client", number), recorder)
            for _ in range(6):
                await trio.sleep(draws.below(200) / 1000)
                server.crash()
                await trio.sleep(0.05)
                server.restart()
        return check(pair(enumerate(recorder.events, 1)).operations, find_model("kv"))

    return simulate(main, seed=seed).result


def main() -> None:
    """Look for a seed that shows the bug, then see whether the fix holds everywhere."""
    for seed in range(SEEDS):
        verdict = judge(seed, Store)
        if isinstance(verdict, NotLinearizable):
            print(f"seed {seed}: {verdict.counterexample.explanation}")
            break
    bad = [s for s in range(SEEDS) if isinstance(judge(s, FixedStore), NotLinearizable)]
    print(f"fixed: {len(bad)} of {SEEDS} worlds show a violation")


if __name__ == "__main__":
    main()
