"""The histories that a report is made of: journals and recordings."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hubv1.captures import Capture, OnRead, read_capture
from hubv1.journal import History, Place, Selection, read_all
from hubv1.routes import LEGACY_HOSTS


@contextmanager
def journals(
    where: Sequence[str], selection: Selection, say: Callable[[str], None]
) -> Iterator[list[History]]:
    """What is wanted of the journals, while the context lasts; raises JournalError.

    `say` hears of journals that share calls, which are counted once.
    """
    # A journal that is named twice, by a link perhaps, is read once.
    places = {place.key: place for place in map(Place, where)}
    with read_all([*places.values()], selection, say) as histories:
        yield histories


def recordings(
    paths: Sequence[Path], selection: Selection, journals: Sequence[History], advance: OnRead
) -> list[History]:
    """What is wanted of each recording and is in none of the journals; raises CaptureError.

    The hosts that the selection names are legacy hosts too. `advance` follows the reading.
    """
    hosts = {*LEGACY_HOSTS, *selection.hosts}
    told: set[str] = set()

    def known(id_: str) -> bool:
        return any(journal.has(id_) for journal in journals)

    return [read_capture(Capture(path, hosts, selection, told, known, advance)) for path in paths]
