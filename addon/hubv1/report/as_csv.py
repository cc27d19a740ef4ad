"""The report's findings as CSV (RFC 4180): a header, then a row for each."""

import csv
from collections.abc import Sequence
from io import StringIO

from hubv1.report.columns import COLUMNS, Value, cells
from hubv1.report.model import Report
from hubv1.texts import printable

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a spreadsheet compute a cell, the full-width forms included
(https://owasp.org/www-community/attacks/CSV_Injection)."""


def as_csv(report: Report, columns: Sequence[str] = COLUMNS) -> str:
    """The findings with these columns; the header is there also where there are none."""
    out = StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows(map(_cell, row) for row in cells(report, columns))
    return out.getvalue()


def _cell(value: Value) -> Value:
    if isinstance(value, int):
        return value
    return f"'{printable(value)}" if value.startswith(_FORMULA) else printable(value)
