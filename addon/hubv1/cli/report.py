"""`report`: from arguments and environment to a report and an exit code."""

import re
from argparse import Namespace
from collections.abc import Callable
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

import hubv1
from hubv1 import report as reports
from hubv1.api.routes import RETIRING, ROUTES, Outcome
from hubv1.cli.main import (
    DONE,
    FAILED,
    FOUND,
    WRONG_USAGE,
    Command,
    Failure,
    error_in_words,
    say,
    versions,
)
from hubv1.cli.sudo import use_callers_home
from hubv1.journal import JournalError, is_named
from hubv1.listen import Listener, split_address
from hubv1.reporting import SUFFIXES, format_of
from hubv1.text import plainly

ENVIRONMENT_PREFIX = "HUB_REPORT"

_TROUBLES = (JournalError, reports.ReportError, OSError)
"""Each but OSError has a sentence for its message."""

_TIMES = "2026-03-01, 2026-03-01T12:00:00Z (UTC without a zone), or back from now: 7d, 24h"
_EPILOG = f"""\
Filters choose the calls that the report and its gate are about. Each filter but the times may be
given several times, and a call must match one of its values; a name may contain * for any text, and
a part of a caller's name is enough. --journal may be given several times, too, and is not needed
with CAPTURE.

Exit codes: 0 the report is written, whatever it says; 1 it could not be written, or nothing was
seen at all; 2 the arguments are wrong, or name an unknown caller, host, route or repository;
{FOUND} if --fail-on found what it looks for.

Environment: each argument but CAPTURE has a variable, such as {ENVIRONMENT_PREFIX}_SINCE for
--since; several values stand on separate lines.
"""


class _Option(click.Option):
    """An option whose several values stand on lines of their own in the environment."""

    def value_from_envvar(self, ctx: click.Context) -> Any:  # noqa: ANN401  # click's
        """The value of the variable, None if it is empty."""
        text = (self.resolve_envvar_value(ctx) or "").strip()
        if not self.multiple:
            return text or None
        return [line.strip() for line in text.splitlines() if line.strip()] or None


def _read_address(text: str) -> tuple[str, int]:
    return split_address(f"127.0.0.1:{text}" if text.isdecimal() else text)


def _read_host(text: str) -> str:
    host = text.strip().lower().rstrip(".")
    if not host or not {*host}.isdisjoint("/@ *") or re.search(r"^[^:]*:\d*$", host):
        raise ValueError(f"{text!r} is not a plain host name such as hub.docker.com")
    return host


def _read_route(text: str) -> str:
    names = [route.name for route in (*ROUTES, *RETIRING)]
    if not any(is_named(name, (text,)) for name in names):
        near = get_close_matches(text, names, 1)
        hint = f"did you mean {near[0]!r}?" if near else "docs/answers.md lists them"
        raise ValueError(f"there is no route {text!r}; {hint}")
    return text


def _option(
    flags: str,
    metavar: str | None,
    text: str,
    read: Callable[[str], object] = str,
    **more: Any,  # noqa: ANN401  # click's
) -> _Option:
    """An option whose values `read` converts; it raises ValueError."""

    def convert(_: click.Context, __: click.Parameter, value: object) -> object:
        try:
            if isinstance(value, tuple):
                return tuple(map(read, value))
            return read(value) if isinstance(value, str) else value
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return _Option(flags.split(), metavar=metavar, help=text, callback=convert, **more)


_several = partial(_option, multiple=True)
_FILE = click.Path(path_type=Path)
_OUTCOMES = click.Choice([*map(str, Outcome)])
_GATES = click.Choice([*map(str, reports.FailOn)])
_SUFFIXES = " ".join(SUFFIXES)
_COLUMNS = f"{', '.join(reports.WITH_COLUMNS)}: {', '.join(reports.COLUMNS)}"
_PARAMETERS: list[click.Parameter] = [
    click.Argument(["captures"], metavar="[CAPTURE]...", nargs=-1, type=_FILE),
    _several("--journal", "PATH-OR-URL", f"Journal to read. Default: {reports.DEFAULT_JOURNAL}."),
    _option("--since", "TIME", f"Filter: calls since then: {_TIMES}."),
    _option("--until", "TIME", "Filter: calls before then, or up to the end of that day."),
    _several(
        "--caller", "NAME", "Filter: calls of that caller, or of all whose names contain NAME."
    ),
    _several("--route", "ROUTE", "Filter: calls to that route, named as in reports.", _read_route),
    _several("--repository", "NAME", "Filter: calls for that repository: debian, acme/*."),
    _several(
        "--host", "HOST", "Filter: calls to that host; in CAPTURE it counts as legacy.", _read_host
    ),
    _several("--outcome", None, "Filter: calls with that outcome.", type=_OUTCOMES),
    _option(
        "--fail-on",
        None,
        f"Gate: exit with {FOUND} if there are legacy calls that were not bridged, any legacy "
        "calls, callers that --baseline does not have, or calls to what Docker retires next. "
        "Default: never.",
        type=_GATES,
    ),
    _option("--baseline", "REPORT.json", "Earlier report to compare callers with.", type=_FILE),
    _several("--proof", "FILE", "File of proofs that `prove -o` wrote.", Path, type=_FILE),
    _option("--ignore", "FILE", "TOML file of callers to accept until a day.", type=_FILE),
    _option("--owners", "FILE", "TOML file of teams and their callers.", type=_FILE),
    click.Option(
        ["--owners-template"],
        is_flag=True,
        help="Print a file for --owners to start from, with the callers that were seen.",
    ),
    _option(
        "--message-template",
        "FILE",
        "Jinja2 template of the messages that --caller and --messages write.",
        type=_FILE,
    ),
    _option(
        "--messages",
        "FOLDER",
        "Also write the message to each team or caller into a file of its own there.",
        type=_FILE,
    ),
    _option(
        "--format",
        None,
        f"Default: by the suffix of FILE ({_SUFFIXES}), else terminal.",
        type=click.Choice(reports.FORMATS),
    ),
    _option("-o --output", "FILE", "Write to a file.", type=_FILE),
    _option(
        "--columns",
        "NAME,NAME",
        f"Show a table of findings. For {_COLUMNS}.",
        reports.read_columns,
    ),
    _option(
        "--serve",
        "HOST:PORT",
        "Serve the report as a page that is kept up to date, until Ctrl-C. A PORT alone is on "
        "127.0.0.1; a HOST beyond this machine needs the token in the URL that is printed.",
        _read_address,
    ),
]


@click.command(
    cls=Command,
    params=_PARAMETERS,
    context_settings={
        "auto_envvar_prefix": ENVIRONMENT_PREFIX,
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
    },
    epilog=_EPILOG,
)
@click.version_option(hubv1.__version__, message=versions())
@click.pass_context
def report(context: click.Context, /, **given: Any) -> int:  # noqa: ANN401  # click's
    """Report who still calls Docker Hub API v1, and what to change.

    CAPTURE is recorded traffic: a mitmproxy flow file or HAR, perhaps packed with gzip; - means
    standard input.
    """
    use_callers_home()
    options = Namespace(**given)
    options.columns = options.columns or ()
    if context.get_parameter_source("journal") is ParameterSource.ENVIRONMENT and options.captures:
        # The journal in the environment is the usual one, and not meant if a recording is named.
        options.journal = ()
    form, look = _check_usage(options)
    return _serve(options) if options.serve else _write(options, form, look)


def _check_usage(options: Namespace) -> tuple[str, reports.Look]:
    """The format and look of the report. Raises UsageError if arguments do not go together."""
    if options.fail_on == reports.FailOn.NEW and options.baseline is None:
        raise click.UsageError("--fail-on new needs --baseline, to tell who is new")
    if options.serve and (options.format or options.output or options.columns or options.fail_on):
        raise click.UsageError(
            "--serve shows a page: --format, --columns, -o and --fail-on do not go with it"
        )
    if options.serve and reports.STANDARD_INPUT in options.captures:
        raise click.UsageError("--serve reads its sources again and again, standard input ends")
    if options.message_template and not (options.caller or options.messages):
        raise click.UsageError(
            "--message-template is for the messages that --caller and --messages write"
        )
    if options.messages and (options.serve or options.owners_template):
        raise click.UsageError(
            "--messages writes files: --serve and --owners-template do not go with it"
        )
    if options.owners_template and (options.serve or options.format or options.columns):
        raise click.UsageError(
            "--owners-template prints TOML: --format, --columns and --serve do not go with it"
        )
    try:
        reports.selection_of(options, datetime.now(UTC))
        output = None if options.owners_template else options.output
        form = options.format or _format_by_name(output)
        return form, reports.look_for(form, options.output, options.columns)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _format_by_name(output: Path | None) -> str:
    """The format that the suffix of the file stands for; without one, that of the terminal."""
    if output is None or not output.suffix:
        return "terminal"
    try:
        return format_of(output)
    except ValueError as error:
        raise ValueError(f"{error}; --format overrides the name") from error


def _write(options: Namespace, form: str, look: reports.Look) -> int:
    """Make and write the report; returns the exit code."""
    if options.output and not options.output.absolute().parent.is_dir():
        raise Failure(f"The report cannot be written to {options.output}: there is no such folder.")
    try:
        words = _own_words(options.message_template)
        with reports.reading_progress(options.captures) as advance:
            made = reports.report_from(options, datetime.now(UTC), _sayer(), advance)
        if options.messages:
            is_markdown = form == "md"
            say(reports.write_messages(made, options.messages, markdown=is_markdown, words=words))
        fail_on = reports.FailOn(options.fail_on or reports.FailOn.NEVER)
        other = _other_text(options, made, form, words)
        text = [other] if other else reports.render_report(made, form, look, fail_on)
    except _TROUBLES as error:
        is_usage = isinstance(error, reports.UnknownNameError)
        raise Failure(error_in_words(error), WRONG_USAGE if is_usage else FAILED) from error
    try:
        reports.write(text, options.output)
    except OSError as error:
        place = options.output or "standard output"
        raise Failure(f"The report cannot be written to {place}: {plainly(error)}.") from error
    found = reports.gate(made, fail_on)
    # Without any traffic, no call does not mean that v1 is unused: say so.
    is_doubtful = made.state is reports.State.NOTHING_SEEN or (
        made.seen.elsewhere and not made.callers
    )
    if is_doubtful and (options.output or form != "terminal"):
        say(reports.sentence(made))
    if found:
        say(found)
        return FOUND
    return FAILED if made.state is reports.State.NOTHING_SEEN else DONE


def _sayer() -> Callable[[str], None]:
    """Says each line once, however often the sources are read."""
    said = set[str]()

    def say_once(line: str) -> None:
        if line not in said:
            said.add(line)
            say(line)

    return say_once


def _other_text(
    options: Namespace, made: reports.Report, form: str, words: reports.Words | None
) -> str:
    """What was asked for instead of a report: a file of owners, or messages; empty for neither."""
    if options.owners_template:
        return reports.owners_template(made)
    has_other_use = options.columns or options.messages or options.fail_on is not None
    if has_other_use or not options.caller or form not in {"terminal", "md"}:
        return ""
    return reports.messages_to_callers(made, markdown=form == "md", words=words)


def _own_words(path: Path | None) -> reports.Words | None:
    """The template in that file, if one is named; raises ReportError."""
    if path is None:
        return None
    from hubv1.report.own_words import read_template  # noqa: PLC0415  # loads Jinja2

    return read_template(path)


def _serve(options: Namespace) -> int:
    """Show the report until Ctrl-C."""
    from hubv1.report.serve import serve_report  # noqa: PLC0415  # loads aiohttp and Jinja2

    say_once = _sayer()
    host, port = options.serve

    def make() -> reports.Report:
        return reports.report_from(options, datetime.now(UTC), say_once)

    try:
        serve_report(host, port, make, _TROUBLES, say)
    except OSError as error:
        why = Listener("report", host, port).why_not(error)
        raise Failure(f"--serve: {why}") from error
    except UnicodeError as error:  # of a host that no name can be
        raise Failure(f"--serve: {host!r} is not a host name.", WRONG_USAGE) from error
    return DONE
