"""The summary that a journal's counts give, without a look at single calls."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Date,
    Select,
    Subquery,
    Table,
    case,
    distinct,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from hubv1.api.routes import Outcome, Verdict, route_named
from hubv1.journal import schema as tables
from hubv1.journal.counts import OTHERS, Kind
from hubv1.journal.history import Count, Days, Summary
from hubv1.journal.selection import EVERYTHING, Selection, Span, spans

_FEW = 500
"""Callers that a statement may name; to leave out the rest of many takes longer in Python."""

_Details = tuple[str, str]
"""Address and user agent."""
_NO_DETAILS = ("", "")
_ROUTES_KEPT = 1_000
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}


def counted(
    connection: Connection,
    hour: datetime,
    selection: Selection = EVERYTHING,
    named: int | None = None,
) -> Summary:
    """The summary of what is wanted of the journal; `hour` is the beginning of the current one.

    With `named` only so many callers are told apart, the latest, which bounds the work in Python
    whatever the journal holds: the calls of the rest are counted together.
    """
    if named is not None:
        callers = _number(connection, func.count(), tables.callers)
        if callers > named:
            return _counted_in_part(connection, hour, selection, named, callers)
    counts: list[Count] = []
    accepted: list[Count] = []
    for count in _counts(connection, hour, selection, _details(connection)):
        if not selection.has_names or selection.admits(_kind(count)):
            which = accepted if selection.accepts(count.caller) else counts
            which.append(count)
    names = {count.caller for count in counts} if selection.has_names else set()
    return Summary(counts, _days(connection, selection, names), accepted)


def _counted_in_part(
    connection: Connection, hour: datetime, selection: Selection, named: int, callers: int
) -> Summary:
    days, known = tables.days.c, tables.callers.c
    latest = select(known.caller).order_by(known.last_seen.desc()).limit(named)
    details = _details(connection, known.caller.in_(latest))
    counts = [*_counts(connection, hour, selection, details, latest)]
    repository = case((days.repository == "", ""), else_=OTHERS)
    kinds = literal(OTHERS), days.server_address, days.route, repository, days.outcome
    statement = select(*kinds, *_sums(days)).where(days.caller.not_in(latest))
    rows = connection.execute(statement.group_by(*kinds[1:]))
    recent: Counter[Kind] = Counter()
    for kind, calls in _since(connection, hour, selection).items():
        if kind.caller not in details:
            recent[kind._replace(caller=OTHERS, repository=kind.repository and OTHERS)] += calls
    counts += [_count(row, recent=recent[Kind(*row[:5])]) for row in rows]
    repositories = func.count(distinct(func.nullif(days.repository, "")))
    return Summary(
        counts,
        _days(connection, selection, ()),
        callers=callers,
        repositories=_number(connection, repositories, tables.days),
    )


def _number(connection: Connection, what: ColumnElement[int], table: Table) -> int:
    return int(connection.execute(select(what).select_from(table)).scalar_one())


def _counts(
    connection: Connection,
    hour: datetime,
    selection: Selection,
    details: Mapping[str, _Details],
    callers: Select[tuple[str]] | None = None,
) -> Iterator[Count]:
    """One for each kind of calls in the period, the earliest first; of these callers alone, if any
    are named."""
    recent = _since(connection, hour, selection)
    parts = _parts(selection)
    kinds = [parts.c[name] for name in Kind._fields]
    first_at, *others = _sums(parts.c)
    statement = select(*kinds, first_at, *others).group_by(*kinds).order_by(first_at)
    if callers is not None:
        statement = statement.where(parts.c.caller.in_(callers))
    for row in _with_shared_names(connection.execute(statement)):
        now = recent.get(Kind(*row[:5]), 0) if recent else 0
        yield _count(row, details.get(row[0], _NO_DETAILS), now)


def _with_shared_names(rows: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """Of many rows few differ in more than the caller: their other names are kept once."""
    known: dict[str, str] = {}
    share = known.setdefault
    for caller, host, route, repository, outcome, *sums in rows:
        names = share(host, host), share(route, route), share(repository, repository)
        yield caller, *names, share(outcome, outcome), *sums


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


def _count(row: Sequence[Any], details: _Details = _NO_DETAILS, recent: int = 0) -> Count:
    caller, host, route, repository, outcome, first_at, last_at, calls, signed, paged = row
    return Count(
        caller,
        details[0],
        details[1],
        host,
        route,
        repository,
        _verdict(route),
        _OUTCOMES.get(outcome) or Outcome(outcome),
        int(calls),  # PostgreSQL sums up to decimals
        recent,
        first_at,
        last_at,
        int(signed),
        int(paged),
    )


def _kind(count: Count) -> Kind:
    names = count.caller, count.server_address, count.route, count.repository
    return Kind(*names, count.outcome)


@lru_cache(_ROUTES_KEPT)
def _verdict(route: str) -> Verdict:
    return route_named(route).verdict


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
