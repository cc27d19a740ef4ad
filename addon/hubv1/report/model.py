"""What a report says, whatever it is shown as. Field names are those of the JSON report."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from hubv1.journal import Gap, Selection
from hubv1.outcome import Outcome
from hubv1.routes import Verdict

SCHEMA = "hub-v1-report/1"


class Standing(StrEnum):
    """How far a caller is, the nearest to the end first."""

    QUIET = "quiet"
    """It has not called for a while."""
    READY = "ready"
    """One call each replaces its calls."""
    NEEDS_PAGING = "needs_paging"
    """Its replacement has to read more than one page."""
    NEEDS_CREDENTIALS = "needs_credentials"
    """Its replacement needs a token."""
    NOT_BRIDGED = "not_bridged"


@dataclass(frozen=True, slots=True)
class Window:
    """First and last legacy call; None where there was none."""

    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True)
class RejectingClient:
    """A client that rejects the bridge's certificate, so that nothing else is known of it."""

    address: str
    host: str
    """The legacy host that it asked for."""
    times: int
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Traffic:
    """All that was seen, so that nothing is mistaken for clean."""

    flows: int
    legacy: int
    still_served: int
    hosts: tuple[str, ...]
    """Legacy hosts that were asked for."""
    gaps: tuple[Gap, ...]
    rejected_tls: int
    rejections: tuple[RejectingClient, ...]
    """Who did so, the latest first, as far as it is known."""
    elsewhere: Mapping[str, int]
    """Calls in recordings that are like v1's, by the host, no legacy host, that they went to."""


@dataclass(frozen=True, slots=True)
class RouteUse:
    """A route that was called."""

    route: str
    successor: str
    verdict: Verdict
    calls: int
    last_seen: datetime
    sentence: str


@dataclass(frozen=True, slots=True)
class CallerUse:
    """A caller and what it did."""

    caller: str
    address: str
    """Of its last call, as the user agent."""
    user_agent: str
    calls: int
    this_hour: int
    """Calls in the hour of the report: nought soon after a fix that works."""
    first_seen: datetime
    last_seen: datetime
    routes: tuple[str, ...]
    repositories: tuple[str, ...]
    verdict: Verdict
    """The worst among its routes."""
    standing: Standing
    reason: str
    """Why, in a few words."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to change: one for each caller, route and repository."""

    route: str
    caller: str
    repository: str
    calls: int
    last_seen: datetime
    successor: str
    """The call to make instead, for this repository."""
    change: str
    """The same for people."""
    old: str
    """The call as it is made now, `{…}` where it differs from call to call."""
    signed: int
    """Calls among them that were made with credentials."""
    paged: int
    """Calls among them that asked for a list longer than a page of v2."""
    outcomes: Mapping[Outcome, int]


@dataclass(frozen=True, slots=True)
class Day:
    """A day, UTC, and how its calls ended."""

    day: date
    calls: int
    outcomes: Mapping[Outcome, int]


@dataclass(frozen=True, slots=True)
class IgnoredCaller:
    """A caller that is known and accepted, and counts for nothing else."""

    caller: str
    calls: int
    last_seen: datetime
    reason: str
    until: date
    """The last day on which it is accepted."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What has become of callers since an earlier report."""

    generated_at: datetime
    """When that one was made."""
    new: tuple[str, ...]
    still: tuple[str, ...]
    gone: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The whole report."""

    generated_at: datetime
    filter: Selection
    """What it is about; nothing in it is everything."""
    window: Window
    seen: Traffic
    totals: Mapping[Outcome, int]
    routes: tuple[RouteUse, ...]
    callers: tuple[CallerUse, ...]
    findings: tuple[Finding, ...]
    days: tuple[Day, ...]
    ignored: tuple[IgnoredCaller, ...]
    """The latest first."""
    baseline: Comparison | None
    """None where there is no earlier report."""
    in_vain: int
    """Calls that were answered on a route that is dead."""
    exit_code: int
    """0, 2 or 3: what the calls mean for the migration; 1 where nothing was seen at all."""
