"""The program `hub-v1-bridge`: which commands there are, and how each of them ends.

Exit codes of every command: 0 done; 1 it failed, or saw nothing at all; 2 wrong usage; 4 what a
gate such as `--fail-on` asked for is there. A command returns its exit code, raises UsageError, or
Failure with a sentence.

A new command is a function with `@click.command(cls=Command)` in a module of this package, and a
line in COMMANDS; a script that is a door to it is like scripts/report.
"""

import platform
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click
from mitmproxy.version import VERSION

import hubv1
from hubv1.text import harmless, plainly

PROGRAM = "hub-v1-bridge"
REPORT_ALIAS = "hub-v1-report"

COMMANDS = {
    "run": "hubv1.cli.run:run",
    "check": "hubv1.cli.run:check",
    "report": "hubv1.cli.report:report",
    "scan": "hubv1.cli.scan:scan",
    "addon-path": "hubv1.cli.main:addon_path",
}
"""Where each command is. It is imported when it is needed, since some of them load a lot."""

DONE, FAILED, WRONG_USAGE = 0, 1, 2
INTERRUPTED = 130


class Failure(click.ClickException):
    """Ends a command with a sentence on standard error."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        """`exit_code` is WRONG_USAGE where the user asked for what there is not."""
        super().__init__(message)
        self.code = exit_code
        self.program = click.get_current_context().command_path


class Command(click.Command):
    """The class of every command here: each error of its arguments knows its command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; what click's parser raises has no context."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise


class _Commands(click.Group):
    """Those of COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in the order of the help."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, None where there is none."""
        del ctx
        return command_of(cmd_name) if cmd_name in COMMANDS else None


def command_of(name: str) -> click.Command:
    """One of COMMANDS."""
    module, _, attribute = COMMANDS[name].partition(":")
    command = getattr(import_module(module), attribute)
    assert isinstance(command, click.Command)  # noqa: S101  # for mypy
    return command


def bridge_file() -> Path:
    """What mitmproxy loads: beside the package in a checkout, in a folder of its own where
    installed."""
    beside = Path(hubv1.__file__).parents[1]
    installed = beside / "hubv1_addon" / "bridge.py"
    return installed if installed.exists() else beside / "bridge.py"


def versions() -> str:
    """The bridge's version and those of what it runs on, a line each."""
    return f"{PROGRAM} {hubv1.__version__}\nmitmproxy {VERSION}\nPython {platform.python_version()}"


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog='Completion in bash: eval "$(_HUB_V1_BRIDGE_COMPLETE=bash_source hub-v1-bridge)"; in '
    "zsh and fish with zsh_source and fish_source.",
)
@click.version_option(hubv1.__version__, message=versions())
def bridge() -> None:
    """Answers Docker Hub API v1 from API v2, and reports who still calls it."""


@click.command("addon-path", cls=Command)
def addon_path() -> None:
    """Print the file that mitmproxy loads.

    For a mitmproxy of your own whose Python has this package too:
    mitmproxy -s "$(hub-v1-bridge addon-path)" --set connection_strategy=lazy
    """
    click.echo(bridge_file())


def main(arguments: Sequence[str] | None = None) -> int:
    """Be `hub-v1-bridge`; returns the exit code."""
    return execute(bridge, PROGRAM, arguments)


def main_report() -> int:
    """Be `hub-v1-report`, which is `hub-v1-bridge report`."""
    return execute(command_of("report"), REPORT_ALIAS)


def execute(command: click.Command, program: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command that the user calls by that name, the process's arguments unless others are
    given; returns the exit code."""
    given = None if arguments is None else list(arguments)
    try:
        code = command.main(given, prog_name=program, standalone_mode=False)
    except click.UsageError as error:
        _explain_usage(error, program)
        return WRONG_USAGE
    except Failure as error:
        say(error.program, error.format_message())
        return error.code
    except click.Abort:
        return INTERRUPTED
    return code if isinstance(code, int) else DONE


def say(program: str, message: str) -> None:
    """A line on standard error."""
    click.echo(f"{program}: {harmless(message)}", err=True)


def words_of(error: Exception) -> str:
    """An error as a sentence, without Python's number of it."""
    filename = getattr(error, "filename", None)
    return f"{filename}: {plainly(error)}." if filename else plainly(error)


def _explain_usage(error: click.UsageError, program: str) -> None:
    context = error.ctx
    if context is None:
        say(program, error.format_message())
    elif isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(context.get_help(), err=True)
    else:
        click.echo(context.get_usage(), err=True)
        say(context.command_path, _origin(error, context) + error.format_message() + _hint(error))


def _origin(error: click.UsageError, context: click.Context) -> str:
    """Where a wrong value came from, if that is not the command line."""
    parameter = error.param if isinstance(error, click.BadParameter) else None
    if parameter is None or parameter.name is None:
        return ""
    if context.get_parameter_source(parameter.name) is not click.core.ParameterSource.ENVIRONMENT:
        return ""
    return f"{context.auto_envvar_prefix}_{parameter.name.upper()} in the environment: "


def _hint(error: click.UsageError) -> str:
    """For those who give the arguments of `run` without saying `run`."""
    is_of_run = error.ctx is not None and error.ctx.command is bridge
    if is_of_run and isinstance(error, click.NoSuchOption):
        return f" What starts the bridge is: {PROGRAM} run …"
    return ""
