"""From journals and recordings to a report: read what is wanted, add it up, say what it means."""

from argparse import Namespace
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from operator import attrgetter
from pathlib import Path

from hubv1.api.routes import ANSWERED, LEGACY_HOSTS, Outcome, Verdict, route_named
from hubv1.journal import (
    EVERYTHING,
    FILE_NAME,
    Count,
    History,
    Place,
    Selection,
    Summary,
    is_named,
    read_all,
)
from hubv1.report.allowlist import Accepted, Allowlist, patterns, read_allowlist
from hubv1.report.compare import compared, read_baseline
from hubv1.report.model import (
    OUTCOMES,
    CallerUse,
    Day,
    Finding,
    IgnoredCaller,
    RejectingClient,
    Report,
    RouteUse,
    Standing,
    State,
    Traffic,
    Window,
)
from hubv1.report.period import on_the_hour, selection_of

DEFAULT_JOURNAL = f"~/.mitmproxy/{FILE_NAME}"
"""Where the bridge writes as long as neither hub_journal nor confdir is set."""

QUIET_DAYS = 7
"""Without a call for so long, a caller has probably moved."""

_WORST_FIRST = (Verdict.DEAD, Verdict.LOSSY, Verdict.BRIDGED, Verdict.SERVED)
_HOSTS_ELSEWHERE = 10
_PLACE_OF = {outcome: at for at, outcome in enumerate(OUTCOMES)}
_TRANSLATED = _PLACE_OF[Outcome.TRANSLATED]
_REASONS = {
    Outcome.PASSED: "it calls routes that nothing replaces",
    Outcome.REFUSED: "some of its calls were refused",
    Outcome.FAILED: "some of its calls failed",
    Outcome.GONE: "v1 was ended for it",
}
"""Why a caller is not bridged, by how some of its calls ended."""


def make(
    options: Namespace,
    now: datetime,
    say: Callable[[str], None],
    advance: Callable[[int], None] = lambda _: None,
) -> Report:
    """The report that the arguments of the command ask for, as of `now` (UTC).

    `say` hears what is worth a look about how it was made, `advance` of each so many bytes of
    recordings that were read. Raises JournalError, CaptureError, AllowlistError, BaselineError and
    OSError.
    """
    selection = selection_of(options, now)
    earlier = read_baseline(options.baseline, selection) if options.baseline else None
    allowed = read_allowlist(options.ignore, now.date()) if options.ignore else Allowlist()
    selection = replace(selection, accepted=patterns(allowed.in_force))
    journals = options.journal or ([] if options.captures else [DEFAULT_JOURNAL])
    with read_sources(journals, options.captures, selection, say, advance) as histories:
        report = build_report(histories, now, selection, allowed.in_force)
    ignored = [one.caller for one in report.ignored]
    if options.ignore:
        for line in allowed.remarks(ignored):
            say(f"{options.ignore}: {line}")
    if earlier is None:
        return report
    callers = [use.caller for use in report.callers]
    return replace(report, baseline=compared(earlier, callers, ignored))


@contextmanager
def read_sources(
    journals: Sequence[str],
    captures: Sequence[Path],
    selection: Selection,
    say: Callable[[str], None],
    advance: Callable[[int], None],
) -> Iterator[list[History]]:
    """What is wanted of journals, and of recordings what is in none of these, while it lasts.

    `say` hears of journals that share calls, which are counted once. Hosts that the selection names
    are legacy hosts in recordings too. Raises JournalError and CaptureError.
    """
    # A journal that is named twice, by a link perhaps, is read once.
    places = {place.key: place for place in map(Place, journals)}
    with read_all([*places.values()], selection, say) as written:

        def known(id_: str) -> bool:
            return any(journal.has(id_) for journal in written)

        if not captures:
            yield written
            return
        # Journals alone need nothing of mitmproxy, which takes longer to load than most to read.
        from hubv1.captures import Capture, read_capture  # noqa: PLC0415  # see above

        hosts, told = {*LEGACY_HOSTS, *selection.hosts}, set[str]()
        recorded = [
            read_capture(Capture(path, hosts, selection, told, known, advance)) for path in captures
        ]
        yield [*written, *recorded]


def build_report(
    histories: Sequence[History],
    now: datetime,
    selection: Selection = EVERYTHING,
    accepted: Sequence[Accepted] = (),
) -> Report:
    """The report of these histories taken together, as of `now` (UTC).

    They were read with that selection, whose accepted callers are those of `accepted`.
    """
    hour = on_the_hour(now)
    found = aggregate(history.summary(hour) for history in histories)
    ignored = [_ignored(sums, accepted) for sums in found.accepted.values()]
    routes = sorted(map(_route, found.routes.values()), key=lambda use: (-use.calls, use.route))
    days = [_day(*day) for day in sorted(found.days.items())]
    callers, findings = _callers_and_findings(found, now)
    routes_used = found.routes.values()
    legacy = sum(sums.calls for sums in routes_used)
    ended = [sum(calls) for calls in zip(*(sums.ended for sums in routes_used), strict=True)]
    totals = dict(zip(OUTCOMES, ended or [0] * len(OUTCOMES), strict=True))
    seen = _traffic(histories, found.hosts, legacy, sum(one.calls for one in ignored))
    return Report(
        generated_at=now,
        filter=selection,
        window=Window(
            min((sums.first_at for sums in routes_used), default=None),
            max((sums.last.last_at for sums in routes_used), default=None),
        ),
        seen=seen,
        totals=totals,
        routes=tuple(routes),
        callers=callers,
        caller_count=found.caller_count or len(callers),
        repository_count=found.repository_count
        or len({one.repository for one in findings if one.repository}),
        findings=findings,
        days=tuple(days),
        ignored=tuple(sorted(ignored, key=attrgetter("last_seen"), reverse=True)),
        baseline=None,
        in_vain=found.in_vain,
        state=_state(seen, totals, found.in_vain),
    )


class Sums:
    """Calls that belong together, added up."""

    __slots__ = ("calls", "ended", "first_at", "last", "paged", "signed", "this_hour")

    def __init__(self, count: Count) -> None:
        """Those of one count."""
        self.last = count
        """The count among which the latest call was."""
        self.first_at = count.first_at
        self.calls = count.calls
        self.this_hour = count.this_hour
        self.signed = count.signed
        self.paged = count.paged
        self.ended = [0] * len(OUTCOMES)
        """How many calls ended in each way, in the order of `OUTCOMES`."""
        self.ended[_PLACE_OF[count.outcome]] = count.calls

    @classmethod
    def of(cls, parts: Sequence["Sums"]) -> "Sums":
        """Of all these together."""
        whole = copy(parts[0])
        whole.ended = [sum(calls) for calls in zip(*(each.ended for each in parts), strict=True)]
        for each in parts[1:]:
            whole.calls += each.calls
            whole.this_hour += each.this_hour
            whole.signed += each.signed
            whole.paged += each.paged
            whole.first_at = min(whole.first_at, each.first_at)
            if each.last.last_at >= whole.last.last_at:
                whole.last = each.last
        return whole

    def add(self, count: Count) -> None:
        """So many more."""
        self.calls += count.calls
        self.this_hour += count.this_hour
        self.signed += count.signed
        self.paged += count.paged
        self.ended[_PLACE_OF[count.outcome]] += count.calls
        self.first_at = min(self.first_at, count.first_at)
        if count.last_at >= self.last.last_at:
            self.last = count


@dataclass(slots=True)
class Aggregate:
    """Everything that one pass over the counts finds out."""

    callers: defaultdict[str, list[Count]] = field(default_factory=lambda: defaultdict(list))
    """The counts of each, in the order in which they came."""
    routes: dict[str, Sums] = field(default_factory=dict)
    accepted: dict[str, Sums] = field(default_factory=dict)
    """By caller; nothing else counts them."""
    days: defaultdict[date, Counter[Outcome]] = field(default_factory=lambda: defaultdict(Counter))
    hosts: set[str] = field(default_factory=set)
    in_vain: int = 0
    """Calls that were answered on a route that is dead."""
    caller_count: int = 0
    """How many callers there are, where not all are told apart."""
    repository_count: int = 0
    """Likewise."""


def aggregate(summaries: Iterable[Summary]) -> Aggregate:
    """What these summaries make together."""
    found = Aggregate()
    for summary in summaries:
        for count in summary.counts:
            found.callers[count.caller].append(count)
            found.hosts.add(count.server_address)
            _count(found.routes, count.route, count)
            if count.outcome is Outcome.TRANSLATED and count.verdict is Verdict.DEAD:
                found.in_vain += count.calls
        found.caller_count += summary.callers
        found.repository_count += summary.repositories
        for count in summary.accepted:
            _count(found.accepted, count.caller, count)
        for (day, outcome), calls in summary.days.items():
            found.days[day][outcome] += calls
    return found


def _count(sums: dict[str, Sums], key: str, count: Count) -> None:
    known = sums.get(key)
    if known is None:
        sums[key] = Sums(count)
    else:
        known.add(count)


def _state(seen: Traffic, totals: Mapping[Outcome, int], in_vain: int) -> State:
    # Of calls that were lost or refused unrecorded nothing is known, so they are not clean.
    unbridged = sum(calls for outcome, calls in totals.items() if outcome not in ANSWERED)
    if unbridged or in_vain or seen.lost or seen.refused_unrecorded:
        return State.UNBRIDGED
    if seen.legacy:
        return State.BRIDGED
    return State.CLEAN if seen.flows else State.NOTHING_SEEN


def _traffic(
    sources: Sequence[History], hosts: Iterable[str], legacy: int, ignored: int
) -> Traffic:
    still_served = sum(source.seen.still_served for source in sources)
    flows = sum(source.seen.flows for source in sources)
    gaps = (gap for source in sources for gap in source.gaps)
    return Traffic(
        # A killed bridge loses the last seconds of these counts, though never a call.
        flows=max(flows, legacy + ignored + still_served),
        legacy=legacy,
        still_served=still_served,
        hosts=tuple(sorted(hosts)),
        gaps=tuple(sorted(gaps, key=attrgetter("started_at"))),
        refused_unrecorded=sum(source.seen.refused_unrecorded for source in sources),
        rejected_tls=sum(source.seen.rejected_tls for source in sources),
        rejections=_rejections(sources),
        elsewhere=_elsewhere(sources),
    )


def _rejections(sources: Sequence[History]) -> tuple[RejectingClient, ...]:
    clients: dict[tuple[str, str], RejectingClient] = {}
    for one in (one for source in sources for one in source.rejections):
        key = one.client_address, one.server_address
        known = clients.get(key)
        times = one.times + (known.times if known else 0)
        last = max(one.last_at, known.last_seen) if known else one.last_at
        clients[key] = RejectingClient(*key, times, last)
    return tuple(sorted(clients.values(), key=attrgetter("last_seen"), reverse=True))


def _elsewhere(sources: Sequence[History]) -> Mapping[str, int]:
    """The hosts with most of them: recordings may hold any number."""
    calls: Counter[str] = Counter()
    for source in sources:
        calls.update(source.elsewhere)
    return {host: number for host, number in calls.most_common(_HOSTS_ELSEWHERE) if number}


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
    found: Aggregate, now: datetime
) -> tuple[tuple[CallerUse, ...], tuple[Finding, ...]]:
    """The callers, the latest first, and the findings, the busiest first; `found` has neither left.

    There may be hundreds of thousands, so the counts of each go as soon as they are read.
    """
    callers: list[CallerUse] = []
    findings: list[Finding] = []
    quiet_until = now - timedelta(days=QUIET_DAYS)
    for name in [*found.callers]:
        by_finding: dict[tuple[str, str], Sums] = {}
        for count in found.callers.pop(name):
            key = count.route, count.repository
            known = by_finding.get(key)
            if known is None:
                by_finding[key] = Sums(count)
            else:
                known.add(count)
        uses = [*by_finding.values()]
        callers.append(_caller(uses, quiet_until))
        findings += map(_finding, uses)
    # Sorting is stable, so the last key is the first to sort by.
    callers.sort(key=attrgetter("calls"), reverse=True)
    callers.sort(key=attrgetter("last_seen"), reverse=True)
    findings.sort(key=attrgetter("route"))
    findings.sort(key=attrgetter("calls"), reverse=True)
    return tuple(callers), tuple(findings)


def _caller(findings: Sequence[Sums], quiet_until: datetime) -> CallerUse:
    sums, verdict = findings[0], findings[0].last.verdict
    routes, repositories = [sums.last.route], [sums.last.repository]
    if len(findings) > 1:  # which few callers have
        sums = Sums.of(findings)
        verdict = min((each.last.verdict for each in findings), key=_WORST_FIRST.index)
        routes = sorted({each.last.route for each in findings})
        repositories = sorted({each.last.repository for each in findings})
    last = sums.last
    standing, reason = standing_of(sums, verdict, quiet_until)
    return CallerUse(
        last.caller,
        last.client_address,
        last.user_agent_original,
        sums.calls,
        sums.this_hour,
        sums.first_at,
        last.last_at,
        tuple(routes),
        tuple(filter(None, repositories)),
        verdict,
        standing,
        reason,
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
    )


def standing_of(sums: Sums, verdict: Verdict, quiet_until: datetime) -> tuple[Standing, str]:
    """The standing of a caller whose worst route has that verdict, and why, in a few words.

    One whose last call was before `quiet_until` has probably moved.
    """
    last_at = sums.last.last_at
    if last_at <= quiet_until:
        return Standing.QUIET, f"no call since {last_at.date()}"
    if verdict is Verdict.DEAD:
        return Standing.NOT_BRIDGED, "it calls routes that no bridge can revive"
    if sums.ended[_TRANSLATED] != sums.calls:
        reasons = [why for outcome, why in _REASONS.items() if sums.ended[_PLACE_OF[outcome]]]
        if reasons:
            return Standing.NOT_BRIDGED, ", ".join(reasons)
    if sums.signed:
        return Standing.NEEDS_CREDENTIALS, "it signs in, so its v2 calls need a token"
    if sums.paged:
        return Standing.NEEDS_PAGING, "its lists are longer than a page of v2"
    return Standing.READY, "one call to v2 replaces each of its calls"
