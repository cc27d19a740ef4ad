"""What a journal tells, or a recording: calls, counted or one by one, and what else was seen."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hubv1.journal.entry import Entry
from hubv1.journal.rejections import Rejection
from hubv1.journal.seen import Seen
from hubv1.journal.summary import Count, Summary


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which calls were answered that could not be recorded."""

    started_at: datetime
    ended_at: datetime
    calls: int
    reason: str


@dataclass(frozen=True, slots=True)
class Overview:
    """What few rows tell of a journal, however many callers it has."""

    seen: Seen
    gaps: Sequence[Gap]
    rejections: Sequence[Rejection]
    sums: Sequence[Count]
    """All calls: of callers and repositories they have no names."""
    latest: Sequence[Count]
    """The calls of those that called last."""
    callers: int
    """How many there are."""
    repositories: int
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    """As a history has it; of a journal always empty."""


@dataclass(frozen=True, slots=True)
class History:
    """What a journal tells, or a recording."""

    seen: Seen
    gaps: Sequence[Gap]
    entries: Iterator[Entry]
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
