"""The content of a journal or a recording: single calls, their counts and the rest of the traffic;
and the selection of a part of it."""

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

UNANSWERED = (Outcome.REFUSED, Outcome.FAILED)  # outcomes that come with an error


@dataclass(slots=True)
class Seen:
    """The amount of traffic, so that a report can tell no legacy call from nothing seen."""

    flows: int = 0  # all flows, legacy or not
    still_served: int = 0  # v1 calls that Hub itself still answers
    rejected_tls: int = 0  # TLS handshakes for a legacy host by clients that do not trust the CA
    refused_unrecorded: int = 0  # legacy calls refused because they could not be recorded


@dataclass(frozen=True, slots=True)
class Rejection:
    """A client that rejects the bridge's certificate."""

    client_address: str
    server_address: str  # the host that it asked for
    times: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which calls were answered without a row."""

    started_at: datetime
    ended_at: datetime
    calls: int
    reason: str


class Count(msgspec.Struct, gc=False):
    """Calls of one caller, host, route, repository and outcome.

    There may be hundreds of thousands, and msgspec makes a struct in a third of the time that a
    dataclass takes.
    """

    caller: str
    client_address: str  # of the caller's last call, like the user agent
    user_agent_original: str
    server_address: str
    route: str
    repository: str  # `namespace/repository`; empty if the calls name none
    verdict: Verdict
    outcome: Outcome
    calls: int
    this_hour: int  # calls in the hour that the summary is for
    first_at: datetime
    last_at: datetime
    signed: int = 0  # calls with credentials
    paged: int = 0  # calls for a list longer than a page of v2
    error_type: str = ""  # of the last call if it was refused or failed and is still known
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

Days = Mapping[tuple[date, Outcome], int]  # calls to v1 by day, UTC, and outcome


@dataclass(frozen=True, slots=True)
class Summary:
    """The counts of the selected calls of a history. Each call is in one of the three sequences."""

    counts: Sequence[Count]
    days: Days
    accepted: Sequence[Count] = ()  # of callers that the selection accepts
    retiring: Sequence[Count] = ()  # of calls to routes of API v2 that Docker retires next
    callers: int = 0  # the number of callers if the counts do not name all
    repositories: int = 0  # likewise
    recent: Sequence[DayCount] = ()
    """The calls of each caller on the last `RECENT_DAYS` days on which it called, the latest first;
    for a caller that has been quiet for `QUIET_DAYS`, on all days. Callers whose calls were all
    answered, without credentials and pages, may be missing."""


@dataclass(frozen=True, slots=True)
class History:
    """The content of a journal or a recording."""

    seen: Seen
    gaps: Sequence[Gap]
    entries: Iterator[CallRecord]
    """The single calls that still have a row, in the order of their time."""
    summary: Callable[[datetime], Summary]
    """Counts all calls, given the beginning of the current hour. A recording can be read only once:
    either for its entries or for the summary."""
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    """Calls in a recording that look like v1's but went to other hosts, by host."""
    rejections: Sequence[Rejection] = ()
    """Clients that reject the bridge's certificate, the latest first."""
    has: Callable[[str], bool] = lambda _: False  # whether a call with that id still has a row


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection of calls. A name may be a pattern, with `*` for any text and `?` for any
    character; a field without names selects everything."""

    since: datetime | None = None
    """The first moment, at the beginning of an hour, since counts are by the hour."""
    until: datetime | None = None  # the moment after the last, also at the beginning of an hour
    callers: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()  # `namespace/repository`
    outcomes: tuple[Outcome, ...] = ()
    accepted: tuple[str, ...] = ()  # known callers, which are counted apart

    @property
    def has_names(self) -> bool:
        """Whether the selection is by more than the period."""
        names = (self.callers, self.hosts, self.routes, self.repositories, self.outcomes)
        return any(names) or bool(self.accepted)

    def covers(self, moment: datetime) -> bool:
        """Whether the moment is in the period."""
        return self.meets(moment, moment)

    def meets(self, begin: datetime, end: datetime) -> bool:
        """Whether the time from `begin` to `end`, inclusive, overlaps with the period."""
        is_before = self.since is not None and end < self.since
        return not is_before and (self.until is None or begin < self.until)

    def admits(self, kind: Kind) -> bool:
        """Whether calls of that kind are selected, in any period."""
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
    """Whether one of the patterns equals or matches the name, or there are no patterns."""
    # A name that was copied from a report may have brackets, which fnmatch would interpret.
    return not patterns or any(
        name == pattern or fnmatchcase(name, pattern) for pattern in patterns
    )


def summarised(
    entries: Iterable[CallRecord], hour: datetime, selection: Selection = EVERYTHING
) -> Summary:
    """The summary of the selected single calls; `hour` is the beginning of the current hour."""
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
