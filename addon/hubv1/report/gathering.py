"""The histories that a report is made of: journals and recordings."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from hubv1.journal import History, Place, read
from hubv1.mitm.captures import read_capture
from hubv1.options import LEGACY_HOSTS


def gather(journals: Sequence[str], captures: Sequence[Path], stack: ExitStack) -> list[History]:
    """The history of each, readable while `stack` is open; raises JournalError, CaptureError."""
    recorded = [read_capture(path, LEGACY_HOSTS) for path in captures]
    # A journal that is named twice, by a link perhaps, is counted once.
    places = {place.key: place for place in map(Place, journals)}
    return [*(stack.enter_context(read(place)) for place in places.values()), *recorded]
