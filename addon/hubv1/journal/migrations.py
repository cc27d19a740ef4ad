"""Making a journal, or bringing that of an older bridge forward: one step for each version.

Steps look at what there is and add what is missing, so that they hold whatever the tables look
like in later versions.
"""

from collections.abc import Callable, Iterator
from itertools import islice

from sqlalchemy import Connection, Table, insert, inspect, select, update
from sqlalchemy.schema import CreateColumn

from hubv1.journal import tables
from hubv1.journal.counts import Counts
from hubv1.journal.damage import APPLICATION_ID
from hubv1.journal.entry import Entry
from hubv1.journal.rows import entries
from hubv1.journal.views import create_views

_COUNTED_AT_ONCE = 5_000


def bring_forward(connection: Connection) -> None:
    """Make the journal one of this version, and leave a newer one alone.

    All of it is in the caller's transaction: cut off in the middle, nothing has happened.
    """
    version = version_of(connection)
    if version is None:
        _create(connection)
        connection.execute(insert(tables.journal).values(schema_version=tables.SCHEMA_VERSION))
    elif version < tables.SCHEMA_VERSION:
        for step in _STEPS[version - 1 :]:
            step(connection)
        connection.execute(update(tables.journal).values(schema_version=tables.SCHEMA_VERSION))


def version_of(connection: Connection) -> int | None:
    """The version of the journal; None where there is none yet."""
    if not inspect(connection).has_table(tables.journal.name):
        return None
    return connection.execute(select(tables.journal.c.schema_version)).scalar()


def _to_2(connection: Connection) -> None:
    """What a call was made with, how long its list was, and counts that outlive the rows."""
    _add_columns(connection, tables.calls)
    _create(connection)
    counts = Counts(connection.dialect)
    cursor = connection.connection.cursor()
    for some in _by(_COUNTED_AT_ONCE, entries(connection)):
        counts.add(cursor, some)
    cursor.close()


_STEPS: tuple[Callable[[Connection], None], ...] = (_to_2,)
"""The first leads from version 1 to 2."""


def _create(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
    tables.metadata.create_all(connection)
    create_views(connection)


def _add_columns(connection: Connection, table: Table) -> None:
    """Those that are missing; old rows have nothing there, NULL or an empty text."""
    present = {column["name"] for column in inspect(connection).get_columns(table.name)}
    for column in table.columns:
        if column.name not in present:
            new = CreateColumn(column).compile(dialect=connection.dialect)
            default = "" if column.nullable else " DEFAULT ''"
            connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {new}{default}")


def _by(number: int, every: Iterator[Entry]) -> Iterator[list[Entry]]:
    while some := list(islice(every, number)):
        yield some
