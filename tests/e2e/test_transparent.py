"""Clients that know no proxy, behind a gateway that hands their packets to the bridge.

Client, bridge and stand-in for Docker Hub are the hosts of `scripts/lab`, with the rules of
docs/transparent.md.
"""

import shlex
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import product
from pathlib import Path

import pytest

from e2e.bridges import (
    Mitmdump,
    eventually,
    query,
    with_authority,
)
from e2e.clients import clean_environment, output, shell, tool
from e2e.networks import Network, as_if_run, blocks, network
from lab import rules

PAGE = "transparent.md"
AWAY = "//registry.hub.docker.com/v1/repositories/hello-world/tags"
"""The host is at an address where nobody is."""
THERE = "//index.docker.io/v1/repositories/hello-world/tags"
CLIENT = "10.77.1.2"
ORIGIN = "http://10.77.2.9"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with network(tmp_path_factory.mktemp("lab")) as made:
        made.on("hub", "ip address add 10.77.2.9/24 dev eth0")
        yield made


@pytest.fixture(scope="module")
def process(
    lab: Network, tmp_path_factory: pytest.TempPathFactory, authority: Path
) -> Iterator[Mitmdump]:
    confdir = with_authority(tmp_path_factory.mktemp("transparent"), authority)
    with _bridge(lab, confdir) as bridge:
        yield bridge


def _bridge(lab: Network, confdir: Path, *arguments: str) -> AbstractContextManager[Mitmdump]:
    """As the page starts it."""
    [line] = blocks(PAGE, "3. The bridge")
    _, *words = shlex.split(line)
    trust = f"ssl_verify_upstream_trusted_ca={lab.lab.hub_authority}"
    return as_if_run(confdir, lab.inside("bridge"), [*words, "--set", trust, *arguments])


@pytest.fixture
def bridge(process: Mitmdump) -> Mitmdump:
    process.new_rows()
    return process


def _server(lab: Network, name: str, script: str, *arguments: str) -> AbstractContextManager[None]:
    """Python on the host that plays the internet, at an address that is none of Docker's."""
    return lab.running("hub", name, [sys.executable, "-c", script, *arguments])


def test_the_page_shows_the_rules_of_the_lab() -> None:
    assert blocks(PAGE, "1. The redirect") == [rules.IPTABLES]
    assert blocks(PAGE, "1. The redirect", "nft") == [rules.NFTABLES]
    assert blocks(PAGE, "Containers") == [rules.CONTAINERS_IPTABLES, rules.CONTAINERS_NFTABLES]


def test_the_calls_of_the_page_are_answered(lab: Network, bridge: Mitmdump) -> None:
    [lines] = blocks(PAGE, "5. Calls")
    printed = lab.type("client", lines.replace("~/.mitmproxy", str(bridge.confdir)))
    assert printed.startswith('[{"layer": "", "name": "latest"}, {"layer": "", "name": "linux"}')
    assert '"}][{"pk": ' in printed
    found = [(row["server_address"], row["url_scheme"]) for row in bridge.new_rows()]
    assert found == [("registry.hub.docker.com", "https"), ("index.docker.io", "http")]


def _web(lab: Network) -> AbstractContextManager[None]:
    """A host that has nothing to do with Docker."""
    (lab.folder / "page").write_text("untouched\n")
    arguments = ["80", "--bind", "10.77.2.9", "--directory", str(lab.folder)]
    return lab.running("hub", "web", [sys.executable, "-m", "http.server", *arguments])


@pytest.mark.parametrize("host", ["registry.hub.docker.com", "index.docker.io"])
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "client",
    [
        "curl -4 -sS --http1.1 --cacert {ca}",
        "curl -4 -sS --http2 --cacert {ca}",
        "wget -4 -qO - --ca-certificate={ca}",
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
    with _web(lab):
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


def test_a_client_with_ipv6_is_answered_too(lab: Network, bridge: Mitmdump) -> None:
    for scheme in ("https", "http"):
        curl = f"curl -6 -sS --cacert {bridge.authority}"
        assert lab.on("client", f"{curl} {scheme}:{AWAY}").startswith("[{")
        row = bridge.new_row()
        assert (row["proxy_mode"], row["client_address"]) == ("transparent", "fd77:1::2")
        assert row["server_address"] == "registry.hub.docker.com"
    search = "https://index.docker.io/v1/search?q=hello"
    assert "hello-world" in lab.on("client", f"{curl} {shlex.quote(search)}")


ECHO = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind(("10.77.2.9", 443))
    print("ready", flush=True)
    while True:
        packet, sender = server.recvfrom(2048)
        server.sendto(packet, sender)
"""
SEND = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
    client.settimeout(30)
    client.connect(("10.77.2.9", 443))
    client.send(b"hello")
    try:
        print(client.recv(2048).decode())
    except ConnectionRefusedError:
        print("refused")
"""


@pytest.mark.parametrize("firewall", ["iptables", "nftables"])
def test_rules_intercept_reject_http_3_at_once_and_are_undone(
    firewall: str, tmp_path: Path, authority: Path
) -> None:
    confdir = with_authority(tmp_path / "bridge", authority)
    with network(tmp_path, firewall) as lab, _bridge(lab, confdir) as bridge:
        lab.on("hub", "ip address add 10.77.2.9/24 dev eth0")
        sending = shlex.join([sys.executable, "-c", SEND])
        with _server(lab, "echo", ECHO):
            for version, scheme in product(("-4", "-6"), ("http", "https")):
                curl = f"curl {version} -sS --cacert {bridge.authority}"
                assert lab.on("client", f"{curl} {scheme}:{THERE}").startswith("[{")
            assert lab.on("client", sending) == "refused\n"
            assert len(bridge.new_rows()) == 4
            undoing = blocks(PAGE, "6. Undoing it")[firewall == "nftables"]
            lab.type("bridge", undoing)
            assert lab.on("client", sending) == "hello\n"
            status = f"curl -4 -sS -o /dev/null -w '%{{http_code}}' http:{THERE}"
            assert lab.on("client", status) == "410"
            assert bridge.new_rows() == []


def _both_authorities(lab: Network, bridge: Mitmdump) -> Path:
    """A file to trust both by: the bridge, and the stand-in where the bridge lets it through."""
    both = lab.folder / "both.pem"
    both.write_text(bridge.authority.read_text() + lab.lab.hub_authority.read_text())
    return both


def test_a_client_with_a_pinned_key_does_not_call_unless_it_is_let_through(
    lab: Network, bridge: Mitmdump, tmp_path: Path, authority: Path
) -> None:
    tool("openssl")
    key = f"openssl x509 -in {lab.lab.hub_authority.with_name('leaf.pem')} -pubkey -noout"
    digest = "openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64"
    pin = output(f"{key} | {digest}", clean_environment(tmp_path)).strip()
    pinned = f"--cacert {_both_authorities(lab, bridge)} --pinnedpubkey sha256//{pin}"
    curl = f"curl -4 -sS {pinned} -o /dev/null -w '%{{http_code}}' https:{THERE}"
    told = bridge.log.count("did not trust")
    refused = shell(f"{shlex.join(lab.inside('client'))} {curl}", clean_environment(tmp_path))
    assert refused.returncode == 90  # the key is not the pinned one
    assert bridge.new_rows() == []
    rule = "PREROUTING -i clients -p tcp -d 10.77.2.3 --dport 443 -j REDIRECT --to-ports 8081"
    arguments = ["-m", "transparent@10.77.1.1:8081", "--ignore-hosts", r"index\.docker\.io:"]
    confdir = with_authority(tmp_path / "passing", authority)
    with as_if_run(confdir, lab.inside("bridge"), arguments):
        lab.on("bridge", f"iptables -t nat -I {rule}")
        try:
            assert lab.on("client", curl) == "410"
        finally:
            lab.on("bridge", f"iptables -t nat -D {rule}")
    # Unlike a client that rejects the CA, it only hung up, and nobody was told.
    assert bridge.log.count("did not trust") == told


DOH = """
import http.server, ssl, sys
class Resolver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        query = self.rfile.read(int(self.headers["Content-Length"]))
        question = query[12:query.index(0, 12) + 5]
        is_ipv4 = question[-4:-2] == bytes([0, 1])
        address = bytes([192, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 77, 2, 2])
        counts = bytes([129, 128, 0, 1, 0, is_ipv4, 0, 0, 0, 0])
        answer = query[:2] + counts + question + address * is_ipv4
        self.send_response(200)
        self.send_header("Content-Type", "application/dns-message")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
server = http.server.HTTPServer(("10.77.2.4", 9443), Resolver)
server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
"""


def test_dns_over_https_goes_around_the_hosts_file_and_not_around_the_gateway(
    lab: Network, bridge: Mitmdump
) -> None:
    both = _both_authorities(lab, bridge)
    seen = f"curl -4 -sS --cacert {both} -o /dev/null -w '%{{remote_ip}}' https:{AWAY}"
    assert lab.on("client", seen) == "192.0.2.1"
    with _server(lab, "resolver", DOH, str(lab.lab.hub_authority.with_name("leaf.pem"))):
        doh = "--doh-url https://auth.docker.io:9443/dns-query"
        assert lab.on("client", f"{seen} {doh}") == "10.77.2.2"
    assert [row["outcome"] for row in bridge.new_rows()] == ["translated"] * 2


def test_one_user_of_a_machine_is_bridged_and_the_others_are_not(
    lab: Network, tmp_path_factory: pytest.TempPathFactory, authority: Path
) -> None:
    [redirecting] = blocks(PAGE, "One machine, one user")
    confdir = with_authority(tmp_path_factory.mktemp("user"), authority)
    arguments = ["-m", "transparent@8080", "--set"]
    arguments.append(f"ssl_verify_upstream_trusted_ca={lab.lab.hub_authority}")
    with as_if_run(confdir, lab.inside("bridge"), arguments) as bridge:
        lab.type("bridge", redirecting)
        url = "http://10.77.2.3/v1/repositories/hello-world/tags"
        legacy = f"curl -sS -H 'Host: index.docker.io' -w '%{{http_code}}' {url}"
        as_nobody = f"{tool('setpriv')} --reuid=nobody --clear-groups"
        assert lab.on("bridge", f"{as_nobody} {legacy}").startswith("[{")
        assert bridge.new_row()["proxy_mode"] == "transparent"
        assert lab.on("bridge", legacy).endswith("410")
        assert bridge.new_rows() == []
