"""Which calls a report is about: those of a period, and those with certain names."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from hubv1.journal.kinds import Kind
from hubv1.outcome import Outcome


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
