"""A long run in trouble: whether anything grows, and whether every answered call is written down.

Its rounds are equal. In each, callers of every sort call while Hub fails in one way after another,
PostgreSQL is taken away and given back, reports are made, and old rows go. Then all is well for a
while, which is when answers are timed; then everybody goes, and what the bridge holds is measured.
"""

import json
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from bench.callers import HEADER, IMPATIENT, RULES, Answered, Callers
from bench.history import COMMAND
from bench.plan import BenchError, Plan
from bench.probe import HOST
from bench.standins import Hosts, running_hosts
from e2e.bridges import Mitmdump, query, running_bridge
from e2e.clients import PATIENCE, clean_environment
from fleet.asking import Fleet, waiting
from fleet.postgres import Server, a_server
from hubv1.journal import Journal, Location
from samples import make_entry

TROUBLE: tuple[dict[str, object], ...] = (
    {"action": "latency", "seconds": 0.3},
    {"action": "status", "code": 503},
    {"action": "drop"},
    {"action": "html"},
    {"action": "rate_limited", "reset_in": 1},
    {"action": "broken_json"},
    {"action": "hang"},
    {"action": "cut"},
)
"""What Hub and the registry do in each round, one after the other."""
AWAY = range(1, 4)
"""During which of these PostgreSQL is not there."""
OWN_REPORT_AT, REPORT_AT = 2, 5
"""At the beginning of which of these the bridge reports on its journal, with PostgreSQL away, and
`scripts/report` on the fleet, with PostgreSQL back."""
REPORT_SECONDS = 600
"""In which it has to be made, on the busiest of machines."""
CALM = 0.4
"""The share of a round in which all is well."""
OLD = "old"
OLD_ROWS = 1_000
"""Rows that come into the journal in each round and are too old to stay."""
DAYS = 30
ROOM = {"megabytes": 10.0, "descriptors": 4, "threads": 2, "tasks": 2, "processes": 0}
"""What the end may have more than the start: what a cache or a pool happens to hold."""
SETTLING = 40
"""Seconds that the bridge has to let go of what it needs no more. Its HTTP client closes
connections that were idle for 15 seconds, and looks for them as often."""
SLOWER, SLOWER_BY = 2.0, 50.0
"""How much slower than at the start answers may be at the end: so many times, or as many times as
Hub itself, since the machine does other work too; and milliseconds."""


@dataclass(frozen=True)
class Held:
    """What the process of the bridge holds when nobody calls, and how fast it was before."""

    megabytes: float
    descriptors: int
    threads: int
    tasks: int
    processes: int
    """That it has started, such as those that make reports."""
    p99: float = 0.0
    """Milliseconds; 0 where it was not timed."""
    p99_of_hub: float = 0.0
    """The same for calls to Hub itself."""

    def __str__(self) -> str:
        return (
            f"{self.megabytes:.1f} MB, {self.descriptors} descriptors, {self.threads} threads, "
            f"{self.tasks} tasks, {self.processes} processes, {self._timed}"
        )

    @property
    def _timed(self) -> str:
        if not self.p99:
            return "too few answers for a p99"
        return f"p99 {self.p99:,.0f} ms, {self.p99_of_hub:,.0f} ms without the bridge"


def soak(plan: Plan, folder: Path, *arguments: str) -> Iterator[str]:
    """For `scripts/bench`; `arguments` are more for mitmdump."""
    yield (
        f"{plan.minutes:g} minutes in {plan.soak_rounds} rounds, {plan.soak_rate:g} calls a second "
        "of mixed callers; Hub fails, PostgreSQL goes and comes, reports are made, old rows go:"
    )
    probe = ("-s", str(Path(__file__).with_name("probe.py")))
    with a_server() as server, running_hosts(folder, *RULES) as hosts:
        fleet = Fleet(server, "soak")
        settings = {
            "hub_fleet": fleet.url,
            "hub_caller_header": HEADER,
            "hub_deadline": 5,
            "hub_cache_ttl": 3,
            "hub_journal_days": DAYS,
        }
        options = [f"--set={name}={value}" for name, value in settings.items()]
        with running_bridge(
            folder / "bridge",
            *(*probe, *options, *arguments),
            hub_url=hosts.hub,
            registry_url=hosts.registry,
        ) as bridge:
            callers = Callers(bridge, hosts.hub, plan.soak_rate)
            run = _Soak(plan, folder, bridge, hosts, server, fleet, callers)
            yield from run.rounds()


@dataclass
class _Soak:
    plan: Plan
    folder: Path
    bridge: Mitmdump
    hosts: Hosts
    server: Server
    fleet: Fleet
    callers: Callers

    def rounds(self) -> Iterator[str]:
        """A line for each; the first one warms up, so that the second is where all starts."""
        start = held = None
        for number in range(self.plan.soak_rounds):
            held = self._round(number, start)
            answers = self.callers.answered.total()
            yield f"  after {answers:,} answers: {held}"
            if number == 1:
                start = held
        assert start, "there are two rounds at least"
        assert held
        wrong = [*grown(start, held), *self._missing()]
        if wrong:
            raise BenchError(f"soak: {' '.join(wrong)}")
        statuses = Counter[int]()
        for (_, _, status), times in self.callers.answered.items():
            statuses[status] += times
        shown = ", ".join(f"{times:,} with {status}" for status, times in sorted(statuses.items()))
        yield (
            f"  nothing grew; {self.callers.answered.total():,} answers ({shown}), each once in "
            "the journal and once in the fleet"
        )

    def _round(self, number: int, start: Held | None) -> Held:
        seconds = 60 * self.plan.minutes / self.plan.soak_rounds
        self._add_old_rows()
        self.callers.begin()
        try:
            for step, trouble in enumerate(TROUBLE):
                self._make_trouble(number, step, trouble)
                self._report(number, step)
                time.sleep(seconds * (1 - CALM) / len(TROUBLE))
            self._steer("DELETE")
            self.callers.begin_timing()
            time.sleep(seconds * CALM)
        finally:
            self.callers.end()
        p99, p99_of_hub = self.callers.end_timing()
        _until(self._is_shipped, "the fleet has all rows")
        self._ask_bridge({"days": DAYS + number % 2 + 1})  # it looks for old rows at once
        _until(self._has_no_old_rows, "the old rows are gone")
        return replace(self._held(start), p99=p99, p99_of_hub=p99_of_hub)

    def _make_trouble(self, number: int, step: int, trouble: dict[str, object]) -> None:
        self._steer("DELETE")
        self._steer("POST", {"match": ".", "listener": "hub", **trouble})
        self._steer("POST", {"match": ".", "listener": "registry", **trouble, "times": 20})
        if step == AWAY.start:
            (self.server.stop, self.server.kill, self.server.freeze)[number % 3]()
        if step == AWAY.stop:
            self.server.thaw() if number % 3 == 2 else self.server.start()

    def _steer(self, method: str, fault: dict[str, object] | None = None) -> None:
        request = urllib.request.Request(
            f"{self.hosts.hub}/_standin/faults", json.dumps(fault or {}).encode(), method=method
        )
        with urllib.request.urlopen(request, timeout=PATIENCE):
            pass

    def _report(self, number: int, step: int) -> None:
        if step == OWN_REPORT_AT:
            page = self.folder / f"report-{number}.html"
            self._ask_bridge({"report": str(page)})
            _until(page.exists, f"the bridge's own report {page.name} is made")
        if step != REPORT_AT:
            return
        _until(lambda: self.fleet.calls() > 0, "the fleet has rows")
        try:
            done = subprocess.run(
                [*COMMAND, "--format", "json", "--journal", self.fleet.url],
                env=clean_environment(self.folder),
                capture_output=True,
                text=True,
                timeout=REPORT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise BenchError(f"soak: A report took more than {REPORT_SECONDS} s.") from error
        if done.returncode:
            raise BenchError(f"soak: A report failed: {done.stderr}")

    def _add_old_rows(self) -> None:
        """As another bridge at this journal would have left them."""
        now = datetime.now(UTC)
        other = Journal(Location(str(self.bridge.journal)), "hub-v1-bridge-old")
        for number in range(OLD_ROWS):
            # What is old is told by the newest row from before today.
            days = 2 if number == 0 else 2 * DAYS
            other.record_unawaited(make_entry(caller=OLD, started_at=now - timedelta(days)))
        other.close()

    def _is_shipped(self) -> bool:
        return self.fleet.has_tables() and waiting(self.bridge.journal) == 0

    def _has_no_old_rows(self) -> bool:
        # One a round is from the day before yesterday.
        statement = f"SELECT count(*) AS old FROM calls WHERE caller = '{OLD}'"  # noqa: S608  # a word of our own
        return bool(query(self.bridge.journal, statement)[0]["old"] <= self.plan.soak_rounds)

    def _ask_bridge(self, wanted: dict[str, object]) -> dict[str, int]:
        proxy = urllib.request.ProxyHandler({"http": self.bridge.url})
        opener = urllib.request.build_opener(proxy)
        sent = json.dumps(wanted).encode()
        with opener.open(f"http://{HOST}/", sent, timeout=PATIENCE) as answer:
            held: dict[str, int] = json.load(answer)
        return held

    def _held(self, start: Held | None) -> Held:
        """Once it is the same for some seconds, and what it was at the start: connections that are
        no longer needed take a moment to close."""
        found, same, end = self._held_now(), 0, time.monotonic() + SETTLING
        while time.monotonic() < end and (same < 4 or (start and [*grown(start, found)])):
            time.sleep(0.5)
            new = self._held_now()
            same = same + 1 if replace(new, megabytes=found.megabytes) == found else 0
            found = new
        return found

    def _held_now(self) -> Held:
        tasks = self._ask_bridge({})["tasks"]
        process = psutil.Process(self.bridge.process.pid)
        with suppress(psutil.NoSuchProcess):
            return Held(
                process.memory_info().rss / 1e6,
                process.num_fds(),
                process.num_threads(),
                tasks,
                len(process.children(recursive=True)),
            )
        raise BenchError("soak: The bridge ended.")

    def _missing(self) -> Iterator[str]:
        statement = (
            "SELECT id, caller, url_path, http_response_status_code AS status FROM calls "  # noqa: S608  # words of our own
            f"WHERE caller NOT IN ('{OLD}', '{IMPATIENT}')"
        )
        rows = query(self.bridge.journal, statement)
        recorded = Counter((row["caller"], row["url_path"], row["status"]) for row in rows)
        yield from missing(self.callers.answered, recorded, self.callers.unanswered)
        counted = f"SELECT sum(calls) FROM days WHERE caller NOT IN ('{OLD}', '{IMPATIENT}')"  # noqa: S608  # as above
        [here] = query(self.bridge.journal, counted.replace("sum(calls)", "sum(calls) AS calls"))
        if here["calls"] != len(rows):
            yield f"The journal counts {here['calls']:,} calls and has {len(rows):,}."
        ids = {row["id"] for row in rows}
        shipped = [each for each in self.fleet.ids() if each in ids]
        there = self.fleet.value(counted)
        if len(shipped) != len(rows) or there != len(rows):
            yield (
                f"Of {len(rows):,} calls in the journal the fleet has {len(shipped):,}, and counts "
                f"{there:,}."
            )


def _until(is_so: Callable[[], bool], what: str) -> None:
    """Wait for it, as long as a report may take; BenchError says that it never came."""
    end = time.monotonic() + REPORT_SECONDS
    while not is_so():
        if time.monotonic() > end:
            raise BenchError(f"soak: Not within {REPORT_SECONDS} s: {what}.")
        time.sleep(0.05)


def grown(start: Held, end: Held) -> Iterator[str]:
    """A sentence for each figure that is larger at the end than it may be."""
    before, after = asdict(start), asdict(end)
    for name, room in ROOM.items():
        if after[name] > before[name] + room:
            yield f"{name.capitalize()} grew from {before[name]:,.5g} to {after[name]:,.5g}."
    machine = end.p99_of_hub / start.p99_of_hub if start.p99_of_hub else 1
    if start.p99 and end.p99 > SLOWER * max(1, machine) * start.p99 + SLOWER_BY:
        yield f"Answers were slower: 99 % came in {start.p99:,.0f} ms, then in {end.p99:,.0f} ms."


def missing(
    answered: Counter[Answered], recorded: Counter[Answered], unanswered: list[str]
) -> Iterator[str]:
    """A sentence if calls were not answered, answered and not recorded, or recorded twice."""
    if unanswered:
        yield f"Calls without an answer: {len(unanswered):,}, such as {unanswered[0]}."
    for which, what in (
        (answered - recorded, "Answered calls without a row in the journal"),
        (recorded - answered, "Rows in the journal for calls that were not answered so often"),
    ):
        if which:
            yield f"{what}: {which.total():,}, such as {which.most_common(1)[0][0]}."
