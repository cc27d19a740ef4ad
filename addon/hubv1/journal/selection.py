"""Which calls a report is about: those of a period, and those with certain names."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import NamedTuple

from hubv1.api.routes import Outcome
from hubv1.journal.counts import Kind


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
        return not (
            (self.since is not None and end < self.since)
            or (self.until is not None and begin >= self.until)
        )

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


class Span(NamedTuple):
    """A part of a period, and which table of counts tells it exactly."""

    by_day: bool
    """Else by the hour, and within one day."""
    begin: datetime | None
    end: datetime | None

    @property
    def day(self) -> date:
        """The day that a span by the hour is in."""
        assert self.begin is not None  # noqa: S101  # what spans promises
        return self.begin.date()


def spans(since: datetime | None, until: datetime | None) -> list[Span]:
    """The whole days of a period, and the hours of those that it cuts."""
    first = since and _midnight(since + timedelta(days=1) - timedelta.resolution)
    last = until and _midnight(until)
    if first and last and first > last:
        return [Span(by_day=False, begin=since, end=until)]
    found = []
    if first and since != first:
        found.append(Span(by_day=False, begin=since, end=first))
    if not first or first != last:
        found.append(Span(by_day=True, begin=first, end=last))
    if last and last != until:
        found.append(Span(by_day=False, begin=last, end=until))
    return found


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.astimezone(UTC).date(), time(), UTC)
