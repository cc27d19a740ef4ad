"""The content of the page for its templates, and the anchors that link its parts."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from hubv1.api.names import repository_or_none
from hubv1.api.routes import ROUTES
from hubv1.report.changes import by_caller, changes, replacement_of, unbridged
from hubv1.report.chart import MOST_BARS, burn_down
from hubv1.report.messages import addressees, message_to
from hubv1.report.model import Finding, Report
from hubv1.report.progress import expected_end, progress_counts, progress_headline
from hubv1.report.prose import (
    label,
    minute,
    reservations,
    state_in_words,
    what_was_seen,
    without_namespace,
)
from hubv1.report.sections import (
    advice,
    ignored_table,
    proofs_table,
    rejecting_table,
    retiring_table,
    teams_table,
    unbridged_table,
)
from hubv1.report.standing import FEW_CALLS, MOVED_AFTER, MOVED_WITH_FEW

_CALLERS = 10_000
"""Callers in the table: a browser still sorts and filters so many rows at once."""
_MESSAGES = 500
"""If there are more callers, the page has no messages. Also the most rows of calls that were not
bridged."""
_MISSED = 100
"""The most such rows if there are more callers: the page stays below 400 KB."""
_LINKED = 1_000
"""If there are more callers, their rows have no links to the changes."""
MOST_LINKED = 10
"""Callers that a change, or the message to a team, links to."""
_EACH = 20
_LINES = 3_000
"""The most findings in the row of a caller, and in all rows together."""
_ROUTE_NUMBERS = {route.name: at for at, route in enumerate(ROUTES)}
_MOST_REPOSITORIES = 50


def content_of(report: Report) -> dict[str, Any]:
    """The variables of the templates."""
    content = {
        "report": report,
        "sentence": progress_headline(report) if report.callers else state_in_words(report),
        "rest": " ".join(reservations(report)),
        "rejecting": rejecting_table(report),
        "ignored": ignored_table(report),
        "teams": teams_table(report),
        "retiring": retiring_table(report),
        "advice": advice(report),
        "facts": what_was_seen(report),
    } | (_of_callers(report) if report.callers else {})
    return content | {"sections": [*_sections(report, content)]}


def _sections(report: Report, content: Mapping[str, Any]) -> Iterator[tuple[str, str, str, int]]:
    """The sections from top to bottom: the name of template and anchor, the entry in the table of
    contents, the heading, and a count to show in the contents, if not 0."""
    if report.callers:
        yield "progress", "Progress", "Progress", 0
        if report.teams:
            yield "teams", "Teams", "Teams", sum(bool(each.team) for each in report.teams)
        yield "callers", "Callers", "Callers", report.caller_count
        yield "change", "What to change", "What to change", len(content["changes"])
        yield "messages", "Messages", "Messages to send", len(content["messages"])
        if proofs := content["proofs"].count:
            yield "proofs", "Not proven", "Replacements that are not proven", proofs
        yield "unbridged", "Not bridged", "What was not bridged", content["missed_calls"]
    if report.seen.rejected_tls or report.seen.rejections:
        heading = (
            "Clients that did not trust the bridge\N{RIGHT SINGLE QUOTATION MARK}s certificate"
        )
        yield "rejected", "Certificate not trusted", heading, report.seen.rejected_tls
    if report.retiring:
        calls = sum(use.calls for use in report.retiring)
        yield "retiring", "Retiring next", "What Docker retires next", calls
    if report.baseline:
        heading = f"Since the report of {minute(report.baseline.generated_at)}"
        yield "compared", "Since the earlier report", heading, 0
    if report.ignored:
        yield "ignored", "Accepted", "Accepted callers", len(report.ignored)
    yield "seen", "What was seen", "What was seen", 0


def _of_callers(report: Report) -> dict[str, Any]:
    callers = report.callers[:_CALLERS]
    findings = by_caller(report, [use.caller for use in callers])
    missed = unbridged(report)
    found = [part for change in changes(report) for part in change.by_credentials()]
    is_linked, has_messages = (len(report.callers) <= most for most in (_LINKED, _MESSAGES))
    linked = {name for change in found for name in change.callers[:MOST_LINKED]}
    messages = [*_messages(report, findings)] if has_messages else []
    return {
        "tiles": [*_progress_tiles(report)],
        "this_hour": sum(use.this_hour for use in report.callers),
        "is_linked": is_linked,
        "anchors": {
            name: _anchor(name)
            for name in ((use.caller for use in callers) if is_linked else linked)
        },
        "chart": burn_down(report, MOST_BARS),
        "callers": [(use, findings[use.caller]) for use in callers],
        "team_of": report.team_names,
        "most_each": max(1, min(_EACH, _LINES // len(callers))),
        "standings": Counter(use.standing for use in report.callers),
        "changes": found,
        "has_messages": has_messages,
        "messages": messages,
        "message_of": {name: message.anchor for message in messages for name in message.callers},
        "proofs": proofs_table(report),
        "missed": unbridged_table(missed[: _MESSAGES if has_messages else _MISSED]),
        "missed_lines": len(missed),
        "missed_calls": sum(sum(finding.unanswered.values()) for finding in missed),
    }


class _Message(NamedTuple):
    """A message, and what it links to."""

    name: str
    anchor: str
    text: str
    callers: Sequence[str]
    changed: Mapping[str, str]
    """The changes it is about, by anchor."""


def _messages(report: Report, findings: Mapping[str, Sequence[Finding]]) -> Iterator[_Message]:
    for each in addressees(report):
        callers = [use.caller for use in each.callers]
        mine = (finding for name in callers for finding in findings[name])
        changed = {change_anchor(finding): label(finding.route) for finding in mine}
        anchor = f"{'t' if each.team else 'm'}-{_anchor(each.name)}"
        yield _Message(each.name, anchor, message_to(each, findings), callers, changed)


def _progress_tiles(report: Report) -> Iterator[tuple[str, str, str]]:
    """The progress of the migration as figures, each with a name and an explanation."""
    counts, end = progress_counts(report), expected_end(report)
    yield "Callers", f"{counts.callers:,}", "that called API v1 at least once"
    quiet = f"quiet for {MOVED_AFTER.days} days, and for three of their usual intervals"
    yield "Moved", f"{counts.moved:,}", quiet
    yield "Left", f"{counts.left:,}", "still call, or may call again"
    few = f"fewer than {FEW_CALLS} calls, and not yet quiet for {MOVED_WITH_FEW.days} days"
    yield "Too early to tell", f"{counts.too_early:,}", few
    if end:
        yield "Last to move by", str(end), "if callers go on moving at the rate until now"


def _anchor(caller: str) -> str:
    """The end of the anchor of a caller, a message or a route: the same in each report."""
    return hashlib.blake2s(caller.encode(), digest_size=5).hexdigest()


def change_anchor(finding: Finding) -> str:
    """The anchor of the change that a finding is about."""
    route = without_namespace(finding.route)
    at = _ROUTE_NUMBERS.get(route)
    is_signed = finding.signed > 0 and replacement_of(finding).snippets
    return f"w-{_anchor(route) if at is None else at}{'-signed' if is_signed else ''}"


def repository_names(findings: Sequence[Finding]) -> Sequence[str]:
    """Valid names of repositories in these findings, the busiest first."""
    named = dict.fromkeys(finding.repository.partition("/") for finding in findings)
    sound = (repository_or_none(namespace, name) for namespace, _, name in named)
    return [*map(str, islice(filter(None, sound), _MOST_REPOSITORIES))]
