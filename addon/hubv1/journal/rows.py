"""The rows of `calls` as entries, whichever version wrote them."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Label,
    Row,
    inspect,
    literal,
    null,
    select,
)

from hubv1.journal import tables
from hubv1.journal.entry import Entry
from hubv1.outcome import Outcome
from hubv1.routes import Verdict

_ROWS_AT_ONCE = 1_000


def entries(connection: Connection, ids: Sequence[str] | None = None) -> Iterator[Entry]:
    """All rows in the order of their time, or those with these ids; what an older version did not
    write is empty."""
    present = {column["name"] for column in inspect(connection).get_columns(tables.calls.name)}
    columns = (
        column if column.name in present else _nothing(column) for column in tables.calls.columns
    )
    statement = select(*columns).order_by(tables.calls.c.started_at, tables.calls.c.id)
    if ids is not None:
        statement = statement.where(tables.calls.c.id.in_(ids))
    rows = connection.execute(statement, execution_options={"yield_per": _ROWS_AT_ONCE})
    yield from map(entry_of, rows)


def is_there(connection: Connection, id_: str) -> bool:
    """Whether there is a row with that id."""
    statement = select(tables.calls.c.id).where(tables.calls.c.id == id_)
    return connection.execute(statement).first() is not None


def _nothing(column: Column[Any]) -> Label[Any]:
    return (null() if column.nullable else literal("")).label(column.name)


def entry_of(row: Row[tuple[object, ...]]) -> Entry:
    """The entry of a row that has all columns of the table."""
    fields = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's documented name for it
    fields["verdict"] = Verdict(str(fields["verdict"]))
    fields["outcome"] = Outcome(str(fields["outcome"]))
    return Entry(**fields)
