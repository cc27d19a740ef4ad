"""A report against an earlier one, and against what --fail-on asks of it."""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import msgspec

from hubv1.journal import Selection
from hubv1.report.model import SCHEMA, Comparison, Report, State
from hubv1.text import decode_text, number, plainly

DONE, NOTHING_SEEN, FOUND = 0, 1, 4
"""Exit codes; the last says that what --fail-on asked for is there."""

_SHOWN = 5


class BaselineError(Exception):
    """An earlier report that cannot be compared with, and why, in one sentence."""


class _Caller(msgspec.Struct):
    caller: str


class _Wanted(msgspec.Struct, frozen=True):
    """The names that a report is about; a period is no matter, it moves from report to report."""

    callers: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()


class Earlier(msgspec.Struct):
    """What is needed of an earlier report."""

    schema: str
    generated_at: datetime
    callers: list[_Caller]
    ignored: list[_Caller] = []
    filter: _Wanted = _Wanted()


def read_baseline(path: Path, selection: Selection) -> Earlier:
    """The earlier report in that file, which has to be of the same selection of names.

    Raises BaselineError.
    """
    try:
        content = _readable(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BaselineError(
            f"The earlier report {path} cannot be read: {plainly(error)}."
        ) from error
    try:
        schema = msgspec.json.decode(content, type=_Named).schema
        earlier = msgspec.json.decode(content, type=Earlier) if schema == SCHEMA else None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BaselineError(
            f"{path} is no JSON report of this command, which --baseline needs: {error}."
        ) from error
    if earlier is None:
        raise BaselineError(
            f"The earlier report {path} has the schema {schema!r}, and this command knows "
            f"{SCHEMA} alone: make it anew."
        )
    if earlier.filter != msgspec.convert(selection, type=_Wanted, from_attributes=True):
        raise BaselineError(
            f"The earlier report {path} was made with other filters, so that callers would seem "
            "new or gone: make both with the same."
        )
    return earlier


class _Named(msgspec.Struct):
    schema: str


def _readable(content: bytes) -> bytes | str:
    """JSON as it comes, which may be large; what somebody's editor has saved anew is decoded."""
    try:
        msgspec.json.decode(content, type=_Named)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return decode_text(content)
    return content


def compared(earlier: Earlier, callers: Collection[str], ignored: Collection[str]) -> Comparison:
    """Who is new among `callers`, and who of the earlier report is still there or gone.

    Those that are or were ignored are known: they are never new, nor gone while they call.
    """
    before = {one.caller for one in earlier.callers}
    known = before | {one.caller for one in earlier.ignored}
    now = set(callers)
    return Comparison(
        generated_at=earlier.generated_at,
        new=tuple(sorted(now - known)),
        still=tuple(sorted(now & known)),
        gone=tuple(sorted(before - now - set(ignored))),
    )


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
    if report.state is State.NOTHING_SEEN:
        return NOTHING_SEEN, ""
    found = _found(report, fail_on)
    return (FOUND, f"--fail-on {fail_on}: {found}.") if found else (DONE, "")


def _found(report: Report, fail_on: FailOn) -> str:
    if fail_on is FailOn.NEVER:
        return ""
    if fail_on is FailOn.NEW:
        new = report.baseline.new if report.baseline else ()
        return f"{number(len(new), 'new caller')}: {_some(new)}" if new else ""
    if fail_on is FailOn.UNBRIDGED:
        return "not all calls were bridged" if report.state is State.UNBRIDGED else ""
    return "there are legacy calls" if report.state is not State.CLEAN else ""


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
