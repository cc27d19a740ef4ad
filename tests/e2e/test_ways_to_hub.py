"""The ways from a real mitmdump to Hub: mitmproxy's own options say how."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.bridges import NO_HUB, Mitmdump
from e2e.clients import Answer, ask
from e2e.conftest import StartBridge
from hub.secured import client_certificate, rehashed, secured
from standin import Standin
from standin.tls import CA_FILE

CALL = "http://index.docker.io/v1/repositories/acme/tool/tags"
TOOL = b'[{"layer": "", "name": "1.0"}]'
CREDENTIALS = "joe:secret"
BASIC = base64.b64encode(CREDENTIALS.encode()).decode()


def trusted_file(folder: Path) -> str:
    return f"ssl_verify_upstream_trusted_ca={folder / CA_FILE}"


def trusted_folder(folder: Path) -> str:
    trusted = rehashed(folder / "trusted", folder / CA_FILE)
    return f"ssl_verify_upstream_trusted_confdir={trusted}"


def anybody(folder: Path) -> str:
    return "ssl_insecure=true"


@pytest.mark.parametrize("way", [trusted_file, trusted_folder, anybody])
def test_whom_mitmproxy_trusts_the_bridge_trusts(
    start_bridge: StartBridge, tmp_path: Path, way: Callable[[Path], str]
) -> None:
    with (
        secured(tmp_path / "tls") as server,
        start_bridge("--set", way(tmp_path / "tls"), hub_url=server.url) as bridge,
    ):
        assert ask(bridge, CALL).body == TOOL


def test_whom_mitmproxy_does_not_trust_the_bridge_does_not(
    start_bridge: StartBridge, tmp_path: Path
) -> None:
    with secured(tmp_path / "tls") as server, start_bridge(hub_url=server.url) as bridge:
        assert ask(bridge, CALL).status == 502
        row = bridge.new_row()
        assert (row["outcome"], row["error_type"]) == ("failed", "unreachable")
        assert "certificate verify failed" in row["error"]
        assert server.shown == []


@pytest.mark.parametrize("place", ["bridge.pem", "certificates/127.0.0.1.pem"])
def test_the_client_certificate_of_mitmproxy_is_the_bridges_too(
    start_bridge: StartBridge, tmp_path: Path, place: str
) -> None:
    file = client_certificate(tmp_path / place)
    given = file.parent if file.parent != tmp_path else file
    settings = ("--set", "ssl_insecure=true", "--set", f"client_certs={given}")
    with (
        secured(tmp_path / "tls", demanded=file) as server,
        start_bridge(*settings, hub_url=server.url) as bridge,
    ):
        assert ask(bridge, CALL).body == TOOL
        assert server.shown == ["bridge"]


class TestAProxyThatWantsCredentials:
    """A company's proxy, without which there is no way to Hub."""

    def through(
        self, bridges: StartBridge, parent: Mitmdump, hub_url: str, credentials: str
    ) -> tuple[Answer, Mitmdump]:
        arguments = ["--mode", f"upstream:{parent.url}", "--set", "ssl_insecure=true"]
        if credentials:
            arguments += ["--set", f"upstream_auth={credentials}"]
        with bridges(*arguments, hub_url=hub_url) as bridge:
            return ask(bridge, CALL), bridge

    def told(self, bridge: Mitmdump, answer: Answer) -> bytes:
        """All that is left behind."""
        files = [bridge.log_file, *bridge.journal.parent.glob("journal.sqlite3*")]
        return answer.body + b"".join(file.read_bytes() for file in files)

    def test_gets_those_of_upstream_auth_and_nobody_else_sees_them(
        self, start_bridge: StartBridge, start_mitmdump: StartBridge, hub: Standin
    ) -> None:
        redirected = ("--map-remote", f"|^{NO_HUB}/|{hub.url}/")
        with start_mitmdump("--proxyauth", CREDENTIALS, *redirected) as parent:
            answer, bridge = self.through(start_bridge, parent, NO_HUB, CREDENTIALS)
        assert answer.body == TOOL
        assert "proxy-authorization" not in hub.calls[0].headers
        told = self.told(bridge, answer)
        assert b"acme" in told
        assert CREDENTIALS.encode() not in told
        assert BASIC.encode() not in told

    def test_gets_them_for_a_hub_that_speaks_tls_too(
        self, start_bridge: StartBridge, start_mitmdump: StartBridge, tmp_path: Path
    ) -> None:
        with secured(tmp_path / "tls") as server:
            arguments = ("--proxyauth", CREDENTIALS, "--set", "ssl_insecure=true")
            with start_mitmdump(*arguments) as parent:
                answer, _ = self.through(start_bridge, parent, server.url, CREDENTIALS)
        assert answer.body == TOOL
        assert "user-agent" in server.headers
        assert "proxy-authorization" not in server.headers

    @pytest.mark.parametrize("credentials", ["", "joe:another", "ann:secret"])
    @pytest.mark.parametrize("hub_url", [NO_HUB, NO_HUB.replace("http:", "https:")])
    def test_lets_nobody_through_with_other_ones(
        self, start_bridge: StartBridge, start_mitmdump: StartBridge, hub_url: str, credentials: str
    ) -> None:
        with start_mitmdump("--proxyauth", CREDENTIALS) as parent:
            answer, bridge = self.through(start_bridge, parent, hub_url, credentials)
        assert answer.status == 502
        assert "407" in json.loads(answer.body)["detail"]
        told = self.told(bridge, answer)
        if credentials:
            assert credentials.encode() not in told
            assert base64.b64encode(credentials.encode()) not in told
