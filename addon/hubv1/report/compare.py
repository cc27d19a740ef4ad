"""A report compared with an earlier one, and the gate of --fail-on."""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

import msgspec

from hubv1.journal import Selection
from hubv1.report.input_file import ReportError, read_input
from hubv1.report.model import Comparison, Report, State
from hubv1.report.prose import listed
from hubv1.text import number

_SHOWN = 5
_NAMES = ("callers", "hosts", "routes", "repositories", "outcomes")
"""Filters that two reports must share; their periods may differ."""


class _Caller(msgspec.Struct):
    caller: str


class _Finding(msgspec.Struct):
    repository: str


class _Seen(msgspec.Struct, frozen=True):
    hosts: list[str] = []


class Earlier(msgspec.Struct):
    """The parts of an earlier report that a comparison needs."""

    schema: Literal["hub-v1-report/1"]
    generated_at: datetime
    callers: list[_Caller]
    ignored: list[_Caller] = []
    findings: list[_Finding] = []
    seen: _Seen = _Seen()
    filter: dict[str, object] = {}


def read_baseline(path: Path, selection: Selection) -> Earlier:
    """The earlier report in that file, which must have the same filters.

    Raises ReportError.
    """
    earlier = read_input(path, "earlier JSON report", msgspec.json.Decoder(Earlier).decode)
    wanted = msgspec.to_builtins(selection)
    if any(earlier.filter.get(name, []) != [*wanted[name]] for name in _NAMES):
        raise ReportError(
            f"The earlier report {path} was made with other filters, so that callers would seem "
            "new or gone: make both with the same."
        )
    return earlier


def compared(earlier: Earlier, callers: Collection[str], ignored: Collection[str]) -> Comparison:
    """Which callers are new since the earlier report, still there, or gone.

    Ignored callers are never new, nor gone while they call.
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
    """What --fail-on looks for."""

    UNBRIDGED = "unbridged"
    """Calls that were not bridged, were answered in vain, or were lost."""
    ANY = "any"
    """Legacy calls."""
    NEW = "new"
    """Callers that an earlier report does not have."""
    RETIRING = "retiring"
    """Calls to what Docker retires next of API v2."""
    NEVER = "never"


def gate(report: Report, fail_on: FailOn) -> str:
    """A sentence that says what the gate found; empty if it found nothing."""
    if report.state is State.NOTHING_SEEN:
        return ""
    new = report.baseline.new if report.baseline else ()
    found, sentence = {
        FailOn.NEVER: (False, ""),
        FailOn.NEW: (bool(new), f"{number(len(new), 'new caller')}: {listed(new, _SHOWN)}"),
        FailOn.UNBRIDGED: (report.state is State.UNBRIDGED, "not all calls were bridged"),
        FailOn.RETIRING: (bool(report.retiring), "there are calls to what Docker retires next"),
        FailOn.ANY: (report.state is not State.CLEAN, "there are legacy calls"),
    }[fail_on]
    return f"--fail-on {fail_on}: {sentence}." if found else ""
