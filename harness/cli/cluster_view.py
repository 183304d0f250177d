"""A cluster as its master and its replicas tell: looked at, and in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import trio

from clients.connection import CannotConnect, ask_status, locate
from node.types import Address, ReplicaId, ReplicaInfo
from node.wire.messages import Located, StatusReply

ANSWER_TIMEOUT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class View:
    """A shard as the master and its replicas tell; they may be of different minds."""

    replicas: tuple[ReplicaInfo, ...]
    """Members, and who registered when no members are known."""
    statuses: dict[ReplicaId, StatusReply]
    """Of those who answer."""

    @property
    def leader(self) -> StatusReply | None:
        """Who believes to lead, the one of the highest ballot."""
        leading = [status for status in self.statuses.values() if status.role == "leader"]
        return max(
            leading, key=lambda status: (status.ballot_round, status.ballot_replica), default=None
        )

    @property
    def newest(self) -> StatusReply | None:
        """Who knows of the latest change of members."""
        return max(
            self.statuses.values(),
            key=lambda status: (status.configured_in, status.is_settled),
            default=None,
        )


async def look(master: Address) -> tuple[View, ...]:
    """Ask the master, then everybody whom it or they know, shard by shard; raises CannotConnect."""
    found = await locate(master, "", timeout_s=ANSWER_TIMEOUT_S)
    return tuple([await _look_at(located) for located in found.shards])


async def _look_at(located: Located) -> View:
    statuses: dict[ReplicaId, StatusReply] = {}
    asked: dict[ReplicaId, ReplicaInfo] = {}

    async def ask(info: ReplicaInfo) -> None:
        try:
            address = Address.parse(info.client_address)
            found = await ask_status(address, "", timeout_s=ANSWER_TIMEOUT_S)
        except (CannotConnect, ValueError):
            return
        statuses[found.replica] = found

    to_ask = located.replicas
    while to_ask:
        async with trio.open_nursery() as questions:
            for info in to_ask:
                asked[info.replica] = info
                questions.start_soon(ask, info)
        known = [info for status in statuses.values() for info in status.members]
        to_ask = tuple(info for info in known if info.replica not in asked)
    return View(tuple(asked[replica] for replica in sorted(asked)), statuses)


def to_json(view: View) -> dict[str, Any]:
    """What `--json` prints."""
    newest, leader = view.newest, view.leader
    members = [] if newest is None else [info.replica for info in newest.members]
    return {
        "leader": None if leader is None else leader.replica,
        "members": members,
        "configured_in": 0 if newest is None else newest.configured_in,
        "is_settled": newest is None or newest.is_settled,
        "change": "" if leader is None else leader.change,
        "replicas": [
            _replica(info, view.statuses.get(info.replica), members) for info in view.replicas
        ],
    }


def _replica(
    info: ReplicaInfo, status: StatusReply | None, members: list[ReplicaId]
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": info.replica,
        "is_member": info.replica in members,
        "answers": status is not None,
        "peer_address": info.peer_address,
        "client_address": info.client_address,
    }
    if status is not None:
        told |= {
            "role": status.role,
            "ballot": f"{status.ballot_round}.{status.ballot_replica}",
            "chosen_upto": status.chosen_upto,
            "executed_upto": status.executed_upto,
        }
    return told


def to_lines(view: View) -> list[str]:
    """Lines for people."""
    told = to_json(view)
    rows = [("id", "role", "ballot", "chosen", "executed", "clients at", "peers at")]
    for each in told["replicas"]:
        role = each["role"] if each["answers"] else "silent"
        rows.append(
            (
                str(each["id"]),
                role if each["is_member"] else f"{role}, no member",
                each.get("ballot", ""),
                str(each.get("chosen_upto", "")),
                str(each.get("executed_upto", "")),
                each["client_address"],
                each["peer_address"],
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if told["configured_in"]:
        settled = "" if told["is_settled"] else ", not settled"
        lines.append(f"members since slot {told['configured_in']}{settled}")
    if told["change"]:
        lines.append(f"under way: {told['change']}")
    return lines


def all_to_json(views: Sequence[View]) -> dict[str, Any]:
    """Of a cluster: its only shard, or all of them under `shards`."""
    if len(views) == 1:
        return to_json(views[0])
    return {"shards": [to_json(view) for view in views]}


def all_to_lines(views: Sequence[View]) -> list[str]:
    """The same for people."""
    if len(views) == 1:
        return to_lines(views[0])
    lines: list[str] = []
    for shard, view in enumerate(views):
        leader = view.leader
        led = "nobody leads" if leader is None else f"replica {leader.replica} leads"
        lines += [f"shard {shard}: {led}", *(f"  {line}" for line in to_lines(view))]
    return lines
