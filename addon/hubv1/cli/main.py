"""The program `hub-v1-bridge`: its commands, and how each of them ends.

Exit codes of every command: 0 done; 1 it failed, or saw nothing at all; 2 wrong usage; 4 a gate
such as `--fail-on` found what it looks for. A command returns its exit code, raises
click.UsageError, or raises Failure with a sentence.

A new command is a function with `@click.command(cls=Command)` in a module of this package, with a
line in COMMANDS, and perhaps a script like scripts/report.
"""

import platform
from collections.abc import Sequence
from pathlib import Path
from pkgutil import resolve_name

import click
from click.core import ParameterSource
from mitmproxy.version import VERSION

import hubv1
from hubv1.text import harmless, plainly

PROGRAM = "hub-v1-bridge"

COMMANDS = {
    "run": "hubv1.cli.run:run",
    "check": "hubv1.cli.run:check",
    "report": "hubv1.cli.report:report",
    "prove": "hubv1.cli.prove:prove",
    "facts": "hubv1.cli.facts:facts",
    "scan": "hubv1.cli.scan:scan",
    "addon-path": "hubv1.cli.main:addon_path",
}
"""The place of each command, which is imported when it is needed, since some load a lot."""

DONE, FAILED, WRONG_USAGE, FOUND = 0, 1, 2, 4
INTERRUPTED = 130


class Failure(click.ClickException):
    """Ends a command with a sentence on standard error."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        """`exit_code` is WRONG_USAGE if the user named something that does not exist."""
        super().__init__(message)
        self.code = exit_code
        self.program = click.get_current_context().command_path


class Command(click.Command):
    """A command whose usage errors always know their context."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; click raises some usage errors without the context."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise


class _Commands(Command, click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's
        """The names in COMMANDS, in their order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's
        """The command of that name; None if there is none."""
        return command_of(cmd_name) if cmd_name in COMMANDS else None


def command_of(name: str) -> click.Command:
    """One of COMMANDS."""
    command: click.Command = resolve_name(COMMANDS[name])
    return command


def bridge_file() -> Path:
    """The file that mitmproxy loads: beside the package in a checkout, else in its own folder."""
    folder = Path(hubv1.__file__).parents[1]
    installed = folder / "hubv1_addon" / "bridge.py"
    return installed if installed.exists() else folder / "bridge.py"


def versions() -> str:
    """The versions of the bridge, mitmproxy and Python, a line each."""
    return f"{PROGRAM} {hubv1.__version__}\nmitmproxy {VERSION}\nPython {platform.python_version()}"


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog='Completion in bash: eval "$(_HUB_V1_BRIDGE_COMPLETE=bash_source hub-v1-bridge)"; in '
    "zsh and fish with zsh_source and fish_source.",
)
@click.version_option(hubv1.__version__, message=versions())
def bridge() -> None:
    """Answer calls to the retired Docker Hub API v1, and report who still makes them."""


@click.command("addon-path", cls=Command)
def addon_path() -> None:
    """Print the path of the addon, for `mitmdump -s`.

    For a mitmproxy of your own whose Python has this package too:
    mitmproxy -s "$(hub-v1-bridge addon-path)" --set connection_strategy=lazy
    """
    click.echo(bridge_file())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `hub-v1-bridge`; returns the exit code."""
    return execute(bridge, PROGRAM, arguments)


def main_report() -> int:
    """Run `hub-v1-report`, which is `hub-v1-bridge report`."""
    return execute(command_of("report"), "hub-v1-report")


def execute(command: click.Command, program: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command that the user calls by the name in `program`; returns the exit code.

    Its arguments are those of the process, unless others are given.
    """
    try:
        code = command.main(arguments, prog_name=program, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return WRONG_USAGE
    except click.UsageError as error:
        _explain_usage(error)
        return WRONG_USAGE
    except Failure as error:
        say(error.format_message(), error.program)
        return error.code
    except click.Abort:
        return INTERRUPTED
    return code if isinstance(code, int) else DONE


def say(message: str, program: str = "") -> None:
    """Print a line on standard error in the name of the program, by default of this command."""
    program = program or click.get_current_context().command_path
    click.echo(f"{program}: {harmless(message)}", err=True)


def error_in_words(error: Exception) -> str:
    """An error in words, without its number."""
    filename = getattr(error, "filename", None)
    return f"{filename}: {plainly(error)}." if filename else plainly(error)


def _explain_usage(error: click.UsageError) -> None:
    context = error.ctx or click.Context(bridge, info_name=PROGRAM)
    name = getattr(getattr(error, "param", None), "name", None) or ""
    origin = hint = ""
    if context.get_parameter_source(name) is ParameterSource.ENVIRONMENT:
        origin = f"{context.auto_envvar_prefix}_{name.upper()} in the environment: "
    if context.command is bridge and isinstance(error, click.NoSuchOption):
        hint = f" To start the bridge: {PROGRAM} run …"
    click.echo(context.get_usage(), err=True)
    say(origin + error.format_message() + hint, context.command_path)
