"""Reports of a fleet: as of a journal, in every format; and beside journals nothing twice."""

import json
import re
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest

from e2e.bridges import eventually
from fleet.asking import Fleet, all_shipped
from fleet.conftest import StartShipping
from fleet.postgres import PASSWORD
from fleet.writing import some_calls, write
from journal.asking import asked
from report.processes import COMMAND, environment, report, without_times

CALLS = 60


@pytest.fixture
def shipped(path: Path, fleet: Fleet, ship: StartShipping) -> Fleet:
    """A fleet that has all of one journal."""
    write(path, some_calls(CALLS), flows=90)
    ship(path, fleet.url)
    all_shipped(path, fleet)
    eventually(lambda: fleet.value("SELECT sum(flows) FROM seen") == 90, "shipped too")
    return fleet


def totals(*journals: object) -> tuple[int, int, int]:
    """Calls, their sum over all days, and flows in the report of these."""
    done = report("--format", "json", *(word for each in journals for word in ("--journal", each)))
    made: dict[str, Any] = json.loads(done.stdout)
    return (
        made["totals"]["calls"],
        sum(day["calls"] for day in made["days"]),
        made["seen"]["flows"],
    )


@pytest.mark.parametrize("form", ["json", "terminal", "md", "html", "csv"])
def test_a_report_of_the_fleet_is_that_of_its_journal_in_every_format(
    path: Path, shipped: Fleet, form: str
) -> None:
    local, ours = (report("--format", form, "--journal", where) for where in (path, shipped.url))
    assert (ours.returncode, ours.stderr) == (local.returncode, local.stderr) == (0, "")
    assert without_times(ours.stdout) == without_times(local.stdout)
    assert "caller 1" in ours.stdout


def test_the_fleet_beside_its_journal_counts_each_call_once(path: Path, shipped: Fleet) -> None:
    assert totals(shipped.url, path) == (CALLS, CALLS, 90)
    assert totals(path, shipped.url) == (CALLS, CALLS, 90)


def test_a_journal_beside_the_fleet_adds_what_is_not_shipped_yet(
    path: Path, tmp_path: Path, fleet: Fleet, ship: StartShipping
) -> None:
    write(path, some_calls(CALLS), flows=90)
    ship(path, fleet.url).close()
    write(path, some_calls(7, 2), flows=10)
    write(tmp_path / "other.sqlite3", some_calls(5, 3), flows=5, bridge_id="bridge-2")
    assert fleet.calls() == CALLS
    assert totals(fleet.url, path) == (CALLS + 7, CALLS + 7, 100)
    assert totals(fleet.url, path, tmp_path / "other.sqlite3") == (CALLS + 12, CALLS + 12, 105)


def test_neither_are_calls_counted_twice_whose_rows_have_gone(
    path: Path, fleet: Fleet, ship: StartShipping
) -> None:
    write(path, some_calls(CALLS), flows=90)
    asked(path, "DELETE FROM calls WHERE id IN (SELECT id FROM calls ORDER BY started_at LIMIT 20)")
    ship(path, fleet.url).close()
    write(path, some_calls(7, 2), flows=10)
    assert fleet.value("SELECT sum(calls) FROM days") == CALLS
    assert totals(fleet.url, path)[:2] == (CALLS + 7, CALLS + 7)


@pytest.fixture
def live(shipped: Fleet) -> Iterator[str]:
    """The URL of the live page of the fleet."""
    command = (*COMMAND, "--journal", shipped.url, "--serve", "127.0.0.1:0")
    with Popen(
        command, env=environment({"PYTHONUNBUFFERED": "1"}), stderr=PIPE, text=True
    ) as server:
        try:
            assert server.stderr
            yield re.findall(r"http://\S+[^\s.]", server.stderr.readline())[0]
        finally:
            server.terminate()


def test_the_live_page_shows_the_fleet(live: str) -> None:
    with closing(urllib.request.urlopen(live)) as answer:
        assert "caller 1" in answer.read().decode()


def test_a_fleet_that_is_away_is_one_sentence_without_its_password(fleet: Fleet) -> None:
    url = fleet.url.replace(f":{fleet.server.port}/", ":1/")
    done = report("--journal", url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Connection refused" in done.stderr
    assert PASSWORD not in done.stderr
    assert len(done.stderr.splitlines()) == 1
