"""Reports that the bridge itself makes of its journal: on demand, and when it ends."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from mitmproxy.log import ALERT

from hubv1.journal import JournalError, Place, read
from hubv1.report.build import build
from hubv1.report.model import Report
from hubv1.report.rendering import format_of, rendered
from hubv1.report.sentence import number
from hubv1.report.summary import summary
from hubv1.report.writing import write_whole

logger = logging.getLogger(__name__)


class Reporter:
    """Reads the journal in a thread of its own while the bridge goes on answering."""

    def __init__(self) -> None:
        """Idle."""
        self._tasks: set[asyncio.Task[None]] = set()

    def write(self, place: Place, path: Path) -> None:
        """Begin to write the report there, and log when it is done."""
        self._begin(lambda: _write(_report(place), path))

    def summarise(self, place: Place) -> None:
        """Begin to log the report in a few lines, the state in the console's status bar too."""
        self._begin(lambda: _log_summary(_report(place), ALERT))

    def end(self, place: Place, flows: int, paths: Sequence[Path]) -> None:
        """Log the last summary and write the reports that were asked for, before this returns.

        `flows` is how many there were in this run; the report is of all that the journal has.
        """
        try:
            report = _report(place)
        except (JournalError, OSError) as error:
            _complain(error)
            return
        logger.info("hub v1: %s in this run. The journal %s has:", number(flows, "flow"), place)
        _log_summary(report, logging.INFO)
        for path in paths:
            try:
                _write(report, path)
            except OSError as error:
                _complain(error)

    def _begin(self, work: Callable[[], None]) -> None:
        task = asyncio.ensure_future(_in_thread(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _in_thread(work: Callable[[], None]) -> None:
    try:
        await asyncio.to_thread(work)
    except (JournalError, OSError) as error:
        _complain(error)


def _report(place: Place) -> Report:
    with read(place) as history:
        return build([history], datetime.now(UTC))


def _write(report: Report, path: Path) -> None:
    write_whole(rendered(report, format_of(path)), path)
    logger.info("hub v1: the report is in %s", path)


def _log_summary(report: Report, level: int) -> None:
    for at, line in enumerate(summary(report)):
        logger.log(logging.INFO if at else level, "hub v1: %s%s", "  " * bool(at), line)


def _complain(error: Exception) -> None:
    logger.error("hub v1: there is no report: %s", error)
