"""What a report costs: of a long history against a short one.

Both journals are written by the journal's own code: calls of 200 callers, spread over 90 days.
"""

import asyncio
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

from bench.plan import Plan
from hubv1.journal import Entry, Journal, Place
from hubv1.outcome import Outcome
from samples import make_entry

ADDON = Path(__file__).parents[2] / "addon"
CALLERS = 200
DAYS = 90
LONG, SHORT = 1_000_000, 10_000
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
    megabytes: float
    """At most, of the whole process."""


def history(_plan: Plan, folder: Path) -> Iterator[str]:
    """For `scripts/bench`; writing the calls takes two minutes."""
    yield compare(folder)


def write(path: Path, calls: int, callers: int = CALLERS) -> None:
    """A journal of so many calls."""
    journal = Journal(Place(str(path)), "hub-v1-bridge-bench")
    journal.seen.flows = calls
    entries = _entries(calls, callers)

    async def writing() -> None:
        while some := list(islice(entries, _AT_ONCE)):
            await asyncio.gather(*map(journal.record, some))

    asyncio.run(writing())
    journal.close()


def report(path: Path, rounds: int = 3) -> Cost:
    """The cheapest of some reports as JSON, each a process of its own."""
    asked = ("--format", "json", "--journal", str(path))
    return min((cost_of(*asked) for _ in range(rounds)), key=lambda cost: cost.seconds)


def cost_of(*arguments: str) -> Cost:
    """What `scripts/report` with these arguments costs, once."""
    command = (sys.executable, "-m", "hubv1.report", *arguments)
    environment = {**os.environ, "PYTHONPATH": str(ADDON)}
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)  # or it would be waited for again
    return Cost(time.perf_counter() - began, _megabytes(used))


def compare(folder: Path, long: int = LONG, short: int = SHORT) -> str:
    """Both histories, and a sentence about what their reports cost."""
    costs = []
    for calls in (long, short):
        write(folder / f"{calls}.sqlite3", calls)
        costs.append(report(folder / f"{calls}.sqlite3"))
    one, other = costs
    return (
        f"a report of {long:,} calls by {CALLERS} callers: {one.seconds:.2f} s (goal {SECONDS}), "
        f"{one.megabytes:.0f} MB (goal {MEGABYTES}), {one.seconds / other.seconds:.2f} times that "
        f"of {short:,} calls (goal {RATIO})"
    )


def _entries(calls: int, callers: int) -> Iterator[Entry]:
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


def _megabytes(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / 1024
