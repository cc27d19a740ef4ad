"""Names that a filter may use: one that names nothing known would keep a gate green forever."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from glob import escape

from hubv1.api.routes import LEGACY_HOSTS
from hubv1.journal import Selection, is_named
from hubv1.report.compare import Earlier
from hubv1.report.input_file import ReportError
from hubv1.report.model import Report
from hubv1.report.prose import minute, sentence

_WILDCARDS = "*?"
_MOST_NEAR = 3
_MOST_COMPARED = 5_000
"""Names that a misspelt one is compared with: each takes a while."""
_KINDS = {"callers": "caller", "hosts": "host", "repositories": "repository"}
"""The fields of a `Selection` that are looked up, and what a sentence calls one of their names."""

Names = Mapping[str, Collection[str]]
"""The names that are known, by field."""


class UnknownNameError(ReportError):
    """A filter names nothing that is known."""


def known_names(reports: Iterable[Report], earlier: Earlier | None = None) -> Names:
    """The names in these reports, and in an earlier one."""
    callers, hosts, repositories = set[str](), {*LEGACY_HOSTS}, set[str]()
    for report in reports:
        callers.update(use.caller for use in (*report.callers, *report.retiring_callers))
        callers.update(one.caller for one in report.ignored)
        hosts.update(report.seen.hosts)
        findings = (*report.findings, *report.retiring_findings)
        repositories.update(finding.repository for finding in findings)
    if earlier:
        callers.update(one.caller for one in earlier.callers + earlier.ignored)
        hosts.update(earlier.seen.hosts)
        repositories.update(one.repository for one in earlier.findings)
    return {"callers": callers, "hosts": hosts, "repositories": repositories}


def unknown_names(selection: Selection, known: Names) -> Iterator[tuple[str, str]]:
    """Each name that the selection has and nobody knows, with its field."""
    for kind in _KINDS:
        for name in getattr(selection, kind):
            if name not in known[kind] and not any(is_named(each, (name,)) for each in known[kind]):
                yield kind, name


def complete_names(
    selection: Selection, known: Names, accepted: Sequence[str], every: Report
) -> Selection:
    """The selection, with a pattern for each caller that it names by a part of the name.

    `accepted` are the callers of an allowlist, names or patterns. Raises UnknownNameError if a
    filter names nothing; `every` is the report without filters.
    """
    patterns: dict[str, str] = {}
    for kind, name in unknown_names(selection, known):
        if kind == "callers" and _is_accepted(name, accepted):
            continue
        if kind != "callers" or not _is_part(name, known["callers"]):
            raise UnknownNameError(_complaint(kind, name, known[kind], every))
        patterns[name] = f"*{escape(name)}*"
    callers = tuple(patterns.get(name, name) for name in selection.callers)
    return replace(selection, callers=callers)


def silent_callers(selection: Selection, report: Report, every: Report) -> Iterator[str]:
    """A sentence for each caller that was asked for by name, and has no call in the report."""
    for name in selection.callers:
        uses = (*report.callers, *report.retiring_callers)
        if any(is_named(use.caller, (name,)) for use in uses):
            continue
        for use in (*every.callers, *every.retiring_callers):
            if is_named(use.caller, (name,)):
                last = f"the last of {use.caller} was {minute(use.last_seen)} UTC"
                yield f"No call of that caller is among those asked for: {last}."
                break


def _is_accepted(name: str, accepted: Sequence[str]) -> bool:
    return any(is_named(name, (entry,)) or is_named(entry, (name,)) for entry in accepted)


def _is_part(part: str, names: Collection[str]) -> bool:
    is_pattern = not {*part}.isdisjoint(_WILDCARDS)
    return bool(part.strip()) and not is_pattern and any(part in name for name in names)


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
