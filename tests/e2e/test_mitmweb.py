"""At home in mitmweb: legacy flows are seen for what they are, and the commands are there."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e.bridges import Row, eventually, with_authority
from e2e.clients import ask, connected
from e2e.webs import Mitmweb, running_web
from hubv1.config import OPTIONS
from standin import Standin

BASE = "http://index.docker.io/v1/repositories"


@pytest.fixture(scope="module")
def shared_web(
    tmp_path_factory: pytest.TempPathFactory, authority: Path, shared_hub: Standin
) -> Iterator[Mitmweb]:
    confdir = with_authority(tmp_path_factory.mktemp("web"), authority)
    given = {"hub_url": shared_hub.url, "registry_url": shared_hub.registry_url}
    with running_web(confdir, **given) as web:
        yield web


@pytest.fixture
def web(shared_web: Mitmweb, hub: Standin) -> Mitmweb:
    shared_web.ask("clear", "POST")
    shared_web.proxy.new_rows()
    return shared_web


def _called(web: Mitmweb, path: str) -> Row:
    """The one flow of a call to v1, as the list of flows has it."""
    ask(web.proxy, f"{BASE}/{path}")
    [flow] = web.flows()
    return flow


def test_a_legacy_flow_stands_in_the_list_with_mark_and_comment(web: Mitmweb) -> None:
    flow = _called(web, "tiny/tags")
    assert flow["marked"] == "♻"
    assert flow["comment"].startswith(
        "Docker Hub API v1: GET /v1/repositories/tiny/tags; translated 200; instead: "
    )
    assert flow["comment"].endswith("; to change by: unknown client at 127.0.0.1")


def test_other_flows_stand_there_as_ever(web: Mitmweb, hub: Standin) -> None:
    ask(web.proxy, f"{hub.url}/v2/")
    [flow] = web.flows()
    assert (flow["marked"], flow["comment"]) == ("", "")


def test_a_translated_answer_is_shown_beside_its_source_in_v2(web: Mitmweb, hub: Standin) -> None:
    flow = _called(web, "tiny/tags/1")
    shown = web.shown(flow, "response", "Auto")
    for said in (
        "GET /v1/repositories/tiny/tags/1: translated 200",
        "| id\n",
        "| digest (its first 8 hex digits, after sha256:)\n",
        f"GET {hub.url}/v2/namespaces/library/repositories/tiny/tags/1: 200\n",
        "Call instead:\n",
        "Caller:\n    unknown client at 127.0.0.1",
    ):
        assert said in shown["text"] + "\n"


def test_the_bytes_of_the_answer_can_be_seen_as_well(web: Mitmweb) -> None:
    flow = _called(web, "tiny/tags")
    assert web.shown(flow, "response", "Raw")["text"].startswith('[{"layer": "", "name": "latest"}')


def test_of_other_flows_the_view_says_that_it_is_not_for_them(web: Mitmweb, hub: Standin) -> None:
    ask(web.proxy, f"{hub.url}/v2/namespaces/library/repositories/tiny/tags")
    [flow] = web.flows()
    assert "v1 answer " not in web.shown(flow, "response", "Auto")["text"]
    assert web.shown(flow, "response", "Hub-v1")["text"].startswith("This is no call to Docker ")


def test_its_commands_are_listed_and_can_be_run(web: Mitmweb) -> None:
    commands = web.ask("commands")
    assert commands["hub.options"]["return_type"] == "str[]"
    assert "values and meaning" in commands["hub.options"]["help"]
    said = web.run("hub.options")
    assert len(said) == len(OPTIONS)
    assert any(line.startswith("hub_deadline=30: ") for line in said)


def test_reports_are_made_and_the_set_up_is_looked_at_from_the_command_bar(
    web: Mitmweb, tmp_path: Path
) -> None:
    _called(web, "tiny/tags")
    web.run("hub.summary")
    web.run("hub.report", str(tmp_path / "report.json"))
    web.run("hub.check")
    eventually((tmp_path / "report.json").exists, "the report")
    eventually(lambda: "legacy call" in web.proxy.log, "the summary")
    eventually(lambda: "hub.check: " in web.proxy.log, "what was looked at")


def test_its_options_can_be_changed_there(web: Mitmweb) -> None:
    try:
        web.ask("options", "PUT", hub_mode="gone")
        flow = _called(web, "tiny/tags")
        assert flow["marked"] == "⛔"
        assert web.proxy.new_row()["outcome"] == "gone"
    finally:
        web.ask("options", "PUT", hub_mode="translate")


def test_a_replay_from_the_list_is_answered_and_not_counted(web: Mitmweb, hub: Standin) -> None:
    flow = _called(web, "tiny/tags")
    web.ask(f"flows/{flow['id']}/replay", "POST")
    eventually(lambda: "(a replay, not counted)" in web.proxy.log, "the replay")
    [flow] = web.flows()
    assert flow["is_replay"] == "request"
    assert "; replayed by hand and not counted, translated 200; " in flow["comment"]
    assert flow["response"]["status_code"] == 200
    assert len(web.proxy.new_rows()) == 1


@pytest.fixture
def intercepting(web: Mitmweb) -> Iterator[Mitmweb]:
    """A mitmweb that holds up calls for one repository, at the request and at the answer."""
    web.ask("options", "PUT", intercept="~u tiny")
    yield web
    web.ask("options", "PUT", intercept=None)


def _held(web: Mitmweb) -> Row:
    eventually(lambda: any(flow["intercepted"] for flow in web.flows()), "interception")
    [flow] = web.flows()
    return flow


@contextmanager
def _asking(web: Mitmweb) -> Iterator[None]:
    """A client that waits for its answer, and leaves at the end without one.

    mitmproxy lets the client of a flow wait that is killed while it is held up.
    """
    with connected(web.proxy) as client:
        client.sendall(f"GET {BASE}/tiny/tags HTTP/1.1\r\nHost: index.docker.io\r\n\r\n".encode())
        yield


def test_a_call_that_is_killed_while_it_is_held_up_has_failed(intercepting: Mitmweb) -> None:
    web = intercepting
    with _asking(web):
        web.ask(f"flows/{_held(web)['id']}/kill", "POST")
    eventually(lambda: len(web.proxy.rows()) > web.proxy._rows_told, "the row")
    row = web.proxy.new_row()
    assert (row["outcome"], row["error_type"]) == ("failed", "connection")
    assert row["http_response_status_code"] is None
    assert "killed" in row["error"]


def test_a_call_that_was_held_up_goes_on_and_is_counted_once(intercepting: Mitmweb) -> None:
    web = intercepting
    with ThreadPoolExecutor(1) as clients:
        asking = clients.submit(ask, web.proxy, f"{BASE}/tiny/tags")
        flow = _held(web)
        assert flow["response"]["status_code"] == 200
        web.ask(f"flows/{flow['id']}/resume", "POST")
        eventually(lambda: len(web.proxy.rows()) > web.proxy._rows_told, "the row")
        web.ask(f"flows/{_held(web)['id']}/resume", "POST")
        assert asking.result().status == 200
    assert web.proxy.new_row()["outcome"] == "translated"


def test_an_answer_that_is_killed_was_written_down_before(intercepting: Mitmweb) -> None:
    web = intercepting
    with _asking(web):
        web.ask(f"flows/{_held(web)['id']}/resume", "POST")
        eventually(lambda: len(web.proxy.rows()) > web.proxy._rows_told, "the row")
        web.ask(f"flows/{_held(web)['id']}/kill", "POST")
    assert web.proxy.new_row()["outcome"] == "translated"
