"""The bounds that docs/security.md sets for a bridge which others can reach."""

import re
from pathlib import Path

from e2e.bridges import ROOT
from e2e.clients import behind, output, shell
from e2e.conftest import StartBridge
from hub.secured import secured
from standin import Standin
from standin.tls import CA_FILE

PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
CALL = "curl -fsS https://index.docker.io/v1/repositories/tiny/tags"


def bounds(password: str) -> list[str]:
    """The arguments of the page, but for where to listen."""
    (hosts,) = re.findall(r"--allow-hosts '([^']+)'", PAGE)
    (user,) = re.findall(r"--proxyauth (\w+):\$PASSWORD", PAGE)
    return ["--allow-hosts", hosts, "--proxyauth", f"{user}:{password}"]


def test_only_who_signs_in_gets_through_and_only_legacy_hosts_are_opened(
    start_bridge: StartBridge, hub: Standin, tmp_path: Path
) -> None:
    with (
        secured(tmp_path / "tls") as elsewhere,
        start_bridge(*bounds("hush"), hub_url=hub.url) as bridge,
    ):
        client = behind(bridge)
        refused = shell(CALL, client)
        assert refused.returncode != 0
        assert b"407" in refused.stderr
        assert bridge.rows() == []

        signed = "--proxy-user ci:hush"
        for call in (CALL, CALL.replace("https://", "http://")):
            assert '{"layer": "", "name": "latest"}' in output(f"{call} {signed}", client)
        assert len(bridge.rows()) == 2

        # Of another host the client sees the certificate that this host has, not the bridge's.
        other = f"curl -fsS {signed} {elsewhere.url}/"
        own_authority = client | {"CURL_CA_BUNDLE": str(tmp_path / "tls" / CA_FILE)}
        assert '"results"' in output(other, own_authority)
        assert shell(other, client).returncode == 60
