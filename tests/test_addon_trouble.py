"""The addon's hooks where something goes wrong: every call is answered and written down still."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.flow import Error
from mitmproxy.proxy.layers.http._hooks import (
    HttpErrorHook,
    HttpRequestHeadersHook,
    HttpRequestHook,
    HttpResponseHeadersHook,
)

from hubv1.api.routes import Outcome
from onstage import answer, answered, entries, gaps, make_flow, on_stage, played, traffic
from standin import Standin

TAGS = b'[{"layer": "", "name": "latest"}, {"layer": "", "name": "12"}]'


@pytest.mark.parametrize("path", ["/v1/repositories/debian/tags", "/v2/x"])
def test_a_request_of_the_bridge_itself_is_answered_with_508(
    tmp_path: Path, hub: Standin, path: str
) -> None:
    async def playing() -> http.HTTPFlow:
        async with on_stage(tmp_path, hub.url) as stage:
            via = f"1.0 other, 1.1 {stage.bridge.bridge_id}"
            return await stage.play(make_flow(path, headers={"Via": via}), answer())

    response = answered(asyncio.run(playing()))
    rows = entries(tmp_path / "journal.sqlite3")
    assert response.status_code == 508
    assert json.loads(response.raw_content or b"")["error"] == "loop"
    expected = [(Outcome.FAILED, "loop", 508)] if "v1" in path else []
    assert [
        (row.outcome, row.error_type, row.http_response_status_code) for row in rows
    ] == expected
    assert hub.calls == []


def test_a_connection_that_ends_before_the_answer_is_written_down(
    tmp_path: Path, hub: Standin
) -> None:
    flow = make_flow("/v1/_ping")
    flow.request.timestamp_start -= 2
    played(tmp_path, hub, flow, "connection refused")
    [row] = entries(tmp_path / "journal.sqlite3")
    assert (row.outcome, row.http_response_status_code) == (Outcome.PASSED, None)
    assert (row.error_type, row.error) == ("connection", "connection refused")
    assert 2_000 <= row.duration_ms < 200_000  # not microseconds


def test_a_caller_that_leaves_before_its_answer_is_a_failure(tmp_path: Path, hub: Standin) -> None:
    async def playing() -> None:
        async with on_stage(tmp_path, hub.url) as stage:
            flow = make_flow()
            await stage.call(HttpRequestHook(flow))
            flow.response = None
            flow.error = Error("client disconnected")
            await stage.call(HttpErrorHook(flow))

    asyncio.run(playing())
    [row] = entries(tmp_path / "journal.sqlite3")
    assert (row.outcome, row.error_type) == (Outcome.FAILED, "connection")


def test_an_error_of_other_traffic_is_nobodys_business(tmp_path: Path, hub: Standin) -> None:
    played(tmp_path, hub, make_flow("/v2/"), "connection refused")
    assert entries(tmp_path / "journal.sqlite3") == []


def test_a_body_that_is_streamed_is_written_down_before_it_leaves_and_once(
    tmp_path: Path, hub: Standin
) -> None:
    async def playing() -> None:
        async with on_stage(tmp_path, hub.url) as stage:
            flow = make_flow("/v1/images/0123/layer")
            await stage.call(HttpRequestHook(flow))
            flow.response = answer()
            flow.response.stream = True
            await stage.call(HttpResponseHeadersHook(flow))
            assert len(entries(stage.journal)) == 1
            await stage.play(flow)

    asyncio.run(playing())


def test_a_search_with_a_streamed_body_is_counted_once(tmp_path: Path, hub: Standin) -> None:
    async def playing() -> None:
        async with on_stage(tmp_path, hub.url) as stage:
            flow = make_flow("/v1/search?q=x")
            flow.request.stream = True
            ended, flow.request.timestamp_end = flow.request.timestamp_end, None
            await stage.call(HttpRequestHeadersHook(flow))
            flow.request.timestamp_end = ended
            await stage.play(flow, "connection refused")

    asyncio.run(playing())
    assert traffic(tmp_path / "journal.sqlite3").still_served == 1


@pytest.mark.parametrize("raw", [b"curl/8.1 \xff", b"\xc3\xa4\xed\xa0\x80/1"])
def test_bytes_that_are_no_text_keep_no_call_from_being_recorded(
    tmp_path: Path, hub: Standin, raw: bytes
) -> None:
    flow = make_flow(b"/v1/repositories/debian/tags/\xff", headers={"User-Agent": raw})
    played(tmp_path, hub, flow)
    [row] = entries(tmp_path / "journal.sqlite3")
    assert "\\x" in row.user_agent_original or "\\u" in row.user_agent_original
    assert row.url_path.endswith("/\\xff")


def test_no_credential_and_no_query_reaches_the_journal(
    tmp_path: Path, hub: Standin, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = {"Authorization": "Basic am9lOmh1bnRlcjI=", "Cookie": "a=hunter2"}
    flow = make_flow("/v1/repositories/debian/tags?token=hunter2", headers=secrets)
    with caplog.at_level("DEBUG"):
        played(tmp_path, hub, flow)
    for file in tmp_path.iterdir():
        content = file.read_bytes()
        assert b"hunter2" not in content
        assert b"am9lOmh1bnRlcjI" not in content
    assert "hunter2" not in caplog.text
    assert hub.calls
    assert not {"authorization", "cookie"} & set(hub.calls[0].headers)


def test_a_journal_that_breaks_on_the_way_is_said_once_and_calls_are_served_on(
    tmp_path: Path, hub: Standin, caplog: pytest.LogCaptureFixture
) -> None:
    async def playing() -> None:
        async with on_stage(tmp_path, hub.url) as stage:
            with closing(sqlite3.connect(stage.journal)) as other:
                [(made,)] = other.execute("SELECT sql FROM sqlite_master WHERE name='calls'")
                other.execute("DROP TABLE calls")
                for _ in range(3):
                    flow = await stage.play(make_flow())
                    assert answered(flow).raw_content == TAGS
                other.execute(made)
            await stage.play(make_flow())

    asyncio.run(playing())
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert "not recorded" in errors[0].getMessage()
    assert str(tmp_path) in errors[0].getMessage()
    assert len(entries(tmp_path / "journal.sqlite3")) == 1
    assert [gap.calls for gap in gaps(tmp_path / "journal.sqlite3")] == [3]


def test_each_call_is_one_line_of_the_log_that_nobody_can_forge(
    tmp_path: Path, hub: Standin, caplog: pytest.LogCaptureFixture
) -> None:
    flow = make_flow(headers={"User-Agent": "\x1b[31mevil\u2028x/1"})
    with caplog.at_level("INFO", logger="hubv1"):
        played(tmp_path, hub, flow)
    [line] = [record.getMessage() for record in caplog.records if "lifecycle" in record.name]
    assert line.startswith("hub v1: GET /v1/repositories/debian/tags from \\x1b[31mevil")
    assert line.isprintable()


def test_a_fault_of_the_bridge_beside_hub_is_a_502_with_a_row(
    tmp_path: Path, hub: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("broken")

    async def playing() -> http.HTTPFlow:
        async with on_stage(tmp_path, hub.url) as stage:
            assert stage.bridge.components
            monkeypatch.setattr(type(stage.bridge.components.cache), "answer", broken)
            return await stage.play(make_flow(), answer())

    response = answered(asyncio.run(playing()))
    assert response.status_code == 502
    assert json.loads(response.raw_content or b"")["error"] == "internal"
    [row] = entries(tmp_path / "journal.sqlite3")
    assert (row.outcome, row.error_type) == (Outcome.FAILED, "internal")
