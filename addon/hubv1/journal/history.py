"""What a journal tells, or a recording: calls, counted or one by one, and what else was seen."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import msgspec

from hubv1.api.record import CallRecord
from hubv1.api.routes import Outcome, Verdict
from hubv1.journal.counts import Kind, kind_of
from hubv1.journal.gaps import Gap
from hubv1.journal.selection import EVERYTHING, Selection
from hubv1.journal.traffic import Rejection, Seen


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


Days = Mapping[tuple[date, Outcome], int]
"""Calls by day, UTC, and outcome."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The calls of a history that are wanted, counted."""

    counts: Sequence[Count]
    days: Days
    accepted: Sequence[Count] = ()
    """Those of callers that are known, which the others do not hold."""
    callers: int = 0
    """How many there are, where the counts do not name all."""
    repositories: int = 0
    """Likewise."""


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


def summarised(
    entries: Iterable[CallRecord], hour: datetime, selection: Selection = EVERYTHING
) -> Summary:
    """The summary of what is wanted of single calls; `hour` is the beginning of the current one."""
    counts: dict[tuple[Kind, Verdict], Count] = {}
    accepted: dict[tuple[Kind, Verdict], Count] = {}
    days: dict[tuple[date, Outcome], int] = {}
    for entry in entries:
        kind = kind_of(entry)
        if not (selection.covers(entry.started_at) and selection.admits(kind)):
            continue
        if selection.accepts(kind.caller):
            _add(accepted, kind, entry, hour)
            continue
        _add(counts, kind, entry, hour)
        day = entry.started_at.astimezone(UTC).date(), entry.outcome
        days[day] = days.get(day, 0) + 1
    return Summary(list(counts.values()), days, list(accepted.values()))


def _count_of_none(entry: CallRecord) -> Count:
    return Count(
        caller=entry.caller,
        client_address=entry.client_address,
        user_agent_original=entry.user_agent_original,
        server_address=entry.server_address,
        route=entry.route,
        repository=entry.full_repository,
        verdict=entry.verdict,
        outcome=entry.outcome,
        calls=0,
        this_hour=0,
        first_at=entry.started_at,
        last_at=entry.started_at,
    )


def _add(
    counts: dict[tuple[Kind, Verdict], Count], kind: Kind, entry: CallRecord, hour: datetime
) -> None:
    key, at = (kind, entry.verdict), entry.started_at
    count = counts.get(key)
    if count is None:
        count = counts[key] = _count_of_none(entry)
    count.calls += 1
    count.this_hour += at >= hour
    count.signed += entry.is_signed
    count.paged += entry.is_paged
    count.first_at = min(count.first_at, at)
    if at >= count.last_at:
        count.last_at = at
        count.client_address = entry.client_address
        count.user_agent_original = entry.user_agent_original
