"""Clients of docs/deploy.md while the bridge is down: each test kills it."""

import base64
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from addresses import Address, own_address
from e2e.balancers import listens
from e2e.bridges import ROOT, Mitmdump, eventually
from e2e.clients import clean_environment, output, tool
from e2e.conftest import StartBridge
from e2e.origins import Origin
from standin import Settings, Standin

FOLDER = ROOT / "docs" / "deploy"
PATH = "/v1/repositories/library/tiny/tags"
NAMES = ("index.docker.io", "registry.hub.docker.com")


def killed(bridge: Mitmdump) -> None:
    bridge.process.kill()
    bridge.process.wait()


class TestProxyAutoConfig:
    def test_a_browser_goes_to_the_legacy_hosts_directly_once_the_bridge_is_gone(
        self, hub: Standin, origin: Origin, start_bridge: StartBridge
    ) -> None:
        with start_bridge(hub_url=hub.url) as bridge, browser(bridge, origin) as page:
            for host in (*NAMES, "hub.docker.com"):
                page.goto(f"http://{host}{PATH}")
                assert '"name": "Beta"' in page.content()
            assert len(bridge.new_rows()) == 3
            killed(bridge)
            page.goto(f"http://index.docker.io{PATH}?again")
            assert "of the origin" in page.content()
        assert origin.arrivals[0].target == f"{PATH}?again"

    def test_a_browser_goes_to_other_hosts_without_the_bridge(
        self, hub: Standin, origin: Origin, start_bridge: StartBridge
    ) -> None:
        with start_bridge(hub_url=hub.url) as bridge, browser(bridge, origin) as page:
            page.goto(f"http://docker.example{PATH}")
            assert "of the origin" in page.content()
            assert bridge.new_rows() == []


class TestHAProxy:
    def test_calls_go_to_docker_while_the_bridge_is_away_and_none_of_them_fails(
        self, hub: Standin, origin: Origin, start_bridge: StartBridge, tmp_path: Path
    ) -> None:
        place = own_address()
        docker = {"docker:80": origin.url.removeprefix("http://")}
        with ExitStack() as stack:

            def start(name: str) -> Mitmdump:
                mode = f"reverse:{hub.registry_url}"
                arguments = ("--mode", mode, "--set", "hub_trusted_proxies=127.0.0.1")
                started = start_bridge(*arguments, at=place, name=name, hub_url=hub.url)
                return stack.enter_context(started)

            first = start("first")
            haproxy = stack.enter_context(running_haproxy(tmp_path, place, docker))

            def who_answers(host: str = NAMES[0]) -> str:
                said = curl(tmp_path, f"http://{host}{PATH}", haproxy, "--interface 127.0.0.9")
                return "the bridge" if "Beta" in said else said

            assert {who_answers(host) for host in NAMES} == {"the bridge"}
            assert {row["client_address"] for row in first.new_rows()} == {"127.0.0.9"}
            killed(first)
            assert {who_answers(host) for host in NAMES} == {origin.body.decode()}
            second = start("second")
            eventually(lambda: who_answers() == "the bridge", "the bridge has its calls again")
            assert second.new_rows()

    def test_clients_that_use_tls_meet_docker_itself_while_the_bridge_is_away(
        self, hub: Standin, start_bridge: StartBridge, tmp_path: Path
    ) -> None:
        folder = tmp_path / "tls"
        with (
            Standin(settings=Settings(tls=folder, tls_names=",".join(NAMES))) as docker,
            start_bridge("--mode", f"reverse:{hub.registry_url}", hub_url=hub.url) as bridge,
            running_haproxy(
                tmp_path,
                Address(bridge.host, bridge.port),
                {"docker:443": docker.registry_url.removeprefix("https://")},
            ) as haproxy,
        ):
            for name in NAMES:
                trust = f"--cacert {bridge.authority}"
                assert "Beta" in curl(tmp_path, f"https://{name}{PATH}", haproxy, trust)
            killed(bridge)
            for name in NAMES:
                trust = f"--cacert {docker.ca_file} --head"
                said = curl(tmp_path, f"https://{name}/v2/", haproxy, trust)
                assert "docker-distribution-api-version: registry/2.0" in said.lower()


def curl(home: Path, url: str, haproxy: dict[str, Address], arguments: str) -> str:
    to = haproxy[url.partition(":")[0]]
    line = f"curl -sS --connect-to ::{to} {arguments} '{url}'"
    return output(line, clean_environment(home))


@contextmanager
def running_haproxy(
    folder: Path, bridge: Address, docker: Mapping[str, str]
) -> Iterator[dict[str, Address]]:
    """Gives its address for http and for https; `docker` stands for Docker's hosts at a port."""
    text = (FOLDER / "haproxy.cfg").read_text()
    addresses = {"http": own_address(), "https": own_address()}
    given = {
        "bind :80": f"bind {addresses['http']}",
        "bind :443": f"bind {addresses['https']}",
        "bridge:80": str(bridge),
        "bridge:443": str(bridge),
        **{
            f"{name}:{port}": docker.get(f"docker:{port}", "127.0.0.1:1")
            for name in NAMES
            for port in (80, 443)
        },
    }
    for old, new in given.items():
        text, replaced = re.subn(
            rf"\b{re.escape(old)}$|\b{re.escape(old)}(?= )", new, text, flags=re.MULTILINE
        )
        assert replaced, old
    config = folder / "haproxy.cfg"
    config.write_text(text)
    haproxy = tool("haproxy", f"{os.environ['PATH']}:/usr/sbin")
    with (folder / "haproxy.log").open("wb") as log:
        process = subprocess.Popen([haproxy, "-db", "-f", config], stdout=log, stderr=log)
    try:
        for address in addresses.values():
            eventually(partial(listens, process, address), "HAProxy listens")
        yield addresses
    finally:
        process.terminate()
        process.wait()


@contextmanager
def browser(bridge: Mitmdump, origin: Origin) -> Iterator[Page]:
    """One that has the file, and for which all names lead to the origin."""
    text = (FOLDER / "proxy.pac").read_text()
    assert "PROXY 127.0.0.1:8080;" in text
    encoded = base64.b64encode(
        text.replace("127.0.0.1:8080", f"{bridge.host}:{bridge.port}").encode()
    )
    at_origin = origin.url.removeprefix("http://")
    names = (*NAMES, "docker.example")
    rules = ",".join(f"MAP {name} {at_origin}" for name in names)
    arguments = [
        f"--proxy-pac-url=data:application/x-ns-proxy-autoconfig;base64,{encoded.decode()}",
        f"--host-resolver-rules={rules}",
    ]
    with sync_playwright() as playwright:
        program = tool("chromium")
        running = playwright.chromium.launch(executable_path=program, args=arguments)
        yield running.new_page()
        running.close()
