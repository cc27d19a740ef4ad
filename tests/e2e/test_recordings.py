"""What was recorded while v1 was gone already is read as the live traffic it was."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mitmproxy.io import FlowReader

from e2e.bridges import (
    Finished,
    Row,
    bridge_arguments,
    finished,
    query,
    running_mitmdump,
    with_authority,
)
from e2e.clients import ask
from onstage import state_of
from standin import Standin

HOST = "http://index.docker.io"
MILLISECOND = timedelta(milliseconds=1)
"""HAR has no finer times."""
CALLS = ["acme/tool/tags", "tiny/tags/1.0", "tiny/images"]


@dataclass(frozen=True)
class Recording:
    """Both forms of one recording, and between which times each v1 call in it was made."""

    flows: Path
    har: Path
    times: list[tuple[datetime, datetime]]


@pytest.fixture(scope="module")
def recording(
    tmp_path_factory: pytest.TempPathFactory, authority: Path, shared_hub: Standin
) -> Recording:
    """A mitmdump without the bridge, through which v1 answered 410 to three calls."""
    folder = tmp_path_factory.mktemp("recorded")
    flows, har = folder / "flows", folder / "recorded.har"
    confdir = with_authority(folder / "conf", authority)
    saving = ("--save-stream-file", str(flows), "--set", f"hardump={har}")
    times = []
    with running_mitmdump(confdir, "--mode", f"upstream:{shared_hub.registry_url}", *saving) as it:
        for call in CALLS:
            url = f"{HOST}/v1/repositories/{call}?secret=geheim"
            before = datetime.now(UTC)
            assert ask(it, url, headers={"User-Agent": "ci/1.0"}).status == 410
            times.append((before, datetime.now(UTC)))
        assert ask(it, f"{HOST}/v1/search?q=tool").status == 200
        assert ask(it, f"{HOST}/v2/").status == 401
    return Recording(flows, har, times)


def _read(confdir: Path, file: Path, *more: str) -> tuple[Finished, list[Row]]:
    reading = ("--no-server", "--rfile", str(file))
    done = finished(confdir, *bridge_arguments(confdir), *reading, *more)
    return done, query(confdir / "journal.sqlite3", "SELECT * FROM calls ORDER BY started_at")


@pytest.mark.parametrize("form", ["flows", "har"])
def test_recorded_calls_are_observed_with_the_status_and_time_they_had(
    recording: Recording, tmp_path: Path, hub: Standin, form: str
) -> None:
    file = recording.flows if form == "flows" else recording.har
    done, rows = _read(tmp_path / "conf", file)
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout
    assert [row["url_path"] for row in rows] == [f"/v1/repositories/{call}" for call in CALLS]
    assert {row["outcome"] for row in rows} == {"observed"}
    assert {row["http_response_status_code"] for row in rows} == {410}
    assert {row["server_address"] for row in rows} == {"index.docker.io"}
    assert {row["user_agent_original"] for row in rows} == {"ci/1.0"}
    for row, (before, after) in zip(rows, recording.times, strict=True):
        started = datetime.fromisoformat(row["started_at"]).replace(tzinfo=UTC)
        assert before - MILLISECOND <= started <= after + MILLISECOND
        assert 0 <= row["duration_ms"] < 60_000
    assert hub.calls == []


def test_a_recording_shows_nothing_of_query_strings(recording: Recording, tmp_path: Path) -> None:
    done, rows = _read(tmp_path / "conf", recording.flows)
    assert "geheim" not in done.stdout
    assert rows
    assert "geheim" not in json.dumps(rows)


def test_a_recording_counts_all_traffic_and_the_living_search(
    recording: Recording, tmp_path: Path
) -> None:
    _read(tmp_path / "conf", recording.har)
    counted = "SELECT sum(flows) flows, sum(still_served) served FROM seen"
    assert query(tmp_path / "conf" / "journal.sqlite3", counted) == [
        {"flows": len(CALLS) + 2, "served": 1}
    ]


def test_what_was_recorded_is_saved_again_as_it_was_but_for_marks(
    recording: Recording, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    _read(tmp_path / "conf", recording.flows, "--save-stream-file", str(copy))
    saved, plain = _states(copy), _states(recording.flows)
    assert [bool(state.pop("comment")) for state in saved] == [True, True, True, False, False]
    for state in (*saved, *plain):
        for name in ("comment", "marked", "metadata"):
            state.pop(name, None)
    assert saved == plain


def _states(file: Path) -> list[dict[str, Any]]:
    with file.open("rb") as opened:
        return [state_of(flow) for flow in FlowReader(opened).stream()]


def test_a_recording_cut_in_the_middle_gives_what_could_be_read(
    recording: Recording, tmp_path: Path
) -> None:
    cut = tmp_path / "cut"
    cut.write_bytes(recording.flows.read_bytes()[:-10])
    _, rows = _read(tmp_path / "conf", cut)
    assert len(rows) == len(CALLS)
