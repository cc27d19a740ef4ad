"""Flows for people who look at them: legacy ones are marked and commented, for filters to find."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from mitmproxy import flowfilter, http
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy.layers.http._hooks import HttpRequestHook, HttpResponseHook

from hubv1.journal import CallRecord
from onstage import answer, entries, make_flow, on_stage, played
from standin import Standin, faults


def is_found(flow: http.HTTPFlow, expression: str) -> bool:
    return bool(flowfilter.match(expression, flow))


def test_a_bridged_flow_is_marked_and_says_what_to_call_instead(
    tmp_path: Path, hub: Standin
) -> None:
    flow = played(tmp_path, hub, make_flow("/v1/repositories/debian/tags/12?token=geheim"))
    assert flow.marked == ":recycle:"
    assert flow.comment == (
        "Docker Hub API v1: GET /v1/repositories/debian/tags/12; translated 200; instead: "
        f"{hub.url}/v2/namespaces/library/repositories/debian/tags/12; "
        "to change by: curl/8.1 at 127.0.0.1"
    )


@pytest.mark.parametrize(
    ("mode", "mark", "said"),
    [
        ("observe", ":eyes:", "observed 410"),
        ("gone", ":no_entry:", "gone 410"),
        ("redirect", ":arrow_right:", "redirected 308"),
    ],
)
def test_filters_find_a_flow_by_what_became_of_it(
    tmp_path: Path, hub: Standin, mode: str, mark: str, said: str
) -> None:
    flow = played(tmp_path, hub, make_flow(), answer(410), hub_mode=mode)
    assert is_found(flow, "~marked")
    assert is_found(flow, f"~marker {mark}")
    assert is_found(flow, f'~comment "{said}"')
    assert is_found(flow, '~comment "Docker Hub API v1"')


def test_a_call_that_failed_says_why(tmp_path: Path, hub: Standin) -> None:
    hub.faults.add("/tags", faults.status(503))
    flow = played(tmp_path, hub, make_flow())
    assert flow.marked == ":x:"
    assert "failed 502 (unreachable: " in flow.comment


def test_a_call_without_a_replacement_says_what_happened_to_it(
    tmp_path: Path, hub: Standin
) -> None:
    flow = played(tmp_path, hub, make_flow("/v1/images/0123/json"), answer(410))
    assert flow.marked == ":fast_forward:"
    assert "instead: v1 layers went on 2019-06-01" in flow.comment


def test_a_flow_that_ends_without_an_answer_is_marked_too(tmp_path: Path, hub: Standin) -> None:
    flow = played(tmp_path, hub, make_flow("/v1/_ping"), "connection refused")
    assert "; passed without an answer (connection: connection refused); " in flow.comment


def test_a_users_own_mark_and_comment_stay(tmp_path: Path, hub: Standin) -> None:
    flow = make_flow()
    flow.marked, flow.comment = ":fire:", "ask Joe"
    played(tmp_path, hub, flow)
    assert (flow.marked, flow.comment) == (":fire:", "ask Joe")


@pytest.mark.parametrize("path", ["/v2/", "/v1/search?q=x", "/"])
def test_other_traffic_is_not_marked(tmp_path: Path, hub: Standin, path: str) -> None:
    flow = played(tmp_path, hub, make_flow(path), answer())
    assert (flow.marked, flow.comment, flow.metadata) == ("", "", {})


def test_nothing_secret_is_in_mark_comment_or_metadata(tmp_path: Path, hub: Standin) -> None:
    headers = {"Authorization": "Basic am9lOmdlaGVpbQ==", "Cookie": "s=geheim"}
    flow = played(
        tmp_path, hub, make_flow("/v1/repositories/debian/tags?p=geheim", headers=headers)
    )
    left = repr((flow.marked, flow.comment, flow.metadata))
    assert "geheim" not in left
    assert "am9lOmdlaGVpbQ" not in left


def test_texts_from_outside_are_bounded_and_printable(tmp_path: Path, hub: Standin) -> None:
    flow = played(tmp_path, hub, make_flow(headers={"User-Agent": b"x\x1b[2J\xff" * 1_000}))
    assert flow.comment.isprintable()
    assert len(flow.comment) < 2_000


def _changed_by_another(
    folder: Path, hub: Standin, change: Callable[[http.HTTPFlow], None], mode: str
) -> CallRecord:
    """The row of a call that an addon behind the bridge lays hands on."""

    async def playing() -> None:
        async with on_stage(folder, hub.url, hub_mode=mode) as stage:
            flow = make_flow()
            await stage.call(HttpRequestHook(flow))
            change(flow)
            await stage.call(HttpResponseHook(flow))

    asyncio.run(playing())
    [row] = entries(folder / "journal.sqlite3")
    return row


def test_another_addons_answer_in_place_of_the_bridges_is_observed(
    tmp_path: Path, hub: Standin
) -> None:
    def change(flow: http.HTTPFlow) -> None:
        flow.response = answer(418)

    row = _changed_by_another(tmp_path, hub, change, "translate")
    assert (row.outcome, row.http_response_status_code) == ("observed", 418)
    assert (row.source, row.upstream_calls) == ("", 1)


def test_what_a_call_asked_for_stays_known_when_another_addon_changes_its_request(
    tmp_path: Path, hub: Standin
) -> None:
    def change(flow: http.HTTPFlow) -> None:
        flow.request.url = "http://elsewhere.example/v3/x"
        flow.request.headers["User-Agent"] = "another"
        flow.response = answer(200)

    row = _changed_by_another(tmp_path, hub, change, "observe")
    assert (row.server_address, row.url_scheme) == ("index.docker.io", "https")
    assert row.url_path == "/v1/repositories/debian/tags"
    assert row.caller == "curl/8.1 at 127.0.0.1"


def test_a_replay_goes_on_when_the_client_of_its_flow_leaves(tmp_path: Path, hub: Standin) -> None:
    async def playing() -> http.HTTPFlow:
        async with on_stage(tmp_path, hub.url) as stage:
            flow = make_flow()
            flow.is_replay = "request"
            flow.client_conn.state = ConnectionState.CLOSED
            asking = asyncio.ensure_future(stage.call(HttpRequestHook(flow)))
            await asyncio.sleep(0)
            stage.bridge.client_disconnected(flow.client_conn)
            await asking
            await stage.call(HttpResponseHook(flow))
            return flow

    assert "translated 200" in asyncio.run(playing()).comment
    assert entries(tmp_path / "journal.sqlite3") == []
