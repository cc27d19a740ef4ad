"""The addon's hooks: what becomes of a flow, and what the journal says of it afterwards."""

import asyncio
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.proxy.mode_specs import ProxyMode

from hubv1.api.routes import Outcome, Verdict
from onstage import answer, answered, entries, make_flow, on_stage, played, state_of, traffic
from standin import Standin, faults

TAGS = b'[{"layer": "", "name": "latest"}, {"layer": "", "name": "12"}]'


class TestOtherTraffic:
    @pytest.mark.parametrize(
        "flow",
        [
            make_flow("/v2/", host="index.docker.io"),
            make_flow("/", host="hub.docker.com"),
            make_flow(host="registry.example"),
            make_flow(host="index.docker.io.example"),
            make_flow("/v1/search?q=x"),
            make_flow("/v1/else"),
            make_flow("/v2/", headers={"Via": "1.1 hub-v1-bridge-00000000"}),
        ],
        ids=lambda flow: flow.request.url,
    )
    def test_it_passes_untouched_and_unrecorded_but_counted(
        self, tmp_path: Path, hub: Standin, flow: http.HTTPFlow
    ) -> None:
        upstream = answer()
        before = state_of(flow.request)
        played(tmp_path, hub, flow, upstream)
        assert flow.response is upstream
        assert state_of(flow.request) == before
        assert not flow.metadata
        assert upstream.headers.fields == answer().headers.fields
        assert entries(tmp_path / "journal.sqlite3") == []
        seen = traffic(tmp_path / "journal.sqlite3")
        assert (seen.flows, seen.still_served) == (1, int("search" in flow.request.path))
        assert hub.calls == []


class TestTranslation:
    def test_a_legacy_call_gets_v1s_bytes_and_the_marks_of_a_deprecated_resource(
        self, tmp_path: Path, hub: Standin
    ) -> None:
        flow = played(tmp_path, hub, make_flow())
        response = answered(flow)
        assert (response.status_code, response.reason) == (200, "OK")
        assert response.raw_content == TAGS
        assert response.http_version == "HTTP/1.1"
        headers = response.headers
        assert headers["Content-Type"] == "application/json"
        assert headers["Content-Length"] == str(len(TAGS))
        assert headers["Deprecation"] == "@1661212800"
        successor = f"{hub.url}/v2/namespaces/library/repositories/debian/tags"
        assert headers["Link"].startswith(f'<{successor}>; rel="successor-version"')
        name = headers["Via"].removeprefix("1.1 ")
        assert name.startswith("hub-v1-bridge-")
        assert headers["Cache-Status"] == f"{name}; fwd=uri-miss"
        assert hub.calls[0].headers["via"] == headers["Via"]

    def test_its_row_says_all_that_a_report_needs(self, tmp_path: Path, hub: Standin) -> None:
        flow = played(tmp_path, hub, make_flow("/v1/repositories/debian/tags/12?token=hunter2"))
        [row] = entries(tmp_path / "journal.sqlite3")
        assert (row.outcome, row.verdict) == (Outcome.TRANSLATED, Verdict.LOSSY)
        assert row.http_response_status_code == 200
        assert (row.namespace, row.repository, row.tag) == ("library", "debian", "12")
        assert row.route == "GET /v1/repositories/{name}/tags/{tag_name}"
        assert row.url_path == "/v1/repositories/debian/tags/12"
        assert (row.http_request_method, row.url_scheme) == ("GET", "https")
        assert row.server_address == "index.docker.io"
        assert (row.caller, row.client_address) == ("curl/8.1 at 127.0.0.1", "127.0.0.1")
        assert row.user_agent_original == "curl/8.1"
        assert (row.upstream_calls, row.error_type, row.error) == (1, "", "")
        assert (row.proxy_mode, row.flow_id) == ("regular", flow.id)
        assert row.bridge_id in answered(flow).headers["Via"]
        assert abs(row.started_at.timestamp() - flow.request.timestamp_start) < 0.001
        assert 0 < row.duration_ms < 10_000

    @pytest.mark.parametrize("path", ["/v1/repositories/debian/tags", "/v1/repositories/no/tags/x"])
    def test_head_gets_the_headers_of_get_without_its_body(
        self, tmp_path: Path, hub: Standin, path: str
    ) -> None:
        get = answered(played(tmp_path, hub, make_flow(path)))
        head = answered(played(tmp_path, hub, make_flow(path, method="HEAD")))
        assert head.raw_content == b""
        assert get.raw_content
        assert (
            head.headers["Content-Length"]
            == str(len(get.raw_content))
            == get.headers["Content-Length"]
        )
        assert head.status_code == get.status_code
        assert head.headers["Content-Type"] == get.headers["Content-Type"]

    @pytest.mark.parametrize(
        ("path", "status", "outcome", "error_type", "calls"),
        [
            ("/v1/repositories/no-such/tags", 404, Outcome.TRANSLATED, "", 1),
            ("/v1/repositories/debian/tags/x", 404, Outcome.TRANSLATED, "", 1),
            ("/v1/repositories/NO/tags", 404, Outcome.REFUSED, "impossible_name", 0),
            ("/v1/repositories/a/b/c/d", 404, Outcome.REFUSED, "impossible_name", 0),
            ("/v1/repositories/broken/tags", 502, Outcome.FAILED, "unreachable", 4),
            ("/v1/repositories/limited/tags", 429, Outcome.REFUSED, "rate_limited", 1),
        ],
    )
    def test_whatever_it_becomes_is_written_down(
        self,
        tmp_path: Path,
        hub: Standin,
        path: str,
        status: int,
        outcome: Outcome,
        error_type: str,
        calls: int,
    ) -> None:
        hub.faults.add("/broken/", faults.status(503))
        hub.faults.add("/limited/", faults.rate_limited(90))
        flow = played(tmp_path, hub, make_flow(path))
        [row] = entries(tmp_path / "journal.sqlite3")
        assert answered(flow).status_code == row.http_response_status_code == status
        assert (row.outcome, row.error_type) == (outcome, error_type)
        assert row.upstream_calls == len(hub.calls) == calls
        assert bool(row.error) == bool(error_type)

    def test_many_at_once_are_answered_and_written_down_each_once(
        self, tmp_path: Path, hub: Standin
    ) -> None:
        async def playing() -> None:
            async with on_stage(tmp_path, hub.url) as stage:
                flows = [make_flow() for _ in range(40)]
                await asyncio.gather(*map(stage.play, flows))
                assert {answered(flow).raw_content for flow in flows} == {TAGS}
                assert stage.bridge.calls.pending == {}

        asyncio.run(playing())
        assert len({row.flow_id for row in entries(tmp_path / "journal.sqlite3")}) == 40

    def test_the_row_is_on_disk_before_the_response_hook_ends(
        self, tmp_path: Path, hub: Standin
    ) -> None:
        async def playing() -> None:
            async with on_stage(tmp_path, hub.url) as stage:
                for number in range(1, 6):
                    await stage.play(make_flow())
                    assert len(entries(stage.journal)) == number

        asyncio.run(playing())


class TestRecognition:
    @pytest.mark.parametrize(
        "host", ["hub.docker.com", "REGISTRY.hub.docker.com", "index.docker.io."]
    )
    def test_a_legacy_host_is_known_however_it_is_written(
        self, tmp_path: Path, hub: Standin, host: str
    ) -> None:
        assert answered(played(tmp_path, hub, make_flow(host=host))).raw_content == TAGS
        assert entries(tmp_path / "journal.sqlite3")[0].server_address == host.lower().rstrip(".")

    def test_where_the_request_only_has_an_address_its_host_header_counts(
        self, tmp_path: Path, hub: Standin
    ) -> None:
        flow = make_flow(host="203.0.113.7", headers={"Host": "index.docker.io"})
        assert answered(played(tmp_path, hub, flow)).raw_content == TAGS

    @pytest.mark.parametrize(
        ("sni", "host"),
        [("Index.Docker.IO", "index.docker.io"), ("v1.example", "v1.example"), (None, "127.0.0.1")],
    )
    def test_in_reverse_mode_the_path_alone_decides(
        self, tmp_path: Path, hub: Standin, sni: str | None, host: str
    ) -> None:
        flow = make_flow(host="127.0.0.1")
        flow.client_conn.proxy_mode = ProxyMode.parse("reverse:https://hub.docker.com")
        flow.client_conn.sni = sni
        assert answered(played(tmp_path, hub, flow)).raw_content == TAGS
        [row] = entries(tmp_path / "journal.sqlite3")
        assert (row.proxy_mode, row.server_address) == ("reverse", host)

    @pytest.mark.parametrize(
        ("value", "verdict"), [("true", "dead"), (" TRUE", "dead"), ("1", "lossy")]
    )
    def test_an_engine_about_to_pull_gets_a_list_and_a_dead_row(
        self, tmp_path: Path, hub: Standin, value: str, verdict: str
    ) -> None:
        flow = make_flow("/v1/repositories/debian/images", headers={"X-Docker-Token": value})
        response = answered(played(tmp_path, hub, flow))
        assert response.status_code == 200
        assert not any("token" in name.lower() for name in response.headers)
        assert entries(tmp_path / "journal.sqlite3")[0].verdict == verdict

    def test_a_caller_is_what_its_header_says(self, tmp_path: Path, hub: Standin) -> None:
        flow = make_flow(headers={"x-ci-job": "nightly"})
        played(tmp_path, hub, flow, hub_caller_header="X-CI-Job")
        assert entries(tmp_path / "journal.sqlite3")[0].caller == "nightly"


class TestLeftAlone:
    @pytest.mark.parametrize(
        ("path", "method"),
        [
            ("/v1/_ping", "GET"),
            ("/v1/users/", "POST"),
            ("/v1/repositories/debian/", "PUT"),
            ("/v1/repositories/debian/auth", "GET"),
            ("/v1/images/0123/json", "GET"),
        ],
    )
    def test_other_v1_calls_pass_and_are_written_down(
        self, tmp_path: Path, hub: Standin, path: str, method: str
    ) -> None:
        upstream = answer(410)
        flow = played(tmp_path, hub, make_flow(path, method=method), upstream)
        assert flow.response is upstream
        [row] = entries(tmp_path / "journal.sqlite3")
        assert (row.outcome, row.verdict) == (Outcome.PASSED, Verdict.DEAD)
        assert (row.http_response_status_code, row.upstream_calls) == (410, 0)

    def test_an_answer_of_another_addon_stays_and_the_call_is_observed(
        self, tmp_path: Path, hub: Standin
    ) -> None:
        flow = make_flow()
        flow.response = preset = answer(418, b"teapot")
        played(tmp_path, hub, flow)
        assert flow.response is preset
        assert preset.raw_content == b"teapot"
        assert "Via" not in preset.headers
        [row] = entries(tmp_path / "journal.sqlite3")
        assert (row.outcome, row.http_response_status_code) == (Outcome.OBSERVED, 418)
        assert hub.calls == []

    @pytest.mark.parametrize("status", [401, 407])
    def test_a_client_that_proxyauth_refused_has_not_called_yet(
        self, tmp_path: Path, hub: Standin, status: int
    ) -> None:
        flow = make_flow()
        flow.response = refusal = answer(status)
        played(tmp_path, hub, flow)
        assert flow.response is refusal
        assert entries(tmp_path / "journal.sqlite3") == []

    def test_a_recorded_call_is_observed_with_the_times_of_its_recording(
        self, tmp_path: Path, hub: Standin
    ) -> None:
        flow = make_flow()
        flow.live = False
        flow.response = answer(200)
        flow.request.timestamp_start = 1_600_000_000.0
        flow.response.timestamp_end = 1_600_000_000.25
        before = state_of(flow.request), state_of(flow.response)
        played(tmp_path, hub, flow)
        assert (state_of(flow.request), state_of(flow.response)) == before
        assert flow.marked == ":eyes:"
        [row] = entries(tmp_path / "journal.sqlite3")
        assert row.outcome is Outcome.OBSERVED
        assert (row.started_at.year, row.duration_ms) == (2020, 250)
        assert hub.calls == []
