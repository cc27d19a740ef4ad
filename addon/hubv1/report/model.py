"""What a report says, whatever it is shown as. Field names are those of the JSON report.

Callers and findings may be many: they are structs of msgspec's, which take a third of the memory
and time, and what follows from other fields is a property.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum, StrEnum, auto
from functools import lru_cache
from typing import NamedTuple

import msgspec

from hubv1.api.names import Repository
from hubv1.api.routes import ANSWERED, Outcome, Verdict, route_named
from hubv1.journal import Gap, Selection
from hubv1.replacements import change_for, old_call, successor_for
from hubv1.report.proven import Proof, ProofKey, Proven

SCHEMA = "hub-v1-report/1"

OUTCOMES = tuple(Outcome)
_UNANSWERED = tuple(at for at, outcome in enumerate(OUTCOMES) if outcome not in ANSWERED)


class State(Enum):
    """What the calls mean for the migration."""

    NOTHING_SEEN = auto()
    """Not one flow, so that nothing is known."""
    CLEAN = auto()
    """No legacy call."""
    BRIDGED = auto()
    """Legacy calls, all of them answered or redirected."""
    UNBRIDGED = auto()
    """Legacy calls that were not, or in vain, or of which nothing is known."""


class Standing(StrEnum):
    """How far a caller is, the nearest to the end first."""

    QUIET = "quiet"
    """The caller has made no call for a week."""
    READY = "ready"
    """One call each replaces its calls."""
    NEEDS_PAGING = "needs_paging"
    """Its replacement has to read more than one page."""
    NEEDS_CREDENTIALS = "needs_credentials"
    """Its replacement needs a token."""
    NOT_BRIDGED = "not_bridged"


class Need(StrEnum):
    """What the replacement of a caller's calls needs."""

    CREDENTIALS = "credentials"
    PAGING = "paging"


class Progress(StrEnum):
    """Whether a caller has moved away from v1."""

    MOVED = "moved"
    """The caller has made no call for so long that it will make none any more."""
    LEFT = "left"
    """The caller still calls, or may call again."""
    TOO_EARLY = "too_early"
    """Its calls are too few to tell."""


@dataclass(frozen=True, slots=True)
class Window:
    """First and last legacy call; None if there was none."""

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
    refused_unrecorded: int
    """Calls that were refused because they could not be recorded."""
    rejected_tls: int
    rejections: tuple[RejectingClient, ...]
    """The latest first, as far as they are known."""
    elsewhere: Mapping[str, int]
    """Calls in recordings that are like v1's, by the host, no legacy host, that they went to."""

    @property
    def lost(self) -> int:
        """Calls that were answered and of which nothing else is known."""
        return sum(gap.calls for gap in self.gaps)


@dataclass(frozen=True, slots=True)
class RouteUse:
    """A route that was called."""

    route: str
    successor: str
    verdict: Verdict
    calls: int
    last_seen: datetime
    sentence: str


class CallerUse(msgspec.Struct, frozen=True, gc=False):
    """A caller and what it did."""

    caller: str
    address: str
    """Of its last call, like the user agent."""
    user_agent: str
    calls: int
    this_hour: int
    """Calls in the hour of the report: 0 soon after a fix that works."""
    first_seen: datetime
    last_seen: datetime
    routes: tuple[str, ...]
    repositories: tuple[str, ...]
    verdict: Verdict
    """The worst among its routes."""
    standing: Standing
    reason: str
    """Why, in a few words."""
    unbridged_share: float
    """Of the calls on its last seven days with a call, how many were not bridged: 0 to 1."""
    earlier: str
    """Calls before those that were not bridged, in a few words; empty for none."""
    needs: tuple[Need, ...]
    """What its replacements need, whatever its standing."""
    progress: Progress
    moves_at: datetime
    """From when on it has moved, if it does not call again."""
    proven: Proven | None = None
    """Whether its replacements were seen to give the same; None if nobody has looked."""


class Finding(msgspec.Struct, frozen=True, gc=False):
    """Something to change: one for each caller, route and repository."""

    route: str
    caller: str
    repository: str
    host: str
    """The host of the last call."""
    calls: int
    last_seen: datetime
    signed: int
    """Calls with credentials."""
    paged: int
    """Calls for a list longer than a page of v2."""
    ended: tuple[int, ...]
    """How many calls ended in each way, in the order of `OUTCOMES`."""
    error_type: str = ""
    """Why the last call that was refused or failed was, as far as it is known; like `error`."""
    error: str = ""

    @property
    def unanswered(self) -> Mapping[Outcome, int]:
        """How many calls were neither answered nor redirected, by how they ended."""
        return {OUTCOMES[at]: self.ended[at] for at in _UNANSWERED if self.ended[at]}

    @property
    def migration(self) -> "Migration":
        """What follows from the route, the host and the repository."""
        return _migration(self.route, self.host, self.repository)


class Migration(NamedTuple):
    """What follows from a finding's route, host and repository, whoever calls."""

    old: str
    """The call as it is made now, `{…}` where it differs from call to call."""
    successor: str
    """The call to make instead, for this repository."""
    change: str
    """What to change, in one sentence that a person can act on."""


@lru_cache(10_000)  # most findings differ in the caller alone
def _migration(route: str, host: str, repository: str) -> Migration:
    row = route_named(route)
    namespace, _, name = repository.partition("/")
    named = Repository(namespace, name) if name else None  # else none, or many not told apart
    return Migration(old_call(row, host, named), successor_for(row, named), change_for(row, named))


@dataclass(frozen=True, slots=True)
class RetiringUse:
    """A route of API v2 that Docker retires next, and who calls it."""

    route: str
    since: date | None
    """When Docker deprecated it; None if no day is known."""
    successor: str
    calls: int
    callers: tuple[str, ...]
    """The latest first."""
    last_seen: datetime


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
    moved: tuple[str, ...] = ()
    """Those that count as moved since then, whenever they called."""


@dataclass(frozen=True, slots=True)
class Team:
    """Callers with one owner."""

    team: str
    """Empty for those that have none."""
    mail: str
    link: str
    callers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole report. Callers are sorted by their last call, findings and routes by their
    calls."""

    generated_at: datetime
    filter: Selection
    """What it is about; nothing in it is everything."""
    window: Window
    seen: Traffic
    totals: Mapping[Outcome, int]
    routes: tuple[RouteUse, ...]
    callers: tuple[CallerUse, ...]
    caller_count: int
    """More than are in `callers` if the rest of them are counted together."""
    repository_count: int
    findings: tuple[Finding, ...]
    days: tuple[Day, ...]
    ignored: tuple[IgnoredCaller, ...]
    baseline: Comparison | None
    teams: tuple[Team, ...] = ()
    """With owners alone: those without one first."""
    retiring: tuple[RetiringUse, ...] = ()
    """Apart from v1: nothing else counts these calls, nor who makes them."""
    retiring_callers: tuple[CallerUse, ...] = ()
    retiring_findings: tuple[Finding, ...] = ()
    in_vain: int
    """Calls that were answered on a route that is dead."""
    state: State
    proofs: Mapping[ProofKey, Proof] = field(default_factory=dict)
    """Of the replacements of its findings."""

    @property
    def team_names(self) -> Mapping[str, str]:
        """The team of each caller, with owners; empty for one that has none."""
        return {name: team.team for team in self.teams for name in team.callers}
