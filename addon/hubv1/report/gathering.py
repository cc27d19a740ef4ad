"""The histories that a report is made of: journals and recordings."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from hubv1.journal import History, Place, Selection, read_all
from hubv1.mitm.captures import Capture, read_capture
from hubv1.options import LEGACY_HOSTS


def gather(
    journals: Sequence[str],
    captures: Sequence[Path],
    selection: Selection,
    stack: ExitStack,
    say: Callable[[str], None],
) -> list[History]:
    """What is wanted of each, readable while `stack` is open; raises JournalError, CaptureError.

    In recordings the hosts that the selection names are legacy hosts too. `say` hears of journals
    that share calls, which are counted once.
    """
    hosts = {*LEGACY_HOSTS, *selection.hosts}
    told: set[str] = set()
    recorded = [read_capture(Capture(path, hosts, selection, told)) for path in captures]
    # A journal that is named twice, by a link perhaps, is read once.
    places = {place.key: place for place in map(Place, journals)}
    return [*stack.enter_context(read_all([*places.values()], selection, say)), *recorded]
