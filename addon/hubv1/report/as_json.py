"""The report as JSON, schema `hub-v1-report/1`."""

import json
from datetime import date, datetime
from typing import Any

import msgspec

from hubv1.report.model import SCHEMA, Day, Report
from hubv1.report.moments import rfc3339


def as_json(report: Report) -> str:
    """The report as a JSON text; times are RFC 3339 in UTC."""
    fields = msgspec.to_builtins(report, builtin_types=(datetime, date))
    del fields["exit_code"], fields["in_vain"]
    body = {
        "schema": SCHEMA,
        **fields,
        "totals": {"calls": report.seen.legacy, **fields["totals"]},
        "days": [_day(day) for day in report.days],
    }
    return json.dumps(body, indent=2, default=_moment) + "\n"


def _day(day: Day) -> dict[str, Any]:
    outcomes = {str(outcome): calls for outcome, calls in day.outcomes.items()}
    return {"day": day.day.isoformat(), "calls": day.calls, **outcomes}


def _moment(value: datetime | date) -> str:
    return rfc3339(value) if isinstance(value, datetime) else value.isoformat()
