"""Starts mitmproxy with the bridge in this process.

mitmproxy's own options and parser read the arguments and config.yaml.
"""

import argparse
import copy
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from pkgutil import resolve_name
from typing import NoReturn

import click
from mitmproxy import ctx, exceptions, optmanager
from mitmproxy.master import Master
from mitmproxy.options import Options
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.tools import cmdline
from mitmproxy.tools import main as mitmproxy_main

from hubv1.cli.banner import Banner
from hubv1.cli.main import WRONG_USAGE, Failure, bridge_file, error_in_words
from hubv1.cli.sudo import with_sudo
from hubv1.config import OPTIONS, BadOption, Config, complaints, read_config
from hubv1.doctor import listeners

logger = logging.getLogger(__name__)

DEFAULTS: dict[str, str | int] = {
    # The eager strategy connects to the dead legacy host before the bridge can answer.
    "connection_strategy": "lazy",
    "listen_host": "127.0.0.1",
    "listen_port": 8080,
}
"""Defaults instead of mitmproxy's; arguments and config.yaml override them."""
_OF_CONNECTIONS = ("client connect", "client disconnect", "server connect ", "server disconnect")


class Tool(StrEnum):
    """mitmproxy's three programs."""

    MITMDUMP = "mitmdump"
    MITMWEB = "mitmweb"
    CONSOLE = "mitmproxy"

    @property
    def defaults(self) -> dict[str, str | int]:
        """The defaults of its options."""
        # Only mitmdump writes a line for each flow; the bridge writes its own.
        return DEFAULTS | ({"flow_detail": 0} if self is Tool.MITMDUMP else {})

    def master_class(self) -> type[Master]:
        """The class that runs it, which is loaded only now."""
        found: type[Master] = resolve_name(_MASTERS[self])
        return found

    def parser(self, options: Options) -> argparse.ArgumentParser:
        """Mitmproxy's parser for the arguments of this program."""
        made: argparse.ArgumentParser = getattr(cmdline, self.value)(options)
        made.prog = self.value
        return made


_MASTERS = {
    Tool.MITMDUMP: "mitmproxy.tools.dump:DumpMaster",
    Tool.MITMWEB: "mitmproxy.tools.web.master:WebMaster",
    Tool.CONSOLE: "mitmproxy.tools.console.master:ConsoleMaster",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How mitmproxy would start with certain arguments and config.yaml."""

    options: Options
    serves: bool
    """False if mitmproxy only prints something or reads a file."""
    scripts: Sequence[str]
    """The scripts in config.yaml, which the bridge's own argument would replace."""


def launch(tool: Tool, arguments: Sequence[str], program: str) -> None:
    """Run mitmproxy with the bridge until it ends; `program` is the command that the user typed.

    Raises UsageError or Failure if the start cannot succeed; mitmproxy itself may exit with 1.
    """
    if tool is Tool.CONSOLE and not sys.stdout.isatty():
        raise Failure("the console needs a terminal, and standard output is not one")
    sys.argv[0] = tool  # what mitmproxy calls itself
    if isinstance(sys.stdout, TextIOWrapper):  # else a log in a file is late
        sys.stdout.reconfigure(line_buffering=True)
    given = ["--scripts", str(bridge_file()), *arguments]

    def make_parser(options: Options) -> argparse.ArgumentParser:
        options.update(**tool.defaults)  # type: ignore[no-untyped-call]  # mitmproxy's
        try:
            plan = read_plan(tool, options, arguments)
            config_of(plan.options)
        except (BadOption, exceptions.OptionsError) as error:
            raise Failure(str(error), WRONG_USAGE) from error
        if plan.serves:
            _check_ports(plan.options, with_sudo(program))
            if tool is Tool.MITMDUMP:
                logging.getLogger("mitmproxy.proxy.server").addFilter(_is_wanted)
            write = logger.info if tool is Tool.CONSOLE else partial(click.echo, err=True)
            ctx.master.addons.add(Banner(program, write))  # type: ignore[no-untyped-call]  # mitmproxy's
        given[2:2] = [word for script in plan.scripts for word in ("--scripts", script)]
        return tool.parser(options)

    try:
        filters = _filters if tool is Tool.MITMDUMP else None
        mitmproxy_main.run(tool.master_class(), make_parser, given, filters)
    except OSError as error:
        raise Failure(error_in_words(error)) from error


def read_plan(tool: Tool, options: Options, arguments: Sequence[str]) -> Plan:
    """How mitmproxy would start with the arguments and config.yaml.

    `options` are those of a master of that tool. They do not change, so that no addon overwrites
    a recording or takes a port. Raises UsageError for unknown arguments, BadOption or OptionsError
    for impossible values.
    """
    tried = copy.deepcopy(options)
    tried.update(**tool.defaults)  # type: ignore[no-untyped-call]  # mitmproxy's
    parser = tool.parser(tried)
    given = _parse(parser, arguments)
    tried.set(*given.setoptions, defer=True)
    folder = Path(tried.confdir)
    try:
        optmanager.load_paths(tried, folder / "config.yaml", folder / "config.yml")
    except AttributeError as error:  # YAML, but no mapping
        raise BadOption(f"config.yaml in {folder} has to hold options as NAME: VALUE.") from error
    except TypeError as error:  # a value of another type than the option's
        raise BadOption(f"config.yaml in {folder}: {error}") from error
    configured = [] if given.scripts else tried.scripts
    mitmproxy_main.process_options(parser, tried, given)  # type: ignore[no-untyped-call]  # mitmproxy's
    _declare_options(tried)
    for spec in tried.mode:
        try:
            ProxyMode.parse(spec)
        except ValueError as error:
            raise BadOption(f"mode cannot be {spec!r}: {error}.") from error
    return Plan(
        options=tried,
        serves=tried.server and not (given.options or given.commands),
        scripts=[each for each in configured if Path(each).resolve() != bridge_file().resolve()],
    )


async def declared_options(tool: Tool) -> Options:
    """All options that the addons of this tool declare, in a master that never runs."""
    handlers = [*logging.root.handlers]
    options = Options()
    tool.master_class()(options)
    logging.root.handlers[:] = handlers
    return options


def config_of(options: Options) -> Config:
    """The bridge's configuration in these options and the environment. Raises BadOption."""
    values = {option.name: getattr(options, option.name) for option in OPTIONS}
    return read_config(values, os.environ)


def _parse(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    context = click.get_current_context()

    def refuse(message: str) -> NoReturn:
        raise click.UsageError(message, context)

    parser.error = refuse  # type: ignore[method-assign]  # argparse would end the process
    parser.print_help = lambda _=None: click.echo(context.get_help())  # type: ignore[assignment,method-assign]  # for -h
    return parser.parse_args(arguments)


def _declare_options(options: Options) -> None:
    """Declare the bridge's options and read what was given for them."""
    wrong = complaints(options.deferred)
    if wrong:
        raise BadOption(" ".join(wrong.values()))
    for option in OPTIONS:
        options.add_option(option.name, option.type, option.default, option.help)
    options.process_deferred()


def _check_ports(options: Options, sudo_line: str) -> None:
    """Raise Failure unless every address is free."""
    for listener in listeners(options):
        problem = listener.problem(f"Start it with: {sudo_line} …")
        if problem:
            raise Failure(" ".join(problem))


def _is_wanted(record: logging.LogRecord) -> bool:
    """Whether to log a line: those about connections only if flows are logged, too."""
    return ctx.options.flow_detail > 0 or not record.getMessage().startswith(_OF_CONNECTIONS)


def _filters(given: argparse.Namespace) -> dict[str, str]:
    """The options that mitmdump makes of the filter at the end of its arguments."""
    names = ("save_stream_filter", "readfile_filter", "dumper_filter")
    return dict.fromkeys(names, " ".join(given.filter_args)) if given.filter_args else {}
