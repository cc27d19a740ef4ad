"""`scripts/report`: from arguments to an exit code."""

import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from hubv1.api.outcome import BRIDGED, CLEAN, TROUBLE, UNBRIDGED
from hubv1.captures import CaptureError
from hubv1.formats import UnknownFormat, format_of
from hubv1.journal import JournalError
from hubv1.report.allowlist import AllowlistError
from hubv1.report.arguments import read_arguments
from hubv1.report.build import make
from hubv1.report.compare import BaselineError, FailOn, gate
from hubv1.report.messages import MARKDOWN_BY_FORMAT, UnknownCaller, messages, nobody_named
from hubv1.report.model import Report, State
from hubv1.report.program import program
from hubv1.report.progress import progress
from hubv1.report.prose import sentence
from hubv1.report.render import Look, look_for, render
from hubv1.report.serve import serve
from hubv1.report.writing import write
from hubv1.text import printable

_TROUBLES = (
    JournalError,
    CaptureError,
    AllowlistError,
    BaselineError,
    UnknownCaller,
    UnknownFormat,
)
"""Each says in one sentence what is wrong."""
_EXIT_CODES = {
    State.NOTHING_SEEN: TROUBLE,
    State.CLEAN: CLEAN,
    State.BRIDGED: BRIDGED,
    State.UNBRIDGED: UNBRIDGED,
}
_NARROWING = ("caller", "route", "repository", "outcome", "since", "until", "ignore", "baseline")


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the report that `arguments` ask for; returns the exit code."""
    options = read_arguments(arguments)
    if options.serve:
        return _serve(options)
    form = options.format or _form_of(options.output)
    try:
        look = look_for(form, options.output, options.columns)
        with progress(options.captures) as advance:
            report = make(options, datetime.now(UTC), _say, advance)
        write(_text(options, report, form, look), options.output)
    except (*_TROUBLES, OSError) as error:
        _say(str(error))
        return TROUBLE
    if _is_doubtful(report) and (options.output or form != "terminal"):
        _say(sentence(report))
    if options.fail_on is None:
        return _EXIT_CODES[report.state]
    code, found = gate(report, FailOn(options.fail_on))
    if found:
        _say(found)
    return code


def _text(options: Namespace, report: Report, form: str, look: Look) -> Iterable[str]:
    is_for_people = options.caller and form in MARKDOWN_BY_FORMAT
    if is_for_people and not options.columns and options.fail_on is None:
        return [_messages(options, report, form)]
    return render(report, form, look)


def _is_doubtful(report: Report) -> bool:
    """Whether a person has to hear that no call may not mean that there was none."""
    nothing_matched = bool(report.seen.elsewhere) and not report.callers
    return report.state is State.NOTHING_SEEN or nothing_matched


def _serve(options: Namespace) -> int:
    """Show the report until Ctrl-C; what there is to say about how it is made is said once."""
    said: set[str] = set()

    def say_once(message: str) -> None:
        if message not in said:
            said.add(message)
            _say(message)

    def make_now() -> Report:
        return make(options, datetime.now(UTC), say_once)

    try:
        serve(options.serve, make_now, (*_TROUBLES, OSError), _say)
    except (OSError, UnicodeError) as error:  # the latter is a host that no name can be
        _say(f"--serve: {error}")
        return TROUBLE
    return CLEAN


def _messages(options: Namespace, report: Report, form: str) -> str:
    if not report.callers:
        every = Namespace(**vars(options) | dict.fromkeys(_NARROWING))
        raise nobody_named(options.caller, make(every, report.generated_at, _say))
    return messages(report, markdown=MARKDOWN_BY_FORMAT[form])


def _form_of(output: Path | None) -> str:
    """What the name of the file says, if it says anything."""
    try:
        return format_of(output) if output else "terminal"
    except UnknownFormat:
        return "terminal"


def _say(message: str) -> None:
    sys.stderr.write(f"{program()}: {printable(message)}\n")


if __name__ == "__main__":
    sys.exit(main())
