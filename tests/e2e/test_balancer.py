"""docs/fleet.md behind nginx: three bridges as one, with processes in place of its containers."""

import http.client
import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from addresses import Address, own_address
from e2e.balancers import NAMES, block, running_balancer
from e2e.bridges import PATIENCE, Mitmdump, eventually
from e2e.conftest import StartBridge
from fleet.asking import Fleet, of_journals
from fleet.postgres import a_server
from hubv1.config import OPTIONS
from standin import Standin

CLIENTS = 4
PATHS = [f"/v1/repositories/paged/tags/1.0.{number}" for number in range(1, 41)]
"""Enough for each bridge to have some of them."""


@pytest.fixture(scope="module")
def compose() -> Any:
    return YAML(typ="safe").load(StringIO(block("yaml")))


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with a_server() as server:
        yield Fleet(server, "hub")


class Clients:
    """Clients at hosts of their own, who call until they are stopped.

    An answer that breaks off, because its bridge was killed in the middle of it, is none: the call
    is made again, as `curl --retry` would.
    """

    def __init__(self, to: Address) -> None:
        self.statuses: list[int] = []
        self.cut = 0
        self.addresses = [f"127.0.0.{10 + number}" for number in range(CLIENTS)]
        self._to = to
        self._is_over = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(address,)) for address in self.addresses
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, address: str) -> None:
        while not self._is_over.is_set():
            path = random.choice(PATHS)  # noqa: S311  # no secret
            while (status := self._answer(address, path)) is None:
                self.cut += 1
            self.statuses.append(status)

    def _answer(self, address: str, path: str) -> int | None:
        """The status of a whole answer, None where it broke off."""
        host, port = self._to.host, self._to.port
        headers = {"User-Agent": "client/1", "X-Forwarded-For": "10.9.9.9"}
        with closing(http.client.HTTPConnection(host, port, PATIENCE, (address, 0))) as to:
            to.request("GET", path, headers=headers)
            response = to.getresponse()
            try:
                response.read()
            except (http.client.IncompleteRead, ConnectionError):
                return None
            return response.status


@pytest.fixture
def places() -> dict[str, Address]:
    """Where each bridge listens, also after it was killed."""
    return {name: own_address() for name in NAMES}


@pytest.fixture
def balancer(tmp_path: Path, places: dict[str, Address]) -> Iterator[Address]:
    """Nginx as the page sets it up; its address."""
    with running_balancer(tmp_path, places) as address:
        yield address


def test_a_bridge_is_killed_and_comes_back_and_no_call_is_lost(
    hub: Standin,
    fleet: Fleet,
    start_bridge: StartBridge,
    compose: Any,
    places: dict[str, Address],
    balancer: Address,
    tmp_path: Path,
) -> None:
    given = {
        "reverse:https://index.docker.io": f"reverse:{hub.registry_url}",
        "hub_trusted_proxies=172.30.0.2": "hub_trusted_proxies=127.0.0.1",
    }
    with ExitStack() as stack:

        def start(name: str) -> Mitmdump:
            command = [given.get(word, word) for word in compose["services"][name]["command"]]
            arguments = [*command, "--set", f"hub_fleet={fleet.url}"]
            started = start_bridge(*arguments, name=name, at=places[name], hub_url=hub.url)
            return stack.enter_context(started)

        bridges = {name: start(name) for name in NAMES}
        clients = Clients(balancer)
        try:
            eventually(lambda: len(clients.statuses) > 60, "calls are answered")
            bridges["bridge-2"].process.kill()
            bridges["bridge-2"].process.wait()
            seen = len(clients.statuses)
            eventually(lambda: len(clients.statuses) > seen + 60, "they are without it")
            bridges["bridge-2"] = start("bridge-2")
            before = len(bridges["bridge-2"].rows())
            eventually(
                lambda: len(bridges["bridge-2"].rows()) > before + 10, "it has its share again"
            )
        finally:
            clients.stop()
        journals = [bridge.journal for bridge in bridges.values()]
        eventually(lambda: fleet.calls() == len(of_journals(journals)), "all are shipped")
    assert set(clients.statuses) == {200}
    assert fleet.ids() == of_journals(journals)
    # Those that the killed bridge had written down and not answered were made again.
    assert len(clients.statuses) + clients.cut <= fleet.calls() <= len(clients.statuses) + CLIENTS
    assert fleet.value("SELECT count(DISTINCT bridge_id) FROM calls") == 4
    callers = [row[0] for row in fleet.ask("SELECT DISTINCT client_address FROM calls ORDER BY 1")]
    assert callers == clients.addresses
    fleet.assert_counts_are_those_of_its_calls()


def test_the_compose_file_names_what_there_is(compose: Any) -> None:
    services = compose["services"]
    options = {option.name for option in OPTIONS}
    for name in NAMES:
        words = services[name]["command"]
        settings = [words[at + 1] for at, word in enumerate(words) if word == "--set"]
        assert {setting.partition("=")[0] for setting in settings} <= options
        assert services[name]["volumes"] == [f"{name}:/data"]
        assert services[name]["networks"] == ["fleet"]
        assert "@database/hub" in services[name]["environment"]["HUB_FLEET"]
        assert f"server {name}:8080" in block("nginx")
    volumes = [volume for each in services.values() for volume in each["volumes"]]
    named = {volume.partition(":")[0] for volume in volumes if not volume.startswith(".")}
    assert named == set(compose["volumes"])
    [trusted] = {word for name in NAMES for word in services[name]["command"] if "proxies" in word}
    address = services["balancer"]["networks"]["fleet"]["ipv4_address"]
    assert trusted == f"hub_trusted_proxies={address}"
    assert services["database"]["environment"]["POSTGRES_DB"] == "hub"
