"""The report for programs: JSON (schema `hub-v1-report/1`) and CSV (RFC 4180), in pieces.

There may be hundreds of thousands of callers and findings, so the text is never whole in memory.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date, datetime
from difflib import get_close_matches
from functools import lru_cache
from itertools import chain, islice
from operator import attrgetter, itemgetter
from typing import Any

import msgspec

from hubv1.report.model import OUTCOMES, SCHEMA, Day, Finding, Migration, Report
from hubv1.report.progress import callers_by_day, expected_end, progress_counts, progress_of_teams
from hubv1.report.proof_file import key_of
from hubv1.report.prose import rfc3339
from hubv1.text import printable

COLUMNS = (
    *("caller", "address", "user_agent", "standing", "reason", "route", "repository", "calls"),
    *(outcome.value for outcome in OUTCOMES),
    *("signed", "paged", "last_seen", "old", "successor", "change", "state", "proof", "team"),
)
"""The columns that a table of findings can have, named after fields of the JSON report or outcomes.
`state` is that of the caller since an earlier report, or `retiring` for calls to what
Docker retires next; `team` is that of its owner."""

_AT_ONCE = 1_000
"""Callers or findings in a piece of text."""
_OF_FINDING = ("caller", "route", "repository", "calls", "signed", "paged")
_OF_CALLER = ("address", "user_agent", "standing", "reason")
_KEYS = frozenset(("caller", "route", "repository"))
"""The columns that identify a finding."""
_FIGURES = frozenset(("calls", *OUTCOMES, "signed", "paged"))

_FORMULA = r"=+\-@\uff1d\uff0b\uff0d\uff20"
"""Characters that begin a formula in a spreadsheet, full-width forms included
(https://owasp.org/www-community/attacks/CSV_Injection)."""
_FORMULA_CELL = re.compile(rf"(^|[,;|:\t])(?=[\s\"']*[{_FORMULA}])")


def as_json(report: Report) -> Iterator[str]:
    """The report as a JSON text; times are RFC 3339 in UTC."""
    parts: dict[str, Any] = {
        "schema": SCHEMA,
        "generated_at": report.generated_at,
        "filter": asdict(report.filter),
        "window": asdict(report.window),
        "seen": asdict(report.seen),
        "totals": {"calls": report.seen.legacy, **report.totals},
        "progress": asdict(progress_counts(report)),
        "expected_end": expected_end(report),
        "burn_down": [{"day": day, "callers": n} for day, n in callers_by_day(report)],
        "routes": [*map(asdict, report.routes)],
        "callers": map(msgspec.structs.asdict, report.callers),
        "findings": map(_finding, report.findings),
        "days": [*map(_day, report.days)],
        "ignored": [*map(asdict, report.ignored)],
        "teams": [
            {**asdict(team), "progress": asdict(counts)}
            for team, counts in progress_of_teams(report)
        ],
        "baseline": report.baseline and asdict(report.baseline),
        "proofs": [*report.proofs.values()],
        "retiring": [*map(asdict, report.retiring)],
    }
    before = "{"
    for name, part in parts.items():
        yield f'{before}\n  "{name}": '
        if isinstance(part, Iterator):
            yield from _list(part)
        else:
            yield _indented(part)
        before = ","
    yield "\n}\n"


def _list(items: Iterator[object]) -> Iterator[str]:
    """An array of many objects, some at a time."""
    before = "["
    while some := [*islice(items, _AT_ONCE)]:
        yield before + _indented(some)[1:-4]
        before = ","
    yield "[]" if before == "[" else "\n  ]"


def _indented(value: object) -> str:
    # The json module takes ten times as long to indent, and msgspec escapes nothing for ASCII.
    text = json.dumps(value, default=_plain)
    return msgspec.json.format(text, indent=2).replace("\n", "\n  ")


def _plain(value: msgspec.Struct | datetime | date) -> object:
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.asdict(value)
    return rfc3339(value) if isinstance(value, datetime) else value.isoformat()


def _day(day: Day) -> dict[str, object]:
    return {"day": day.day, "calls": day.calls} | {**day.outcomes}


def _finding(finding: Finding) -> dict[str, object]:
    fields = msgspec.structs.asdict(finding) | finding.migration._asdict()
    fields["outcomes"] = dict(zip(OUTCOMES, fields.pop("ended"), strict=True))
    del fields["host"]  # `old` has it
    return fields


def read_columns(text: str) -> tuple[str, ...]:
    """The columns in a list with commas; raises ValueError."""
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in COLUMNS:
            near = get_close_matches(name, COLUMNS, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ValueError(f"there is no column {name!r}.{hint} Choose of {', '.join(COLUMNS)}")
    return names


def rows_of(report: Report, columns: Sequence[str]) -> Iterator[Sequence[str | int]]:
    """A row for each finding, the busiest first, for each caller that is gone since an earlier
    report, and for each finding of what Docker retires next; rows that differ in figures and times
    alone are merged.
    """
    if {*columns} >= _KEYS:
        yield from _rows(report, columns)
        return
    order = *columns, *({"calls", "last_seen"} - {*columns})
    figures = [at for at, name in enumerate(order) if name in _FIGURES]
    times = [at for at, name in enumerate(order) if name == "last_seen"]
    groups: dict[tuple[str | int, ...], list[Any]] = {}
    for row in _rows(report, order):
        key = tuple(value for at, value in enumerate(row) if at not in figures + times)
        group = groups.get(key)
        if group is None:
            groups[key] = [*row]
            continue
        for at in figures:
            group[at] += row[at]
        for at in times:
            group[at] = max(group[at], row[at])
    busiest = itemgetter(order.index("calls"))
    for group in sorted(groups.values(), key=busiest, reverse=True):
        yield group[: len(columns)]


def row_count(report: Report, columns: Sequence[str]) -> int:
    """The number of rows of a table with these columns."""
    if {*columns} >= _KEYS:
        gone = len(report.baseline.gone) if report.baseline else 0
        return len(report.findings) + gone + len(report.retiring_findings)
    return sum(1 for _ in rows_of(report, columns))


def _rows(report: Report, columns: Sequence[str]) -> Iterator[Sequence[Any]]:
    """The rows before any are merged."""
    callers = {use.caller: use for use in report.callers}
    earlier = report.baseline
    states = dict.fromkeys(earlier.still, "still") if earlier else {}
    states |= dict.fromkeys(earlier.new, "new") if earlier else {}
    teams = report.team_names
    of_finding, of_caller = attrgetter(*_OF_FINDING), attrgetter(*_OF_CALLER)
    names = (
        *_OF_FINDING,
        *_OF_CALLER,
        *OUTCOMES,
        *Migration._fields,
        "last_seen",
        "state",
        "proof",
        "team",
    )
    places = [names.index(column) for column in columns]
    for finding in report.findings:
        name = finding.caller
        found = *of_finding(finding), *of_caller(callers[name]), *finding.ended, *finding.migration
        key = key_of(finding) if report.proofs else None
        proof = report.proofs.get(key) if key else None
        result = f"{proof.result} {proof.at:%Y-%m-%d}" if proof else ""
        more = states.get(name, ""), result, teams.get(name, "")
        values = *found, rfc3339(finding.last_seen), *more
        yield [values[place] for place in places]
    for name in earlier.gone if earlier else ():
        known = {"caller": name, "state": "gone"}
        yield [known.get(column, 0 if column in _FIGURES else "") for column in columns]
    callers = {use.caller: use for use in report.retiring_callers}
    for finding in report.retiring_findings:
        use = callers[finding.caller]
        found = *of_finding(finding), use.address, use.user_agent, "", "", *finding.ended
        values = *found, *finding.migration, rfc3339(finding.last_seen), "retiring", "", ""
        yield [values[place] for place in places]


def as_csv(report: Report, columns: Sequence[str] = ()) -> Iterator[str]:
    """The findings with these columns, or all columns; without a finding, the header alone."""
    columns = columns or COLUMNS
    rows = chain([columns], rows_of(report, columns))
    # The csv module would examine each character of each cell; most cells repeat, so a cache helps.
    lines = (",".join(map(_csv_cell, row)) or '""' for row in rows)
    while some := [*islice(lines, _AT_ONCE)]:
        yield "\r\n".join([*some, ""])


@lru_cache(10_000)  # most texts of a table are repeated in its next rows
def _csv_cell(value: str | int) -> str:
    """A cell of CSV (RFC 4180): text is on one line, with a `'` before what would be a formula.

    Spreadsheets guess the separator, some by locale. So a formula is also looked for behind any
    separator that they may guess, whatever the cell is quoted with.
    """
    if isinstance(value, int):
        return str(value)
    text = _FORMULA_CELL.sub(r"\1'", printable(value))
    text = f"'{text}" if value[:1] in {"\t", "\r", "\n"} else text
    return '"{}"'.format(text.replace('"', '""')) if "," in text or '"' in text else text
