"""A bar on standard error, for work that takes long and somebody who waits for it."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TimeElapsedColumn

SECONDS = 2.0
"""Who waits no longer needs no bar."""


@contextmanager
def reading_progress(recordings: Sequence[Path]) -> Iterator[Callable[[int], None]]:
    """Show it while the context lasts; what that yields hears of each so many bytes read.

    Nothing is shown where standard error is no terminal. Journals are read all at once, so that the
    bar only tells that somebody is at work.
    """
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda _: None
        return
    columns = SpinnerColumn(), "Reading", BarColumn(), TaskProgressColumn(), TimeElapsedColumn()
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("", total=_size(recordings))
    timer = Timer(SECONDS, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda count: bar.advance(task, count)
    finally:
        timer.cancel()
        timer.join()
        bar.stop()


def _size(recordings: Sequence[Path]) -> int | None:
    """Of all in bytes; None where that cannot be known, as of standard input."""
    if not recordings or not all(path.is_file() for path in recordings):
        return None
    return sum(path.stat().st_size for path in recordings)
