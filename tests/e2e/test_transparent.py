"""Clients that know no proxy, behind a gateway that hands their packets to the bridge.

Client, bridge and stand-in for Docker Hub are three hosts, made by docs/transparent.md's commands.
"""

import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from e2e.bridges import (
    Mitmdump,
    eventually,
    query,
    with_authority,
)
from e2e.clients import clean_environment, output, shell, tool
from e2e.networks import Network, as_if_run, network, running, section, standin

AWAY = "//registry.hub.docker.com/v1/repositories/hello-world/tags"
"""The host is at an address where nobody is."""
THERE = "//index.docker.io/v1/repositories/hello-world/tags"
CLIENT = "10.77.1.2"
ORIGIN = "http://10.77.2.2:80"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with network(tmp_path_factory.mktemp("lab")) as made, standin(made), _web(made):
        yield made


def _web(lab: Network) -> AbstractContextManager[None]:
    """A host that has nothing to do with Docker."""
    (lab.folder / "page").write_text("untouched\n")
    serving = [sys.executable, "-m", "http.server", "80", "--directory", str(lab.folder)]
    return running(lab, "web", [*lab.inside("hub"), *serving], "Serving HTTP")


@pytest.fixture(scope="module")
def process(
    lab: Network, tmp_path_factory: pytest.TempPathFactory, authority: Path
) -> Iterator[Mitmdump]:
    words = lab.words("5. The bridge")
    at = words.index("scripts/run")
    confdir = with_authority(tmp_path_factory.mktemp("transparent"), authority)
    with as_if_run(confdir, words[:at], words[at + 1 :]) as bridge:
        yield bridge


@pytest.fixture
def bridge(process: Mitmdump) -> Mitmdump:
    process.new_rows()
    return process


def test_the_calls_of_the_page_are_answered(lab: Network, bridge: Mitmdump) -> None:
    calls = lab.script("7. Calls").replace("~/.mitmproxy", str(bridge.confdir))
    printed = output(f"set -e; {calls}", clean_environment(lab.folder))
    assert printed.startswith('[{"layer": "", "name": "latest"}, {"layer": "", "name": "linux"}')
    assert '"}][{"pk": ' in printed
    found = [(row["server_address"], row["url_scheme"]) for row in bridge.new_rows()]
    assert found == [("registry.hub.docker.com", "https"), ("index.docker.io", "http")]


@pytest.mark.parametrize("host", ["registry.hub.docker.com", "index.docker.io"])
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "client",
    [
        "curl -sS --http1.1 --cacert {ca}",
        "curl -sS --http2 --cacert {ca}",
        "wget -qO - --ca-certificate={ca}",
    ],
)
def test_each_client_is_answered_at_each_host_dead_or_alive(
    lab: Network, bridge: Mitmdump, client: str, scheme: str, host: str
) -> None:
    url = f"{scheme}://{host}/v1/repositories/hello-world/tags"
    assert lab.on("client", f"{client.format(ca=bridge.authority)} {url}").startswith("[{")
    row = bridge.new_row()
    assert (row["outcome"], row["proxy_mode"]) == ("translated", "transparent")
    assert (row["server_address"], row["url_scheme"]) == (host, scheme)
    assert row["client_address"] == CLIENT


def test_what_docker_still_serves_is_passed_on_to_the_host_that_was_asked(
    lab: Network, bridge: Mitmdump
) -> None:
    curl = f"curl -sS --cacert {bridge.authority}"
    found = lab.on("client", f"{curl} 'https://index.docker.io/v1/search?q=hello'")
    assert "hello-world" in found
    assert bridge.new_rows() == []

    def counted() -> bool:
        [seen] = query(bridge.journal, "SELECT sum(still_served) AS served FROM seen")
        return bool(seen["served"] == 1)

    eventually(counted, "the search is counted")


def test_a_host_that_has_nothing_to_do_with_docker_is_not_touched(
    lab: Network, bridge: Mitmdump
) -> None:
    assert lab.on("client", f"curl -sS -i {ORIGIN}/page").endswith("\r\n\r\nuntouched\n")
    assert "via" not in lab.on("client", f"curl -sS -I {ORIGIN}/page").lower()
    assert bridge.new_rows() == []


def test_a_client_that_does_not_trust_the_ca_is_named_in_the_log(
    lab: Network, bridge: Mitmdump
) -> None:
    line = f"{shlex.join(lab.inside('client'))} curl -sS https:{AWAY}"
    assert shell(line, clean_environment(lab.folder)).returncode == 60
    said = f"the client at {CLIENT} called registry.hub.docker.com and did not trust"
    eventually(lambda: said in bridge.log, "a warning")


def test_packets_of_http_3_are_turned_back(lab: Network, bridge: Mitmdump) -> None:
    listed = lab.on("bridge", "iptables -S FORWARD")
    assert "--dport 443 -j REJECT" in listed


def test_a_client_with_ipv6_is_answered_too(
    lab: Network, tmp_path_factory: pytest.TempPathFactory, authority: Path
) -> None:
    lab.run("IPv6")
    confdir = with_authority(tmp_path_factory.mktemp("ipv6"), authority)
    [mode] = re.findall(r"`-m (\S+)`", section("transparent.md", "IPv6"))
    modes = ["-m", "regular", "-m", mode]
    with as_if_run(confdir, lab.inside("bridge"), [*modes, *_to_hub(lab)]) as bridge:
        curl = f"curl -6 -sS --cacert {bridge.authority}"
        for scheme in ("https", "http"):
            assert lab.on("client", f"{curl} {scheme}:{AWAY}").startswith("[{")
            row = bridge.new_row()
            assert (row["proxy_mode"], row["client_address"]) == ("transparent", "fd77:1::2")
            assert row["server_address"] == "registry.hub.docker.com"


def _to_hub(lab: Network) -> list[str]:
    trust = f"ssl_verify_upstream_trusted_ca={lab.folder / 'tls' / 'ca.pem'}"
    hub = ("hub_url=https://10.77.2.2:8443", "hub_registry_url=", trust)
    return [word for setting in hub for word in ("--set", setting)]


def test_one_user_of_a_machine_is_bridged_and_the_others_are_not(
    lab: Network, tmp_path_factory: pytest.TempPathFactory, authority: Path
) -> None:
    heading = "One machine, one user"
    confdir = with_authority(tmp_path_factory.mktemp("user"), authority)
    redirecting = f"{shlex.join(lab.inside('hub'))} bash -e -c {shlex.quote(lab.script(heading))}"
    with as_if_run(confdir, lab.inside("hub"), ["-m", "transparent@8080", *_to_hub(lab)]) as bridge:
        output(redirecting, clean_environment(lab.folder))
        url = "http://10.77.2.2/v1/repositories/hello-world/tags"
        legacy = f"curl -sS -H 'Host: index.docker.io' {url}"
        as_nobody = f"{tool('setpriv')} --reuid=nobody --clear-groups"
        assert lab.on("hub", f"{as_nobody} {legacy}").startswith("[{")
        assert bridge.new_row()["proxy_mode"] == "transparent"
        assert "404" in lab.on("hub", legacy)
        assert bridge.new_rows() == []
