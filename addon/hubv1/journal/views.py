"""Views of the counts, for those who read the journal with other tools."""

from typing import Any

from sqlalchemy import Connection, Select, func, inspect, select

from hubv1.journal import tables

_days, _callers = tables.days.c, tables.callers.c
_SUMS = tuple(func.sum(_days[name]).label(name) for name in tables.SUMS)
_TIMES = (
    func.min(_days.first_at).label("first_at"),
    func.max(_days.last_at).label("last_at"),
)
_DETAILS = (_callers.client_address, _callers.user_agent_original)

VIEWS: dict[str, Select[Any]] = {
    "calls_by_caller": select(_days.caller, *_DETAILS, *_SUMS, *_TIMES)
    .select_from(tables.days.outerjoin(tables.callers, _callers.caller == _days.caller))
    .group_by(_days.caller, *_DETAILS),
    "calls_by_day": select(_days.day, _days.outcome, *_SUMS).group_by(_days.day, _days.outcome),
    "findings": select(_days.caller, _days.route, _days.repository, *_SUMS, *_TIMES).group_by(
        _days.caller, _days.route, _days.repository
    ),
}
"""What each view selects, by its name."""


def create_views(connection: Connection) -> None:
    """Those that are missing."""
    present = inspect(connection).get_view_names()
    for name, selected in VIEWS.items():
        if name not in present:
            statement = selected.compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"CREATE VIEW {name} AS {statement}")
