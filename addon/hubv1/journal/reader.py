"""Reading a journal or a fleet's database: its counts, its single calls and the rest."""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from operator import attrgetter
from sys import intern
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from hubv1.api.record import CallRecord
from hubv1.api.routes import ANSWERED, ROUTES, Outcome, Verdict, is_retiring, route_named
from hubv1.journal import schema
from hubv1.journal.connection import reason_of
from hubv1.journal.counts import OTHERS, Kind
from hubv1.journal.engines import open_for_reading
from hubv1.journal.history import (
    EVERYTHING,
    QUIET_DAYS,
    RECENT_DAYS,
    UNANSWERED,
    Count,
    DayCount,
    Days,
    Gap,
    History,
    Rejection,
    Seen,
    Selection,
    Summary,
)
from hubv1.journal.location import JournalError, Location

Traffic = dict[tuple[datetime, str], list[int]]

_MOST_REJECTIONS = 1_000
_ROWS_AT_ONCE = 1_000
_FEW = 500  # callers that a statement names; more are filtered in Python
_STEPS = 10_000  # instructions of SQLite between two looks at the clock, about a millisecond


@contextmanager
def read(
    location: Location,
    selection: Selection = EVERYTHING,
    *,
    named: int | None = None,
    seconds: float | None = None,
) -> Iterator[History]:
    """The selected history of a journal, while the context lasts; raises JournalError.

    Names in the selection do not apply to traffic, gaps and single calls. With `named`, only that
    many callers are named, the latest ones; with `seconds`, a file that takes longer to read raises
    JournalError.
    """
    until = None if seconds is None else time.monotonic() + seconds
    try:
        with connected(location) as connection, explained(location):
            if until is not None:
                driver: Any = connection.connection.driver_connection
                driver.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
            yield history_of(location, connection, selection, named)
    except JournalError as error:
        if until is None or time.monotonic() < until:
            raise
        raise JournalError(
            f"The journal {location} cannot be read in {seconds:g} seconds."
        ) from error


@contextmanager
def connected(location: Location) -> Iterator[sa.Connection]:
    """A connection on which all reads see the same state of a journal; raises JournalError."""
    engine = open_for_reading(location)
    try:
        with explained(location):
            connection = engine.connect()
            if location.file is None:  # SQLite always isolates a transaction that way
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
        with connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def explained(location: Location) -> Iterator[None]:
    """Turn errors of the database into a JournalError that names the journal."""
    try:
        yield
    except SQLAlchemyError as error:
        said = location.without_secrets(reason_of(error))
        raise JournalError(f"The journal {location} cannot be read: {said}.") from error
    except (ValueError, TypeError) as error:
        raise JournalError(
            f"The journal {location} holds values that no bridge wrote: {error}."
        ) from error


def history_of(
    location: Location, connection: sa.Connection, selection: Selection, named: int | None = None
) -> History:
    """The selected history of a journal; raises JournalError, also later when it is read."""
    with explained(location):
        return History(
            sum_of_traffic(traffic_of(connection, selection).values()),
            tuple(gaps_by_id(connection, selection).values()),
            entries_of(location, connection, selection),
            explained(location)(lambda hour: summary_of(connection, hour, selection, named)),
            rejections=rejections_of(connection, selection),
            has=lambda id_: has_call(connection, id_),
        )


# Reading the tables


def traffic_of(connection: sa.Connection, selection: Selection) -> Traffic:
    """All traffic by hour and bridge, in the order of the fields of `Seen`."""
    seen, refusals = schema.seen.c, schema.refusals.c
    columns = (seen.hour, seen.bridge_id, seen.flows, seen.still_served, seen.rejected_tls)
    rows = connection.execute(sa.select(*columns).where(*_within(seen.hour, selection)))
    traffic = {(hour, bridge): [*figures, 0] for hour, bridge, *figures in rows}
    if sa.inspect(connection).has_table(schema.refusals.name):  # missing from older journals
        refused = sa.select(*refusals).where(*_within(refusals.hour, selection))
        for hour, bridge, calls in connection.execute(refused):
            traffic.setdefault((hour, bridge), [0, 0, 0, 0])[-1] = calls
    return traffic


def sum_of_traffic(traffic: Iterable[Sequence[int]]) -> Seen:
    """The total of several hours and bridges."""
    return Seen(*map(sum, zip((0, 0, 0, 0), *traffic, strict=True)))


def gaps_by_id(connection: sa.Connection, selection: Selection) -> dict[str, Gap]:
    """The gaps that reach into the period."""
    gaps = schema.gaps.c
    statement = sa.select(gaps.id, gaps.started_at, gaps.ended_at, gaps.calls, gaps.reason)
    bounds = _meeting(gaps.started_at, gaps.ended_at, selection)
    found = connection.execute(statement.where(*bounds).order_by(gaps.started_at))
    return {id_: Gap(*row) for id_, *row in found}


def rejections_of(connection: sa.Connection, selection: Selection) -> tuple[Rejection, ...]:
    """The rejections of days that reach into the period."""
    table = schema.rejections.c
    clients = table.client_address, table.server_address
    last_at = sa.func.max(table.last_at)
    statement = sa.select(*clients, sa.func.sum(table.times), last_at).group_by(*clients)
    bounds = _meeting(table.first_at, table.last_at, selection)
    found = statement.where(*bounds).order_by(last_at.desc()).limit(_MOST_REJECTIONS)
    rows = connection.execute(found)
    return tuple(Rejection(address, host, int(times), at) for address, host, times, at in rows)


def entries_of(
    location: Location,
    connection: sa.Connection,
    selection: Selection,
    ids: Sequence[str] | None = None,
) -> Iterator[CallRecord]:
    """The single calls of the period, or those of them with these ids, in the order of their time;
    raises JournalError."""
    calls = schema.calls
    statement = sa.select(calls).where(*_within(calls.c.started_at, selection))
    if ids is not None:
        statement = statement.where(calls.c.id.in_(ids))
    statement = statement.order_by(calls.c.started_at, calls.c.id)
    with explained(location):
        yield from map(
            entry_of, connection.execute(statement, execution_options={"yield_per": _ROWS_AT_ONCE})
        )


def entry_of(row: sa.Row[Any]) -> CallRecord:
    """The record in a row with all columns of the table `calls`."""
    values = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's documented name for it
    values["verdict"] = Verdict(str(values["verdict"]))
    values["outcome"] = Outcome(str(values["outcome"]))
    return CallRecord(**values)


def asked_tags(location: Location) -> Iterator[tuple[str, str]]:
    """Pairs of repository (`namespace/repository`) and tag that calls asked for, each once and the
    latest first. Raises JournalError."""
    calls = schema.calls.c
    pair = (calls.namespace, calls.repository, calls.tag)
    statement = sa.select(*pair).where(calls.tag != "").group_by(*pair)
    latest = statement.order_by(sa.func.max(calls.started_at).desc())
    with connected(location) as connection, explained(location):
        for namespace, repository, tag in connection.execute(latest):
            yield f"{namespace}/{repository}", tag


def has_call(connection: sa.Connection, id_: str) -> bool:
    """Whether there is a row with that id."""
    statement = sa.select(schema.calls.c.id).where(schema.calls.c.id == id_)
    return connection.execute(statement).first() is not None


def _within(column: sa.Column[Any], selection: Selection) -> list[sa.ColumnElement[bool]]:
    return _bounds(column, selection.since, selection.until)


def _meeting(
    first: sa.Column[Any], last: sa.Column[Any], selection: Selection
) -> list[sa.ColumnElement[bool]]:
    return _bounds(last, selection.since, None) + _bounds(first, None, selection.until)


def _bounds(column: sa.Column[Any], begin: Any, end: Any) -> list[sa.ColumnElement[bool]]:  # noqa: ANN401  # dates or moments, as the column
    """The conditions `begin` <= column < `end`, without those for None."""
    after = [] if begin is None else [column >= begin]
    return after if end is None else [*after, column < end]


# Summing up the counts


def summary_of(
    connection: sa.Connection,
    hour: datetime,
    selection: Selection = EVERYTHING,
    named: int | None = None,
) -> Summary:
    """The summary of the selection; `hour` is the beginning of the current hour.

    With `named`, only that many callers are named, the latest ones, and all others are counted
    together: that bounds the work in Python, however large the journal is.
    """
    if named is not None:
        callers = _number(connection, sa.func.count(schema.callers.c.caller))
        if callers > named:
            return _summary_in_part(connection, hour, selection, named)
    recent = _since(connection, hour, selection)
    counts: list[Count] = []
    accepted: list[Count] = []
    retiring: list[Count] = []
    for row in connection.execute(_counts(_period(selection))):
        kind = Kind(*row[:5])
        if not selection.has_names or selection.admits(kind):
            which = accepted if selection.accepts(kind.caller) else counts
            if is_retiring(kind.route):
                which = [] if which is accepted else retiring
            which.append(_count(row, recent[kind]))
    _add_details(connection, counts + accepted + retiring)
    _add_errors(connection, counts)
    names = {count.caller for count in counts} if selection.has_names else set()
    by_day = _recent(connection, hour, selection, sorted(names) if 0 < len(names) <= _FEW else None)
    of_days = _days(connection, selection, names)
    return Summary(counts, of_days, accepted, retiring, recent=by_day)


def _summary_in_part(
    connection: sa.Connection, hour: datetime, selection: Selection, named: int
) -> Summary:
    days, known = schema.days.c, schema.callers.c
    of_v1 = known.caller.in_(sa.select(days.caller).where(schema.is_v1(days.route)))
    latest = sa.select(known.caller).where(of_v1).order_by(known.last_seen.desc()).limit(named)
    period = _period(selection)
    recent = _since(connection, hour, selection)
    rows = connection.execute(_counts(period).where(period.c.caller.in_(latest)))
    counts = [_count(row, recent.pop(Kind(*row[:5]), 0)) for row in rows]
    _add_details(connection, counts, known.caller.in_(latest))
    _add_errors(connection, counts)
    of_others: Counter[Kind] = Counter()
    for kind, calls in recent.items():
        of_others[kind._replace(caller=OTHERS, repository=kind.repository and OTHERS)] += calls
    repository = sa.case((days.repository == "", ""), else_=OTHERS)
    kinds = sa.literal(OTHERS), days.server_address, days.route, repository, days.outcome
    statement = sa.select(*kinds, *_sums(days)).where(days.caller.not_in(latest))
    rows = connection.execute(statement.group_by(*kinds[1:]))
    counts += [_count(row, of_others[Kind(*row[:5])]) for row in rows]
    repositories = sa.func.count(sa.distinct(sa.func.nullif(days.repository, "")))
    return Summary(
        [count for count in counts if not is_retiring(count.route)],
        _days(connection, selection, ()),
        retiring=[count for count in counts if is_retiring(count.route)],
        callers=_number(connection, sa.func.count(known.caller), of_v1),
        repositories=_number(connection, repositories, schema.is_v1(days.route)),
        recent=_recent(connection, hour, selection, latest),
    )


def _number(
    connection: sa.Connection, what: sa.ColumnElement[int], *which: sa.ColumnElement[bool]
) -> int:
    return connection.scalars(sa.select(what).where(*which)).one()


def _counts(period: sa.Subquery) -> sa.Select[Any]:
    """Selects a row for each kind of calls, the earliest first."""
    kinds, (first_at, *sums) = _kinds(period.c), _sums(period.c)
    return sa.select(*kinds, first_at, *sums).group_by(*kinds).order_by(first_at)


def _kinds(columns: Any) -> list[Any]:  # noqa: ANN401  # of tables and of subqueries alike
    return [columns[name] for name in Kind._fields]


def _sums(columns: Any) -> list[Any]:  # noqa: ANN401  # as above
    times = sa.func.min(columns.first_at), sa.func.max(columns.last_at)
    return [*times, *(sa.func.sum(columns[name]) for name in schema.SUMS)]


def _count(row: Sequence[Any], recent: int) -> Count:
    caller, *names, first_at, last_at, calls, signed, paged = row
    # Most rows differ in the caller alone, so interning the other names saves memory.
    host, route, repository, outcome = map(intern, names)
    verdict, calls = route_named(route).verdict, int(calls)  # PostgreSQL sums up to decimals
    texts = caller, "", "", host, route, repository, verdict, Outcome(outcome)
    return Count(*texts, calls, recent, first_at, last_at, int(signed), int(paged))


def _add_details(
    connection: sa.Connection, counts: Iterable[Count], *which: sa.ColumnElement[bool]
) -> None:
    callers = schema.callers.c
    columns = callers.caller, callers.client_address, callers.user_agent_original
    rows = connection.execute(sa.select(*columns).where(*which))
    details = {caller: (address, intern(agent)) for caller, address, agent in rows}
    for count in counts:
        found = details.get(count.caller, ("", ""))
        count.client_address, count.user_agent_original = found


def _add_errors(connection: sa.Connection, counts: Iterable[Count]) -> None:
    """Add the errors of the last calls that were refused or failed, if they still have a row; it is
    found by its time, which has an index."""
    unanswered = [count for count in counts if count.outcome in UNANSWERED]
    latest = sorted(unanswered, key=attrgetter("last_at"))[-_FEW:]
    calls = schema.calls.c
    columns = calls.caller, calls.route, calls.started_at, calls.error_type, calls.error
    times = {count.last_at for count in latest}
    rows = connection.execute(sa.select(*columns).where(calls.started_at.in_(times)))
    errors = {tuple(row[:3]): row[3:] for row in rows}
    for count in latest:
        key = count.caller, count.route, count.last_at
        count.error_type, count.error = errors.get(key, ("", ""))


def _recent(
    connection: sa.Connection,
    hour: datetime,
    selection: Selection,
    names: Sequence[str] | sa.Select[Any] | None,
) -> list[DayCount]:
    """The rows of `Summary.recent`, for these callers alone if names are given."""
    period = _period(selection).c
    figures = period.calls, period.signed, period.paged
    rows = sa.select(*_kinds(period), period.day, *figures).where(schema.is_v1(period.route))
    if names is not None:
        rows = rows.where(period.caller.in_(names))
    if not selection.has_names:
        since = _since_when(selection, hour, names)
        rows = rows.join(since, period.caller == since.c.caller).where(period.day >= since.c.day)
    return [
        DayCount(row[0], row[5], intern(row[2]), Outcome(row[4]), *map(int, row[6:9]))
        for row in connection.execute(rows.order_by(period.day.desc()))
        if not selection.has_names or _is_wanted(Kind(*row[:5]), selection)
    ]


def _since_when(
    selection: Selection, hour: datetime, names: Sequence[str] | sa.Select[Any] | None
) -> sa.CTE:
    """Selects the callers of `Summary.recent`, each with the first of its days.

    That is the first of all days for a quiet caller, and the first of the last few days with a call
    for a caller whose calls were not all answered in one page without credentials.
    """
    period, days = _period(selection).c, _period(selection).c
    dead = [route.name for route in ROUTES if route.verdict is Verdict.DEAD]
    is_plain = sa.and_(
        period.outcome.in_(ANSWERED),
        period.route.not_in(dead),
        period.signed + period.paged == 0,
    )
    has_needs = sa.func.max(sa.case((is_plain, 0), else_=1)) > 0
    is_quiet = sa.func.max(period.last_at) < hour - timedelta(days=QUIET_DAYS - 1)
    watched = sa.select(period.caller, is_quiet.label("is_quiet")).group_by(period.caller)
    if names is not None:
        watched = watched.where(period.caller.in_(names))
    callers = watched.having(sa.or_(is_quiet, has_needs)).cte("watched")
    active = sa.select(callers.c.caller).where(sa.not_(callers.c.is_quiet))
    called = sa.select(days.caller, days.day).where(
        schema.is_v1(days.route), days.caller.in_(active)
    )
    each = called.distinct().subquery().c
    rank = sa.func.row_number().over(partition_by=each.caller, order_by=each.day.desc())
    ranked = sa.select(each.caller, each.day, rank.label("rank")).subquery().c
    first = sa.func.min(ranked.day).label("day")
    recent = sa.select(ranked.caller, first).where(ranked.rank <= RECENT_DAYS)
    always = sa.literal(date.min, schema.Day)
    return sa.union_all(
        recent.group_by(ranked.caller),
        sa.select(callers.c.caller, always).where(callers.c.is_quiet),
    ).cte("since")


def _since(connection: sa.Connection, hour: datetime, selection: Selection) -> Counter[Kind]:
    """The number of calls of each kind in the current hour."""
    hours = schema.hours.c
    bounds = _bounds(hours.hour, max(hour, selection.since or hour), selection.until)
    statement = sa.select(*_kinds(hours), sa.func.sum(hours.calls)).where(*bounds)
    rows = connection.execute(statement.group_by(*_kinds(hours)))
    return Counter({Kind(*row[:5]): int(row[5]) for row in rows})


def _days(connection: sa.Connection, selection: Selection, callers: Collection[str]) -> Days:
    period = _period(selection).c
    kinds = _kinds(period) if selection.has_names else [period.outcome]
    statement = sa.select(period.day, *kinds, sa.func.sum(period.calls))
    statement = statement.where(schema.is_v1(period.route)).group_by(period.day, *kinds)
    if selection.has_names and len(callers) <= _FEW:
        statement = statement.where(period.caller.in_(sorted(callers)))
    wanted: dict[tuple[str, ...], bool] = {}
    found: Counter[tuple[date, Outcome]] = Counter()
    for day, *names, calls in connection.execute(statement):
        kind = tuple(names)
        if kind not in wanted:  # the same kinds occur every day
            wanted[kind] = not selection.has_names or _is_wanted(Kind(*names), selection)
        if wanted[kind]:
            found[day, Outcome(names[-1])] += int(calls)
    return found


def _is_wanted(kind: Kind, selection: Selection) -> bool:
    return selection.admits(kind) and not selection.accepts(kind.caller)


def _period(selection: Selection) -> sa.Subquery:
    """Selects the counts of the period with their days: of its whole days from `days`, and of the
    days that it cuts from `hours`."""
    since, until = selection.since, selection.until
    first = since and _midnight(since + timedelta(days=1) - timedelta.resolution)
    last = until and _midnight(until)
    day, hour = schema.days.c.day, schema.hours.c.hour
    within = _bounds(day, first and first.date(), last and last.date())
    days = sa.select(day, *_columns(schema.days)).where(*within)
    if not (first or last):
        return days.subquery()
    cut = sa.or_(*_bounds(hour, None, first), *_bounds(hour, last, None))
    day_of_hour = sa.func.date(hour, type_=sa.Date()).label("day")
    hours = sa.select(day_of_hour, *_columns(schema.hours)).where(*_within(hour, selection), cut)
    return sa.union_all(days, hours).subquery()


def _columns(table: sa.Table) -> list[sa.Column[Any]]:
    return [table.c[name] for name in (*Kind._fields, *schema.SUMS, "first_at", "last_at")]


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.astimezone(UTC).date(), time_of_day(), UTC)
