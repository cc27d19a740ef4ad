"""Statements that are compiled once and then go to the database's driver as they are.

SQLAlchemy writes them, for whichever database it is. Running them through it as well would cost
more, for each call, than the database does.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import ClauseElement, Column, Dialect, Select, Table, case
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

Row = Sequence[Any]
Cursor = Any
"""Of any driver: DB-API 2.0 has no types."""

_KEPT = 16

_Converter = Callable[[Any], Any]

_Insert = sqlite.Insert | postgresql.Insert
_INSERTS: dict[str, Callable[[Table], _Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


class Statement:
    """An INSERT of rows whose values are in the order of the table's columns."""

    def __init__(
        self, clause: ClauseElement, columns: Iterable[Column[Any]], dialect: Dialect
    ) -> None:
        """Compiles the clause."""
        self._sql = str(clause.compile(dialect=dialect))
        converters = (_converter(column.type, dialect) for column in columns)
        self._converters = [each for each in enumerate(converters) if each[1]]

    def run(self, cursor: Cursor, rows: Sequence[Row]) -> None:
        """Insert the rows."""
        if len(rows) == 1:
            cursor.execute(self._sql, self._converted(rows[0]))
        elif rows:
            cursor.executemany(self._sql, [self._converted(row) for row in rows])

    def _converted(self, row: Row) -> Row:
        values = list(row)
        for place, convert in self._converters:
            if convert is not None:
                values[place] = convert(values[place])
        return values


class Query:
    """A SELECT or DELETE with parameters."""

    def __init__(self, clause: ClauseElement, dialect: Dialect) -> None:
        """Compiles the clause."""
        compiled = cast(SQLCompiler, clause.compile(dialect=dialect))
        self._sql = str(compiled)
        self._result = _result_converter(clause, dialect)
        binds = [compiled.binds[name] for name in compiled.positiontup or ()]
        self._converters = [_converter(bind.type, dialect) for bind in binds]

    def run(self, cursor: Cursor, *values: object) -> Cursor:
        """The cursor after the statement was run with these values."""
        pairs = zip(self._converters, values, strict=True)
        return cursor.execute(self._sql, [each(value) if each else value for each, value in pairs])

    def value(self, cursor: Cursor, *values: object) -> Any:  # noqa: ANN401  # of the column's type
        """The one value that it selects."""
        [[value]] = self.rows(cursor, *values)
        return value if self._result is None or value is None else self._result(value)

    def rows(self, cursor: Cursor, *values: object) -> list[Row]:
        """What it selects."""
        self.run(cursor, *values)
        return list(cursor.fetchall())


def appending(table: Table, dialect: Dialect) -> Statement:
    """Plain rows for `table`."""
    return Statement(table.insert(), table.columns, dialect)


def adding(table: Table, sums: Iterable[str], dialect: Dialect) -> Statement:
    """Rows whose `sums` are added to those of the row with the same key; `first_at` and
    `last_at`, where there are such, widen its own."""
    insert = _insert(table, dialect)
    new, old = insert.excluded, table.c
    values = {name: old[name] + new[name] for name in sums}
    if "first_at" in old:
        values["first_at"] = case((new.first_at < old.first_at, new.first_at), else_=old.first_at)
        values["last_at"] = case((new.last_at > old.last_at, new.last_at), else_=old.last_at)
    return Statement(_upsert(insert, table, values), table.columns, dialect)


def renewing(table: Table, dialect: Dialect) -> Statement:
    """Rows that take the place of the one with the same key, unless its `last_seen` is later;
    `first_seen` stays the earliest."""
    insert = _insert(table, dialect)
    new, old = insert.excluded, table.c
    values = {
        column.name: case((new.last_seen >= old.last_seen, new[column.name]), else_=column)
        for column in table.columns
        if not column.primary_key
    }
    is_earlier = new.first_seen < old.first_seen
    values["first_seen"] = case((is_earlier, new.first_seen), else_=old.first_seen)
    return Statement(_upsert(insert, table, values), table.columns, dialect)


def _insert(table: Table, dialect: Dialect) -> _Insert:
    return _INSERTS.get(dialect.name, sqlite.insert)(table)


def _upsert(insert: _Insert, table: Table, values: dict[str, Any]) -> ClauseElement:
    clause: ClauseElement = insert.on_conflict_do_update(
        index_elements=list(table.primary_key), set_=values
    )
    return clause


def _converter(kind: TypeEngine[Any], dialect: Dialect) -> _Converter | None:
    """What the driver is given for a value of SQLAlchemy's."""
    convert = kind.dialect_impl(dialect).bind_processor(dialect)
    # A call brings the same few times to several tables.
    return convert and lru_cache(_KEPT)(convert)


def _result_converter(clause: ClauseElement, dialect: Dialect) -> _Converter | None:
    """The way back, for the first column of a SELECT."""
    if not isinstance(clause, Select):
        return None
    kind = next(iter(clause.selected_columns)).type
    return kind.dialect_impl(dialect).result_processor(dialect, None)
