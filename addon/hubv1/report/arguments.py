"""What `scripts/report` understands."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import NoReturn

from hubv1.api.outcome import TROUBLE, Outcome
from hubv1.captures import STANDARD_INPUT
from hubv1.formats import SUFFIXES
from hubv1.report.build import DEFAULT_JOURNAL
from hubv1.report.compare import FOUND, FailOn
from hubv1.report.environment import from_environment, variable_of
from hubv1.report.period import selection_of
from hubv1.report.program import program
from hubv1.report.render import FORMATS, WITH_COLUMNS
from hubv1.report.render.data import COLUMNS, UnknownColumn, read_columns
from hubv1.report.serve import Address
from hubv1.text import printable

_EXIT_CODES = f"""exit codes: 0 no legacy call in what was seen; 1 the report could not be made, or
nothing was seen at all; 2 legacy calls, all of them answered; 3 legacy calls that were not; with
--fail-on {FOUND} or 0, and 1 as ever"""
_ENVIRONMENT = f"""environment: each argument but CAPTURE has a variable that holds where it is left
out, as {variable_of("--since")} for --since; several values stand on lines of their own"""

_TIMES = "2026-03-01, 2026-03-01T12:00:00Z (UTC without a zone), or a span back from now as 7d, 24h"
_NAMES = (
    ("caller", "NAME", "calls of that caller"),
    ("route", "ROUTE", "calls to that route, as the report names it"),
    ("repository", "NAME", "calls for that repository, say debian or acme/*"),
)

_SEVERAL = frozenset(("journal", "caller", "route", "repository", "host", "outcome"))


class _Parser(argparse.ArgumentParser):
    variable = ""
    """Of the environment, while that is read."""

    def error(self, message: str) -> NoReturn:
        # argparse would exit with 2, which here says something about the traffic.
        self.print_usage(sys.stderr)
        where = f"{self.variable} in the environment: " if self.variable else ""
        self.exit(TROUBLE, f"{self.prog}: {where}{printable(message)}\n")


def read_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says; ends the process with 1 where that is wrong."""
    understanding = parser()
    options = _with_environment(understanding, sys.argv[1:] if arguments is None else arguments)
    try:
        selection_of(options, datetime.now(UTC))
    except ValueError as error:
        understanding.error(str(error))
    if options.fail_on == FailOn.NEW and options.baseline is None:
        understanding.error("--fail-on new needs --baseline, to tell who is new")
    if options.serve and (options.format or options.output or options.columns or options.fail_on):
        understanding.error(
            "--serve shows a page: --format, --columns, -o and --fail-on do not go with it"
        )
    if options.serve and STANDARD_INPUT in options.captures:
        understanding.error("--serve reads its sources again and again, standard input ends")
    return options


def _with_environment(understanding: _Parser, arguments: Sequence[str]) -> argparse.Namespace:
    options = understanding.parse_args(arguments)
    given = vars(options)
    # A journal there is the usual one: whoever names a recording does not ask for it.
    given["journal"] = options.journal or options.captures
    found = from_environment(given, _SEVERAL, os.environ)
    for understanding.variable, values in found.items():
        understanding.parse_args(values)
    understanding.variable = ""
    return understanding.parse_args([*chain.from_iterable(found.values()), *arguments])


def parser() -> _Parser:
    """The parser of the command line."""
    arguments = _Parser(
        prog=program(),
        description="Who still calls Docker Hub API v1, how often, and what to call instead.",
        epilog=f"{_EXIT_CODES}. {_ENVIRONMENT}.",
    )
    _add_sources(arguments)
    _add_filters(arguments)
    _add_gates(arguments)
    _add_output(arguments)
    return arguments


def _add_sources(arguments: argparse.ArgumentParser) -> None:
    arguments.add_argument(
        "captures",
        metavar="CAPTURE",
        nargs="*",
        type=Path,
        help="recorded traffic to read: a flow file of mitmproxy's, or HAR, packed with gzip or "
        "not; - is standard input",
    )
    arguments.add_argument(
        "--journal",
        metavar="PATH-OR-URL",
        action="append",
        help=f"journal to read, may be given several times (default, without CAPTURE: "
        f"{DEFAULT_JOURNAL})",
    )


def _add_filters(arguments: argparse.ArgumentParser) -> None:
    filters = arguments.add_argument_group(
        "filters",
        "Which calls the report and its exit code are about. All but the two times may be given "
        "several times, and then any of the values will do. In a name * stands for any text.",
    )
    filters.add_argument("--since", metavar="TIME", help=f"calls from then on: {_TIMES}")
    filters.add_argument("--until", metavar="TIME", help="calls until then; a date's day included")
    for name, metavar, help_text in _NAMES:
        filters.add_argument(f"--{name}", metavar=metavar, action="append", help=help_text)
    filters.add_argument(
        "--host",
        action="append",
        type=_host,
        help="calls to that host alone; in CAPTURE it is taken for a legacy host, as for the name "
        "of a reverse proxy",
    )
    filters.add_argument(
        "--outcome",
        action="append",
        choices=[*map(str, Outcome)],
        metavar="OUTCOME",
        help=f"calls that ended so: {', '.join(Outcome)}",
    )


def _host(text: str) -> str:
    host = text.strip().lower().rstrip(".")
    if not host or not {*host}.isdisjoint("/@ *") or re.search(r"^[^:]*:\d*$", host):
        raise argparse.ArgumentTypeError(f"{text!r} is no plain host name such as hub.docker.com")
    return host


def _add_gates(arguments: argparse.ArgumentParser) -> None:
    gates = arguments.add_argument_group("for pipelines")
    gates.add_argument(
        "--fail-on",
        choices=[*map(str, FailOn)],
        help=f"exit code {FOUND} where there is such, else 0: legacy calls that were not bridged, "
        "any legacy call, callers that --baseline does not have; never is 0 however many there are",
    )
    gates.add_argument(
        "--baseline",
        metavar="REPORT.json",
        type=Path,
        help="earlier JSON report: tells which callers are new, still there or gone",
    )
    gates.add_argument(
        "--ignore",
        metavar="FILE",
        type=Path,
        help="TOML file of callers that are accepted until a day: they count for nothing, and are "
        "listed apart",
    )


def _add_output(arguments: argparse.ArgumentParser) -> None:
    arguments.add_argument(
        "--format",
        choices=FORMATS,
        help=f"default: what the suffix of FILE stands for ({' '.join(SUFFIXES)}), else terminal",
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
    arguments.add_argument(
        "--serve",
        metavar="HOST:PORT",
        type=_address,
        help="show the report as a page that is kept up to date, until Ctrl-C; a PORT alone is on "
        "127.0.0.1, and a HOST beyond this machine wants a token, which is in the URL it says",
    )


def _columns(text: str) -> tuple[str, ...]:
    try:
        return read_columns(text)
    except UnknownColumn as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _address(text: str) -> Address:
    try:
        return Address.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
