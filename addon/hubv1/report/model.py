"""The report as data. Field names are those of the JSON report.

There may be many callers and findings: they are msgspec structs, which take a third of the memory
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
    """No flow at all, so nothing is known."""
    CLEAN = auto()
    """No legacy call."""
    BRIDGED = auto()
    """Legacy calls, all of them answered or redirected."""
    UNBRIDGED = auto()
    """Legacy calls that were not answered, were answered in vain, or left no record."""


class Standing(StrEnum):
    """How far a caller has come, the farthest first."""

    QUIET = "quiet"
    """The caller has made no call for a week."""
    READY = "ready"
    """One call to v2 replaces each of its calls."""
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
    """The caller has been quiet for so long that it will not call again."""
    LEFT = "left"
    """The caller still calls, or may call again."""
    TOO_EARLY = "too_early"
    """Its calls are too few to tell."""


@dataclass(frozen=True, slots=True)
class Window:
    """The times of the first and last legacy call; None if there was none."""

    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True)
class RejectingClient:
    """A client that rejects the bridge's certificate, so its requests are never seen."""

    address: str
    host: str
    """The legacy host that it asked for."""
    times: int
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Traffic:
    """What was seen: a report without calls is only as good as the traffic behind it."""

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
    """The latest first; older ones may be missing."""
    elsewhere: Mapping[str, int]
    """Calls in recordings to paths of v1 on other than legacy hosts, by host."""

    @property
    def lost(self) -> int:
        """Calls that were answered and left no record."""
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
    """The address of its last call, like the user agent."""
    user_agent: str
    calls: int
    this_hour: int
    """Calls within the hour of the report: a fix that works soon makes it 0."""
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
    """The share of calls, 0 to 1, that were not bridged on its last seven days with calls."""
    earlier: str
    """Earlier calls that were not bridged, in a few words; empty for none."""
    needs: tuple[Need, ...]
    """What the replacements of its calls need."""
    progress: Progress
    moves_at: datetime
    """When it counts as moved if it does not call again."""
    proven: Proven | None = None
    """Whether its replacements give the same answers; None if nobody has compared them."""


class Finding(msgspec.Struct, frozen=True, gc=False):
    """Calls to change: those of one caller to one route for one repository."""

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
    """How many calls had each outcome, in the order of `OUTCOMES`."""
    error_type: str = ""
    """The error of the last call that was refused or failed, like `error`; may be unknown."""
    error: str = ""

    @property
    def unanswered(self) -> Mapping[Outcome, int]:
        """How many calls were neither answered nor redirected, by outcome."""
        return {OUTCOMES[at]: self.ended[at] for at in _UNANSWERED if self.ended[at]}

    @property
    def migration(self) -> "Migration":
        """What to call instead."""
        return _migration(self.route, self.host, self.repository)


class Migration(NamedTuple):
    """The old call and the new one, which follow from route, host and repository alone."""

    old: str
    """The call as it is made today, with `{…}` for what varies."""
    successor: str
    """The call to make instead."""
    change: str
    """What to change, in one sentence."""


@lru_cache(10_000)  # most findings differ in the caller alone
def _migration(route: str, host: str, repository: str) -> Migration:
    row = route_named(route)
    namespace, _, name = repository.partition("/")
    named = Repository(namespace, name) if name else None  # none, or several counted together
    return Migration(old_call(row, host, named), successor_for(row, named), change_for(row, named))


@dataclass(frozen=True, slots=True)
class RetiringUse:
    """A route of API v2 that Docker retires next, and its callers."""

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
    """The outcomes of the calls on a day, UTC."""

    day: date
    calls: int
    outcomes: Mapping[Outcome, int]


@dataclass(frozen=True, slots=True)
class IgnoredCaller:
    """A caller that the allowlist accepts, and that is counted nowhere else."""

    caller: str
    calls: int
    last_seen: datetime
    reason: str
    until: date
    """The last day on which it is accepted."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Callers since an earlier report."""

    generated_at: datetime
    """When the earlier report was made."""
    new: tuple[str, ...]
    still: tuple[str, ...]
    gone: tuple[str, ...]
    moved: tuple[str, ...] = ()
    """Callers that came to count as moved since then, whatever the period of this report."""


@dataclass(frozen=True, slots=True)
class Team:
    """Callers with one owner."""

    team: str
    """Empty for callers without an owner."""
    mail: str
    link: str
    callers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole report. Callers are sorted by their last call, findings and routes by their
    calls."""

    generated_at: datetime
    filter: Selection
    """Which calls it is about; an empty selection means all."""
    window: Window
    seen: Traffic
    totals: Mapping[Outcome, int]
    routes: tuple[RouteUse, ...]
    callers: tuple[CallerUse, ...]
    caller_count: int
    """More than `callers` has if the rest of them is counted together."""
    repository_count: int
    findings: tuple[Finding, ...]
    days: tuple[Day, ...]
    ignored: tuple[IgnoredCaller, ...]
    baseline: Comparison | None
    teams: tuple[Team, ...] = ()
    """Only if owners are known; callers without one come first."""
    retiring: tuple[RetiringUse, ...] = ()
    """Kept apart from v1: no other figure counts these calls or their callers."""
    retiring_callers: tuple[CallerUse, ...] = ()
    retiring_findings: tuple[Finding, ...] = ()
    in_vain: int
    """Calls to dead routes that were answered, which helps nobody."""
    state: State
    proofs: Mapping[ProofKey, Proof] = field(default_factory=dict)
    """How the replacements of its findings were proven."""

    @property
    def team_names(self) -> Mapping[str, str]:
        """The team of each caller, empty for a caller without one; none at all without owners."""
        return {name: team.team for team in self.teams for name in team.callers}
