"""The report that the arguments ask for."""

from argparse import Namespace
from contextlib import ExitStack
from datetime import datetime

from hubv1.report.arguments import DEFAULT_JOURNAL
from hubv1.report.build import build
from hubv1.report.gathering import gather
from hubv1.report.model import Report
from hubv1.report.selecting import selection_of


def make(options: Namespace, now: datetime) -> Report:
    """The report as of `now` (UTC); raises JournalError, CaptureError and OSError."""
    journals = options.journal or ([] if options.captures else [DEFAULT_JOURNAL])
    selection = selection_of(options, now)
    with ExitStack() as stack:
        histories = gather(journals, options.captures, selection, stack)
        return build(histories, now, selection)
