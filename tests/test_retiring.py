"""Calls to what Docker retires next of API v2: passed on as they are, and written down apart."""

import asyncio
import logging
from copy import deepcopy
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.proxy.mode_specs import ProxyMode

from hubv1.api.routes import RETIRING, Outcome, Route, Verdict, route_named
from hubv1.mitm.flows import KEY, retiring_call, saved_record
from onstage import answer, entries, make_flow, on_stage, played, state_of, traffic
from standin import Standin

REFUSED = (
    b'{"message":"pagination offset too large for anonymous requests; sign in to page further",'
    b'"errinfo":{}}'
)
CALLS = [
    ("GET", "/v2/repositories/library", "GET /v2/repositories/{namespace}"),
    ("GET", "/v2/repositories/acme/?page_size=100", "GET /v2/repositories/{namespace}"),
    ("GET", "/v2/repositories/acme/app", "GET /v2/repositories/{namespace}/{name}"),
    ("HEAD", "/v2/repositories/acme/app/", "GET /v2/repositories/{namespace}/{name}"),
    ("POST", "/v2/repositories", "POST /v2/repositories"),
    ("POST", "/v2/repositories/acme/", "POST /v2/repositories/{namespace}"),
    ("POST", "/v2/users/login", "POST /v2/users/login"),
    ("POST", "/v2/users/login/?refresh=1", "POST /v2/users/login"),
]
PAGES = [
    ("/v2/repositories/acme/app/tags", "GET /v2/repositories/{namespace}/{name}/tags"),
    ("/v2/repositories/acme/app/tags/", "GET /v2/repositories/{namespace}/{name}/tags"),
    (
        "/v2/namespaces/acme/repositories/app/tags",
        "GET /v2/namespaces/{namespace}/repositories/{name}/tags",
    ),
]
OTHERS = [
    ("PATCH", "/v2/repositories/acme/app"),
    ("DELETE", "/v2/repositories/acme/app"),
    ("GET", "/v2/repositories/acme/app/tags/latest"),
    ("GET", "/v2/repositories/acme/app/dockerfile"),
    ("GET", "/v2/repositories"),
    ("GET", "/v2/repositoriesx/acme"),
    ("GET", "/v2/users/login"),
    ("POST", "/v2/users/loginx"),
    ("POST", "/v2/auth/token"),
    ("GET", "/v2/namespaces/acme/repositories"),
    ("GET", "/v2/namespaces/acme/repositories/app"),
    ("HEAD", "/v2/namespaces/acme/repositories/app/tags"),
    ("GET", "/v2/library/debian/manifests/latest"),
    ("GET", "/v2/"),
]


def refusal() -> http.Response:
    return answer(403, REFUSED)


def behind(flow: http.HTTPFlow, upstream: str, sni: str | None = None) -> http.HTTPFlow:
    flow.client_conn.proxy_mode = ProxyMode.parse(f"reverse:{upstream}")
    flow.client_conn.sni = sni
    return flow


@pytest.mark.parametrize("host", ["hub.docker.com", "registry.hub.docker.com"])
@pytest.mark.parametrize(("method", "path", "row"), CALLS)
def test_a_deprecated_route_is_passed_on_and_written_down(
    tmp_path: Path, hub: Standin, method: str, path: str, row: str, host: str
) -> None:
    flow = make_flow(path, method=method, host=host)
    request, response = state_of(flow.request), answer(201, b"{}")
    given = state_of(response)
    played(tmp_path, hub, flow, response)
    assert (state_of(flow.request), state_of(flow.response)) == (request, given)
    (entry,) = entries(tmp_path / "journal.sqlite3")
    assert (entry.route, entry.verdict) == (row, Verdict.RETIRING)
    assert (entry.outcome, entry.http_response_status_code) == (Outcome.OBSERVED, 201)
    assert (entry.server_address, entry.url_path) == (host, path.partition("?")[0])
    assert entry.caller.startswith("curl/8.1 at ")
    assert (entry.upstream_calls, entry.source) == (0, "")
    assert hub.calls == []


@pytest.mark.parametrize(("path", "row"), PAGES)
def test_a_page_of_tags_is_written_down_where_hub_refuses_its_offset(
    tmp_path: Path, hub: Standin, path: str, row: str
) -> None:
    flow = make_flow(f"{path}?page=11&page_size=100", host="hub.docker.com")
    played(tmp_path, hub, flow, refusal())
    assert flow.response
    assert flow.response.content == REFUSED
    (entry,) = entries(tmp_path / "journal.sqlite3")
    assert (entry.route, entry.verdict) == (row, Verdict.RETIRING)
    assert (entry.outcome, entry.http_response_status_code) == (Outcome.OBSERVED, 403)
    assert (entry.namespace, entry.repository) == ("acme", "app")


@pytest.mark.parametrize("query", ["", "?page=1&page_size=100"])
def test_a_first_page_is_other_traffic_however_it_is_answered(
    tmp_path: Path, hub: Standin, query: str
) -> None:
    path = f"/v2/namespaces/acme/repositories/app/tags{query}"
    played(tmp_path, hub, make_flow(path, host="hub.docker.com"), refusal())
    assert entries(tmp_path / "journal.sqlite3") == []


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_a_refusal_is_read_however_it_is_encoded(tmp_path: Path, hub: Standin, coding: str) -> None:
    response = refusal()
    response.headers["Content-Encoding"] = coding
    response.content = REFUSED
    flow = make_flow("/v2/repositories/acme/app/tags?page=11", host="hub.docker.com")
    played(tmp_path, hub, flow, response)
    assert len(entries(tmp_path / "journal.sqlite3")) == 1


@pytest.mark.parametrize(
    "upstream",
    [
        answer(200, b'{"count":1,"next":null,"previous":null,"results":[]}'),
        answer(403, b'{"message":"access denied","errinfo":{}}'),
        answer(403, b"<h1>pagination offset too large</h1>"),
        answer(403, b"[" * 100_000),
        answer(404, REFUSED),
        answer(429, b""),
        "connection lost",
    ],
    ids=lambda upstream: str(getattr(upstream, "status_code", upstream)),
)
def test_any_other_answer_to_a_page_is_other_traffic(
    tmp_path: Path, hub: Standin, upstream: http.Response | str
) -> None:
    async def playing() -> None:
        async with on_stage(tmp_path, hub.url) as stage:
            for flow in flows:
                await stage.play(flow, deepcopy(upstream))

    flows = [make_flow(f"{path}?page=11", host="hub.docker.com") for path, _ in PAGES]
    asyncio.run(playing())
    assert entries(tmp_path / "journal.sqlite3") == []
    for flow in flows:
        assert KEY not in flow.metadata
        assert (flow.marked, flow.comment) == ("", "")
    assert traffic(tmp_path / "journal.sqlite3").flows == len(flows)


def test_other_calls_to_v2_are_other_traffic(tmp_path: Path, hub: Standin) -> None:
    async def playing() -> None:
        async with on_stage(tmp_path, hub.url) as stage:
            for method, path in OTHERS:
                flow = make_flow(path, method=method, host="hub.docker.com")
                await stage.play(flow, refusal())

    asyncio.run(playing())
    assert [entry.url_path for entry in entries(tmp_path / "journal.sqlite3")] == []
    assert traffic(tmp_path / "journal.sqlite3").flows == len(OTHERS)


@pytest.mark.parametrize("host", ["index.docker.io", "registry-1.docker.io", "mirror.example"])
def test_no_other_host_has_these_routes(tmp_path: Path, hub: Standin, host: str) -> None:
    for method, path, _ in CALLS:
        assert retiring_call(make_flow(path, method=method, host=host)) is None
    flow = make_flow("/v2/repositories/acme/app/tags?page=11", host=host)
    played(tmp_path, hub, flow, refusal())
    assert entries(tmp_path / "journal.sqlite3") == []


@pytest.mark.parametrize(
    ("upstream", "host", "sni", "is_one"),
    [
        ("https://hub.docker.com", "hub.docker.com", None, True),
        ("https://registry.hub.docker.com", "registry.hub.docker.com", None, True),
        ("https://hub.docker.com", "hub.docker.com", "hub.docker.com", True),
        ("https://hub.docker.com", "hub.docker.com", "index.docker.io", False),
        ("https://registry-1.docker.io", "registry-1.docker.io", "registry.hub.docker.com", False),
        ("https://index.docker.io", "index.docker.io", None, False),
        ("https://hub.example", "hub.example", None, True),
        ("https://mirror.example", "mirror.example", None, False),
    ],
)
def test_behind_a_reverse_proxy_the_upstream_has_to_be_hub_or_hub_url(
    upstream: str,
    host: str,
    sni: str | None,
    is_one: bool,  # noqa: FBT001  # a column
) -> None:
    flow = behind(make_flow("/v2/repositories/library", host=host), upstream, sni)
    assert (retiring_call(flow, "https://hub.example/v2/..") is not None) == is_one


def test_another_port_is_another_server() -> None:
    flow = behind(make_flow("/v2/repositories/library", host="hub.example"), "https://hub.example")
    assert retiring_call(flow, "https://hub.example:443")
    assert retiring_call(flow, "https://hub.example:8443") is None
    assert retiring_call(flow, "http://hub.example:443") is None


def test_no_body_of_a_login_and_no_query_is_written_down(
    tmp_path: Path, hub: Standin, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    flow = make_flow("/v2/users/login?token=geheimnis", method="POST", host="hub.docker.com")
    flow.request.content = b'{"username":"joe","password":"geheimnis"}'
    played(tmp_path, hub, flow, answer(200, b'{"token":"geheimnis"}'))
    (entry,) = entries(tmp_path / "journal.sqlite3")
    assert entry.user_name == ""
    assert b"geheimnis" not in (tmp_path / "journal.sqlite3").read_bytes()
    assert "geheimnis" not in f"{caplog.text} {flow.metadata} {flow.comment}"
    assert "hub v2: POST /v2/users/login from curl/8.1 at" in caplog.text


def test_a_call_without_an_answer_is_written_down_too(tmp_path: Path, hub: Standin) -> None:
    played(tmp_path, hub, make_flow("/v2/repositories/acme", host="hub.docker.com"), "cut")
    (entry,) = entries(tmp_path / "journal.sqlite3")
    assert (entry.outcome, entry.http_response_status_code) == (Outcome.OBSERVED, None)
    assert (entry.error_type, entry.error) == ("connection", "cut")


def test_such_a_call_is_marked_in_mitmproxy_as_one_of_v2(tmp_path: Path, hub: Standin) -> None:
    flow = make_flow("/v2/repositories/acme/app", host="hub.docker.com")
    played(tmp_path, hub, flow, answer())
    assert flow.marked == ":eyes:"
    assert flow.comment.startswith("Docker Hub API v2: GET /v2/repositories/acme/app; observed 200")
    assert "/v2/namespaces/acme/repositories/app" in flow.comment
    saved = saved_record(flow)
    assert saved
    assert saved.verdict is Verdict.RETIRING


@pytest.mark.parametrize("mode", ["translate", "redirect", "gone"])
def test_no_mode_ends_such_a_call(tmp_path: Path, hub: Standin, mode: str) -> None:
    flow = make_flow("/v2/repositories/acme", host="hub.docker.com")
    played(tmp_path, hub, flow, answer(), hub_mode=mode, hub_rule=[f"{mode} ~all"])
    assert flow.response
    assert flow.response.content == b"upstream"


def test_such_a_call_is_never_refused_for_want_of_a_row(tmp_path: Path, hub: Standin) -> None:
    flow = make_flow("/v2/repositories/acme", host="hub.docker.com")

    def break_journal() -> None:
        for file in tmp_path.glob("journal.sqlite3*"):
            file.unlink()
        (tmp_path / "journal.sqlite3").mkdir()

    async def playing() -> None:
        async with on_stage(tmp_path, hub.url, hub_journal_required=True) as stage:
            break_journal()
            await stage.play(flow, answer())

    asyncio.run(playing())
    assert flow.response
    assert (flow.response.status_code, flow.response.content) == (200, b"upstream")


def test_a_replay_is_not_counted(tmp_path: Path, hub: Standin) -> None:
    flow = make_flow("/v2/repositories/acme", host="hub.docker.com")
    flow.is_replay = "request"
    played(tmp_path, hub, flow, answer())
    assert entries(tmp_path / "journal.sqlite3") == []


def test_a_call_of_the_bridge_that_comes_round_is_no_callers(tmp_path: Path, hub: Standin) -> None:
    async def playing() -> int:
        async with on_stage(tmp_path, hub.url) as stage:
            via = {"Via": f"1.1 {stage.bridge.bridge_id}"}
            path = "/v2/repositories/acme/app/tags?page=1"
            flow = await stage.play(make_flow(path, host="hub.docker.com", headers=via))
            return flow.response.status_code if flow.response else 0

    assert asyncio.run(playing()) == 508
    assert entries(tmp_path / "journal.sqlite3") == []


@pytest.mark.parametrize("row", RETIRING, ids=lambda row: row.name)
def test_every_row_says_what_happens_and_what_to_do(row: Route) -> None:
    assert row.verdict is Verdict.RETIRING
    assert route_named(row.name) is row
    assert row.sentence.endswith(".")
    assert row.instead.endswith(".")
    assert row.successor
