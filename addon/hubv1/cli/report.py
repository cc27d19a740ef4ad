"""`report`: from arguments and environment to a report and an exit code."""

import re
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

import hubv1
from hubv1.api.routes import ROUTES, Outcome
from hubv1.captures import STANDARD_INPUT, CaptureError
from hubv1.cli.main import DONE, FAILED, WRONG_USAGE, Command, Failure, say, versions, words_of
from hubv1.cli.sudo import use_callers_home
from hubv1.formats import SUFFIXES, UnknownFormat, format_of
from hubv1.journal import JournalError, is_named
from hubv1.listen import why_not_listening
from hubv1.report import (
    COLUMNS,
    DEFAULT_JOURNAL,
    FORMATS,
    FOUND,
    MARKDOWN_BY_FORMAT,
    WITH_COLUMNS,
    Address,
    AllowlistError,
    BaselineError,
    FailOn,
    Look,
    ProofError,
    Report,
    State,
    UnknownColumn,
    gate,
    look_for,
    make,
    messages_to_callers,
    nobody_named,
    read_columns,
    reading_progress,
    render_report,
    selection_of,
    sentence,
    serve_report,
    write,
)
from hubv1.text import plainly

ENVIRONMENT_PREFIX = "HUB_REPORT"

_TROUBLES = (JournalError, CaptureError, AllowlistError, BaselineError, ProofError)
"""Each says in one sentence what is wrong."""
_NARROWING = ("caller", "route", "repository", "outcome", "since", "until", "ignore", "baseline")

_TIMES = "2026-03-01, 2026-03-01T12:00:00Z (UTC without a zone), or a span back from now as 7d, 24h"
_EPILOG = f"""\
Filters say which calls the report and its gate are about. All but the two times may be given
several times, and then any of the values will do. In a name * stands for any text.

Exit codes: 0 the report is made, whatever it says; 1 it could not be made, or nothing was seen at
all; 2 the arguments are wrong, or name a caller or route that there is not; {FOUND} what --fail-on
asks for is there.

Environment: each argument but CAPTURE has a variable that holds where it is left out, as
{ENVIRONMENT_PREFIX}_SINCE for --since; several values stand on lines of their own.
"""


class _Option(click.Option):
    """One whose several values stand on lines of their own in the environment."""

    def value_from_envvar(self, ctx: click.Context) -> Any:  # noqa: ANN401  # click's
        """What the variable holds; an empty one is none."""
        text = (self.resolve_envvar_value(ctx) or "").strip()
        if not self.multiple:
            return text or None
        return [line.strip() for line in text.splitlines() if line.strip()] or None


def _read_host(text: str) -> str:
    host = text.strip().lower().rstrip(".")
    if not host or not {*host}.isdisjoint("/@ *") or re.search(r"^[^:]*:\d*$", host):
        raise ValueError(f"{text!r} is no plain host name such as hub.docker.com")
    return host


def _read_route(text: str) -> str:
    names = [route.name for route in ROUTES]
    if not any(is_named(name, (text,)) for name in names):
        near = get_close_matches(text, names, 1)
        hint = f"did you mean {near[0]!r}?" if near else "docs/answers.md lists them"
        raise ValueError(f"no route is {text!r}; {hint}")
    return text


def _option(
    flags: str,
    metavar: str | None,
    text: str,
    read: Callable[[str], object] = str,
    **more: Any,  # noqa: ANN401  # click's
) -> _Option:
    """An option whose texts `read` reads: it raises ValueError or UnknownColumn."""

    def convert(ctx: click.Context, param: click.Parameter, value: object) -> object:
        try:
            if isinstance(value, tuple):
                return tuple(map(read, value))
            return read(value) if isinstance(value, str) else value
        except (ValueError, UnknownColumn) as error:
            raise click.BadParameter(str(error), ctx, param) from error

    return _Option(flags.split(), metavar=metavar, help=text, callback=convert, **more)


_several = partial(_option, multiple=True)
_FILE = click.Path(path_type=Path)
_OUTCOMES = click.Choice([*map(str, Outcome)])
_PARAMETERS: list[click.Parameter] = [
    click.Argument(["captures"], metavar="[CAPTURE]...", nargs=-1, type=_FILE),
    _several(
        "--journal",
        "PATH-OR-URL",
        f"Journal to read, may be given several times. Default, without CAPTURE: {DEFAULT_JOURNAL}",
    ),
    _option("--since", "TIME", f"Filter: calls from then on: {_TIMES}."),
    _option("--until", "TIME", "Filter: calls until then; a date's day included."),
    _several("--caller", "NAME", "Filter: calls of that caller."),
    _several("--route", "ROUTE", "Filter: calls to that route, as reports name it.", _read_route),
    _several("--repository", "NAME", "Filter: calls for that repository, say debian or acme/*."),
    _several(
        "--host",
        "HOST",
        "Filter: calls to that host alone; in CAPTURE it is taken for a legacy host, as for the "
        "name of a reverse proxy.",
        _read_host,
    ),
    _several(
        "--outcome",
        "OUTCOME",
        f"Filter: calls that ended so: {', '.join(Outcome)}.",
        type=_OUTCOMES,
    ),
    _option(
        "--fail-on",
        None,
        f"Gate: exit code {FOUND} where there is such, else 0: legacy calls that were not bridged, "
        "any legacy call, callers that --baseline does not have. Default: never.",
        type=click.Choice([*map(str, FailOn)]),
    ),
    _option(
        "--baseline",
        "REPORT.json",
        "Earlier JSON report: tells which callers are new, still there or gone.",
        type=_FILE,
    ),
    _several(
        "--proof",
        "FILE",
        "Proofs that prove -o has written, beside those that it keeps beside a journal.",
        Path,
        type=_FILE,
    ),
    _option(
        "--ignore",
        "FILE",
        "TOML file of callers that are accepted until a day: they count for nothing, and are "
        "listed apart.",
        type=_FILE,
    ),
    _option(
        "--format",
        None,
        f"Default: what the suffix of FILE stands for ({' '.join(SUFFIXES)}), else terminal.",
        type=click.Choice(FORMATS),
    ),
    _option("-o --output", "FILE", "Write there instead.", type=_FILE),
    _option(
        "--columns",
        "NAME,NAME",
        f"Columns of the table of findings, for {', '.join(WITH_COLUMNS)}; there are: "
        f"{', '.join(COLUMNS)}.",
        read_columns,
    ),
    _option(
        "--serve",
        "HOST:PORT",
        "Show the report as a page that is kept up to date, until Ctrl-C; a PORT alone is on "
        "127.0.0.1, and a HOST beyond this machine wants a token, which is in the URL it says.",
        Address.read,
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
    """Who still calls Docker Hub API v1, how often, and what to call instead.

    CAPTURE is recorded traffic to read: a flow file of mitmproxy's, or HAR, packed with gzip or
    not; - is standard input.
    """
    use_callers_home()
    options = Namespace(**given)
    options.columns = options.columns or ()
    if context.get_parameter_source("journal") is ParameterSource.ENVIRONMENT and options.captures:
        # A journal there is the usual one: whoever names a recording does not ask for it.
        options.journal = ()
    _check_usage(options)
    if options.serve:
        return _serve(options)
    form = options.format or _format_by_name(options.output)
    look = _look(form, options)
    return _make(options, form, look)


def _check_usage(options: Namespace) -> None:
    """See that the arguments go together. Raises UsageError."""
    try:
        selection_of(options, datetime.now(UTC))
    except ValueError as error:
        raise _wrong(str(error)) from error
    if options.fail_on == FailOn.NEW and options.baseline is None:
        raise _wrong("--fail-on new needs --baseline, to tell who is new")
    if options.serve and (options.format or options.output or options.columns or options.fail_on):
        raise _wrong(
            "--serve shows a page: --format, --columns, -o and --fail-on do not go with it"
        )
    if options.serve and Path(STANDARD_INPUT) in options.captures:
        raise _wrong("--serve reads its sources again and again, standard input ends")


def _wrong(message: str) -> click.UsageError:
    return click.UsageError(message, click.get_current_context())


def _format_by_name(output: Path | None) -> str:
    """What the suffix of the file says, the terminal's format where there is none."""
    if output is None or not output.suffix:
        return "terminal"
    try:
        return format_of(output)
    except UnknownFormat as error:
        raise _wrong(f"{error}; --format says otherwise what it is to hold") from error


def _look(form: str, options: Namespace) -> Look:
    try:
        return look_for(form, options.output, options.columns)
    except UnknownFormat as error:
        raise _wrong(str(error)) from error


def _make(options: Namespace, form: str, look: Look) -> int:
    """Make and write the report; the exit code."""
    if options.output and not options.output.absolute().parent.is_dir():
        raise Failure(f"The report cannot be written to {options.output}: there is no such folder.")
    try:
        with reading_progress(options.captures) as advance:
            made = make(options, datetime.now(UTC), _say, advance)
        text = _text(options, made, form, look)
    except (*_TROUBLES, OSError) as error:
        raise Failure(words_of(error)) from error
    try:
        write(text, options.output)
    except OSError as error:
        place = options.output or "standard output"
        raise Failure(f"The report cannot be written to {place}: {plainly(error)}.") from error
    return _gate(made, options, form)


def _gate(made: Report, options: Namespace, form: str) -> int:
    code, found = gate(made, FailOn(options.fail_on or FailOn.NEVER))
    # A person has to hear that no call may not mean that there was none.
    is_doubtful = made.state is State.NOTHING_SEEN or (made.seen.elsewhere and not made.callers)
    if is_doubtful and (options.output or form != "terminal"):
        _say(sentence(made))
    if found:
        _say(found)
    return code


def _text(options: Namespace, made: Report, form: str, look: Look) -> Iterable[str]:
    is_for_people = options.caller and form in MARKDOWN_BY_FORMAT
    if not is_for_people or options.columns or options.fail_on is not None:
        return render_report(made, form, look)
    if not made.callers:
        every = make(
            Namespace(**vars(options) | dict.fromkeys(_NARROWING)), made.generated_at, _say
        )
        raise _nobody(options.caller, every)
    return [messages_to_callers(made, markdown=MARKDOWN_BY_FORMAT[form])]


def _nobody(names: Sequence[str], every: Report) -> Failure:
    """That these callers made no call that was asked for; `every` has all calls."""
    is_known = any(is_named(use.caller, names) for use in every.callers)
    has_seen = every.state is not State.NOTHING_SEEN
    message = str(nobody_named(names, every))
    return Failure(message, WRONG_USAGE if has_seen and not is_known else FAILED)


def _serve(options: Namespace) -> int:
    """Show the report until Ctrl-C; what there is to say about how it is made is said once."""
    said: set[str] = set()

    def say_once(message: str) -> None:
        if message not in said:
            said.add(message)
            _say(message)

    def make_now() -> Report:
        return make(options, datetime.now(UTC), say_once)

    address: Address = options.serve
    try:
        serve_report(address, make_now, (*_TROUBLES, OSError), _say)
    except OSError as error:
        sentence = why_not_listening(error, address.host, address.port)
        raise Failure(f"--serve: {sentence}") from error
    except UnicodeError as error:  # of a host that no name can be
        sentence = f"--serve: {address.host!r} is no name of a host."
        raise Failure(sentence, WRONG_USAGE) from error
    return DONE


def _say(message: str) -> None:
    say(click.get_current_context().command_path, message)
