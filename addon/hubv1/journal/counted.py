"""The summary that a journal's counts give, without a look at single calls."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, func, select

from hubv1.journal import tables
from hubv1.journal.kinds import Kind
from hubv1.journal.summary import Count, Days, Summary
from hubv1.outcome import Outcome
from hubv1.routes import route_named

_Details = tuple[str, str]
"""Address and user agent."""


def counted(connection: Connection, hour: datetime) -> Summary:
    """The summary of the whole journal; `hour` is the beginning of the current one."""
    callers = tables.callers.c
    rows = connection.execute(
        select(callers.caller, callers.client_address, callers.user_agent_original)
    )
    details = {caller: (address, agent) for caller, address, agent in rows}
    recent = _since(connection, hour)
    days = tables.days
    times = func.min(days.c.first_at), func.max(days.c.last_at)
    sums = [func.sum(days.c[name]) for name in tables.SUMS]
    kinds = _kinds(days)
    statement = select(*kinds, *times, *sums).group_by(*kinds).order_by(times[0])
    counts = [
        _count(Kind(*row[:5]), row[5:], details, recent) for row in connection.execute(statement)
    ]
    return Summary(counts, _days(connection))


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


def _since(connection: Connection, hour: datetime) -> dict[Kind, int]:
    hours = tables.hours
    kinds = _kinds(hours)
    statement = select(*kinds, func.sum(hours.c.calls)).where(hours.c.hour >= hour)
    rows = connection.execute(statement.group_by(*kinds))
    return {Kind(*row[:5]): int(row[5]) for row in rows}


def _days(connection: Connection) -> Days:
    days = tables.days.c
    statement = select(days.day, days.outcome, func.sum(days.calls))
    rows = connection.execute(statement.group_by(days.day, days.outcome))
    return {(day, Outcome(outcome)): int(calls) for day, outcome, calls in rows}


def _kinds(table: Table) -> list[Any]:
    return [table.c[name] for name in Kind._fields]
