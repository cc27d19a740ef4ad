"""The state of the migration in one sentence."""

from hubv1.journal import Selection
from hubv1.outcome import ANSWERED, TROUBLE
from hubv1.report.model import Report
from hubv1.report.moments import minute
from hubv1.texts import printable


def sentence(report: Report) -> str:
    """How many legacy calls there were and how they ended, or that there were none."""
    parts = (
        _state(report),
        _lost(report),
        _rejected(report),
        _elsewhere(report),
        _ignored(report),
        _narrowed(report.filter),
    )
    return " ".join(filter(None, parts))


def _state(report: Report) -> str:
    seen = report.seen
    if report.exit_code == TROUBLE:
        return "Nothing was seen at all: not one flow, so this does not say that v1 is unused."
    if not report.callers:
        which = "other " if report.ignored else "such " if report.filter.has_names else ""
        return f"No {which}legacy call in {number(seen.flows, 'flow')}."
    repositories = {name for caller in report.callers for name in caller.repositories}
    return (
        f"{number(seen.legacy, 'legacy call')} by {number(len(report.callers), 'caller')} to "
        f"{number(len(repositories), 'repository', 'repositories')}, {_period(report)}: "
        f"{_ends(report)}."
    )


def _lost(report: Report) -> str:
    lost = sum(gap.calls for gap in report.seen.gaps)
    return f"{number(lost, 'legacy call')} more could not be recorded or read." if lost else ""


def _rejected(report: Report) -> str:
    times = report.seen.rejected_tls
    if not times:
        return ""
    return (
        f"{number(times, 'time')} a client asked for a legacy host and rejected the bridge's "
        "certificate; what it wanted is not known."
    )


def _elsewhere(report: Report) -> str:
    """Why nothing may have matched."""
    hosts = report.seen.elsewhere
    if not hosts:
        return ""
    calls = number(sum(hosts.values()), "call")
    names = printable(", ".join(hosts))
    return (
        f"{calls} with a path of v1 went to {names}: name with --host what stands for Docker Hub."
    )


def _ignored(report: Report) -> str:
    if not report.ignored:
        return ""
    calls = number(sum(one.calls for one in report.ignored), "call")
    callers = number(len(report.ignored), "caller")
    return f"Left out: {calls} by {callers} that --ignore names."


def _narrowed(wanted: Selection) -> str:
    """What the report is about, where that is not everything."""
    parts = [
        *([f"since {minute(wanted.since)} UTC"] if wanted.since else []),
        *([f"until {minute(wanted.until)} UTC"] if wanted.until else []),
        *(
            f"{what} {' or '.join(names)}"
            for what, names in (
                ("caller", wanted.callers),
                ("host", wanted.hosts),
                ("route", wanted.routes),
                ("repository", wanted.repositories),
                ("outcome", wanted.outcomes),
            )
            if names
        ),
    ]
    return f"Only this was asked for: {printable(', '.join(parts))}." if parts else ""


def number(count: int, one: str, many: str = "") -> str:
    """`1 call`, `2 calls`; `many` where the plural is not made with an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _ends(report: Report) -> str:
    answered = sum(report.totals[outcome] for outcome in ANSWERED)
    rest = report.seen.legacy - answered
    in_vain = f", {report.in_vain:,} of them in vain, since the route is dead"
    vain = in_vain if report.in_vain else ""
    if not rest:
        whole = "all answered or redirected" if answered > 1 else "it was answered or redirected"
        return whole + vain
    others = ", ".join(
        f"{count:,} {outcome}"
        for outcome, count in report.totals.items()
        if count and outcome not in ANSWERED
    )
    return f"{answered:,} answered or redirected{vain}, {rest:,} not ({others})"


def _period(report: Report) -> str:
    first, last = report.window.first, report.window.last
    if first is None or last is None:
        return "never"
    if first.date() != last.date():
        return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    if f"{first:%H:%M}" == f"{last:%H:%M}":
        return f"{first:%Y-%m-%d} at {first:%H:%M} UTC"
    return f"{first:%Y-%m-%d} between {first:%H:%M} and {last:%H:%M} UTC"
