"""Recorded traffic is read as what it was."""

import gzip
from pathlib import Path

import pytest
from mitmproxy.test import tflow

from hubv1.api.routes import LEGACY_HOSTS, Outcome, Verdict
from hubv1.captures import Capture, read_capture
from hubv1.journal import Seen
from report.recordings import STARTED, TAGS, TRAFFIC, Writer, read, recorded, saved, written


@pytest.mark.parametrize("write", [written, saved])
class TestWhatMitmproxyWrote:
    def test_v1_calls_are_observed_and_all_traffic_is_counted(
        self, tmp_path: Path, write: Writer
    ) -> None:
        entries, seen = read(write(tmp_path / "recording", *TRAFFIC))
        assert seen == Seen(flows=5, still_served=1)
        assert [(entry.full_repository, entry.verdict) for entry in entries] == [
            ("library/debian", Verdict.BRIDGED),
            ("acme/tool", Verdict.LOSSY),
        ]
        assert {entry.outcome for entry in entries} == {Outcome.OBSERVED}
        assert {entry.http_response_status_code for entry in entries} == {410}
        assert {entry.server_address for entry in entries} == {"index.docker.io"}
        assert {entry.started_at for entry in entries} == {STARTED}
        assert {entry.user_agent_original for entry in entries} == {"curl/8.1 (linux)"}

    def test_query_strings_are_left_out(self, tmp_path: Path, write: Writer) -> None:
        entries, _ = read(write(tmp_path / "recording", *TRAFFIC))
        assert "geheim" not in repr(entries)
        assert [entry.url_path for entry in entries] == [TAGS, "/v1/repositories/acme/tool/images"]

    def test_several_slashes_mean_one(self, tmp_path: Path, write: Writer) -> None:
        flows = [
            recorded("//v1/repositories/debian/tags"),
            recorded("///v1//repositories///debian/tags//?page=2"),
            recorded("//v1/search?q=debian"),
            recorded("/v1/repositories/acme//tags"),
            recorded("//v1/repositories/debian/tags", "mirror.example"),
        ]
        path = write(tmp_path / "recording", *flows)
        history = read_capture(Capture(path, LEGACY_HOSTS))
        entries = list(history.entries)
        assert [entry.full_repository for entry in entries] == ["library/debian"] * 2 + [""]
        assert {entry.route for entry in entries[:2]} == {"GET /v1/repositories/{name}/tags"}
        assert entries[0].url_path == "//v1/repositories/debian/tags"
        assert history.seen == Seen(flows=5, still_served=1)
        assert history.elsewhere == {"mirror.example": 1}

    def test_a_call_without_an_answer_is_a_call(self, tmp_path: Path, write: Writer) -> None:
        flow = recorded()
        flow.response, flow.error = None, tflow.terr()
        [entry], seen = read(write(tmp_path / "recording", flow))
        assert (entry.outcome, seen.flows) == (Outcome.OBSERVED, 1)
        assert not entry.http_response_status_code

    def test_an_old_engine_about_to_pull_is_told_apart(self, tmp_path: Path, write: Writer) -> None:
        token = (b"X-Docker-Token", b"True")
        pull = recorded("/v1/repositories/debian/images", "index.docker.io", token)
        [entry], _ = read(write(tmp_path / "recording", pull))
        assert entry.verdict is Verdict.DEAD

    def test_traffic_that_is_not_http_is_no_trouble(self, tmp_path: Path, write: Writer) -> None:
        others = (tflow.ttcpflow(), tflow.tdnsflow(), tflow.twebsocketflow())
        entries, seen = read(write(tmp_path / "recording", *others, recorded()))
        assert (len(entries), seen.flows) == (1, 2)

    def test_a_call_whose_answer_was_not_kept_is_a_call(
        self, tmp_path: Path, write: Writer
    ) -> None:
        flow = recorded()
        assert flow.response
        flow.response.raw_content = None
        entries, _ = read(write(tmp_path / "recording", flow))
        assert len(entries) == 1


def test_a_flow_file_knows_where_a_call_came_from_and_how_long_it_took(tmp_path: Path) -> None:
    entries, _ = read(written(tmp_path / "flows", *TRAFFIC))
    assert {(entry.caller, entry.client_address, entry.duration_ms) for entry in entries} == {
        ("curl/8.1 at 10.0.0.7", "10.0.0.7", 250)
    }


@pytest.mark.parametrize("write", [written, saved])
def test_a_packed_recording_is_read_as_it_is(tmp_path: Path, write: Writer) -> None:
    path = write(tmp_path / "recording", *TRAFFIC)
    path.write_bytes(gzip.compress(path.read_bytes()))
    entries, seen = read(path)
    assert (len(entries), seen) == (2, Seen(flows=5, still_served=1))


def test_of_very_many_such_hosts_the_rest_count_as_others(tmp_path: Path) -> None:
    flows = [recorded(host=f"h{number}.example") for number in [*range(130), 0, 129]]
    history = read_capture(Capture(written(tmp_path / "flows", *flows), LEGACY_HOSTS))
    assert list(history.entries) == []
    assert len(history.elsewhere) == 101
    assert (history.elsewhere["h0.example"], history.elsewhere["(others)"]) == (2, 31)


@pytest.mark.parametrize("time", [float("nan"), float("inf"), 1e20, -1e20])
def test_a_flow_at_an_impossible_time_costs_no_other(tmp_path: Path, time: float) -> None:
    odd = recorded()
    odd.request.timestamp_start = time
    path = written(tmp_path / "flows", recorded(), odd, recorded(host="example.org"))
    history = read_capture(Capture(path, LEGACY_HOSTS))
    assert len(list(history.entries)) == 1
    [gap] = history.gaps
    assert (gap.calls, history.seen.flows) == (1, 2)
    assert "flow 2: its time cannot be read" in gap.reason


def test_calls_like_v1_to_other_hosts_are_counted_by_host(tmp_path: Path) -> None:
    flows = [
        recorded(host="mirror.example"),
        recorded("/v1/repositories/a/b/images", "mirror.example"),
        recorded(host="hub.example"),
        recorded("/v1/images/generations", "ai.example"),
        recorded("/v2/repositories/debian/tags", "hub.example"),
    ]
    path = written(tmp_path / "flows", *flows)
    history = read_capture(Capture(path, LEGACY_HOSTS))
    assert list(history.entries) == []
    assert history.elsewhere == {"mirror.example": 2, "hub.example": 1}


def test_whoever_follows_the_reading_hears_of_every_byte(tmp_path: Path) -> None:
    path = written(tmp_path / "flows", *TRAFFIC * 20)
    heard: list[int] = []
    list(read_capture(Capture(path, LEGACY_HOSTS, on_read=heard.append)).entries)
    assert sum(heard) == path.stat().st_size
    assert len(heard) > 2


def test_the_bridges_own_calls_are_no_traffic(tmp_path: Path) -> None:
    own = recorded("/v2/namespaces/library/repositories/debian/tags", "hub.docker.com")
    own.metadata["hub_v1_upstream"] = True
    entries, seen = read(written(tmp_path / "flows", own, recorded()))
    assert (len(entries), seen.flows) == (1, 1)
