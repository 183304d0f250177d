"""`gong kv`: one operation against a running cluster."""

from collections.abc import Awaitable, Callable

import click
import trio

from clients import ClientError, Indeterminate, KvClient, open_client
from harness.cli import ExitCode, InputError
from harness.cli.numbers import POSITIVE
from node.types import Address


def _text(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Keys and values are text; a shell can pass bytes that are none."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        reason = f"{value!r} is not UTF-8 at character {error.start}"
        raise click.BadParameter(reason, context, parameter) from error
    return value


@click.group("kv", epilog="Example: gong kv --master 127.0.0.1:7400 put colour blue")
@click.option("--master", required=True, metavar="HOST:PORT", help="The master of the cluster.")
@click.option(
    "--timeout",
    "timeout_s",
    type=POSITIVE,
    default=5.0,
    show_default=True,
    help="Seconds to try.",
)
@click.pass_context
def command(context: click.Context, master: str, timeout_s: float) -> None:
    """Execute one operation against a running cluster.

    Exit codes: 0 done; 1 certainly not done, or a cas found another value; 2 unknown.
    """
    try:
        address = Address.parse(master)
    except ValueError as error:
        raise InputError(f"--master: {error}") from error
    context.obj = (address, timeout_s)


@command.command("get")
@click.argument("key", callback=_text)
@click.pass_context
def get(context: click.Context, key: str) -> ExitCode:
    """Print what KEY holds; exit 1 when it is absent."""

    async def operation(kv: KvClient) -> ExitCode:
        value = await kv.get(key)
        if value is None:
            click.echo(f"{key} is absent", err=True)
            return ExitCode.NOT_VALID
        click.echo(value)
        return ExitCode.VALID

    return _run(context, operation)


@command.command("put")
@click.argument("key", callback=_text)
@click.argument("value", callback=_text)
@click.pass_context
def put(context: click.Context, key: str, value: str) -> ExitCode:
    """Write VALUE to KEY."""

    async def operation(kv: KvClient) -> ExitCode:
        await kv.put(key, value)
        return ExitCode.VALID

    return _run(context, operation)


@command.command("cas")
@click.argument("key", callback=_text)
@click.argument("old", callback=_text)
@click.argument("new", callback=_text)
@click.pass_context
def cas(context: click.Context, key: str, old: str, new: str) -> ExitCode:
    """Write NEW to KEY if it holds OLD; exit 1 when it holds something else."""

    async def operation(kv: KvClient) -> ExitCode:
        if await kv.cas(key, old, new):
            return ExitCode.VALID
        click.echo(f"{key} does not hold {old}", err=True)
        return ExitCode.NOT_VALID

    return _run(context, operation)


@command.command("delete")
@click.argument("key", callback=_text)
@click.pass_context
def delete(context: click.Context, key: str) -> ExitCode:
    """Make KEY absent."""

    async def operation(kv: KvClient) -> ExitCode:
        await kv.delete(key)
        return ExitCode.VALID

    return _run(context, operation)


@command.command("append")
@click.argument("key", callback=_text)
@click.argument("suffix", callback=_text)
@click.pass_context
def append(context: click.Context, key: str, suffix: str) -> ExitCode:
    """Put SUFFIX behind what KEY holds."""

    async def operation(kv: KvClient) -> ExitCode:
        await kv.append(key, suffix)
        return ExitCode.VALID

    return _run(context, operation)


def _run(context: click.Context, operation: Callable[[KvClient], Awaitable[ExitCode]]) -> ExitCode:
    master, timeout_s = context.obj

    async def with_client() -> ExitCode:
        outcome: ExitCode | ClientError
        async with open_client(master=master, timeout_s=timeout_s) as client:
            try:
                outcome = await operation(KvClient(client))
            except ClientError as error:
                outcome = error
        if isinstance(outcome, ClientError):
            is_unknown = isinstance(outcome, Indeterminate)
            click.echo(f"gong: {'unknown' if is_unknown else 'not done'}: {outcome}", err=True)
            return ExitCode.UNDECIDED if is_unknown else ExitCode.NOT_VALID
        return outcome

    return trio.run(with_client)
