"""A call that comes round to the bridge that made it ends at once, and says what to change."""

from addresses import own_address
from e2e.bridges import Mitmdump
from e2e.clients import ask
from e2e.conftest import StartBridge
from standin import Standin

TAGS = "/v1/repositories/acme/tool/tags"
TOOL = b'[{"layer": "", "name": "1.0"}]'


def test_a_hub_url_that_leads_back_to_the_bridge_is_answered_508(
    start_bridge: StartBridge, hub: Standin
) -> None:
    address = own_address()
    own = f"http://{address}"
    mode = f"reverse:{hub.registry_url}"
    with start_bridge("--mode", mode, hub_url=own, at=address) as bridge:
        for _ in range(2):
            answer = ask(bridge, TAGS)
            assert answer.status == 508
            assert answer.headers["content-type"] == "application/problem+json"
        rows = bridge.rows()
        assert [(row["outcome"], row["error_type"]) for row in rows] == [("failed", "loop")] * 2
        assert [row["upstream_calls"] for row in rows] == [1, 1]
        assert f"hub_url {own} leads here" in bridge.log
        assert ask(bridge, "/v1/search?q=tool").status == 200
    assert [call.path for call in hub.calls] == ["/v1/search?q=tool"]


def test_a_v1_call_of_its_own_that_comes_round_is_answered_508_and_written_down(
    bridge: Mitmdump,
) -> None:
    url = f"http://hub.docker.com{TAGS}"
    via = ask(bridge, url).headers["via"]
    bridge.new_rows()
    assert ask(bridge, url, headers={"Via": f"1.0 somebody, {via}"}).status == 508
    assert bridge.new_row()["error_type"] == "loop"
    assert ask(bridge, url).body == TOOL


def test_a_bridge_behind_another_bridge_is_no_loop(start_bridge: StartBridge, hub: Standin) -> None:
    with start_bridge("--mode", f"reverse:{hub.url}", name="inner") as inner:
        with start_bridge(hub_url=inner.url, name="outer") as outer:
            answer = ask(outer, f"http://hub.docker.com{TAGS}", headers={"Via": "1.1 another"})
            assert answer.body == TOOL
            assert len(outer.rows()) == 1
        assert inner.rows() == []
