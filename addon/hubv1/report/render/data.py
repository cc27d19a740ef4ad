"""The report for programs: JSON (schema `hub-v1-report/1`) and CSV (RFC 4180), bit by bit.

Callers and findings may be hundreds of thousands, so the text is never there as a whole.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date, datetime
from difflib import get_close_matches
from functools import lru_cache
from itertools import chain, islice
from json.encoder import encode_basestring_ascii as _text
from operator import attrgetter
from typing import Any

from hubv1.api.routes import Outcome
from hubv1.report.escaping import csv_cell
from hubv1.report.model import OUTCOMES, SCHEMA, CallerUse, Comparison, Day, Finding, Report, Told
from hubv1.report.prose import rfc3339

_AT_ONCE = 1_000
"""Callers or findings in a bit of text."""
_KEPT = 10_000


def as_json(report: Report) -> Iterator[str]:
    """The report as a JSON text; times are RFC 3339 in UTC."""
    parts: dict[str, Any] = {
        "schema": SCHEMA,
        "generated_at": report.generated_at,
        "filter": asdict(report.filter),
        "window": asdict(report.window),
        "seen": asdict(report.seen),
        "totals": {"calls": report.seen.legacy, **report.totals},
        "routes": [*map(asdict, report.routes)],
        "callers": map(_caller, report.callers),
        "findings": map(_finding, report.findings),
        "days": [*map(_day, report.days)],
        "ignored": [*map(asdict, report.ignored)],
        "baseline": report.baseline and asdict(report.baseline),
    }
    before = "{"
    for name, part in parts.items():
        yield f'{before}\n  "{name}": '
        if isinstance(part, Iterator):
            yield from _list(part)
        else:
            yield _indented(part, 2)
        before = ","
    yield "\n}\n"


def _list(items: Iterator[str]) -> Iterator[str]:
    """Many objects, some at a time."""
    before = "["
    while some := [*islice(items, _AT_ONCE)]:
        yield before + ",".join(some)
        before = ","
    yield "[]" if before == "[" else "\n  ]"


def _template(*fields: str) -> str:
    """An object in a list of the report, with a place for the value of each field.

    To have the json module indent objects takes ten times as long as to fill this in.
    """
    lines = (f'\n      "{field}": %s' for field in fields)
    return f"\n    {{{','.join(lines)}\n    }}"


_CALLER = _template(*CallerUse.__struct_fields__)
_FINDING = _template(
    *("route", "caller", "repository", "calls", "last_seen", "successor", "change", "old"),
    *("signed", "paged", "outcomes"),
)


def _caller(use: CallerUse) -> str:
    return _CALLER % (
        _text(use.caller),
        _text(use.address),
        _shared(use.user_agent),
        use.calls,
        use.this_hour,
        f'"{rfc3339(use.first_seen)}"',
        f'"{rfc3339(use.last_seen)}"',
        _shared(use.routes),
        _shared(use.repositories),
        _shared(use.verdict),
        _shared(use.standing),
        _shared(use.reason),
    )


def _finding(finding: Finding) -> str:
    told = finding.told
    return _FINDING % (
        _shared(finding.route),
        _text(finding.caller),
        _shared(finding.repository),
        finding.calls,
        f'"{rfc3339(finding.last_seen)}"',
        _shared(told.successor),
        _shared(told.change),
        _shared(told.old),
        finding.signed,
        finding.paged,
        _ended(finding.ended),
    )


@lru_cache(_KEPT)
def _shared(value: str | tuple[str, ...]) -> str:
    """A value that many callers or findings have in common."""
    return _indented(value, 6)


@lru_cache(_KEPT)
def _ended(ended: tuple[int, ...]) -> str:
    return _indented(dict(zip(OUTCOMES, ended, strict=True)), 6)


def _indented(value: object, columns: int) -> str:
    text = json.dumps(value, indent=2, default=_moment)
    return text.replace("\n", "\n" + " " * columns)


def _day(day: Day) -> dict[str, Any]:
    return {"day": day.day, "calls": day.calls} | {**day.outcomes}


def _moment(value: datetime | date) -> str:
    return rfc3339(value) if isinstance(value, datetime) else value.isoformat()


Value = str | int

_OF_FINDING = ("caller", "route", "repository", "calls", "signed", "paged")
_OF_CALLER = ("address", "user_agent", "standing", "reason")
_FIGURES = frozenset(("calls", *Outcome, "signed", "paged"))

COLUMNS = (
    *("caller", "address", "user_agent", "standing", "reason", "route", "repository", "calls"),
    *(outcome.value for outcome in Outcome),
    *("signed", "paged", "last_seen", "old", "successor", "change", "state"),
)
"""Names of the columns that a table of findings can have, whatever it is shown as: those of the
JSON report's fields, or of the outcome that is counted. The state of a caller is what has become of
it since an earlier report."""


class UnknownColumn(Exception):
    """There is no column of that name; the message has those that there are."""


def read_columns(text: str) -> tuple[str, ...]:
    """The names in a list with commas between them; raises UnknownColumn."""
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in COLUMNS:
            near = get_close_matches(name, COLUMNS, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UnknownColumn(
                f"there is no column {name!r}.{hint} Choose of {', '.join(COLUMNS)}"
            )
    return names


def rows_of(report: Report, columns: Sequence[str]) -> Iterator[Sequence[Value]]:
    """A row for each finding, the busiest first, and for each caller that is gone since an earlier
    report."""
    callers = {use.caller: use for use in report.callers}
    states = _states(report.baseline) if report.baseline else {}
    of_finding, of_caller = attrgetter(*_OF_FINDING), attrgetter(*_OF_CALLER)
    names = (*_OF_FINDING, *_OF_CALLER, *OUTCOMES, *Told._fields, "last_seen", "state")
    places = [names.index(column) for column in columns]
    for finding in report.findings:
        name = finding.caller
        found = *of_finding(finding), *of_caller(callers[name]), *finding.ended, *finding.told
        values = *found, rfc3339(finding.last_seen), states.get(name, "")
        yield [values[place] for place in places]
    for name in report.baseline.gone if report.baseline else ():
        known = {"caller": name, "state": "gone"}
        yield [known.get(column, 0 if column in _FIGURES else "") for column in columns]


def row_count(report: Report) -> int:
    """How many rows a table of findings has."""
    return len(report.findings) + (len(report.baseline.gone) if report.baseline else 0)


def as_csv(report: Report, columns: Sequence[str] = ()) -> Iterator[str]:
    """The findings with these columns, or all; the header is there also where there are none."""
    columns = columns or COLUMNS
    rows = chain([columns], rows_of(report, columns))
    # The csv module would look at each character of each cell, most of which were there before.
    lines = (",".join(map(csv_cell, row)) or '""' for row in rows)
    while some := [*islice(lines, _AT_ONCE)]:
        yield "\r\n".join([*some, ""])


def _states(baseline: Comparison) -> dict[str, str]:
    return dict.fromkeys(baseline.still, "still") | dict.fromkeys(baseline.new, "new")
