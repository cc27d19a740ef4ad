"""A replay is the operator's own: it is answered like any call, and counted as nobody's."""

import json
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.io import FlowReader

from e2e.bridges import Mitmdump, bridge_arguments, finished, query, with_authority
from e2e.clients import ask
from e2e.conftest import StartBridge
from report.processes import report
from report.recordings import STARTED, recorded, written
from standin import Standin, faults

TAGS = "http://index.docker.io/v1/repositories/tiny/tags"
BODY = (
    b'[{"layer": "", "name": "latest"}, {"layer": "", "name": "1"}, {"layer": "", "name": "10"}, '
    b'{"layer": "", "name": "2"}, {"layer": "", "name": "Beta"}]'
)


def _flows(file: Path) -> list[http.HTTPFlow]:
    with file.open("rb") as opened:
        return [flow for flow in FlowReader(opened).stream() if isinstance(flow, http.HTTPFlow)]


@pytest.fixture
def bridged(start_bridge: StartBridge, hub: Standin, tmp_path: Path) -> tuple[Path, Mitmdump]:
    """A file with one bridged flow, and the bridge that wrote it."""
    file = tmp_path / "flows"
    with start_bridge("-w", str(file), name="first", hub_url=hub.url) as bridge:
        assert ask(bridge, TAGS).body == BODY
    hub.forget_calls()
    return file, bridge


def _replayed(confdir: Path, file: Path, hub: Standin, *more: str) -> str:
    """What a mitmdump says that replays the file and ends."""
    arguments = bridge_arguments(confdir, hub_url=hub.url)
    done = finished(confdir, *arguments, "--no-server", "--client-replay", str(file), *more)
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout
    return done.stdout


def test_a_replayed_flow_is_answered_anew_and_counted_once(
    bridged: tuple[Path, Mitmdump], authority: Path, tmp_path: Path, hub: Standin
) -> None:
    file, bridge = bridged
    confdir, copy = with_authority(tmp_path / "second", authority), tmp_path / "copy"
    said = _replayed(confdir, file, hub, "-w", str(copy))
    assert "translated 200" in said
    assert "(a replay, not counted)" in said
    [first], [again] = _flows(file), _flows(copy)
    assert again.response
    assert again.response.raw_content == BODY
    assert len(hub.calls) == 1
    assert again.metadata["hub_v1"]["call"] == first.metadata["hub_v1"]["call"]
    assert "; replayed by hand and not counted, translated 200; " in again.comment
    journal = confdir / "journal.sqlite3"
    assert query(journal, "SELECT * FROM calls") == []
    assert query(journal, "SELECT coalesce(sum(flows), 0) flows FROM seen") == [{"flows": 0}]
    assert len(bridge.rows()) == 1


def test_a_replay_that_fails_changes_nothing_of_what_the_caller_got(
    bridged: tuple[Path, Mitmdump], authority: Path, tmp_path: Path, hub: Standin
) -> None:
    hub.faults.add("/tiny/", faults.html())
    file, _ = bridged
    copy = tmp_path / "copy"
    _replayed(with_authority(tmp_path / "second", authority), file, hub, "-w", str(copy))
    [again] = _flows(copy)
    assert again.response
    assert again.response.status_code == 502
    assert again.marked == ":recycle:"
    assert "; replayed by hand and not counted, failed 502 (nonsense: " in again.comment
    for files in ([copy], [file, copy], [copy, file]):
        totals = json.loads(report(*files, "--format", "json").stdout)["totals"]
        assert (totals["translated"], totals["calls"]) == (1, 1)


def test_a_plain_recording_that_is_replayed_is_bridged_and_keeps_its_caller_and_time(
    authority: Path, tmp_path: Path, hub: Standin
) -> None:
    flow = recorded("/v1/repositories/tiny/tags")
    flow.timestamp_created = STARTED.timestamp()
    file, copy = written(tmp_path / "flows", flow), tmp_path / "copy"
    confdir = with_authority(tmp_path / "conf", authority)
    _replayed(confdir, file, hub, "-w", str(copy))
    assert query(confdir / "journal.sqlite3", "SELECT * FROM calls") == []
    made = json.loads(report(copy, "--format", "json").stdout)
    assert made["totals"]["translated"] == made["totals"]["calls"] == 1
    [caller] = made["callers"]
    assert caller["caller"] == "curl/8.1 at 10.0.0.7"
    assert caller["last_seen"] == made["window"]["first"] == "2026-03-01T12:30:15Z"


def test_a_replay_in_a_mode_that_ends_v1_is_ended(
    bridged: tuple[Path, Mitmdump], authority: Path, tmp_path: Path, hub: Standin
) -> None:
    file, copy = bridged[0], tmp_path / "copy"
    confdir = with_authority(tmp_path / "second", authority)
    _replayed(confdir, file, hub, "-w", str(copy), "--set", "hub_mode=gone")
    [again] = _flows(copy)
    assert again.response
    assert again.response.status_code == 410
    assert query(confdir / "journal.sqlite3", "SELECT * FROM calls") == []
