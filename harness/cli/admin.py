"""`gong admin`: look at a running cluster, or change it."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import click
import trio

from clients.connection import CannotConnect, ConnectionLost, ask_status, connect, locate
from harness.cli import ExitCode, InputError
from harness.cli.numbers import POSITIVE
from node.types import Address, ReplicaId, ReplicaInfo
from node.wire.messages import (
    AddRequest,
    ChangeReply,
    RemoveRequest,
    StatusReply,
    TransferReply,
)

_ANSWER_TIMEOUT_S: Final = 1.0
_LOOKS_EVERY_S: Final = 0.1
_LEADS_NOT: Final = "does not lead"
"""What a replica answers that was taken for the leader."""


@dataclass(frozen=True, slots=True)
class View:
    """A cluster as its master and replicas tell; they may be of different minds."""

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


@click.group("admin", epilog="Example: gong admin --master 127.0.0.1:7400 add 4 127.0.0.1:7442")
@click.option("--master", required=True, metavar="HOST:PORT", help="The master of the cluster.")
@click.option(
    "--timeout",
    "timeout_s",
    type=POSITIVE,
    default=30.0,
    show_default=True,
    help="Seconds to try.",
)
@click.pass_context
def command(context: click.Context, master: str, timeout_s: float) -> None:
    """Look at a running cluster, or change it.

    Exit codes: 0 done; 1 the cluster refuses, and says why; 2 not done in time, and it may still
    happen.
    """
    context.obj = (_address("--master", master), timeout_s)


@command.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, on one line.")
@click.pass_context
def status(context: click.Context, *, as_json: bool) -> ExitCode:
    """Print who leads, who the members are, and how far each replica is."""

    async def show(master: Address) -> ExitCode:
        view = await _look(master)
        click.echo(json.dumps(_as_json(view)) if as_json else "\n".join(_as_table(view)))
        return ExitCode.VALID

    return _run(context, show)


@command.command("add")
@click.argument("replica", metavar="ID", type=int)
@click.argument("address", metavar="HOST:PORT")
@click.pass_context
def add(context: click.Context, replica: int, address: str) -> ExitCode:
    """Make replica ID a member. It runs (gong node … --join), and clients reach it at HOST:PORT."""
    number, there = ReplicaId(replica), _address("HOST:PORT", address)

    async def change(master: Address) -> ExitCode:
        try:
            found = await ask_status(there, "", timeout_s=_ANSWER_TIMEOUT_S)
        except CannotConnect as error:
            raise InputError(
                f"no replica answers at {there}: start it first, with --join: {error}"
            ) from error
        if found.replica != number:
            raise InputError(f"at {there} is replica {found.replica}, not replica {number}")
        info = ReplicaInfo(number, found.peer_address, found.client_address)
        return await _change(
            master,
            AddRequest(info),
            lambda members: number in members,
            f"replica {number} is a member",
        )

    return _run(context, change)


@command.command("remove")
@click.argument("replica", metavar="ID", type=int)
@click.pass_context
def remove(context: click.Context, replica: int) -> ExitCode:
    """Make replica ID no member any more, for good. It ends when the others can do without it."""
    number = ReplicaId(replica)

    async def change(master: Address) -> ExitCode:
        return await _change(
            master,
            RemoveRequest(number),
            lambda members: number not in members,
            f"replica {number} is no member any more",
        )

    return _run(context, change)


@command.command("transfer")
@click.argument("replica", metavar="ID", type=int)
@click.pass_context
def transfer(context: click.Context, replica: int) -> ExitCode:
    """Let replica ID lead."""
    number = ReplicaId(replica)

    async def hand_over(master: Address) -> ExitCode:
        while True:
            view = await _look(master)
            leader = view.leader
            if leader is not None and leader.replica == number:
                click.echo(f"replica {number} leads")
                return ExitCode.VALID
            if leader is not None:
                reply = await _ask(view, leader, number)
                if reply is not None and reply.problem and _LEADS_NOT not in reply.problem:
                    return _refused(reply.problem)
            await trio.sleep(_LOOKS_EVERY_S)

    return _run(context, hand_over)


async def _change(
    master: Address,
    request: AddRequest | RemoveRequest,
    is_done: Callable[[list[ReplicaId]], bool],
    done: str,
) -> ExitCode:
    """Ask whoever leads until the members are as wanted, and nobody else is needed any more."""
    has_begun = False
    while True:
        view = await _look(master)
        leader = view.leader
        if leader is not None:
            members = [info.replica for info in leader.members]
            if has_begun and leader.is_settled and not leader.change and is_done(members):
                named = ", ".join(map(str, members))
                click.echo(f"{done}; the members are {named}, since slot {leader.configured_in}")
                return ExitCode.VALID
            if not leader.change and leader.is_settled:
                reply = await _ask(view, leader, request)
                if reply is None or not reply.problem:
                    has_begun = True  # or it may have
                elif _LEADS_NOT not in reply.problem:
                    return _refused(reply.problem)
        await trio.sleep(_LOOKS_EVERY_S)


async def _ask(
    view: View, leader: StatusReply, request: AddRequest | RemoveRequest | ReplicaId
) -> ChangeReply | TransferReply | None:
    """What the leader says; None when it does not."""
    try:
        address = Address.parse(leader.client_address)
        connection = await connect(address, "", timeout_s=_ANSWER_TIMEOUT_S)
    except CannotConnect:
        return None
    reply: ChangeReply | TransferReply | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        with trio.move_on_after(_ANSWER_TIMEOUT_S):
            try:
                if isinstance(request, AddRequest | RemoveRequest):
                    reply = await connection.ask_change(request)
                else:
                    reply = await connection.ask_transfer(ReplicaId(request))
            except ConnectionLost:
                reply = None
        nursery.cancel_scope.cancel()
    return reply


async def _look(master: Address) -> View:
    """Ask the master, then everybody whom it or they know; raises CannotConnect."""
    located = await locate(master, "", timeout_s=_ANSWER_TIMEOUT_S)
    statuses: dict[ReplicaId, StatusReply] = {}
    asked: dict[ReplicaId, ReplicaInfo] = {}

    async def ask(info: ReplicaInfo) -> None:
        try:
            address = Address.parse(info.client_address)
            found = await ask_status(address, "", timeout_s=_ANSWER_TIMEOUT_S)
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


def _as_json(view: View) -> dict[str, Any]:
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


def _as_table(view: View) -> list[str]:
    told = _as_json(view)
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


def _refused(problem: str) -> ExitCode:
    click.echo(f"gong: not done: {problem}", err=True)
    return ExitCode.NOT_VALID


def _address(where: str, text: str) -> Address:
    try:
        return Address.parse(text)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def _run(context: click.Context, work: Callable[[Address], Awaitable[ExitCode]]) -> ExitCode:
    master, timeout_s = context.obj

    async def within_time() -> ExitCode:
        with trio.move_on_after(timeout_s):
            return await work(master)
        click.echo(
            f"gong: unknown: not done within {timeout_s:g} s; look at `gong admin status`", err=True
        )
        return ExitCode.UNDECIDED

    try:
        return trio.run(within_time)
    except CannotConnect as error:
        click.echo(f"gong: not done: {error}", err=True)
        return ExitCode.NOT_VALID
