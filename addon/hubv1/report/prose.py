"""What a report says in words: the state in a sentence, standings, a summary for a log.

Texts from outside stay as they are, except in sentences and where a function is given to set them
apart; whoever shows them escapes them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from hubv1.api.routes import ANSWERED, Outcome
from hubv1.journal import OTHERS, Selection
from hubv1.replacements import Field
from hubv1.report.model import CallerUse, Finding, Need, Report, Standing, State
from hubv1.text import number, printable

Code = Callable[[str], str]
"""Makes of a text what is code or a name for those who read it."""

SUMMARY_CALLERS = 5
"""How many callers a summary names."""

_SCRIPT = "scripts/report"
_CURES = {
    "impossible_name": "Correct the name in the caller.",
    "forbidden": "Use an account that may read the repository.",
    "rate_limited": "Call less often, or sign in: Docker allows more calls then.",
    "incomplete": (
        "Sign in with the call, give the bridge an account (hub_username, HUB_SECRET), or take the "
        "names from the registry: skopeo list-tags."
    ),
    "too_long": "Ask for the one tag that is meant, or filter the list in v2 with name=PART.",
    "not_recorded": "Make room for the journal, or allow calls without a record.",
    "unreachable": "See whether the bridge's machine reaches Docker Hub: hub-v1-bridge check.",
}
"""What helps against an error, by its type."""
_NEEDS = {Need.CREDENTIALS: "credentials", Need.PAGING: "complete paging"}


EXPLAINED: Mapping[Outcome, str] = {
    Outcome.TRANSLATED: "answered as v1 would have",
    Outcome.REDIRECTED: "sent on to the call of v2",
    Outcome.OBSERVED: "left as it was, or read from a recording",
    Outcome.GONE: "answered 410, since v1 was ended for the caller",
    Outcome.PASSED: "a route that nothing replaces, passed on to Docker",
    Outcome.REFUSED: "an impossible name, too many requests, or a list that cannot be whole",
    Outcome.FAILED: "no answer from Docker Hub, or the client left",
}
"""What became of a call, for those who meet the word for the first time."""


def report_command() -> str:
    """What people type for a report: the script of a checkout, or the program if installed."""
    is_checkout = Path(__file__).parents[3].joinpath(_SCRIPT).is_file()
    return _SCRIPT if is_checkout else "hub-v1-bridge report"


def sentence(report: Report) -> str:
    """How many legacy calls there were and how they ended, or that there were none."""
    return " ".join([state_in_words(report), *reservations(report)])


def state_in_words(report: Report) -> str:
    """What the calls mean for the migration, without what the figures do not hold."""
    seen = report.seen
    if report.state is State.NOTHING_SEEN:
        return "No traffic recorded yet; this does not mean that v1 is unused."
    if not report.caller_count:
        which = "other " if report.ignored else "such " if report.filter.has_names else ""
        return f"No {which}legacy call in {number(seen.flows, 'flow')}."
    calls = number(seen.legacy, "legacy call")
    callers = number(report.caller_count, "caller")
    repositories = number(report.repository_count, "repository", "repositories")
    who = f"{calls} by {callers} to {repositories}"
    return f"{who}, {_period(report)}: {_ends(report)}."


def reservations(report: Report) -> Iterator[str]:
    """What the figures do not hold, and what the report is about if that is not everything."""
    yield from _missing(report)
    yield from _narrowed(report.filter)


def summary(report: Report) -> Iterator[str]:
    """The state, and the latest of the callers, in a few lines for a log."""
    yield sentence(report)
    named = [use for use in report.callers if use.caller != OTHERS]
    shown = named[:SUMMARY_CALLERS]
    for use in shown:
        calls = f"{number(use.calls, 'call')}, the last {minute(use.last_seen)} UTC"
        yield f"{use.caller}: {calls}, {standing_in_words(use)}"
    if report.caller_count > len(shown):
        yield f"and {number(report.caller_count - len(shown), 'caller')} more"


def rfc3339(moment: datetime) -> str:
    """A moment in UTC for programs, to the second: `2026-03-01T12:30:15Z`."""
    return f"{moment.isoformat()[:19]}Z"


def minute(moment: datetime) -> str:
    """A moment in UTC for people: `2026-03-01 12:30`."""
    return f"{moment:%Y-%m-%d %H:%M}"


def standing_in_words(use: CallerUse) -> str:
    """The standing of a caller as people say it, with what it needs and what went wrong before."""
    needs = _needs(use)
    if use.standing is Standing.QUIET:
        parts = [f"quiet since {use.last_seen:%Y-%m-%d}"]
    elif use.standing is Standing.NOT_BRIDGED:
        parts = [f"not bridged: {use.reason}", needs]
    else:
        parts = [needs or "ready to move"]
    return "; ".join(filter(None, [*parts, use.earlier]))


def beside_standing(use: CallerUse) -> Iterator[str]:
    """What there is to say of a caller whose standing is told in a word: why it is not bridged,
    what else its replacements need, and what went wrong before."""
    is_missed = use.standing is Standing.NOT_BRIDGED
    if is_missed:
        yield use.reason
    if use.needs and (is_missed or len(use.needs) > 1):
        yield _needs(use)
    if use.earlier:
        yield use.earlier


def _needs(use: CallerUse) -> str:
    needs = " and ".join(_NEEDS[need] for need in use.needs)
    return f"needs {needs}" if needs else ""


def without_namespace(route: str) -> str:
    """The route's form for `library`, which is another in v1's table and the same to people."""
    return route.replace("{namespace}/{name}", "{name}")


def label(route: str) -> str:
    """The end of a route's path, for a cell: `/tags`, `/tags/…`, `DELETE/PUT /v1/…`."""
    method, _, path = without_namespace(route).partition(" ")
    start = "/v1/repositories/{name}/"
    path = "/" + path.removeprefix(start) if path.startswith(start) else path
    path = path.replace("{tag_name}", "…")
    return path if method == "GET" else f"{method} {path}"


def outcomes_in_words(outcomes: Mapping[Outcome, int]) -> str:
    """`2 gone, 1 failed`."""
    return ", ".join(f"{calls:,} {outcome}" for outcome, calls in outcomes.items() if calls)


def why_unanswered(finding: Finding) -> str:
    """Why its last call was refused or failed, or what to do about one that was passed on; empty
    if that is not known."""
    if not finding.error:
        return finding.told.change if Outcome.PASSED in finding.unanswered else ""
    why, _, _ = finding.error.partition(". ")
    return f"{why.removesuffix('.')}. {_CURES.get(finding.error_type, '')}".strip()


def listed(names: Sequence[str], most: int) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def what_it_calls(findings: Sequence[Finding], most: int) -> str:
    """The first repositories and routes of a caller, and how many more there are."""
    return listed([f"{one.repository} {label(one.route)}".strip() for one in findings], most)


def fields_in_words(fields: Sequence[Field], code: Code = str) -> str:
    """What became of each field of v1's answer; empty if it had none."""
    said = [
        f"{code(field.old)} is {f'now {code(field.new)}' if field.new else 'lost'}"
        + (f" ({field.remark})" if field.remark else "")
        for field in fields
    ]
    return "; ".join(said) + "." if said else ""


def what_was_seen(report: Report, code: Code = str) -> Iterator[tuple[str, str]]:
    """All that the report stands on, so that nothing is mistaken for clean."""
    seen, window = report.seen, report.window
    yield "report", f"made {minute(report.generated_at)} UTC"
    if named := named_in(report):
        yield "callers", named
    yield "flows", f"{seen.flows:,}, of which {number(seen.legacy, 'legacy call')}"
    yield "searches", f"{seen.still_served:,}, which Hub still serves"
    yield "hosts", ", ".join(map(code, seen.hosts)) or "none of the legacy ones"
    if seen.elsewhere:
        counted = (f"{code(host)} ({number(n, 'call')})" for host, n in seen.elsewhere.items())
        yield "like v1", f"but to no legacy host: {', '.join(counted)}"
    if window.first and window.last:
        yield "period", f"{minute(window.first)} to {minute(window.last)} UTC"
    if seen.rejected_tls:
        times = number(seen.rejected_tls, "time")
        yield "distrust", f"{times} a client did not trust the bridge's certificate"
    if seen.refused_unrecorded:
        yield "refused", _refused_unrecorded(seen.refused_unrecorded)
    for gap in seen.gaps:
        when = f"{minute(gap.started_at)} to {minute(gap.ended_at)} UTC"
        yield "gap", f"{when}: {number(gap.calls, 'call')} not recorded, {code(gap.reason)}"


def named_in(report: Report) -> str:
    """Which callers have a name in the report; empty if all have."""
    named = sum(use.caller != OTHERS for use in report.callers)
    if report.caller_count <= len(report.callers):
        return ""
    rest = number(report.caller_count - named, "other")
    return f"the {named:,} latest callers by name, the {rest} together"


def _refused_unrecorded(calls: int) -> str:
    return f"{number(calls, 'call')} refused, since they could not be recorded"


def _missing(report: Report) -> Iterator[str]:
    """What the figures do not hold."""
    seen = report.seen
    if seen.lost:
        yield f"{number(seen.lost, 'legacy call')} more could not be recorded or read."
    if seen.refused_unrecorded:
        yield f"{_refused_unrecorded(seen.refused_unrecorded)}."
    if seen.rejected_tls:
        yield (
            f"{number(seen.rejected_tls, 'time')} a client did not trust the bridge's certificate, "
            "so its request was never seen."
        )
    if seen.elsewhere:
        calls = number(sum(seen.elsewhere.values()), "call")
        yield (
            f"{calls} with a path of v1 went to {printable(', '.join(seen.elsewhere))}: name with "
            "--host what stands for Docker Hub."
        )
    if report.retiring:
        calls = number(sum(use.calls for use in report.retiring), "call")
        callers = number(len(report.retiring_callers), "caller")
        yield f"Apart from v1: {calls} by {callers} to what Docker retires next."
    if report.ignored:
        calls = number(sum(one.calls for one in report.ignored), "call")
        callers = number(len(report.ignored), "caller")
        yield f"Left out: {calls} by {callers} that --ignore names."


def _narrowed(wanted: Selection) -> Iterator[str]:
    """What the report is about, if that is not everything."""
    names = {
        "caller": wanted.callers,
        "host": wanted.hosts,
        "route": wanted.routes,
        "repository": wanted.repositories,
        "outcome": wanted.outcomes,
    }
    parts = [f"since {minute(wanted.since)} UTC"] if wanted.since else []
    parts += [f"until {minute(wanted.until)} UTC"] if wanted.until else []
    parts += [f"{what} {' or '.join(of)}" for what, of in names.items() if of]
    if parts:
        yield f"Only this was asked for: {printable(', '.join(parts))}."


def _ends(report: Report) -> str:
    answered = sum(report.totals[outcome] for outcome in ANSWERED)
    rest = report.seen.legacy - answered
    in_vain = f" ({report.in_vain:,} in vain, since the route is dead)"
    vain = in_vain if report.in_vain else ""
    if not rest:
        whole = "all answered or redirected" if answered > 1 else "it was answered or redirected"
        return whole + vain
    others = {name: calls for name, calls in report.totals.items() if name not in ANSWERED}
    return f"{answered:,} answered or redirected{vain}, {rest:,} not ({outcomes_in_words(others)})"


def _period(report: Report) -> str:
    first, last = report.window.first, report.window.last
    if first is None or last is None:
        return "never"
    if first.date() != last.date():
        return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    if minute(first) == minute(last):
        return f"{first:%Y-%m-%d} at {first:%H:%M} UTC"
    return f"{first:%Y-%m-%d} between {first:%H:%M} and {last:%H:%M} UTC"
