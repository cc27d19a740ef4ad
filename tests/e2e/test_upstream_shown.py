"""The bridge's own calls to Docker's hosts are flows for those who ask to see them."""

import base64
import json
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.io import FlowReader

from e2e.bridges import Mitmdump, eventually, query, with_authority
from e2e.clients import ask
from e2e.conftest import StartBridge
from e2e.webs import running_web
from report.processes import report
from standin import Standin, faults

BASE = "http://index.docker.io/v1/repositories"
SHOW = ("--set", "hub_show_upstream=true")
SECRET = "geheimnis"
JOE = {"Authorization": "Basic " + base64.b64encode(f"joe:{SECRET}".encode()).decode()}


def _flows(file: Path) -> list[http.HTTPFlow]:
    with file.open("rb") as opened:
        return [flow for flow in FlowReader(opened).stream() if isinstance(flow, http.HTTPFlow)]


def _own(file: Path) -> list[http.HTTPFlow]:
    return [flow for flow in _flows(file) if flow.comment.endswith("asked by the Hub v1 bridge")]


def _urls(file: Path) -> list[str]:
    return [flow.request.pretty_url for flow in _own(file)]


def test_without_the_option_they_are_not_to_be_seen(
    start_bridge: StartBridge, hub: Standin, tmp_path: Path
) -> None:
    file = tmp_path / "flows"
    with start_bridge("-w", str(file), hub_url=hub.url) as bridge:
        ask(bridge, f"{BASE}/tiny/tags")
    assert len(_flows(file)) == 1


@pytest.mark.parametrize("mode", ["regular", "reverse"])
def test_each_is_a_flow_with_what_was_asked_and_answered(
    start_bridge: StartBridge, hub: Standin, tmp_path: Path, mode: str
) -> None:
    file = tmp_path / "flows"
    front = () if mode == "regular" else ("--mode", f"reverse:{hub.registry_url}")
    base = BASE if mode == "regular" else "/v1/repositories"
    with start_bridge("-w", str(file), *SHOW, *front, hub_url=hub.url) as bridge:
        ask(bridge, f"{base}/tiny/tags")
    [flow] = _own(file)
    assert flow.request.pretty_url == (
        f"{hub.url}/v2/namespaces/library/repositories/tiny/tags?page_size=100&page=1"
    )
    assert flow.request.headers["User-Agent"].startswith("hub-v1-bridge/")
    assert flow.response
    assert flow.response.json()["count"] == 5
    assert flow.response.timestamp_end
    assert flow.response.timestamp_end >= flow.request.timestamp_start


def test_one_that_fails_is_a_flow_with_its_error(start_bridge: StartBridge, tmp_path: Path) -> None:
    file = tmp_path / "flows"
    with start_bridge("-w", str(file), *SHOW, "--set", "hub_deadline=2") as bridge:
        assert ask(bridge, f"{BASE}/tiny/tags").status == 502
    flows = _own(file)
    assert flows
    assert all(flow.error and "Connect call failed" in flow.error.msg for flow in flows)


def test_they_are_not_counted_live_or_from_a_file(
    start_bridge: StartBridge, hub: Standin, tmp_path: Path
) -> None:
    file = tmp_path / "flows"
    with start_bridge("-w", str(file), *SHOW, hub_url=hub.url) as bridge:
        ask(bridge, f"{BASE}/tiny/tags")
        ask(bridge, f"{BASE}/tiny/tags/1")
    assert len(_own(file)) == 2
    flows = query(bridge.journal, "SELECT sum(flows) flows FROM seen")
    assert flows == [{"flows": 2}]
    seen = json.loads(report(file, "--format", "json").stdout)["seen"]
    assert (seen["flows"], seen["legacy"]) == (2, 2)


@pytest.mark.parametrize("reply", ["sound", "echo"])
def test_nothing_secret_is_in_them(
    start_bridge: StartBridge, hub: Standin, tmp_path: Path, reply: str
) -> None:
    if reply == "echo":
        given = {"message": f"joe {SECRET}", "sent": JOE["Authorization"]}
        hub.faults.add("/echo/", faults.status(418, given))
    file = tmp_path / "flows"
    given_urls = {"hub_url": hub.url, "registry_url": hub.registry_url}
    with start_bridge("-w", str(file), *SHOW, **given_urls) as bridge:
        for path in ("paged/tags", "acme/echo/tags", "debian/tags"):
            ask(bridge, f"{BASE}/{path}", headers=JOE)
    assert any("/v2/auth/token" in url for url in _urls(file))
    assert len(_own(file)) > 4
    told = "".join(repr(flow.get_state()) for flow in _own(file)).lower()
    tokens = {call.headers.get("authorization", "").partition(" ")[2] for call in hub.calls} - {""}
    assert len(tokens) > 1
    for secret in (SECRET, JOE["Authorization"].partition(" ")[2], *tokens):
        assert secret.lower() not in told


def test_mitmweb_lists_them_from_the_moment_the_option_is_set(
    tmp_path: Path, authority: Path, hub: Standin
) -> None:
    with running_web(with_authority(tmp_path / "web", authority), hub_url=hub.url) as web:
        ask(web.proxy, f"{BASE}/tiny/tags")
        assert len(web.flows()) == 1
        web.ask("options", "PUT", hub_show_upstream=True)
        ask(web.proxy, f"{BASE}/tiny/tags/1")
        eventually(lambda: len(web.flows()) == 3, "the bridge's own call")
        paths = [flow["request"]["path"] for flow in web.flows()]
    assert "/v2/namespaces/library/repositories/tiny/tags/1" in paths
    assert isinstance(web.proxy, Mitmdump)
