"""What a report costs: of a long history against a short one.

Both journals are written by the journal's own code: calls of 200 callers, spread over 90 days.
"""

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random

from bench.lines import count_line
from bench.plan import Plan
from hubv1.api.routes import Outcome
from hubv1.journal import CallRecord, Journal, Location
from samples import make_entry

PROGRAM = Path(__file__).parents[2] / "scripts" / "lib" / "cli.py"
COMMAND = (sys.executable, "-P", str(PROGRAM), "report")
CALLERS = 200
DAYS = 90
SECONDS, MEGABYTES, RATIO = 2.0, 200, 1.5
"""The goals: of the long history, and of it against the short one."""
_ROUTES = (
    "GET /v1/repositories/{name}/tags",
    "GET /v1/repositories/{namespace}/{name}/tags",
    "GET /v1/repositories/{namespace}/{name}/tags/{tag_name}",
)
_AT_ONCE = 500


@dataclass(frozen=True)
class Cost:
    """Of one report."""

    seconds: float
    cpu_seconds: float
    """The same where nothing else is done on the machine, and steadier where there is."""
    megabytes: float
    """At most, of the whole process."""


def history(plan: Plan, folder: Path) -> Iterator[str]:
    """For `scripts/bench`; writing the calls takes two minutes."""
    short = max(1, plan.history_calls // 100)
    yield f"a report of {plan.history_calls:,} calls by {CALLERS} callers in {DAYS} days, as JSON:"
    long_cost, short_cost = (
        _cost(folder, calls, plan.reports) for calls in (plan.history_calls, short)
    )
    remark = f"the whole command; CPU time {long_cost.cpu_seconds:.2f} s"
    yield count_line("seconds", long_cost.seconds, SECONDS, remark)
    yield count_line("MB", long_cost.megabytes, MEGABYTES, "at most, of its process")
    ratio = long_cost.cpu_seconds / short_cost.cpu_seconds
    remark = f"of {short:,} calls, in CPU time: {short_cost.cpu_seconds:.2f} s"
    yield count_line("times the cost", ratio, RATIO, remark)


def write(path: Path, calls: int, callers: int = CALLERS) -> None:
    """A journal of so many calls."""
    journal = Journal(Location(str(path)), "hub-v1-bridge-bench")
    journal.seen.flows = calls
    entries = _entries(calls, callers)

    async def writing() -> None:
        while some := list(islice(entries, _AT_ONCE)):
            await asyncio.gather(*map(journal.record, some))

    asyncio.run(writing())
    journal.close()


def report(path: Path, rounds: int) -> Cost:
    """The cheapest of some reports as JSON, each a process of its own."""
    asked = ("--journal", str(path), "-o", str(_told(path)))
    return min((cost_of(*asked) for _ in range(rounds)), key=lambda cost: cost.cpu_seconds)


def cost_of(*arguments: str) -> Cost:
    """What `scripts/report` with these arguments costs, once."""
    command = (*COMMAND, *arguments)
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)  # or it would be waited for again
    return Cost(time.perf_counter() - began, used.ru_utime + used.ru_stime, _megabytes(used))


def _cost(folder: Path, calls: int, rounds: int) -> Cost:
    path = folder / f"{calls}.sqlite3"
    write(path, calls)
    cost = report(path, rounds)
    told = json.loads(_told(path).read_text(encoding="utf-8"))["totals"]["calls"]
    if told != calls:
        raise RuntimeError(f"the report tells of {told:,} calls, not {calls:,}")
    return cost


def _entries(calls: int, callers: int) -> Iterator[CallRecord]:
    """Calls at even intervals until now; each caller has three scripts of its own."""
    chance = Random(1)  # noqa: S311  # no secret
    end, step = datetime.now(UTC), timedelta(days=DAYS) / calls
    for number in range(calls):
        caller, script = chance.randrange(callers), chance.randrange(3)
        address = f"10.0.{caller // 250}.{caller % 250}"
        yield make_entry(
            started_at=end - (calls - number) * step,
            caller=f"curl/8.1 at {address}",
            client_address=address,
            route=_ROUTES[script],
            repository=f"tool-{(caller * 3 + script) % 100}",
            outcome=Outcome.TRANSLATED if chance.random() < 0.95 else Outcome.FAILED,
        )


def _told(path: Path) -> Path:
    return path.with_suffix(".json")


def _megabytes(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / 1024
