"""`scripts/report`: reads journals and recordings, shows the report."""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from shutil import get_terminal_size
from typing import NoReturn

from hubv1.journal import FILE_NAME, History, JournalError, Place, read
from hubv1.mitm.captures import CaptureError, read_capture
from hubv1.options import LEGACY_HOSTS
from hubv1.outcome import TROUBLE
from hubv1.report.as_json import as_json
from hubv1.report.build import build
from hubv1.report.model import Report
from hubv1.report.sentence import sentence
from hubv1.report.terminal import as_text
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the report that `arguments` ask for; returns the exit code."""
    options = parser().parse_args(arguments)
    try:
        with ExitStack() as stack:
            report = build(_histories(options, stack), datetime.now(UTC))
        _write(_rendered(report, options.format, options.output), options.output)
    except (JournalError, CaptureError, OSError) as error:
        _say(str(error))
        return TROUBLE
    if report.exit_code == TROUBLE and (options.output or options.format != "terminal"):
        _say(sentence(report))
    return report.exit_code


def _say(message: str) -> None:
    sys.stderr.write(f"scripts/report: {printable(message)}\n")


def parser() -> argparse.ArgumentParser:
    """What `scripts/report` understands."""
    arguments = _Parser(
        prog="scripts/report",
        description="Who still calls Docker Hub API v1, how often, and what to call instead.",
        epilog=_EXIT_CODES,
    )
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
    arguments.add_argument("--format", choices=("terminal", "json"), default="terminal")
    arguments.add_argument("-o", "--output", metavar="FILE", type=Path, help="write there instead")
    return arguments


def _histories(options: argparse.Namespace, stack: ExitStack) -> list[History]:
    journals = options.journal or ([] if options.captures else [DEFAULT_JOURNAL])
    captures = [read_capture(path, LEGACY_HOSTS) for path in options.captures]
    # A journal that is named twice, by a link perhaps, is counted once.
    places = {place.key: place for place in map(Place, journals)}
    return [*(stack.enter_context(read(place)) for place in places.values()), *captures]


def _rendered(report: Report, form: str, output: Path | None) -> str:
    if form == "json":
        return as_json(report)
    is_terminal = output is None and sys.stdout.isatty()
    width = get_terminal_size().columns if is_terminal else None
    is_dumb = os.environ.get("TERM") == "dumb"
    return as_text(report, width=width, color=is_terminal and not is_dumb)


def _write(text: str, output: Path | None) -> None:
    if output is not None:
        output.write_text(text, encoding="utf-8")
        return
    if isinstance(sys.stdout, TextIOWrapper):
        # What an old terminal cannot show is replaced, not a reason to show nothing.
        sys.stdout.reconfigure(errors="replace")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # Python flushes once more at its end, and must not fail then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # A reader that has read enough, as head does, is no failure of the report.
        if not isinstance(error, BrokenPipeError):
            raise


if __name__ == "__main__":
    sys.exit(main())
