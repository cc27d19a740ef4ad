"""What a journal tells, or a recording: calls, counted or one by one, and what else was seen; and
which of it is wanted."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from operator import attrgetter
from typing import NamedTuple

import msgspec

from hubv1.api.record import CallRecord
from hubv1.api.routes import Outcome, Verdict, is_retiring
from hubv1.journal.counts import Kind, kind_of

UNANSWERED = (Outcome.REFUSED, Outcome.FAILED)
"""Outcomes that have an error."""


@dataclass(slots=True)
class Seen:
    """How much traffic there was, so that no legacy call and nothing seen are not the same."""

    flows: int = 0
    """All flows, legacy or not."""
    still_served: int = 0
    """v1 calls that Hub itself still answers."""
    rejected_tls: int = 0
    """TLS handshakes for a legacy host that the client broke off: it does not trust the CA."""
    refused_unrecorded: int = 0
    """Legacy calls that were refused because they could not be recorded."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """What is known of a client that rejects the certificate."""

    client_address: str
    server_address: str
    """The host that it asked for."""
    times: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which calls were answered that have no row."""

    started_at: datetime
    ended_at: datetime
    calls: int
    reason: str


class Count(msgspec.Struct, gc=False):
    """Calls of one caller, host, route, repository and outcome.

    There may be hundreds of thousands: a struct of msgspec's is made in a third of the time.
    """

    caller: str
    client_address: str
    """Of the caller's last call, as the user agent."""
    user_agent_original: str
    server_address: str
    route: str
    repository: str
    """`namespace/repository`, empty where the calls name none."""
    verdict: Verdict
    outcome: Outcome
    calls: int
    this_hour: int
    """Those since the beginning of the hour that the summary is for."""
    first_at: datetime
    last_at: datetime
    signed: int = 0
    """Those made with credentials."""
    paged: int = 0
    """Those for a list longer than a page of v2."""
    error_type: str = ""
    """Of the last call, as far as it is still known, if it was refused or failed; like `error`."""
    error: str = ""


class DayCount(NamedTuple):
    """Calls of one caller, day, route and outcome."""

    caller: str
    day: date
    route: str
    outcome: Outcome
    calls: int
    signed: int
    paged: int


RECENT_DAYS = 7
QUIET_DAYS = 14

Days = Mapping[tuple[date, Outcome], int]
"""Calls to v1 by day, UTC, and outcome."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The calls of a history that are wanted, counted."""

    counts: Sequence[Count]
    days: Days
    accepted: Sequence[Count] = ()
    """Those of callers that are known, which the others do not hold."""
    retiring: Sequence[Count] = ()
    """Those to what Docker retires next of API v2, which the others do not hold either."""
    callers: int = 0
    """How many there are, where the counts do not name all."""
    repositories: int = 0
    """Likewise."""
    recent: Sequence[DayCount] = ()
    """The calls of each caller on the last `RECENT_DAYS` days on which it called, the latest first.
    Those of a caller that has been quiet for `QUIET_DAYS` are of all days; callers whose calls were
    all answered, without credentials and pages, may be missing."""


@dataclass(frozen=True, slots=True)
class History:
    """What a journal tells, or a recording."""

    seen: Seen
    gaps: Sequence[Gap]
    entries: Iterator[CallRecord]
    """The single calls that are still there, in the order of their time."""
    summary: Callable[[datetime], Summary]
    """All calls that there were, for the current hour that begins then. A recording is read but
    once: either for its entries or for the summary."""
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    """Calls in a recording that are like v1's, by the host that they went to, which is no legacy
    host."""
    rejections: Sequence[Rejection] = ()
    """Clients that reject the bridge's certificate, the latest first."""
    has: Callable[[str], bool] = lambda _: False
    """Whether a call with that id is among those that are still there."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is wanted of a history. A name may be a pattern: `*` stands for any text, `?` for any
    character. Nothing named is everything."""

    since: datetime | None = None
    """The first moment, at the beginning of an hour, since counts are kept by the hour."""
    until: datetime | None = None
    """The moment after the last, likewise."""
    callers: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    """`namespace/repository`."""
    outcomes: tuple[Outcome, ...] = ()
    accepted: tuple[str, ...] = ()
    """Callers that are known: counted apart."""

    @property
    def has_names(self) -> bool:
        """Whether calls of the period are told apart at all."""
        names = (self.callers, self.hosts, self.routes, self.repositories, self.outcomes)
        return any(names) or bool(self.accepted)

    def covers(self, moment: datetime) -> bool:
        """Whether the moment is in the period."""
        return self.meets(moment, moment)

    def meets(self, begin: datetime, end: datetime) -> bool:
        """Whether some of that time is in the period, `end` included."""
        is_before = self.since is not None and end < self.since
        return not is_before and (self.until is None or begin < self.until)

    def admits(self, kind: Kind) -> bool:
        """Whether calls of that kind are wanted, whenever they were."""
        return (
            is_named(kind.caller, self.callers)
            and is_named(kind.server_address, self.hosts)
            and is_named(kind.route, self.routes)
            and is_named(kind.repository, self.repositories)
            and (not self.outcomes or kind.outcome in self.outcomes)
        )

    def accepts(self, caller: str) -> bool:
        """Whether that caller is counted apart."""
        return bool(self.accepted) and is_named(caller, self.accepted)


EVERYTHING = Selection()


def is_named(name: str, patterns: Sequence[str]) -> bool:
    """Whether one of the patterns is the name, or matches it; without any, every name is."""
    # A name with brackets is no pattern to whoever has copied it from a report.
    return not patterns or any(
        name == pattern or fnmatchcase(name, pattern) for pattern in patterns
    )


def summarised(
    entries: Iterable[CallRecord], hour: datetime, selection: Selection = EVERYTHING
) -> Summary:
    """The summary of what is wanted of single calls; `hour` is the beginning of the current one."""
    counts: dict[tuple[Kind, Verdict], Count] = {}
    accepted: dict[tuple[Kind, Verdict], Count] = {}
    retiring: dict[tuple[Kind, Verdict], Count] = {}
    days: dict[tuple[date, Outcome], int] = {}
    recent: dict[tuple[str, date, str, Outcome], list[int]] = {}
    for entry in entries:
        kind = kind_of(entry)
        if not (selection.covers(entry.started_at) and selection.admits(kind)):
            continue
        if is_retiring(kind.route):
            if not selection.accepts(kind.caller):
                _add(retiring, kind, entry, hour)
            continue
        if selection.accepts(kind.caller):
            _add(accepted, kind, entry, hour)
            continue
        _add(counts, kind, entry, hour)
        day = entry.started_at.astimezone(UTC).date(), entry.outcome
        days[day] = days.get(day, 0) + 1
        sums = recent.setdefault((kind.caller, day[0], kind.route, entry.outcome), [0, 0, 0])
        for at, number in enumerate((1, entry.is_signed, entry.is_paged)):
            sums[at] += number
    by_day = sorted((DayCount(*key, *sums) for key, sums in recent.items()), key=_day, reverse=True)
    return Summary(
        [*counts.values()], days, [*accepted.values()], [*retiring.values()], recent=by_day
    )


_day = attrgetter("day")


def _add(
    counts: dict[tuple[Kind, Verdict], Count], kind: Kind, entry: CallRecord, hour: datetime
) -> None:
    key, at = (kind, entry.verdict), entry.started_at
    count = counts.get(key)
    if count is None:
        names = kind.caller, "", "", kind.server_address, kind.route, kind.repository
        count = counts[key] = Count(*names, entry.verdict, entry.outcome, 0, 0, at, at)
    count.calls += 1
    count.this_hour += at >= hour
    count.signed += entry.is_signed
    count.paged += entry.is_paged
    count.first_at = min(count.first_at, at)
    if at >= count.last_at:
        count.last_at = at
        count.client_address = entry.client_address
        count.user_agent_original = entry.user_agent_original
        if entry.outcome in UNANSWERED:
            count.error_type, count.error = entry.error_type, entry.error
