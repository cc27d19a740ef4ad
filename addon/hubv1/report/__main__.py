"""`scripts/report`: from arguments to an exit code."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from hubv1.journal import JournalError
from hubv1.mitm.captures import CaptureError
from hubv1.outcome import TROUBLE
from hubv1.report.arguments import DEFAULT_JOURNAL, parser
from hubv1.report.build import build
from hubv1.report.gathering import gather
from hubv1.report.rendering import UnknownFormat, format_of, look_for, rendered
from hubv1.report.sentence import sentence
from hubv1.report.writing import write
from hubv1.texts import printable


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the report that `arguments` ask for; returns the exit code."""
    options = parser().parse_args(arguments)
    form = options.format or _form_of(options.output)
    journals = options.journal or ([] if options.captures else [DEFAULT_JOURNAL])
    try:
        look = look_for(form, options.output, options.columns)
        with ExitStack() as stack:
            report = build(gather(journals, options.captures, stack), datetime.now(UTC))
        write(rendered(report, form, look), options.output)
    except (JournalError, CaptureError, UnknownFormat, OSError) as error:
        _say(str(error))
        return TROUBLE
    if report.exit_code == TROUBLE and (options.output or form != "terminal"):
        _say(sentence(report))
    return report.exit_code


def _form_of(output: Path | None) -> str:
    """What the name of the file says, if it says anything."""
    try:
        return format_of(output) if output else "terminal"
    except UnknownFormat:
        return "terminal"


def _say(message: str) -> None:
    sys.stderr.write(f"scripts/report: {printable(message)}\n")


if __name__ == "__main__":
    sys.exit(main())
