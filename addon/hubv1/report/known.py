"""Names that a filter may use: one that names nothing known would keep a gate green forever."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from glob import escape

from hubv1.api.routes import LEGACY_HOSTS
from hubv1.journal import Selection, is_named
from hubv1.report.allowlist import Allowlist
from hubv1.report.compare import Earlier
from hubv1.report.input_file import ReportError
from hubv1.report.model import Report
from hubv1.report.prose import minute, sentence

_WILDCARDS = "*?"
_MOST_NEAR = 3
_MOST_COMPARED = 5_000
"""Names that are held against a misspelt one: each takes a while."""
_KINDS = {"callers": "caller", "hosts": "host", "repositories": "repository"}
"""What is looked up, as it is called in a `Selection` and in a sentence."""


class UnknownNameError(ReportError):
    """A filter names nothing that is known; the message is a sentence."""


@dataclass(slots=True)
class Names:
    """What is known by name, field by field as in a `Selection`."""

    callers: set[str] = field(default_factory=set)
    hosts: set[str] = field(default_factory=lambda: set(LEGACY_HOSTS))
    repositories: set[str] = field(default_factory=set)
    accepted: tuple[str, ...] = ()
    """Callers of an allowlist: names or patterns."""

    def add_report(self, report: Report) -> None:
        """Know the names of a report too."""
        self.callers.update(use.caller for use in report.callers)
        self.callers.update(use.caller for use in report.retiring_callers)
        self.callers.update(one.caller for one in report.ignored)
        self.hosts.update(report.seen.hosts)
        findings = (*report.findings, *report.retiring_findings)
        self.repositories.update(finding.repository for finding in findings)

    def add_earlier(self, earlier: Earlier) -> None:
        """Know the names of an earlier report too."""
        self.callers.update(one.caller for one in earlier.callers + earlier.ignored)
        self.hosts.update(earlier.seen.hosts)
        self.repositories.update(one.repository for one in earlier.findings)

    def add_allowed(self, allowed: Allowlist) -> None:
        """Know the callers of an allowlist too."""
        self.accepted = tuple(entry.caller for entry in allowed.in_force + allowed.ended)

    def lacks(self, selection: Selection) -> bool:
        """Whether the selection names something else."""
        return any(not self._has(kind, name) for kind, name in _asked_for(selection))

    def check(self, selection: Selection, every: Report) -> Selection:
        """The selection, in which a part of a caller's name became a pattern.

        Raises UnknownNameError if a filter names nothing; `every` is the report without filters.
        """
        callers: list[str] = []
        for kind, name in _asked_for(selection):
            is_known = self._has(kind, name)
            if not is_known and not (kind == "callers" and self._has_part(name)):
                raise UnknownNameError(_complaint(kind, name, getattr(self, kind), every))
            if kind == "callers":
                callers.append(name if is_known else f"*{escape(name)}*")
        return replace(selection, callers=tuple(callers))

    def _has(self, kind: str, name: str) -> bool:
        known: Collection[str] = getattr(self, kind)
        if name in known or any(is_named(each, (name,)) for each in known):
            return True
        return kind == "callers" and bool(self.accepted) and self._is_accepted(name)

    def _is_accepted(self, name: str) -> bool:
        return is_named(name, self.accepted) or any(
            is_named(entry, (name,)) for entry in self.accepted
        )

    def _has_part(self, part: str) -> bool:
        is_pattern = not {*part}.isdisjoint(_WILDCARDS)
        return bool(part.strip()) and not is_pattern and any(part in name for name in self.callers)


def silent_callers(selection: Selection, report: Report, every: Report) -> Iterable[str]:
    """A sentence for each caller that was asked for by name, and has no call in the report."""
    for name in selection.callers:
        callers = (*report.callers, *report.retiring_callers)
        if any(is_named(use.caller, (name,)) for use in callers):
            continue
        use = next(
            (
                use
                for use in (*every.callers, *every.retiring_callers)
                if is_named(use.caller, (name,))
            ),
            None,
        )
        if use is not None:
            last = f"the last of {use.caller} was {minute(use.last_seen)} UTC"
            yield f"No call of that caller is among those asked for: {last}."


def _asked_for(selection: Selection) -> Iterator[tuple[str, str]]:
    for kind in _KINDS:
        for name in getattr(selection, kind):
            yield kind, name


def _complaint(kind: str, name: str, known: Collection[str], every: Report) -> str:
    if not (every.callers or every.retiring_callers) and not known:
        return sentence(every)
    near = _near(name, sorted(filter(None, known)))
    hint = f"Near it: {'; '.join(near[:_MOST_NEAR])}" if near else "The report has the names"
    return f"There is no {_KINDS[kind]} {name!r}. {hint}."


def _near(name: str, names: Sequence[str]) -> Sequence[str]:
    bare = name.strip(_WILDCARDS).lower()
    holding = [each for each in names if bare and bare in each.lower()]
    return holding or get_close_matches(name, names[:_MOST_COMPARED], _MOST_NEAR, 0.5)
