"""From histories to a report."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from hubv1.journal import EVERYTHING, History, Selection
from hubv1.journal.selection import is_named
from hubv1.names import Repository
from hubv1.outcome import TROUBLE, UNBRIDGED, Outcome
from hubv1.report.change import change_for, old_call, successor_for
from hubv1.report.ignoring import Accepted
from hubv1.report.model import (
    CallerUse,
    Day,
    Finding,
    IgnoredCaller,
    RejectingClient,
    Report,
    RouteUse,
    Traffic,
    Window,
)
from hubv1.report.standing import standing_of
from hubv1.report.tally import FindingKey, Tally, Use, tally
from hubv1.routes import Verdict, route_named

_WORST_FIRST = (Verdict.DEAD, Verdict.LOSSY, Verdict.BRIDGED, Verdict.SERVED)

_HOSTS_ELSEWHERE = 10


def build(
    histories: Sequence[History],
    now: datetime,
    selection: Selection = EVERYTHING,
    accepted: Sequence[Accepted] = (),
) -> Report:
    """The report of these histories taken together, as of `now` (UTC).

    They were read with that selection, whose accepted callers are those of `accepted`.
    """
    hour = now.replace(minute=0, second=0, microsecond=0)
    counts = tally(history.summary(hour) for history in histories)
    seen = _traffic(histories, counts)
    return Report(
        generated_at=now,
        filter=selection,
        window=_window(counts.all),
        seen=seen,
        totals=_outcomes(counts.all.outcomes if counts.all else {}),
        routes=tuple(sorted(map(_route, counts.routes.values()), key=_busiest)),
        callers=tuple(
            sorted(
                (_caller(use, counts.findings[name], now) for name, use in counts.callers.items()),
                key=_latest,
            )
        ),
        findings=tuple(
            sorted(
                (_finding(use) for mine in counts.findings.values() for use in mine.values()),
                key=_busiest,
            )
        ),
        days=tuple(
            Day(day, sum(outcomes.values()), _outcomes(outcomes))
            for day, outcomes in sorted(counts.days.items())
        ),
        ignored=tuple(
            sorted(
                (_ignored(use, accepted) for use in counts.accepted.values()),
                key=lambda one: one.last_seen,
                reverse=True,
            )
        ),
        baseline=None,
        in_vain=counts.in_vain,
        exit_code=_exit_code(counts, seen),
    )


def _exit_code(counts: Tally, seen: Traffic) -> int:
    """Calls in a gap are legacy calls of which nothing is known, so they are not clean."""
    lost = sum(gap.calls for gap in seen.gaps)
    if lost:
        return UNBRIDGED
    return counts.exit_code if seen.flows else TROUBLE


def _window(use: Use | None) -> Window:
    return Window(use.first_at, use.last_at) if use else Window(None, None)


def _outcomes(calls: Mapping[Outcome, int]) -> Mapping[Outcome, int]:
    return {outcome: calls.get(outcome, 0) for outcome in Outcome}


def _traffic(histories: Sequence[History], counts: Tally) -> Traffic:
    legacy = counts.all.calls if counts.all else 0
    ignored = sum(use.calls for use in counts.accepted.values())
    still_served = sum(history.seen.still_served for history in histories)
    flows = sum(history.seen.flows for history in histories)
    gaps = (gap for history in histories for gap in history.gaps)
    return Traffic(
        # A killed bridge loses the last seconds of these counts, though never a call.
        flows=max(flows, legacy + ignored + still_served),
        legacy=legacy,
        still_served=still_served,
        hosts=tuple(sorted(counts.hosts)),
        gaps=tuple(sorted(gaps, key=lambda gap: gap.started_at)),
        rejected_tls=sum(history.seen.rejected_tls for history in histories),
        rejections=_rejections(histories),
        elsewhere=_elsewhere(histories),
    )


def _rejections(histories: Sequence[History]) -> tuple[RejectingClient, ...]:
    clients: dict[tuple[str, str], RejectingClient] = {}
    for one in (one for history in histories for one in history.rejections):
        key = one.client_address, one.server_address
        known = clients.get(key)
        times = one.times + (known.times if known else 0)
        last = max(one.last_at, known.last_seen) if known else one.last_at
        clients[key] = RejectingClient(*key, times, last)
    return tuple(sorted(clients.values(), key=lambda one: one.last_seen, reverse=True))


def _elsewhere(histories: Sequence[History]) -> Mapping[str, int]:
    """The hosts with most of them: recordings may hold any number."""
    calls: Counter[str] = Counter()
    for history in histories:
        calls.update(history.elsewhere)
    return {host: number for host, number in calls.most_common(_HOSTS_ELSEWHERE) if number}


def _route(use: Use) -> RouteUse:
    last = use.last
    row = route_named(last.route)
    return RouteUse(last.route, row.successor, last.verdict, use.calls, use.last_at, row.sentence)


def _caller(use: Use, findings: Mapping[FindingKey, Use], now: datetime) -> CallerUse:
    last = use.last
    verdicts = {finding.last.verdict for finding in findings.values()}
    verdict = next(verdict for verdict in _WORST_FIRST if verdict in verdicts)
    standing, reason = standing_of(use, verdict, now)
    return CallerUse(
        caller=last.caller,
        address=last.client_address,
        user_agent=last.user_agent_original,
        calls=use.calls,
        this_hour=use.this_hour,
        first_seen=use.first_at,
        last_seen=use.last_at,
        routes=tuple(sorted({route for route, _ in findings})),
        repositories=tuple(sorted({repository for _, repository in findings if repository})),
        verdict=verdict,
        standing=standing,
        reason=reason,
    )


def _finding(use: Use) -> Finding:
    last = use.last
    row = route_named(last.route)
    namespace, _, name = last.repository.partition("/")
    repository = Repository(namespace, name) if name else None  # not for `(others)`
    return Finding(
        route=last.route,
        caller=last.caller,
        repository=last.repository,
        calls=use.calls,
        last_seen=use.last_at,
        successor=successor_for(row, repository),
        change=change_for(row, repository),
        old=old_call(row, last.server_address, repository),
        signed=use.signed,
        paged=use.paged,
        outcomes=_outcomes(use.outcomes),
    )


def _ignored(use: Use, accepted: Sequence[Accepted]) -> IgnoredCaller:
    caller = use.last.caller
    entry = next(entry for entry in accepted if is_named(caller, (entry.caller,)))
    return IgnoredCaller(caller, use.calls, use.last_at, entry.reason, entry.until)


def _busiest(use: RouteUse | Finding) -> tuple[int, str]:
    return (-use.calls, use.route)


def _latest(use: CallerUse) -> tuple[float, int]:
    return (-use.last_seen.timestamp(), -use.calls)
