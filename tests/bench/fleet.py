"""What a fleet costs: shipping for each call, a backlog, and the report of very many calls."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.compare import Subject, compare
from bench.history import cost_of, write
from bench.lines import bounded_line, count_line
from bench.plan import Plan
from bench.standins import running_hosts
from e2e.bridges import running_bridge
from fleet.asking import Fleet
from fleet.postgres import Server, a_server
from hubv1.fleet import Shipper
from hubv1.fleet.postgres import FleetDatabase
from hubv1.journal import Location

MINUTE = 60
DAYS, SCRIPTS = 90, 3
REPORT_SECONDS = 5

_COUNTS = """
INSERT INTO days
SELECT day::date, 'curl/8.1 at 10.0.' || who / 250 || '.' || who % 250, 'index.docker.io',
    'GET /v1/repositories/{namespace}/{name}/tags/{tag_name}',
    'acme/tool-' || (who * SCRIPTS + script) % 500, 'translated', CALLS, 0, 0,
    date_trunc('day', day) + who % 24 * interval '1 hour',
    date_trunc('day', day) + who % 24 * interval '1 hour' + interval '59 minutes'
FROM generate_series(0, CALLERS - 1) AS who, generate_series(0, SCRIPTS - 1) AS script,
    generate_series(now() - DAYS * interval '1 day', now() - interval '1 day', '1 day') AS day;
INSERT INTO hours
SELECT date_trunc('hour', first_at), caller, server_address, route, repository, outcome,
    calls, signed, paged, first_at, last_at
FROM days;
INSERT INTO callers
SELECT caller, '10.0.0.1', 'curl/8.1', '', 'none', min(first_at), max(last_at)
FROM days GROUP BY caller;
INSERT INTO seen VALUES (date_trunc('hour', now()), 'bench', 1, 0, 0)
"""
"""The counts that nightly scripts would leave, each in an hour of its own."""


def fleet(plan: Plan, folder: Path) -> Iterator[str]:
    """For `scripts/bench`, with a PostgreSQL of its own that syncs each commit to the disk."""
    with a_server(settings=("fsync=on",)) as server:
        yield from _shipping(plan, folder, server)
        yield _backlog(plan, folder, Fleet(server, "backlog"))
        yield _report(plan, Fleet(server, "large"))


def _shipping(plan: Plan, folder: Path, server: Server) -> Iterator[str]:
    """A bridge that ships against one that does not."""
    with ExitStack() as stack:
        hosts = stack.enter_context(running_hosts(folder, f"bench/={plan.tags}"))
        subjects = []
        for name in ("alone", "ships"):
            mode = ["--mode", f"reverse:{hosts.hub}"]
            if name == "ships":
                mode += ["--set", f"hub_fleet={Fleet(server, 'shipping').url}"]
            bridge = stack.enter_context(running_bridge(folder / name, *mode, hub_url=hosts.hub))
            subjects.append(_subject(name, bridge.port, bridge.process.pid))
        for keep_alive in (False, True):
            result = compare(*subjects, rounds=plan.rounds, calls=plan.calls, keep_alive=keep_alive)
            title = "kept alive" if keep_alive else "a connection each"
            costs = (f"alone {result.peer.cpu_us:,.0f} µs", f"ships {result.ours.cpu_us:,.0f} µs")
            yield bounded_line(f"shipping, {title}", result.ratio, 0.95, *costs)


def _subject(name: str, port: int, pid: int) -> Subject:
    return Subject(name, port, pid, lambda number: f"/v1/repositories/bench/{name}-{number}/tags")


def _backlog(plan: Plan, folder: Path, fleet: Fleet) -> str:
    journal = folder / "backlog.sqlite3"
    write(journal, plan.backlog)
    began = time.monotonic()
    shipping = Shipper(journal, Location(fleet.url), "hub-v1-bridge-bench")
    while shipping.status.shipped_at is None or shipping.status.waiting:
        time.sleep(0.1)
    seconds = time.monotonic() - began
    shipping.close()
    return count_line("backlog, seconds", seconds, MINUTE, f"{plan.backlog:,} rows")


def _report(plan: Plan, fleet: Fleet) -> str:
    """Of counts alone, as every report is: single calls would not be looked at."""
    database = FleetDatabase(Location(fleet.url))
    database.open()
    database.close()
    statement = _COUNTS
    calls = max(1, round(plan.fleet_calls / (plan.fleet_callers * DAYS * SCRIPTS)))
    for name, number in (
        ("CALLERS", plan.fleet_callers),
        ("SCRIPTS", SCRIPTS),
        ("DAYS", DAYS),
        ("CALLS", calls),
    ):
        statement = re.sub(rf"\b{name}\b", str(number), statement)
    fleet.ask(statement)
    made = [cost_of("--format", "json", "--journal", fleet.url) for _ in range(plan.reports)]
    cost = min(made, key=lambda one: one.seconds)
    number = fleet.value("SELECT sum(calls) FROM days")
    remark = f"{number:,} calls by {plan.fleet_callers:,} callers, as JSON, {cost.megabytes:.0f} MB"
    return count_line("report, seconds", cost.seconds, REPORT_SECONDS, remark)
