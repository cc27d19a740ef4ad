"""Several journals read together, in which no call is counted twice.

Journals hold the same calls where one is a copy of another, or is shipped to a fleet's database
that is read too. Such journals know the same bridges and the same times, and their rows have the
same ids. Of journals that share calls the largest is read as it is, and of each other the single
calls that are in none before it. Rows that have gone from the largest are in its counts all the
same: of the time of which it has counts but no rows, another has nothing to add.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime

from sqlalchemy import select

from hubv1.journal import rows, tables
from hubv1.journal.counted import bounds_of
from hubv1.journal.entry import Entry
from hubv1.journal.history import Gap, History
from hubv1.journal.place import Place
from hubv1.journal.reader import connected, explained, gaps_by_id, history_of, rejections_of
from hubv1.journal.rejections import Rejection
from hubv1.journal.seen import Seen
from hubv1.journal.selection import EVERYTHING, Selection
from hubv1.journal.source import Source, source_of
from hubv1.journal.summary import summarised

_IDS_AT_ONCE = 500


@contextmanager
def read_all(
    places: Sequence[Place],
    selection: Selection = EVERYTHING,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[list[History]]:
    """What is wanted of the histories in these journals, while the context lasts.

    `say` hears of journals that share calls. Raises JournalError.
    """
    with ExitStack() as stack:
        connections = [(place, stack.enter_context(connected(place))) for place in places]
        if len(places) == 1:
            yield [history_of(*each, selection) for each in connections]
            return
        sources = [source_of(*each) for each in connections]
        yield _histories(sources, selection, say)


def _histories(
    sources: Sequence[Source], selection: Selection, say: Callable[[str], None]
) -> list[History]:
    histories: list[History] = []
    read: list[Source] = []
    whole: list[Source] = []
    for source in sorted(sources, key=lambda one: one.calls, reverse=True):
        others = [other for other in read if other.may_share(source)]
        ids = _ids_left(source, others, [other for other in others if other in whole])
        if ids is None:
            whole.append(source)
            histories.append(history_of(source.place, source.connection, selection))
        else:
            say(_shared(source.place, others[0].place, len(ids)))
            histories.append(_rest(source, others, ids, selection))
        read.append(source)
    return histories


def _ids_left(source: Source, others: Sequence[Source], whole: Sequence[Source]) -> set[str] | None:
    """Of the calls that are in none of the others; None where they have nothing in common.

    `whole` are those read with all their counts.
    """
    if not others:
        return None
    ids = {*source.ids()}
    number = len(ids)
    for other in others:
        ids.difference_update(other.ids_within(source.kept))
    for other in whole:
        ids.difference_update(source.ids_counted_by(other))
    return None if ids and len(ids) == number else ids


def _rest(
    source: Source, others: Sequence[Source], ids: Collection[str], selection: Selection
) -> History:
    """What a journal adds to others: the calls with these ids."""
    with explained(source.place):
        entries = _entries(source, sorted(ids), selection)
        return History(
            _seen(source, others, selection),
            _gaps(source, others, selection),
            entries,
            lambda hour: summarised(entries, hour, selection),
            rejections=_rejections(source, others, selection),
            has=lambda id_: rows.is_there(source.connection, id_),
        )


def _shared(place: Place, other: Place, calls: int) -> str:
    if not calls:
        return f"All calls in {place} are in {other} too, and are counted once."
    return f"Calls in {place} are in {other} too: of it only the {calls:,} others are counted."


def _entries(source: Source, ids: Sequence[str], selection: Selection) -> Iterator[Entry]:
    with explained(source.place):
        for start in range(0, len(ids), _IDS_AT_ONCE):
            for entry in rows.entries(source.connection, ids[start : start + _IDS_AT_ONCE]):
                if selection.covers(entry.started_at):
                    yield entry


def _seen(source: Source, others: Sequence[Source], selection: Selection) -> Seen:
    """The traffic that nobody else has seen. The row of an hour and a bridge only ever grows."""
    known: dict[tuple[datetime, str], list[int]] = {}
    for other in others:
        for key, figures in _traffic(other, selection).items():
            known[key] = [*map(max, known.get(key, figures), figures)]
    added = [0, 0, 0]
    for key, figures in _traffic(source, selection).items():
        there = known.get(key, [0, 0, 0])
        added = [a + max(0, b - c) for a, b, c in zip(added, figures, there, strict=True)]
    return Seen(*added)


def _traffic(source: Source, selection: Selection) -> dict[tuple[datetime, str], list[int]]:
    seen = tables.seen.c
    statement = select(
        seen.hour, seen.bridge_id, seen.flows, seen.still_served, seen.rejected_tls
    ).where(*bounds_of(seen.hour, selection.since, selection.until))
    found = source.connection.execute(statement)
    return {(hour, bridge): figures for hour, bridge, *figures in found}


def _gaps(source: Source, others: Sequence[Source], selection: Selection) -> list[Gap]:
    known = {id_ for other in others for id_ in gaps_by_id(other.connection, selection)}
    mine = gaps_by_id(source.connection, selection)
    return [gap for id_, gap in mine.items() if id_ not in known]


def _rejections(source: Source, others: Sequence[Source], selection: Selection) -> list[Rejection]:
    """Those by clients that none of the others knows of."""
    known = {
        (one.client_address, one.server_address)
        for other in others
        for one in rejections_of(other.connection, selection)
    }
    mine = rejections_of(source.connection, selection)
    return [one for one in mine if (one.client_address, one.server_address) not in known]
