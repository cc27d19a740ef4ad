"""The report that the arguments ask for."""

from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from hubv1.captures import OnRead
from hubv1.journal.selection import is_named
from hubv1.report.arguments import DEFAULT_JOURNAL
from hubv1.report.baseline import compared, read_baseline
from hubv1.report.build import build
from hubv1.report.gathering import journals, recordings
from hubv1.report.ignoring import Acceptance, patterns, read_accepted
from hubv1.report.model import Report
from hubv1.report.selecting import selection_of


def make(
    options: Namespace,
    now: datetime,
    say: Callable[[str], None],
    advance: OnRead = lambda _: None,
) -> Report:
    """The report as of `now` (UTC); `say` hears what is worth a look about how it was made.

    `advance` hears of each so many bytes of recordings that were read.
    Raises JournalError, CaptureError, IgnoreError, BaselineError and OSError.
    """
    selection = selection_of(options, now)
    earlier = read_baseline(options.baseline, selection) if options.baseline else None
    acceptance = read_accepted(options.ignore, now.date()) if options.ignore else Acceptance()
    selection = replace(selection, accepted=patterns(acceptance.in_force))
    where = options.journal or ([] if options.captures else [DEFAULT_JOURNAL])
    with journals(where, selection, say) as written:
        recorded = recordings(options.captures, selection, written, advance)
        report = build([*written, *recorded], now, selection, acceptance.in_force)
    if options.ignore:
        _say_what_ignores_nobody(options.ignore, acceptance, report, say)
    if earlier is None:
        return report
    callers = [use.caller for use in report.callers]
    return replace(
        report, baseline=compared(earlier, callers, [one.caller for one in report.ignored])
    )


def _say_what_ignores_nobody(
    path: Path, acceptance: Acceptance, report: Report, say: Callable[[str], None]
) -> None:
    for entry in acceptance.ended:
        say(f"{path}: {entry.caller!r} was accepted until {entry.until}, and counts again.")
    ignored = [one.caller for one in report.ignored]
    for entry in acceptance.in_force:
        if not any(is_named(caller, (entry.caller,)) for caller in ignored):
            say(f"{path}: no caller is {entry.caller!r}, so its entry can go.")
