"""What `scripts/report` understands."""

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from hubv1.journal import FILE_NAME
from hubv1.outcome import TROUBLE
from hubv1.report.columns import COLUMNS, UnknownColumn, read_columns
from hubv1.report.rendering import FORMATS, WITH_COLUMNS
from hubv1.texts import printable

DEFAULT_JOURNAL = f"~/.mitmproxy/{FILE_NAME}"
"""Where the bridge writes as long as neither hub_journal nor confdir is set."""

_EXIT_CODES = """exit codes: 0 no legacy call in what was seen; 1 the report could not be made, or
nothing was seen at all; 2 legacy calls, all of them answered; 3 legacy calls that were not"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # argparse would exit with 2, which here says something about the traffic.
        self.print_usage(sys.stderr)
        self.exit(TROUBLE, f"{self.prog}: {printable(message)}\n")


def parser() -> argparse.ArgumentParser:
    """The parser of the command line; it exits with 1 where that is wrong."""
    arguments = _Parser(
        prog="scripts/report",
        description="Who still calls Docker Hub API v1, how often, and what to call instead.",
        epilog=_EXIT_CODES,
    )
    _add_sources(arguments)
    _add_output(arguments)
    return arguments


def _add_sources(arguments: argparse.ArgumentParser) -> None:
    arguments.add_argument(
        "captures",
        metavar="CAPTURE",
        nargs="*",
        type=Path,
        help="recorded traffic to read: a flow file of mitmproxy's, or HAR",
    )
    arguments.add_argument(
        "--journal",
        metavar="PATH-OR-URL",
        action="append",
        help=f"journal to read, may be given several times (default, without CAPTURE: "
        f"{DEFAULT_JOURNAL})",
    )


def _add_output(arguments: argparse.ArgumentParser) -> None:
    arguments.add_argument(
        "--format",
        choices=FORMATS,
        help="default: what the suffix of FILE stands for (.html .json .csv), else terminal",
    )
    arguments.add_argument("-o", "--output", metavar="FILE", type=Path, help="write there instead")
    arguments.add_argument(
        "--columns",
        metavar="NAME,NAME",
        type=_columns,
        default=(),
        help=f"columns of the table of findings, for {', '.join(WITH_COLUMNS)}; there are: "
        f"{', '.join(COLUMNS)}",
    )


def _columns(text: str) -> tuple[str, ...]:
    try:
        return read_columns(text)
    except UnknownColumn as error:
        raise argparse.ArgumentTypeError(str(error)) from error
