"""`gong admin`: look at a running cluster, or change it.

What was asked may happen from then on, whatever became of the answer, the master or the leader. So a
refusal counts before that only; afterwards there is "done", or "unknown" when time is up.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeGuard

import click
import trio

from clients.connection import CannotConnect, ConnectionLost, ask_status, connect
from harness.cli import ExitCode, InputError
from harness.cli.cluster_view import ANSWER_TIMEOUT_S, View, all_to_json, all_to_lines, look
from harness.cli.numbers import POSITIVE
from node.types import Address, ReplicaId, ReplicaInfo
from node.wire.messages import (
    LEADS_NOT,
    AddRequest,
    ChangeReply,
    RemoveRequest,
    StatusReply,
    TransferReply,
)

_LOOKS_EVERY_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class _Office:
    """Whom to ask, and which shard about."""

    master: Address
    shard: int = 0

    async def look(self) -> View:
        """The shard as it is now; raises CannotConnect, InputError where there is none."""
        views = await look(self.master)
        if self.shard >= len(views):
            raise InputError(f"--shard: {self.shard}: this cluster has {len(views)}, from 0")
        return views[self.shard]


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
@click.option(
    "--shard",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Which shard to change; status shows them all.",
)
@click.pass_context
def command(context: click.Context, master: str, timeout_s: float, shard: int) -> None:
    """Look at a running cluster, or change it.

    Exit codes: 0 done; 1 the cluster refuses, and says why; 2 not done in time, and it may still
    happen.
    """
    context.obj = (_Office(_address("--master", master), shard), timeout_s)


@command.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, on one line.")
@click.pass_context
def status(context: click.Context, *, as_json: bool) -> ExitCode:
    """Print who leads, who the members are, and how far each replica is."""

    async def show(office: _Office) -> ExitCode:
        views = await look(office.master)
        click.echo(json.dumps(all_to_json(views)) if as_json else "\n".join(all_to_lines(views)))
        return ExitCode.VALID

    return _run(context, show)


@command.command("add")
@click.argument("replica", metavar="ID", type=int)
@click.argument("address", metavar="HOST:PORT")
@click.pass_context
def add(context: click.Context, replica: int, address: str) -> ExitCode:
    """Make replica ID a member. It runs (gong node … --join), and clients reach it at HOST:PORT."""
    number, there = ReplicaId(replica), _address("HOST:PORT", address)

    async def change(office: _Office) -> ExitCode:
        try:
            found = await ask_status(there, "", timeout_s=ANSWER_TIMEOUT_S)
        except CannotConnect as error:
            raise InputError(
                f"no replica answers at {there}: start it first, with --join: {error}"
            ) from error
        if found.replica != number:
            raise InputError(f"at {there} is replica {found.replica}, not replica {number}")
        info = ReplicaInfo(number, found.peer_address, found.client_address)
        return await _change(
            office,
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

    async def change(office: _Office) -> ExitCode:
        return await _change(
            office,
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

    async def hand_over(office: _Office) -> ExitCode:
        has_begun = False
        while True:
            leader = (await _look_again(office, has_begun=has_begun)).leader
            if leader is not None and leader.replica == number:
                click.echo(f"replica {number} leads")
                return ExitCode.VALID
            if leader is not None:
                reply = await _ask(leader, number)
                if _is_refused(reply) and not has_begun:
                    return _refused(reply)
                has_begun = has_begun or reply is None or not reply.problem
            await trio.sleep(_LOOKS_EVERY_S)

    return _run(context, hand_over)


async def _change(
    office: _Office,
    request: AddRequest | RemoveRequest,
    is_done: Callable[[list[ReplicaId]], bool],
    done: str,
) -> ExitCode:
    """Ask whoever leads until the members are as wanted, and nobody else is needed any more."""
    has_begun = False
    while True:
        leader = (await _look_again(office, has_begun=has_begun)).leader
        if leader is not None:
            members = [info.replica for info in leader.members]
            if has_begun and leader.is_settled and not leader.change and is_done(members):
                named = ", ".join(map(str, members))
                click.echo(f"{done}; the members are {named}, since slot {leader.configured_in}")
                return ExitCode.VALID
            if not leader.change and leader.is_settled:
                reply = await _ask(leader, request)
                if _is_refused(reply) and not has_begun:
                    return _refused(reply)
                has_begun = has_begun or reply is None or not reply.problem
        await trio.sleep(_LOOKS_EVERY_S)


async def _look_again(office: _Office, *, has_begun: bool) -> View:
    """As `look`. Where a change may have begun, a master that is away says nothing about it."""
    try:
        return await office.look()
    except CannotConnect:
        if not has_begun:
            raise
        return View((), {})


async def _ask(
    leader: StatusReply, request: AddRequest | RemoveRequest | ReplicaId
) -> ChangeReply | TransferReply | None:
    """What the leader says; None when it does not."""
    try:
        address = Address.parse(leader.client_address)
        connection = await connect(address, "", timeout_s=ANSWER_TIMEOUT_S)
    except CannotConnect:
        return None
    reply: ChangeReply | TransferReply | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        with trio.move_on_after(ANSWER_TIMEOUT_S):
            try:
                if isinstance(request, AddRequest | RemoveRequest):
                    reply = await connection.ask_change(request)
                else:
                    reply = await connection.ask_transfer(ReplicaId(request))
            except ConnectionLost:
                reply = None
        nursery.cancel_scope.cancel()
    return reply


def _is_refused(
    reply: ChangeReply | TransferReply | None,
) -> TypeGuard[ChangeReply | TransferReply]:
    """Whether this attempt did nothing, and the next one would do no better."""
    return reply is not None and reply.problem != "" and LEADS_NOT not in reply.problem


def _refused(reply: ChangeReply | TransferReply) -> ExitCode:
    click.echo(f"gong: not done: {reply.problem}", err=True)
    return ExitCode.NOT_VALID


def _address(where: str, text: str) -> Address:
    try:
        return Address.parse(text)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def _run(context: click.Context, work: Callable[[_Office], Awaitable[ExitCode]]) -> ExitCode:
    office, timeout_s = context.obj

    async def within_time() -> ExitCode:
        with trio.move_on_after(timeout_s):
            return await work(office)
        click.echo(
            f"gong: unknown: not done within {timeout_s:g} s; look at `gong admin status`", err=True
        )
        return ExitCode.UNDECIDED

    try:
        return trio.run(within_time)
    except CannotConnect as error:
        click.echo(f"gong: not done: {error}", err=True)
        return ExitCode.NOT_VALID
