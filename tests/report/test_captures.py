"""Recorded traffic: read as what it was, or refused in one sentence."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.addons.savehar import SaveHar
from mitmproxy.flow import Flow
from mitmproxy.io import FlowWriter, tnetstring
from mitmproxy.test import tflow

from hubv1.journal import Entry, Seen
from hubv1.mitm.captures import CaptureError, read_capture
from hubv1.options import LEGACY_HOSTS
from hubv1.outcome import Outcome
from hubv1.routes import Verdict

Writer = Callable[..., Path]
STARTED = datetime(2026, 3, 1, 12, 30, 15, 123000, tzinfo=UTC)
TAGS = "/v1/repositories/debian/tags"


def recorded(
    path: str = TAGS, host: str = "index.docker.io", *headers: tuple[bytes, bytes]
) -> http.HTTPFlow:
    """A flow as mitmproxy keeps it, answered 410."""
    flow = tflow.tflow(resp=http.Response.make(410))
    agent = (b"User-Agent", b"curl/8.1 (linux)")
    flow.request = http.Request.make("GET", f"https://{host}{path}", headers=(agent, *headers))
    flow.request.timestamp_start = STARTED.timestamp()
    flow.request.timestamp_end = flow.request.timestamp_start
    assert flow.response
    flow.response.timestamp_start = flow.response.timestamp_end = STARTED.timestamp() + 0.25
    flow.client_conn.peername = ("10.0.0.7", 51234)
    return flow


TRAFFIC: list[Flow] = [
    recorded(),
    recorded("/v1/repositories/acme/tool/images?secret=geheim"),
    recorded("/v1/search?q=debian"),
    recorded("/v2/"),
    recorded(host="example.org"),
]


def written(path: Path, *flows: Flow) -> Path:
    with path.open("wb") as file:
        for flow in flows:
            FlowWriter(file).add(flow)  # type: ignore[no-untyped-call]
    return path


def saved(path: Path, *flows: Flow) -> Path:
    path.write_text(json.dumps(SaveHar().make_har(flows)))
    return path


def read(path: Path) -> tuple[list[Entry], Seen]:
    history = read_capture(path, LEGACY_HOSTS)
    entries = list(history.entries)
    return entries, history.seen


def complaint(path: Path) -> str:
    with pytest.raises(CaptureError) as refused:
        read(path)
    said = str(refused.value)
    assert said.startswith(f"The recording {path} cannot be read: ")
    assert said.endswith(".")
    assert not said.endswith("..")
    return said


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


class TestBroken:
    def test_an_empty_file_has_nothing_in_it(self, tmp_path: Path) -> None:
        (tmp_path / "empty").touch()
        assert read(tmp_path / "empty") == ([], Seen())

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        assert "No such file" in complaint(tmp_path / "no-such")

    def test_a_folder_is_no_recording(self, tmp_path: Path) -> None:
        assert "directory" in complaint(tmp_path)

    @pytest.mark.parametrize("left", [1, 100, -1, -10])
    def test_a_flow_file_cut_in_the_middle_is_not_taken_for_whole(
        self, tmp_path: Path, left: int
    ) -> None:
        path = written(tmp_path / "flows", *TRAFFIC)
        path.write_bytes(path.read_bytes()[:left])
        complaint(path)

    def test_junk_behind_sound_flows_is_not_left_unsaid(self, tmp_path: Path) -> None:
        path = written(tmp_path / "flows", *TRAFFIC)
        path.write_bytes(path.read_bytes() + b"\0\xff junk")
        complaint(path)

    def test_a_flow_file_of_a_newer_mitmproxy_says_so(self, tmp_path: Path) -> None:
        state = {**recorded().get_state(), "version": 999}
        (tmp_path / "flows").write_bytes(tnetstring.dumps(state))
        assert "999" in complaint(tmp_path / "flows")

    @pytest.mark.parametrize(
        "junk",
        [
            bytes(range(256)),
            b"\x1f\x8b\x08\0junk",
            b"PK\x03\x04",
            b"SQLite format 3\0",
            b"5:hello,",
            b"3:123#",
            b"0:~",
            b"0:}",
            b"0:]",
            b"99999999999:x",
            b"just a text\n",
            b"{",
            b"{}",
            b"[]",
            b'{"log": {}}',
            b'{"log": {"entries": [1]}}',
            b'{"log": {"entries": null}}',
            b"[" * 100_000,
            b'{"log":' + b"[" * 100_000,
        ],
        ids=lambda junk: repr(junk[:20]),
    )
    def test_what_is_no_recording_is_refused(self, tmp_path: Path, junk: bytes) -> None:
        (tmp_path / "junk").write_bytes(junk)
        complaint(tmp_path / "junk")

    @given(st.integers(0, 10_000), st.binary(min_size=1, max_size=4))
    def test_damage_anywhere_is_read_or_refused(
        self, tmp_path_factory: pytest.TempPathFactory, place: int, damage: bytes
    ) -> None:
        path = written(tmp_path_factory.getbasetemp() / "damaged", recorded())
        content = bytearray(path.read_bytes())
        place %= len(content)
        content[place : place + len(damage)] = damage
        path.write_bytes(content)
        try:
            entries, _ = read(path)
        except CaptureError:
            return
        assert all(entry.outcome is Outcome.OBSERVED for entry in entries)
