"""Next to mitmproxy's own addons and other people's scripts, each does what its users expect."""

import base64
from pathlib import Path

import pytest

from e2e.bridges import ADDON, Mitmdump, bridge_arguments, running_mitmdump, with_authority
from e2e.clients import ask, behind, shell
from e2e.conftest import StartBridge
from e2e.origins import ANSWER, Origin, running_origin
from standin import Standin

BASE = "http://index.docker.io/v1/repositories"
TAGS = f"{BASE}/tiny/tags"
BODY = (
    b'[{"layer": "", "name": "latest"}, {"layer": "", "name": "1"}, {"layer": "", "name": "10"}, '
    b'{"layer": "", "name": "2"}, {"layer": "", "name": "Beta"}]'
)
JOE = {"Authorization": "Basic " + base64.b64encode(b"joe:geheimnis").decode()}


def _set(*settings: str) -> list[str]:
    return [each for one in settings for each in ("--set", one)]


def _became(bridge: Mitmdump) -> list[tuple[str, int | None]]:
    return [(row["outcome"], row["http_response_status_code"]) for row in bridge.rows()]


class TestBlockList:
    def test_what_it_blocks_gets_its_status_and_counts_as_passed_by(
        self, start_bridge: StartBridge, hub: Standin
    ) -> None:
        blocked = _set("block_list=:~u acme:403")
        with start_bridge(*blocked, hub_url=hub.url) as bridge:
            assert ask(bridge, f"{BASE}/acme/tool/tags").status == 403
            assert ask(bridge, TAGS).body == BODY
        assert _became(bridge) == [("observed", 403), ("translated", 200)]
        assert len(hub.calls) == 1

    def test_what_it_kills_is_written_down_without_an_answer(
        self, start_bridge: StartBridge, hub: Standin
    ) -> None:
        with start_bridge(*_set("block_list=:~u acme:444"), hub_url=hub.url) as bridge:
            with pytest.raises(ConnectionError):
                ask(bridge, f"{BASE}/acme/tool/tags")
            ask(bridge, TAGS)
        assert _became(bridge) == [("observed", None), ("translated", 200)]
        assert len(hub.calls) == 1


class TestModifying:
    def test_headers_set_on_requests_are_seen_by_the_bridge_and_those_on_answers_arrive(
        self, start_bridge: StartBridge, hub: Standin
    ) -> None:
        headers = _set(
            "modify_headers=:~q:X-Job:nightly",
            "modify_headers=:~s:X-Seen:yes",
            "hub_caller_header=X-Job",
        )
        with start_bridge(*headers, hub_url=hub.url) as bridge:
            answer = ask(bridge, TAGS)
        assert (answer.headers["x-seen"], answer.body) == ("yes", BODY)
        [row] = bridge.rows()
        assert row["caller"] == "nightly"

    def test_a_body_is_changed_after_the_bridge_made_it(
        self, start_bridge: StartBridge, hub: Standin
    ) -> None:
        with start_bridge(*_set("modify_body=:~s:latest:newest"), hub_url=hub.url) as bridge:
            answer = ask(bridge, TAGS)
        assert answer.body == BODY.replace(b"latest", b"newest")
        assert answer.headers["content-length"] == str(len(answer.body))
        assert _became(bridge) == [("translated", 200)]


class TestMapping:
    def test_a_call_that_is_answered_goes_nowhere_else(
        self, start_bridge: StartBridge, hub: Standin, tmp_path: Path
    ) -> None:
        (tmp_path / "local").write_text("local")
        with running_origin() as origin:
            mapped = _set(
                f"map_remote=|~u tiny|index.docker.io|{_address(origin)}",
                f"map_local=|~u tiny|index.docker.io|{tmp_path / 'local'}",
            )
            with start_bridge(*mapped, hub_url=hub.url) as bridge:
                assert ask(bridge, TAGS).body == BODY
            assert origin.arrivals == []
        assert _became(bridge) == [("translated", 200)]

    def test_a_call_that_is_passed_on_is_mapped_and_written_down_as_it_was_made(
        self, start_bridge: StartBridge
    ) -> None:
        with running_origin() as origin:
            mapped = f"map_remote=|~u tiny|index.docker.io|{_address(origin)}"
            with start_bridge(*_set(mapped, "hub_mode=observe")) as bridge:
                assert ask(bridge, TAGS).body == ANSWER
            assert [arrival.target for arrival in origin.arrivals] == ["/v1/repositories/tiny/tags"]
        [row] = bridge.rows()
        assert (row["outcome"], row["server_address"]) == ("observed", "index.docker.io")

    def test_a_call_that_is_passed_on_may_be_answered_from_a_file(
        self, start_bridge: StartBridge, tmp_path: Path
    ) -> None:
        (tmp_path / "local").write_bytes(b"from a file")
        mapped = f"map_local=|~u tiny|index.docker.io|{tmp_path / 'local'}"
        with start_bridge(*_set(mapped, "hub_mode=observe")) as bridge:
            assert ask(bridge, TAGS).body == b"from a file"
        assert _became(bridge) == [("observed", 200)]


def _address(origin: Origin) -> str:
    return origin.url.removeprefix("http://")


class TestCredentials:
    def test_a_client_that_proxyauth_turns_away_has_not_called(
        self, start_bridge: StartBridge, hub: Standin
    ) -> None:
        with start_bridge(*_set("proxyauth=ci:sesame"), hub_url=hub.url) as bridge:
            assert ask(bridge, TAGS).status == 407
            assert bridge.rows() == []
            pair = base64.b64encode(b"ci:sesame").decode()
            headers = {"Proxy-Authorization": f"Basic {pair}"}
            assert ask(bridge, TAGS, headers=headers).body == BODY
        assert _became(bridge) == [("translated", 200)]
        assert all("proxy-authorization" not in call.headers for call in hub.calls)
        assert all("authorization" not in call.headers for call in hub.calls)

    def test_stickyauth_lends_nobodys_credentials_to_a_bridged_call(
        self, start_bridge: StartBridge, hub: Standin
    ) -> None:
        with start_bridge(*_set("stickyauth=.*", "stickycookie=.*"), hub_url=hub.url) as bridge:
            assert ask(bridge, TAGS, headers=JOE).status == 200
            assert ask(bridge, TAGS).status == 200
        kinds = [row["credentials"] for row in bridge.rows()]
        assert kinds == ["basic", "none"]
        assert ["authorization" in call.headers for call in hub.calls][-1] is False


class TestReplaying:
    def test_what_server_replay_answers_is_its_own(
        self, start_bridge: StartBridge, hub: Standin, tmp_path: Path
    ) -> None:
        file = tmp_path / "flows"
        with running_origin() as origin:
            front = ("--mode", f"reverse:{origin.url}", "-w", str(file))
            with start_bridge(*front, *_set("hub_mode=observe"), name="recording") as bridge:
                ask(bridge, "/v1/repositories/tiny/tags")
            front = ("--mode", f"reverse:{origin.url}", "--server-replay", str(file))
            # Else mitmdump ends once all is replayed and nobody is connected.
            going_on = _set("keepserving=true")
            with start_bridge(*front, *going_on, hub_url=hub.url) as bridge:
                assert ask(bridge, "/v1/repositories/tiny/tags").body == ANSWER
                assert ask(bridge, "/v1/repositories/acme/tool/tags").status == 200
        assert _became(bridge) == [("observed", 200), ("translated", 200)]


class TestLeftAlone:
    @pytest.mark.parametrize(
        "setting", [r"ignore_hosts=^127\.0\.0\.1", r"allow_hosts=^elsewhere\.example"]
    )
    def test_hosts_that_are_not_to_be_looked_into_are_not(
        self, start_bridge: StartBridge, secure_hub: Standin, setting: str
    ) -> None:
        known = _set(setting, "hub_hosts=127.0.0.1")
        with start_bridge(*known, hub_url=secure_hub.url) as bridge:
            url = f"{secure_hub.registry_url}/v1/repositories/tiny/tags"
            done = shell(f"curl -sS -k -o /dev/null -w '%{{http_code}}' {url}", behind(bridge))
            assert done.stdout == b"410"
        assert bridge.rows() == []


BEFORE = """
from mitmproxy import http

def request(flow):
    if flow.request.path == "/old-name":
        flow.request.path = "/v1/repositories/tiny/tags"
    if "stopped" in flow.request.path:
        flow.response = http.Response.make(418, b"stopped")
"""
AFTER = """
from mitmproxy import http

def request(flow):
    if "taken" in flow.request.path:
        flow.response = http.Response.make(418, b"taken")
    elif flow.response is not None:
        flow.request.path = "/v1/nonsense"

def response(flow):
    flow.response.headers["X-After"] = "yes"
"""


class TestOtherScripts:
    @pytest.fixture
    def scripts(self, tmp_path: Path) -> tuple[Path, Path]:
        before, after = tmp_path / "before.py", tmp_path / "after.py"
        before.write_text(BEFORE, encoding="utf-8")
        after.write_text(AFTER, encoding="utf-8")
        return before, after

    def test_a_script_before_the_bridge_decides_what_it_sees(
        self,
        start_bridge: StartBridge,
        hub: Standin,
        scripts: tuple[Path, Path],
        authority: Path,
        tmp_path: Path,
    ) -> None:
        confdir = with_authority(tmp_path / "conf", authority)
        arguments = ["-s", str(scripts[0]), *bridge_arguments(confdir, hub_url=hub.url)]
        with running_mitmdump(confdir, *arguments) as bridge:
            assert ask(bridge, "http://index.docker.io/old-name").body == BODY
            assert ask(bridge, f"{BASE}/stopped/tags").body == b"stopped"
        assert _became(bridge) == [("translated", 200), ("observed", 418)]
        assert bridge.rows()[0]["url_path"] == "/v1/repositories/tiny/tags"

    def test_a_script_behind_the_bridge_has_the_last_word(
        self, start_bridge: StartBridge, hub: Standin, scripts: tuple[Path, Path]
    ) -> None:
        with start_bridge("-s", str(scripts[1]), hub_url=hub.url) as bridge:
            answer = ask(bridge, TAGS)
            assert (answer.body, answer.headers["x-after"]) == (BODY, "yes")
            assert ask(bridge, f"{BASE}/bench/taken/tags").body == b"taken"
        assert _became(bridge) == [("translated", 200), ("observed", 418)]
        assert bridge.rows()[0]["url_path"] == "/v1/repositories/tiny/tags"
        assert str(ADDON) in bridge.log


class TestTwoBridges:
    @pytest.mark.parametrize(
        ("mode", "here", "there"),
        [
            ("observe", [("observed", 200)], [("translated", 200)]),
            ("translate", [("translated", 200)], []),
        ],
    )
    def test_a_call_is_bridged_by_one_of_them_and_written_down_where_it_came_by(
        self,
        start_bridge: StartBridge,
        hub: Standin,
        mode: str,
        here: list[tuple[str, int]],
        there: list[tuple[str, int]],
    ) -> None:
        with start_bridge(name="behind", hub_url=hub.url) as behind_it:
            parent = ("--mode", f"upstream:{behind_it.url}", *_set(f"hub_mode={mode}"))
            with start_bridge(*parent, name="front", hub_url=hub.url) as front:
                assert ask(front, TAGS).body == BODY
            assert (_became(front), _became(behind_it)) == (here, there)
        assert len(hub.calls) == 1
