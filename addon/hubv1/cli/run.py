"""`run` starts mitmproxy with the bridge; `check` looks whether that can go well, and starts
nothing."""

import asyncio
import secrets
from collections.abc import Iterator, Sequence

import click
from click.shell_completion import CompletionItem
from mitmproxy import exceptions

import hubv1
from hubv1.cli.launch import (
    CONSOLE,
    MITMDUMP,
    MITMWEB,
    Tool,
    config_of,
    declared_options,
    launch,
    read_plan,
)
from hubv1.cli.main import DONE, FAILED, Command, versions
from hubv1.cli.sudo import become_caller
from hubv1.commands import check_up
from hubv1.components import Environment, hub_client
from hubv1.config import BadOption
from hubv1.doctor import Checkup
from hubv1.journal import JournalError
from hubv1.mitm.upstream import confdir, connections
from hubv1.text import harmless

_TRUST = (
    "On a client machine, once the bridge runs: JSON if it trusts its CA, else curl's error 60."
)


class _OfMitmproxy(Command):
    """A command that hands on to mitmproxy what is not its own."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help of mitmdump below that of the command."""
        super().format_epilog(ctx, formatter)
        parser = MITMDUMP.parser(asyncio.run(declared_options(MITMDUMP)))
        formatter.write(f"\nWhat mitmdump takes:\n\n{parser.format_help()}")

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the options of mitmdump as well."""
        found = {item.value: item for item in super().shell_complete(ctx, incomplete)}
        parser = MITMDUMP.parser(asyncio.run(declared_options(MITMDUMP)))
        flags = parser._option_string_actions  # noqa: SLF001  # nothing public lists them
        theirs = {flag: CompletionItem(flag) for flag in flags if flag.startswith(incomplete)}
        return [*(found | theirs).values()]


_ARGUMENTS = click.argument(
    "arguments", nargs=-1, type=click.UNPROCESSED, metavar="[MITMDUMP ARGUMENTS]..."
)
_WEB = click.option("--web", is_flag=True, help="Run mitmweb in place of mitmdump.")
_CONSOLE = click.option("--console", is_flag=True, help="Run mitmproxy's console.")
_PASS_ON = {"ignore_unknown_options": True}


_RUN_HELP = """\
Run the bridge on 127.0.0.1:8080, until Ctrl-C.

\b
Any argument of mitmdump takes the place of a default:
  -p 9000                                 on another port
  --listen-host 0.0.0.0                   for other machines
  -m reverse:https://index.docker.io      as a reverse proxy
  --set hub_journal=/srv/journal.sqlite3  with another journal

Under sudo, for ports 80 and 443, it runs as the user who called sudo all the same.
"""


@click.command(cls=_OfMitmproxy, context_settings=_PASS_ON, help=_RUN_HELP)
@_WEB
@_CONSOLE
@click.option("--check", "is_check", is_flag=True, help="As the command check: start nothing.")
@click.version_option(hubv1.__version__, message=versions())
@_ARGUMENTS
@click.pass_context
def run(
    context: click.Context, arguments: Sequence[str], *, web: bool, console: bool, is_check: bool
) -> int:
    """Run the bridge on 127.0.0.1:8080, until Ctrl-C."""
    become_caller(context.command_path)
    tool = _tool(web=web, console=console)
    if is_check:
        return _check(tool, arguments)
    launch(tool, arguments, context.command_path)
    return DONE


@click.command(cls=_OfMitmproxy, context_settings=_PASS_ON)
@_WEB
@_CONSOLE
@_ARGUMENTS
@click.pass_context
def check(context: click.Context, arguments: Sequence[str], *, web: bool, console: bool) -> int:
    """Look whether the bridge can run with the arguments that it is to be started with.

    It looks at the ports, the way to Docker Hub, account, clock, journal, fleet, and who can call.
    Nothing is started. It says what is wrong and how to mend it, and exits with 0 if nothing is,
    else with 1.
    """
    become_caller(context.command_path)
    return _check(_tool(web=web, console=console), arguments)


def _tool(*, web: bool, console: bool) -> Tool:
    if web and console:
        raise click.UsageError(
            "--web and --console do not go together", click.get_current_context()
        )
    if web:
        return MITMWEB
    return CONSOLE if console else MITMDUMP


def _check(tool: Tool, arguments: Sequence[str]) -> int:
    try:
        checkup = asyncio.run(_check_up(tool, arguments))
    except (BadOption, JournalError, exceptions.OptionsError) as error:
        click.echo(f"wrong           options: {harmless(str(error))}")
        return FAILED
    click.echo("\n".join(_lines(checkup)))
    return DONE if checkup.is_sound else FAILED


def _lines(checkup: Checkup) -> Iterator[str]:
    for result in checkup.results:
        yield f"{result.status:<14}  {result.line}"
    if checkup.trust_line:
        yield f"\n{_TRUST}\n  {checkup.trust_line}\n"
    yield checkup.summary


async def _check_up(tool: Tool, arguments: Sequence[str]) -> Checkup:
    options = read_plan(tool, await declared_options(tool), arguments).options
    config = config_of(options)
    bridge_id = f"hub-v1-bridge-{secrets.token_hex(4)}"
    environment = Environment(bridge_id, connections(options), confdir(options))
    client = hub_client(config, environment)
    try:
        return await check_up(config, environment, client, options, is_running=False)
    finally:
        await client.close()
