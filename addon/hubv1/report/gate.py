"""What --fail-on asks of a report, for a pipeline to stop at."""

from enum import StrEnum

from hubv1.outcome import CLEAN, TROUBLE, UNBRIDGED
from hubv1.report.model import Report
from hubv1.report.sentence import number

FOUND = 4
"""Exit code: what was asked for is there."""

_SHOWN = 5


class FailOn(StrEnum):
    """What to look for."""

    UNBRIDGED = "unbridged"
    """Calls that were not bridged, or in vain, or lost."""
    ANY = "any"
    """Legacy calls."""
    NEW = "new"
    """Callers that an earlier report does not have."""
    NEVER = "never"


def gate(report: Report, fail_on: FailOn) -> tuple[int, str]:
    """The exit code, and a sentence that says what was found; empty where that is nothing."""
    if report.exit_code == TROUBLE:
        return TROUBLE, ""
    found = _found(report, fail_on)
    return (FOUND, f"--fail-on {fail_on}: {found}.") if found else (CLEAN, "")


def _found(report: Report, fail_on: FailOn) -> str:
    if fail_on is FailOn.NEVER:
        return ""
    if fail_on is FailOn.NEW:
        new = report.baseline.new if report.baseline else ()
        return f"{number(len(new), 'new caller')}: {_some(new)}" if new else ""
    if fail_on is FailOn.UNBRIDGED:
        return "not all calls were bridged" if report.exit_code == UNBRIDGED else ""
    return "there are legacy calls" if report.exit_code != CLEAN else ""


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
