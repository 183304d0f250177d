"""A run directory as `gong run` would leave it, made up from a seed: kills, unknowns, a verdict.

Twenty clients on nine keys; the leader is killed every three seconds and restarted a second
later, while requests fail or stay unanswered. The verdict is made up as well: `violated` claims a
counterexample out of operations that are in truth innocent. It is for looking at, not for judging.
"""

import json
import random
from pathlib import Path
from typing import Any

SECOND = 10**9


class _Run:
    """Clients that take turns; events come out in the order of their times."""

    def __init__(self, seed: int, clients: int, replicas: int, duration_s: float) -> None:
        self.random = random.Random(seed)
        self.clients = clients
        self.events: list[tuple[int, int, dict[str, Any]]] = []
        self.kills: list[tuple[int, int]] = []
        leader, at = 1, 0
        self._note(0, "leader", {"replica": leader, "ballot": "1.1"})
        at = 3 * SECOND
        while at < (duration_s - 2) * SECOND:
            back = at + round(self.random.uniform(0.8, 1.6) * SECOND)
            serving = at + round(self.random.uniform(0.25, 0.9) * SECOND)
            self.kills.append((at, serving))
            self._note(
                at, "kill-leader", {"replica": leader, "ballot": f"{len(self.kills)}.{leader}"}
            )
            self._note(back, "restart", {"replica": leader})
            leader = leader % replicas + 1
            self._note(
                serving, "leader", {"replica": leader, "ballot": f"{len(self.kills) + 1}.{leader}"}
            )
            at += 3 * SECOND

    def _note(self, time: int, f: str, value: object) -> None:
        event = {"type": "info", "process": "nemesis", "f": f, "value": value}
        self.events.append((time, len(self.events), event))

    def add(self, time: int, event: dict[str, Any]) -> None:
        self.events.append((time, len(self.events), event))

    def down_at(self, time: int) -> int | None:
        """When service comes back, if it is down."""
        return next((until for since, until in self.kills if since <= time < until), None)


def write_sample(
    place: Path, operations: int, *, seed: int = 7, duration_s: float = 30.0, violated: bool = True
) -> Path:
    """Write history.jsonl, run.json and result.json; returns the run directory."""
    run = _Run(seed, clients := 20, 5, duration_s)
    dice = run.random
    state: dict[str, int | None] = {}
    ready = [(dice.randrange(SECOND // 50), client) for client in range(clients)]
    pause = duration_s * SECOND * clients / max(operations, 1)
    process_of = {client: client for client in range(clients)}
    counts = {"ok": 0, "fail": 0, "info": 0}
    for number in range(operations):
        time, client = ready[position := ready.index(min(ready))]
        process, key, f = (
            process_of[client],
            f"k{dice.randrange(9)}",
            dice.choice(("get", "put", "cas")),
        )
        latency = round(dice.lognormvariate(14.6, 0.35))
        value = {"get": None, "put": number, "cas": [state.get(key), number]}[f]
        call = {"process": process, "f": f, "key": key, "node": f"n{process % 5 + 1}"}
        run.add(time, {"type": "invoke", **call, **({} if value is None else {"value": value})})
        outcome: dict[str, Any] = {"type": "ok", "value": value}
        if until := run.down_at(time):
            if dice.random() < 0.5:
                latency += until - time
            elif dice.random() < 0.5:
                outcome = {"type": "fail", "error": "not leader"}
                latency += dice.randrange(SECOND // 4)
            else:
                outcome = {"type": "info", "error": "timed out"}
                latency = SECOND
                process_of[client] += clients
        if f == "get" and outcome["type"] == "ok":
            outcome["value"] = state.get(key)
        elif outcome["type"] == "ok":
            state[key] = number
        counts[outcome["type"]] += 1
        run.add(time + latency, {**call, **outcome})
        idle = round(dice.expovariate(1 / max(pause - 5_500_000, 1_000)))
        ready[position] = (time + latency + idle + 1, client)
    place.mkdir(parents=True, exist_ok=True)
    header = {
        "history": 1,
        "model": "kv",
        "workload": "kv",
        "seed": seed,
        "system": "gong",
        "concurrency": clients,
    }
    lines = [json.dumps(header)]
    now = -1
    for index, (time, _, event) in enumerate(sorted(run.events, key=lambda each: each[:2])):
        now = max(now + 1, time)
        lines.append(json.dumps({"index": index, "time": 918273645000 + now, **event}))
    (place / "history.jsonl").write_text("\n".join(lines) + "\n")
    evidence = _stale_read(lines[1:]) if violated else None
    _write_json(place / "result.json", {
        "verdict": "not-linearizable" if evidence else "linearizable", "run": str(place),
        "operations": operations, "ok": counts["ok"], "fail": counts["fail"], "info": counts["info"],
        "seconds": duration_s, "throughput": counts["ok"] / duration_s,
        "leader_changes": len(run.kills), "faults": {"kill-leader": len(run.kills)},
        "reason": None, "counterexample": evidence,
    })  # fmt: skip
    _write_json(place / "run.json", {
        "options": {"system": "gong", "protocol": "multipaxos", "replicas": 5, "clients": clients,
                    "nemesis": ["kill-leader"], "seed": seed, "time_limit_s": duration_s},
        "versions": {"gong": "0.1.0", "python": "3.11.7"},
        "machine": {"system": "Linux", "cores": 2},
    })  # fmt: skip
    (place / "logs").mkdir(exist_ok=True)
    for replica in range(1, 6):
        (place / "logs" / f"n{replica}.log").touch()
    return place


def _stale_read(lines: list[str]) -> dict[str, Any] | None:
    """Operations on one key in the last quarter, ended by a read, as if they were the evidence."""
    calls = [each for line in lines if (each := json.loads(line))["type"] == "invoke"]
    tail = list(enumerate(calls))[-len(calls) // 4 :]
    reads = [(i, call) for i, call in tail if call["f"] == "get"]
    if not reads:
        return None
    last, read = reads[len(reads) // 2]
    before = [i for i, call in enumerate(calls[:last]) if call["key"] == read["key"]][-5:]
    return {
        "operations": [*before, last],
        "operation": last,
        "key": read["key"],
        "explanation": f"key {read['key']}: operation #{last} reads a value that had been replaced "
        f"before it was called.\nIts write (#{before[0]}) is followed by #{before[-1]}, which "
        "returned before the read began; no order of these operations gives the read its result.",
    }


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n")
