"""The summary that a journal's counts give, without a look at single calls."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Date,
    Select,
    Subquery,
    Table,
    func,
    literal,
    select,
    union_all,
)

from hubv1.journal import schema as tables
from hubv1.journal.counts import Kind
from hubv1.journal.history import Count, Days, Summary
from hubv1.journal.selection import EVERYTHING, Selection, Span, spans
from hubv1.outcome import Outcome
from hubv1.routes import route_named

_FEW = 500
"""Callers that a statement may name; to leave out the rest of many takes longer in Python."""

_Details = tuple[str, str]
"""Address and user agent."""


def counted(connection: Connection, hour: datetime, selection: Selection = EVERYTHING) -> Summary:
    """The summary of what is wanted of the journal; `hour` is the beginning of the current one."""
    details = _details(connection)
    recent = _since(connection, hour, selection)
    parts = _parts(selection)
    times = func.min(parts.c.first_at), func.max(parts.c.last_at)
    sums = [func.sum(parts.c[name]) for name in tables.SUMS]
    kinds = [parts.c[name] for name in Kind._fields]
    statement = select(*kinds, *times, *sums).group_by(*kinds).order_by(times[0])
    counts: list[Count] = []
    accepted: list[Count] = []
    for row in connection.execute(statement):
        kind = Kind(*row[:5])
        if selection.admits(kind):
            which = accepted if selection.accepts(kind.caller) else counts
            which.append(_count(kind, row[5:], details, recent))
    named = {count.caller for count in counts}
    return Summary(counts, _days(connection, selection, named), accepted)


def _details(connection: Connection) -> dict[str, _Details]:
    """By caller."""
    callers = tables.callers.c
    rows = connection.execute(
        select(callers.caller, callers.client_address, callers.user_agent_original)
    )
    return {caller: (address, agent) for caller, address, agent in rows}


def _count(
    kind: Kind, sums: Sequence[Any], details: Mapping[str, _Details], recent: Mapping[Kind, int]
) -> Count:
    first_at, last_at, calls, signed, paged = sums
    address, agent = details.get(kind.caller, ("", ""))
    return Count(
        caller=kind.caller,
        client_address=address,
        user_agent_original=agent,
        server_address=kind.server_address,
        route=kind.route,
        repository=kind.repository,
        verdict=route_named(kind.route).verdict,
        outcome=Outcome(kind.outcome),
        calls=int(calls),
        this_hour=recent.get(kind, 0),
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
