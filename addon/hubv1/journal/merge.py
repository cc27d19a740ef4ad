"""Reading several journals together without counting a call twice.

Journals have calls in common if one is a copy of another, or is shipped to a fleet's database that
is read too. They then have rows with the same ids, of the same bridges and the same time. Of such
journals the largest is read in full, and each other adds the single calls that none before it has.
Calls of a time for which the largest has counts but no rows any more are in those counts, so
another journal has nothing to add for that time.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from hubv1.api.record import CallRecord
from hubv1.journal import reader, schema
from hubv1.journal.history import EVERYTHING, History, Seen, Selection, summarised
from hubv1.journal.location import Location
from hubv1.journal.reader import explained

_ROWS_AT_ONCE = 10_000
_IDS_AT_ONCE = 500

Times = tuple[datetime, datetime] | None
"""The times of the first and the last of some calls; None if there are no calls."""


@dataclass(frozen=True, slots=True)
class Source:
    """A journal that is read together with others."""

    location: Location
    connection: Connection
    bridges: frozenset[str]  # ids of the bridges that wrote to it
    calls: int  # all calls that it counts
    counted: Times  # of all calls that it counts
    kept: Times  # of those that still have a row

    def may_share(self, other: "Source") -> bool:
        """Whether both may have calls in common."""
        if not self.counted or not other.counted or self.bridges.isdisjoint(other.bridges):
            return False
        return self.counted[0] <= other.counted[1] and other.counted[0] <= self.counted[1]

    def ids(self, *which: ColumnElement[bool]) -> Iterator[str]:
        """The ids of its rows for which all conditions hold; raises JournalError."""
        statement = select(schema.calls.c.id).where(*which)
        with explained(self.location):
            yield from self.connection.scalars(
                statement, execution_options={"yield_per": _ROWS_AT_ONCE}
            )

    def ids_within(self, times: Times) -> Iterator[str]:
        """The ids of its rows of that time."""
        at = schema.calls.c.started_at
        return self.ids(at >= times[0], at <= times[1]) if times else iter(())

    def ids_counted_by(self, other: "Source") -> Iterator[str]:
        """The ids of its rows that the other has counted, but has no rows for any more."""
        if other.counted is None:
            return iter(())
        calls, (begin, end) = schema.calls.c, other.counted
        gone = calls.started_at < other.kept[0] if other.kept else calls.started_at <= end
        return self.ids(calls.bridge_id.in_(sorted(other.bridges)), calls.started_at >= begin, gone)

    def entries(self, ids: Sequence[str], selection: Selection) -> Iterator[CallRecord]:
        """The calls with these ids in the selected period; raises JournalError."""
        for start in range(0, len(ids), _IDS_AT_ONCE):
            some = ids[start : start + _IDS_AT_ONCE]
            yield from reader.entries_of(self.location, self.connection, selection, some)


def _source_of(location: Location, connection: Connection) -> Source:
    calls, days = schema.calls.c, schema.days.c
    with explained(location):
        bridges = frozenset(connection.scalars(select(schema.seen.c.bridge_id).distinct()))
        _, kept = _found(connection, func.count(), calls.started_at, calls.started_at)
        number, counted = _found(connection, func.sum(days.calls), days.first_at, days.last_at)
    return Source(location, connection, bridges, number, counted, kept)


def _found(connection: Connection, number: Any, first: Any, last: Any) -> tuple[int, Times]:  # noqa: ANN401  # expressions
    row = connection.execute(select(number, func.min(first), func.max(last))).one()
    return int(row[0] or 0), (row[1], row[2]) if row[1] else None


@contextmanager
def read_all(
    locations: Sequence[Location],
    selection: Selection = EVERYTHING,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[list[History]]:
    """The selected histories of these journals, while the context lasts.

    `say` is called with a sentence about journals that share calls. Raises JournalError.
    """
    with ExitStack() as stack:
        connections = [
            (location, stack.enter_context(reader.connected(location))) for location in locations
        ]
        if len(locations) == 1:
            yield [reader.history_of(*each, selection) for each in connections]
        else:
            yield _histories([_source_of(*each) for each in connections], selection, say)


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
            histories.append(reader.history_of(source.location, source.connection, selection))
        else:
            say(_shared(source.location, others[0].location, len(ids)))
            with explained(source.location):
                histories.append(_rest(source, others, sorted(ids), selection))
        read.append(source)
    return histories


def _ids_left(source: Source, others: Sequence[Source], whole: Sequence[Source]) -> set[str] | None:
    """The ids of calls that none of the others has; None if they have nothing in common.

    `whole` are those of the others that are read with all their counts.
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


def _shared(location: Location, other: Location, calls: int) -> str:
    if not calls:
        return f"All calls in {location} are in {other} too, and are counted once."
    return f"Calls in {location} are in {other} too: of it only the {calls:,} others are counted."


def _rest(
    source: Source, others: Sequence[Source], ids: Sequence[str], selection: Selection
) -> History:
    """What a journal adds to others: the calls with these ids, and the gaps, rejections and traffic
    that the others do not have."""
    own, connections = source.connection, [other.connection for other in others]
    gaps = reader.gaps_by_id(own, selection)
    for other in connections:
        for id_ in gaps.keys() & reader.gaps_by_id(other, selection).keys():
            del gaps[id_]
    clients = {
        (each.client_address, each.server_address)
        for other in connections
        for each in reader.rejections_of(other, selection)
    }
    rejections = reader.rejections_of(own, selection)
    entries = source.entries(ids, selection)
    return History(
        _seen(own, connections, selection),
        [*gaps.values()],
        entries,
        lambda hour: summarised(entries, hour, selection),
        rejections=[
            each for each in rejections if (each.client_address, each.server_address) not in clients
        ],
        has=lambda id_: reader.has_call(own, id_),
    )


def _seen(own: Connection, others: Sequence[Connection], selection: Selection) -> Seen:
    """The traffic that no other journal has. Figures of the same hour and bridge only ever grow."""
    traffic = reader.traffic_of(own, selection)
    known: reader.Traffic = {key: [0, 0, 0, 0] for key in traffic}
    for other in others:
        for key, figures in reader.traffic_of(other, selection).items():
            known[key] = [*map(max, known.get(key, figures), figures)]
    return reader.sum_of_traffic(
        [max(0, own - other) for own, other in zip(figures, known[key], strict=True)]
        for key, figures in traffic.items()
    )
