"""The columns that a table of findings can have, whatever it is shown as."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches

from hubv1.outcome import Outcome
from hubv1.report.model import CallerUse, Comparison, Finding, Report
from hubv1.report.moments import rfc3339

Value = str | int
_Read = Callable[[Finding, CallerUse], Value]
_STATE = "state"
_CALLER = "caller"

_FIGURES = ("calls", *Outcome, "signed", "paged")


class UnknownColumn(Exception):
    """There is no column of that name; the message has those that there are."""


def _outcome(outcome: Outcome) -> _Read:
    return lambda finding, _: finding.outcomes[outcome]


_COLUMNS: Mapping[str, _Read] = {
    "caller": lambda finding, _: finding.caller,
    "address": lambda _, caller: caller.address,
    "user_agent": lambda _, caller: caller.user_agent,
    "standing": lambda _, caller: caller.standing.value,
    "reason": lambda _, caller: caller.reason,
    "route": lambda finding, _: finding.route,
    "repository": lambda finding, _: finding.repository,
    "calls": lambda finding, _: finding.calls,
    **{outcome.value: _outcome(outcome) for outcome in Outcome},
    "signed": lambda finding, _: finding.signed,
    "paged": lambda finding, _: finding.paged,
    "last_seen": lambda finding, _: rfc3339(finding.last_seen),
    "old": lambda finding, _: finding.old,
    "successor": lambda finding, _: finding.successor,
    "change": lambda finding, _: finding.change,
}

COLUMNS = (*_COLUMNS, _STATE)
"""Their names: those of the JSON report's fields, or of the outcome that is counted. The state of a
caller is what has become of it since an earlier report."""


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


def cells(report: Report, columns: Sequence[str]) -> Iterator[list[Value]]:
    """A row for each finding, the busiest first, and for each caller that is gone since an earlier
    report."""
    callers = {use.caller: use for use in report.callers}
    states = _states(report.baseline) if report.baseline else {}
    for finding in report.findings:
        own = {_STATE: states.get(finding.caller, "")}
        yield [
            own[name] if name in own else _COLUMNS[name](finding, callers[finding.caller])
            for name in columns
        ]
    for caller in report.baseline.gone if report.baseline else ():
        known = {_CALLER: caller, _STATE: "gone"}
        yield [known.get(name, 0 if name in _FIGURES else "") for name in columns]


def _states(baseline: Comparison) -> dict[str, str]:
    return dict.fromkeys(baseline.still, "still") | dict.fromkeys(baseline.new, "new")
