"""`run` starts mitmproxy with the bridge; `check` tests whether that can succeed."""

import argparse
import asyncio
from collections.abc import Iterator, Sequence

import click
from click.shell_completion import CompletionItem
from mitmproxy import exceptions

import hubv1
from hubv1.cli.launch import Tool, config_of, declared_options, launch, read_plan
from hubv1.cli.main import DONE, FAILED, Command, versions
from hubv1.cli.sudo import become_caller
from hubv1.components import hub_client, new_bridge_id, read_environment
from hubv1.config import BadOption
from hubv1.doctor import Checkup, Setup, listeners, run_checks
from hubv1.journal import JournalError
from hubv1.text import harmless

_TRUST = (
    "On a client machine, while the bridge runs: prints JSON if curl trusts the bridge's CA, else "
    "curl's error 60."
)


class _OfMitmproxy(Command):
    """A command that passes unknown arguments on to mitmproxy."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Append the help of mitmdump."""
        super().format_epilog(ctx, formatter)
        formatter.write(f"\nThe arguments of mitmdump:\n\n{_parser().format_help()}")

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the options of mitmdump as well."""
        found = {item.value: item for item in super().shell_complete(ctx, incomplete)}
        flags = _parser()._option_string_actions  # noqa: SLF001  # nothing public lists them
        theirs = {flag: CompletionItem(flag) for flag in flags if flag.startswith(incomplete)}
        return [*(found | theirs).values()]


def _parser() -> argparse.ArgumentParser:
    return Tool.MITMDUMP.parser(asyncio.run(declared_options(Tool.MITMDUMP)))


_ARGUMENTS = click.argument(
    "arguments", nargs=-1, type=click.UNPROCESSED, metavar="[MITMDUMP ARGUMENTS]..."
)
_WEB = click.option("--web", is_flag=True, help="Run mitmweb instead of mitmdump.")
_CONSOLE = click.option("--console", is_flag=True, help="Run mitmproxy's console.")
_PASS_ON = {"ignore_unknown_options": True}


@click.command(cls=_OfMitmproxy, context_settings=_PASS_ON)
@_WEB
@_CONSOLE
@click.option("--check", "is_check", is_flag=True, help="Start nothing, like the command check.")
@click.version_option(hubv1.__version__, message=versions())
@_ARGUMENTS
@click.pass_context
def run(
    context: click.Context, arguments: Sequence[str], *, web: bool, console: bool, is_check: bool
) -> int:
    """Run the bridge on 127.0.0.1:8080, until Ctrl-C.

    \b
    Arguments of mitmdump override the defaults:
      -p 9000                                 on another port
      --listen-host 0.0.0.0                   for other machines
      -m reverse:https://index.docker.io      as a reverse proxy
      --set hub_journal=/srv/journal.sqlite3  with another journal

    Under sudo, which ports 80 and 443 need, it still runs as the user who called sudo.
    """  # noqa: D301  # click's mark for lines that stay as they are
    if is_check:
        return _check(context, arguments, _tool(web=web, console=console))
    become_caller(context.command_path)
    launch(_tool(web=web, console=console), arguments, context.command_path)
    return DONE


@click.command(cls=_OfMitmproxy, context_settings=_PASS_ON)
@_WEB
@_CONSOLE
@_ARGUMENTS
@click.pass_context
def check(context: click.Context, arguments: Sequence[str], *, web: bool, console: bool) -> int:
    """Check whether `run` would work with these arguments.

    It starts nothing. It checks the ports, the way to Docker Hub, account, clock, journal, fleet,
    and who can call. It says what is wrong and how to fix it, and ends with 1 if anything is, else
    with 0.
    """
    return _check(context, arguments, _tool(web=web, console=console))


def _tool(*, web: bool, console: bool) -> Tool:
    if web and console:
        raise click.UsageError("--web and --console do not go together")
    if web:
        return Tool.MITMWEB
    return Tool.CONSOLE if console else Tool.MITMDUMP


def _check(context: click.Context, arguments: Sequence[str], tool: Tool) -> int:
    become_caller(context.command_path)
    try:
        checkup = asyncio.run(_check_up(tool, arguments))
    except (BadOption, JournalError, exceptions.OptionsError) as error:
        click.echo(f"wrong    options: {harmless(str(error))}")
        return FAILED
    click.echo("\n".join(_lines(checkup)))
    return DONE if checkup.is_sound else FAILED


def _lines(checkup: Checkup) -> Iterator[str]:
    for subject, result in checkup.results.items():
        yield f"{result.status:<7}  {subject}: {result.line}"
    if checkup.trust_line:
        yield f"\n{_TRUST}\n  {checkup.trust_line}\n"
    yield checkup.summary


async def _check_up(tool: Tool, arguments: Sequence[str]) -> Checkup:
    options = read_plan(tool, await declared_options(tool), arguments).options
    config = config_of(options)
    environment = read_environment(options, new_bridge_id())
    places = tuple(listeners(options))
    setup = Setup(config, environment, options, places, is_running=False)
    client = hub_client(config, environment)
    try:
        return await run_checks(setup, client)
    finally:
        await client.close()
