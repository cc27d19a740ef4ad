"""A saved flow file keeps what became of each call, and gives the report that the journal gives."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.io import FlowReader, FlowWriter

from e2e.bridges import (
    bridge_arguments,
    eventually,
    finished,
    query,
    running_bridge,
    with_authority,
)
from e2e.clients import ask, connected
from e2e.conftest import StartBridge
from report.processes import report
from report.recordings import TRAFFIC, written
from standin import Standin, faults

RULES = ("hub_rule=gone ~u ended", "hub_rule=observe ~u watched", "hub_rule=redirect ~u moved")
OTHERS = ("hub_caller_header=X-Job", "hub_trusted_proxies=127.0.0.0/8")
CALLS = {
    "/v1/repositories/tiny/tags": "translated",
    "/v1/repositories/tiny/tags/no-such": "translated",
    "/v1/repositories/paged/tags?secret=geheim": "translated",
    "/v1/repositories/TINY/tags": "refused",
    "/v1/repositories/acme/ended/tags": "gone",
    "/v1/repositories/acme/moved/images": "redirected",
    "/v1/repositories/acme/watched/tags": "observed",
    "/v1/users/": "passed",
}


@dataclass(frozen=True)
class Saved:
    """A flow file and the journal of the same traffic."""

    flows: Path
    journal: Path


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, authority: Path, shared_hub: Standin) -> Saved:
    folder = tmp_path_factory.mktemp("saved")
    confdir = with_authority(folder / "conf", authority)
    settings = [each for one in (*RULES, *OTHERS) for each in ("--set", one)]
    flows = folder / "flows"
    front = ("--mode", f"reverse:{shared_hub.registry_url}", "-w", str(flows))
    with running_bridge(confdir, *front, *settings, hub_url=shared_hub.url) as bridge:
        for path, outcome in CALLS.items():
            headers = {"X-Job": f"job {outcome}", "X-Forwarded-For": "10.0.0.7"}
            ask(bridge, path, headers=headers)
        ask(bridge, "/v1/search?q=tool")
        ask(bridge, "/v2/")
    assert [row["outcome"] for row in bridge.rows()] == [*CALLS.values()]
    return Saved(flows, bridge.journal)


def _report(*arguments: object) -> dict[str, Any]:
    """The JSON report, without the time it was made."""
    done = report(*arguments, "--format", "json")
    assert done.returncode == 0, done
    made: dict[str, Any] = json.loads(done.stdout)
    del made["generated_at"]
    return made


def _read_again(confdir: Path, *files: Path, more: tuple[str, ...] = ()) -> Path:
    """The journal of a mitmdump that reads the files."""
    for file in files:
        reading = ("--no-server", "--rfile", str(file), *more)
        done = finished(confdir, *bridge_arguments(confdir), *reading)
        assert done.returncode == 0, done.stdout
        assert "Traceback" not in done.stdout
    return confdir / "journal.sqlite3"


def test_the_report_of_a_saved_file_is_that_of_the_journal(saved: Saved) -> None:
    of_journal = _report("--journal", saved.journal)
    assert of_journal["totals"]["translated"] == 3
    assert {caller["address"] for caller in of_journal["callers"]} == {"10.0.0.7"}
    assert _report(saved.flows) == of_journal


def test_the_report_after_reading_a_saved_file_again_is_that_of_the_journal(
    saved: Saved, tmp_path: Path
) -> None:
    again = _read_again(tmp_path / "conf", saved.flows)
    assert _report("--journal", again) == _report("--journal", saved.journal)


def test_rows_of_calls_read_again_are_those_that_were_written(saved: Saved, tmp_path: Path) -> None:
    again = _read_again(tmp_path / "conf", saved.flows)
    rows = "SELECT * FROM calls ORDER BY id"
    assert query(again, rows) == query(saved.journal, rows)


def test_a_saved_file_that_is_read_into_its_own_journal_adds_nothing(
    saved: Saved, tmp_path: Path
) -> None:
    (tmp_path / "conf").mkdir()
    shutil.copy(saved.journal, tmp_path / "conf" / "journal.sqlite3")
    again = _read_again(tmp_path / "conf", saved.flows, saved.flows)
    before, after = _report("--journal", saved.journal), _report("--journal", again)
    # Other traffic has no rows by which it would be known again.
    for traffic in ("flows", "still_served"):
        assert after["seen"].pop(traffic) > before["seen"].pop(traffic)
    assert after == before


def test_a_plain_recording_that_is_read_twice_is_counted_once(tmp_path: Path) -> None:
    file = written(tmp_path / "flows", *TRAFFIC)
    journal = _read_again(tmp_path / "conf", file, file)
    totals = _report("--journal", journal)["totals"]
    assert (totals["observed"], totals["calls"]) == (2, 2)
    assert query(journal, "SELECT DISTINCT bridge_id FROM calls") == [{"bridge_id": ""}]


def test_a_saved_file_that_is_read_and_saved_again_is_as_good(saved: Saved, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    _read_again(tmp_path / "conf", saved.flows, more=("-w", str(copy)))
    assert _report(copy) == _report("--journal", saved.journal)
    # In front of another host mitmproxy changes what it reads.
    mode = ("--mode", "reverse:http://elsewhere.example", "-w", str(tmp_path / "other"))
    _read_again(tmp_path / "other-conf", saved.flows, more=mode)
    assert _report(tmp_path / "other") == _report("--journal", saved.journal)


def test_a_flow_that_is_saved_twice_is_one_call(saved: Saved, tmp_path: Path) -> None:
    twice = tmp_path / "twice"
    twice.write_bytes(saved.flows.read_bytes() * 2)
    shutil.copy(saved.flows, tmp_path / "copy")
    for files in ([twice], [saved.flows, tmp_path / "copy"]):
        counted = _report(*files)
        assert counted["totals"] == _report(saved.flows)["totals"]
        assert counted["findings"] == _report(saved.flows)["findings"]


def test_har_keeps_no_outcomes_so_its_calls_are_observed(
    start_bridge: StartBridge, hub: Standin, tmp_path: Path
) -> None:
    har = tmp_path / "saved.har"
    with start_bridge("--set", f"hardump={har}", hub_url=hub.url) as bridge:
        ask(bridge, "http://index.docker.io/v1/repositories/tiny/tags")
    totals = _report(har)["totals"]
    assert (totals["observed"], totals["calls"]) == (1, 1)


def _flows(file: Path) -> list[http.HTTPFlow]:
    with file.open("rb") as opened:
        return [flow for flow in FlowReader(opened).stream() if isinstance(flow, http.HTTPFlow)]


def test_notes_that_somebody_made_up_are_not_believed(saved: Saved, tmp_path: Path) -> None:
    forged = tmp_path / "forged"
    with forged.open("wb") as file:
        for number, flow in enumerate(_flows(saved.flows)):
            if number % 2:
                flow.metadata["hub_v1"] = {"call": {"outcome": "translated", "caller": "x" * 9_999}}
            elif "hub_v1" in flow.metadata:
                flow.metadata["hub_v1"]["call"] |= {"route": "<script>", "repository": "../.."}
            FlowWriter(file).add(flow)  # type: ignore[no-untyped-call]
    assert _report(forged)["totals"]["observed"] == len(CALLS)
    journal = _read_again(tmp_path / "conf", forged)
    assert {row["outcome"] for row in query(journal, "SELECT outcome FROM calls")} == {"observed"}


def test_a_passed_call_that_is_cut_at_shutdown_is_saved_as_such(
    start_bridge: StartBridge, hub: Standin, tmp_path: Path
) -> None:
    hub.faults.add("/v1/_ping", faults.hang(), listener="registry")
    file, front = tmp_path / "flows", f"reverse:{hub.registry_url}"
    with start_bridge("-w", str(file), "--mode", front) as bridge, connected(bridge) as client:
        client.sendall(b"GET /v1/_ping HTTP/1.1\r\nHost: index.docker.io\r\n\r\n")
        eventually(lambda: bool(hub.calls), "the old host is asked")
        bridge.end()
    [flow] = _flows(file)
    assert "; passed without an answer (shutdown: " in flow.comment
    assert _report(file)["totals"]["passed"] == 1
