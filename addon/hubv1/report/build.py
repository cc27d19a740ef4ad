"""From histories to a report: add up what they count, and say what it means."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from operator import attrgetter
from typing import TypeVar

from hubv1.api.routes import ANSWERED, Outcome, Verdict, route_named
from hubv1.journal import EVERYTHING, Count, DayCount, History, Selection, is_named
from hubv1.replacements import successor_for
from hubv1.report.allowlist import Accepted
from hubv1.report.model import (
    OUTCOMES,
    CallerUse,
    Day,
    Finding,
    IgnoredCaller,
    RejectingClient,
    Report,
    RetiringUse,
    RouteUse,
    Standing,
    State,
    Traffic,
    Window,
)
from hubv1.report.standing import (
    RecentCalls,
    Sums,
    earlier_trouble,
    progress_of,
    recent_calls,
    standing_of,
)

_Key = TypeVar("_Key")
_WORST_FIRST = (Verdict.DEAD, Verdict.LOSSY, Verdict.BRIDGED, Verdict.SERVED, Verdict.RETIRING)
_HOSTS_ELSEWHERE = 10


def build_report(
    histories: Sequence[History],
    now: datetime,
    selection: Selection = EVERYTHING,
    accepted: Sequence[Accepted] = (),
) -> Report:
    """The report of these histories taken together, as of `now` (UTC).

    `selection` is what they were read with; its accepted callers are those of `accepted`.
    """
    found = _aggregate(histories, on_the_hour(now))
    routes = found.routes.values()
    ignored = [_ignored(sums, accepted) for sums in found.accepted.values()]
    ended = [sum(sums.ended[at] for sums in routes) for at in range(len(OUTCOMES))]
    totals = dict(zip(OUTCOMES, ended, strict=True))
    seen = _traffic(histories, found, sum(one.calls for one in ignored))
    callers, findings = _callers_and_findings(found.callers, found.recent, now)
    retiring_callers, retiring = _callers_and_findings(found.retiring, {}, now)
    repositories = {one.repository for one in findings} - {""}
    return Report(
        generated_at=now,
        filter=selection,
        window=Window(
            min((sums.first_at for sums in routes), default=None),
            max((sums.last.last_at for sums in routes), default=None),
        ),
        seen=seen,
        totals=totals,
        routes=tuple(sorted(map(_route, routes), key=lambda use: (-use.calls, use.route))),
        callers=callers,
        caller_count=found.caller_count or len(callers),
        repository_count=found.repository_count or len(repositories),
        findings=findings,
        days=tuple(_day(*day) for day in sorted(found.days.items())),
        ignored=tuple(sorted(ignored, key=attrgetter("last_seen"), reverse=True)),
        baseline=None,
        retiring=_retiring(retiring_callers, retiring),
        retiring_callers=retiring_callers,
        retiring_findings=retiring,
        in_vain=found.in_vain,
        state=_state(seen, totals, found.in_vain),
    )


def on_the_hour(moment: datetime) -> datetime:
    """The beginning of the hour that the moment is in."""
    return moment.replace(minute=0, second=0, microsecond=0)


def _add(sums: dict[_Key, Sums], key: _Key, count: Count) -> None:
    known = sums.get(key)
    if known is None:
        sums[key] = Sums(count)
    else:
        known.add(count)


@dataclass(slots=True)
class _Aggregate:
    """What one pass over the counts finds out."""

    callers: defaultdict[str, list[Count]] = field(default_factory=lambda: defaultdict(list))
    """The counts of each caller, in the order they came in."""
    retiring: defaultdict[str, list[Count]] = field(default_factory=lambda: defaultdict(list))
    """The counts of API v2 by caller; no other field includes them."""
    routes: dict[str, Sums] = field(default_factory=dict)
    accepted: dict[str, Sums] = field(default_factory=dict)
    """Calls of accepted callers by caller; no other field includes them."""
    recent: defaultdict[str, list[DayCount]] = field(default_factory=lambda: defaultdict(list))
    """The latest days of each caller, as in a `Summary`."""
    days: defaultdict[date, Counter[Outcome]] = field(default_factory=lambda: defaultdict(Counter))
    hosts: set[str] = field(default_factory=set)
    in_vain: int = 0
    """Calls that were answered on a dead route."""
    caller_count: int = 0
    """How many callers there are if some are counted together, like the repositories; else 0."""
    repository_count: int = 0


def _aggregate(histories: Iterable[History], hour: datetime) -> _Aggregate:
    found = _Aggregate()
    for summary in (history.summary(hour) for history in histories):
        for count in summary.counts:
            found.callers[count.caller].append(count)
            found.hosts.add(count.server_address)
            _add(found.routes, count.route, count)
            if count.verdict is Verdict.DEAD and count.outcome is Outcome.TRANSLATED:
                found.in_vain += count.calls
        for count in summary.retiring:
            found.retiring[count.caller].append(count)
        found.caller_count += summary.callers
        found.repository_count += summary.repositories
        for each in summary.recent:
            found.recent[each.caller].append(each)
        for count in summary.accepted:
            _add(found.accepted, count.caller, count)
        for (day, outcome), calls in summary.days.items():
            found.days[day][outcome] += calls
    return found


def _state(seen: Traffic, totals: Mapping[Outcome, int], in_vain: int) -> State:
    # Calls that were lost or refused unrecorded are unknown, so the report is not clean.
    unbridged = sum(calls for outcome, calls in totals.items() if outcome not in ANSWERED)
    if unbridged or in_vain or seen.lost or seen.refused_unrecorded:
        return State.UNBRIDGED
    if seen.legacy:
        return State.BRIDGED
    return State.CLEAN if seen.flows else State.NOTHING_SEEN


def _traffic(sources: Sequence[History], found: _Aggregate, ignored: int) -> Traffic:
    legacy = sum(sums.calls for sums in found.routes.values())
    retiring = sum(count.calls for counts in found.retiring.values() for count in counts)
    still_served = sum(source.seen.still_served for source in sources)
    elsewhere = sum((Counter(source.elsewhere) for source in sources), Counter[str]())
    return Traffic(
        # A bridge that is killed loses the last seconds of these counts, but no call.
        flows=max(
            sum(source.seen.flows for source in sources),
            legacy + ignored + still_served + retiring,
        ),
        legacy=legacy,
        still_served=still_served,
        hosts=tuple(sorted(found.hosts)),
        gaps=tuple(
            sorted((gap for each in sources for gap in each.gaps), key=attrgetter("started_at"))
        ),
        refused_unrecorded=sum(source.seen.refused_unrecorded for source in sources),
        rejected_tls=sum(source.seen.rejected_tls for source in sources),
        rejections=_rejections(sources),
        elsewhere=dict(elsewhere.most_common(_HOSTS_ELSEWHERE)),
    )


def _rejections(sources: Sequence[History]) -> tuple[RejectingClient, ...]:
    clients: dict[tuple[str, str], RejectingClient] = {}
    for one in (one for source in sources for one in source.rejections):
        key = one.client_address, one.server_address
        known = clients.get(key) or RejectingClient(*key, 0, one.last_at)
        last_seen = max(one.last_at, known.last_seen)
        clients[key] = RejectingClient(*key, known.times + one.times, last_seen)
    return tuple(sorted(clients.values(), key=attrgetter("last_seen"), reverse=True))


def _day(day: date, outcomes: Mapping[Outcome, int]) -> Day:
    calls = {outcome: outcomes.get(outcome, 0) for outcome in OUTCOMES}
    return Day(day, sum(calls.values()), calls)


def _route(sums: Sums) -> RouteUse:
    last, row = sums.last, route_named(sums.last.route)
    return RouteUse(last.route, row.successor, last.verdict, sums.calls, last.last_at, row.sentence)


def _ignored(sums: Sums, accepted: Sequence[Accepted]) -> IgnoredCaller:
    caller = sums.last.caller
    entry = next(entry for entry in accepted if is_named(caller, (entry.caller,)))
    return IgnoredCaller(caller, sums.calls, sums.last.last_at, entry.reason, entry.until)


def _callers_and_findings(
    by_caller: dict[str, list[Count]], recent: dict[str, list[DayCount]], now: datetime
) -> tuple[tuple[CallerUse, ...], tuple[Finding, ...]]:
    """The callers, the latest first, and the findings, the busiest first.

    There may be hundreds of thousands, so the counts of each are freed once they are read.
    """
    callers: list[CallerUse] = []
    findings: list[Finding] = []
    for name in [*by_caller]:
        counts = by_caller.pop(name)
        by_finding: dict[tuple[str, str], Sums] = {}
        for count in counts:
            _add(by_finding, (count.route, count.repository), count)
        callers.append(_caller(counts, [*by_finding.values()], recent.pop(name, []), now))
        findings += map(_finding, by_finding.values())
    # Sorting is stable, so the last key is the first to sort by.
    callers.sort(key=attrgetter("calls"), reverse=True)
    callers.sort(key=attrgetter("last_seen"), reverse=True)
    findings.sort(key=attrgetter("route"))
    findings.sort(key=attrgetter("calls"), reverse=True)
    return tuple(callers), tuple(findings)


def _retiring(callers: Sequence[CallerUse], findings: Sequence[Finding]) -> tuple[RetiringUse, ...]:
    """The routes of these findings, the busiest first."""
    by_route: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_route[finding.route].append(finding)
    uses = (
        RetiringUse(
            route,
            route_named(route).retired,
            successor_for(route_named(route), None),
            sum(finding.calls for finding in found),
            tuple(use.caller for use in callers if route in use.routes),
            max(finding.last_seen for finding in found),
        )
        for route, found in by_route.items()
    )
    return tuple(sorted(uses, key=lambda use: (-use.calls, use.route)))


def _caller(
    counts: Sequence[Count], findings: Sequence[Sums], by_day: Sequence[DayCount], now: datetime
) -> CallerUse:
    sums, verdict = findings[0], findings[0].last.verdict
    if len(findings) > 1:  # which few callers have
        sums = Sums(counts[0])
        for count in counts[1:]:
            sums.add(count)
        verdict = min((each.last.verdict for each in findings), key=_WORST_FIRST.index)
    last = sums.last
    recent = recent_calls(by_day) if by_day else RecentCalls.of(sums, verdict)
    standing, reason = standing_of(recent, last.last_at, now)
    return CallerUse(
        last.caller,
        last.client_address,
        last.user_agent_original,
        sums.calls,
        sums.this_hour,
        sums.first_at,
        last.last_at,
        tuple(sorted({each.last.route for each in findings})),
        tuple(sorted({each.last.repository for each in findings} - {""})),
        verdict,
        standing,
        reason,
        round(recent.unbridged / recent.calls, 3),
        earlier_trouble(sums) if standing is not Standing.NOT_BRIDGED else "",
        recent.needs,
        *progress_of(sums, {each.day for each in by_day}, now),
    )


def _finding(sums: Sums) -> Finding:
    last = sums.last
    return Finding(
        last.route,
        last.caller,
        last.repository,
        last.server_address,
        sums.calls,
        last.last_at,
        sums.signed,
        sums.paged,
        tuple(sums.ended),
        *sums.error,
    )
