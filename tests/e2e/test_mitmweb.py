"""At home in mitmweb: legacy flows are seen for what they are, and the commands are there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.bridges import Row, eventually, with_authority
from e2e.clients import ask
from e2e.webs import Mitmweb, running_web
from hubv1.options import OPTIONS
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
    assert flow["comment"].endswith("; to change by: no user agent at 127.0.0.1")


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
        "To change by:\n    no user agent at 127.0.0.1",
    ):
        assert said in shown["text"] + "\n"


def test_the_bytes_of_the_answer_can_be_seen_as_well(web: Mitmweb) -> None:
    flow = _called(web, "tiny/tags")
    assert web.shown(flow, "response", "Raw")["text"].startswith('[{"layer": "", "name": "latest"}')


def test_of_other_flows_the_view_says_that_it_is_not_for_them(web: Mitmweb, hub: Standin) -> None:
    ask(web.proxy, f"{hub.url}/v2/namespaces/library/repositories/tiny/tags")
    [flow] = web.flows()
    assert "v1 answered" not in web.shown(flow, "response", "Auto")["text"]
    assert web.shown(flow, "response", "Hub-v1")["text"].startswith("This is no call to Docker ")


def test_its_commands_are_listed_and_can_be_run(web: Mitmweb) -> None:
    commands = web.ask("commands")
    assert commands["hub.options"]["return_type"] == "str[]"
    assert "values and meaning" in commands["hub.options"]["help"]
    said = web.run("hub.options")
    assert len(said) == len(OPTIONS)
    assert any(line.startswith("hub_deadline=30: ") for line in said)


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
