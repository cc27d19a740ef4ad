"""The summary that a journal's counts give, without a look at single calls."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Date,
    Select,
    Subquery,
    Table,
    distinct,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from hubv1.api.outcome import Outcome
from hubv1.api.routes import route_named
from hubv1.journal import schema as tables
from hubv1.journal.counts import OTHERS, Kind
from hubv1.journal.history import Count, Days, Summary
from hubv1.journal.selection import EVERYTHING, Selection, Span, spans

_FEW = 500
"""Callers that a statement may name; to leave out the rest of many takes longer in Python."""

_Details = tuple[str, str]
"""Address and user agent."""
_NO_DETAILS = ("", "")
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}


def counted(connection: Connection, hour: datetime, selection: Selection = EVERYTHING) -> Summary:
    """The summary of what is wanted of the journal; `hour` is the beginning of the current one."""
    counts: list[Count] = []
    accepted: list[Count] = []
    for kind, count in _counts(connection, hour, selection, _details(connection)):
        if not selection.has_names or selection.admits(kind):
            which = accepted if selection.accepts(kind.caller) else counts
            which.append(count)
    named = {count.caller for count in counts} if selection.has_names else set()
    return Summary(counts, _days(connection, selection, named), accepted)


def sums_of(connection: Connection) -> list[Count]:
    """All calls, whoever made them for whatever repository: these names are empty here."""
    days = tables.days.c
    every = literal(""), days.server_address, days.route, literal(""), days.outcome
    statement = select(*every, *_sums(days)).group_by(*every[1:3], days.outcome)
    return [_count(Kind(*row[:5]), row[5:]) for row in connection.execute(statement)]


def names_of(connection: Connection) -> tuple[int, int]:
    """How many callers and repositories there are."""
    days = tables.days.c
    callers = func.count(distinct(days.caller))
    repositories = func.count(distinct(func.nullif(days.repository, "")))
    numbers = connection.execute(select(callers, repositories)).one()
    return int(numbers[0]), int(numbers[1])


def latest_of(connection: Connection, hour: datetime, most: int) -> list[Count]:
    """The counts of the callers that called last, `most` of them."""
    callers, days = tables.callers.c, tables.days.c
    seen = select(callers.caller, callers.last_seen).order_by(callers.last_seen.desc()).limit(most)
    # Of all that are not told apart the table of callers knows nothing.
    others = select(days.caller, func.max(days.last_at)).where(days.caller == OTHERS)
    found = [*connection.execute(seen), *connection.execute(others.group_by(days.caller))]
    names = [caller for caller, _ in sorted(found, key=itemgetter(1), reverse=True)[:most]]
    details = _details(connection, callers.caller.in_(names))
    return [count for _, count in _counts(connection, hour, EVERYTHING, details, names)]


def _counts(
    connection: Connection,
    hour: datetime,
    selection: Selection,
    details: Mapping[str, _Details],
    callers: Collection[str] = (),
) -> Iterator[tuple[Kind, Count]]:
    """One for each kind of calls in the period, the earliest first; of these callers alone, if any
    are named."""
    recent = _since(connection, hour, selection)
    parts = _parts(selection)
    kinds = [parts.c[name] for name in Kind._fields]
    first_at, *others = _sums(parts.c)
    statement = select(*kinds, first_at, *others).group_by(*kinds).order_by(first_at)
    if callers:
        statement = statement.where(parts.c.caller.in_(callers))
    # Of many rows few differ in more than the caller: its other texts are kept once.
    once: dict[str, str] = {}
    for row in connection.execute(statement):
        caller, host, route, repository, outcome = row[:5]
        kind = Kind(
            caller,
            once.setdefault(host, host),
            once.setdefault(route, route),
            once.setdefault(repository, repository),
            once.setdefault(outcome, outcome),
        )
        now = recent.get(kind, 0) if recent else 0
        yield kind, _count(kind, row[5:], details.get(caller, _NO_DETAILS), now)


def _sums(columns: ReadOnlyColumnCollection[str, Any]) -> list[ColumnElement[Any]]:
    times = func.min(columns.first_at), func.max(columns.last_at)
    return [*times, *(func.sum(columns[name]) for name in tables.SUMS)]


def _details(connection: Connection, *which: ColumnElement[bool]) -> dict[str, _Details]:
    """By caller."""
    callers = tables.callers.c
    columns = callers.caller, callers.client_address, callers.user_agent_original
    once: dict[str, str] = {}
    return {
        caller: (address, once.setdefault(agent, agent))
        for caller, address, agent in connection.execute(select(*columns).where(*which))
    }


def _count(
    kind: Kind, sums: Sequence[Any], details: _Details = _NO_DETAILS, recent: int = 0
) -> Count:
    first_at, last_at, calls, signed, paged = sums
    return Count(
        caller=kind.caller,
        client_address=details[0],
        user_agent_original=details[1],
        server_address=kind.server_address,
        route=kind.route,
        repository=kind.repository,
        verdict=route_named(kind.route).verdict,
        outcome=_OUTCOMES.get(kind.outcome) or Outcome(kind.outcome),
        calls=int(calls),
        this_hour=recent,
        first_at=first_at,
        last_at=last_at,
        signed=int(signed),
        paged=int(paged),
    )


def _since(connection: Connection, hour: datetime, selection: Selection) -> dict[Kind, int]:
    hours = tables.hours
    kinds = _kinds(hours)
    bounds = bounds_of(hours.c.hour, max(hour, selection.since or hour), selection.until)
    statement = select(*kinds, func.sum(hours.c.calls)).where(*bounds).group_by(*kinds)
    rows = connection.execute(statement)
    return {Kind(*row[:5]): int(row[5]) for row in rows}


def _days(connection: Connection, selection: Selection, callers: Collection[str]) -> Days:
    parts = _parts(selection)
    day, calls = parts.c.day, func.sum(parts.c.calls)
    if not selection.has_names:
        rows = connection.execute(
            select(day, parts.c.outcome, calls).group_by(day, parts.c.outcome)
        )
        return {(each, Outcome(outcome)): int(number) for each, outcome, number in rows}
    kinds = [parts.c[name] for name in Kind._fields]
    wanted: dict[tuple[Any, ...], bool] = {}
    found: dict[tuple[date, Outcome], int] = {}
    statement = select(day, *kinds, calls).group_by(day, *kinds)
    if len(callers) <= _FEW:
        statement = statement.where(parts.c.caller.in_(sorted(callers)))
    for each, *names, number in connection.execute(statement):
        kind = tuple(names)
        if kind not in wanted:  # the same ones come back every day
            wanted[kind] = _is_wanted(Kind(*names), selection)
        if wanted[kind]:
            key = each, Outcome(names[-1])
            found[key] = found.get(key, 0) + int(number)
    return found


def _is_wanted(kind: Kind, selection: Selection) -> bool:
    return selection.admits(kind) and not selection.accepts(kind.caller)


def _parts(selection: Selection) -> Subquery:
    """The rows of counts that make the period, each with its day."""
    selects = [_part(span) for span in spans(selection.since, selection.until)]
    return (selects[0] if len(selects) == 1 else union_all(*selects)).subquery()


def _part(span: Span) -> Select[Any]:
    table = tables.days if span.by_day else tables.hours
    day = tables.days.c.day if span.by_day else literal(span.day, Date()).label("day")
    columns = [table.c[name] for name in (*tables.SUMS, "first_at", "last_at")]
    begin, end = span.begin, span.end
    if span.by_day:
        bounds = bounds_of(tables.days.c.day, begin and begin.date(), end and end.date())
    else:
        bounds = bounds_of(tables.hours.c.hour, begin, end)
    return select(day, *_kinds(table), *columns).where(*bounds)


def bounds_of(column: Column[Any], begin: Any, end: Any) -> list[ColumnElement[bool]]:  # noqa: ANN401  # dates or moments, as the column
    """From `begin` on and before `end`, where they are not None."""
    after = [] if begin is None else [column >= begin]
    return after if end is None else [*after, column < end]


def _kinds(table: Table) -> list[Any]:
    return [table.c[name] for name in Kind._fields]
