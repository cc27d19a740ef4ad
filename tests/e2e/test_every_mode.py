"""Whatever the way to the bridge: v1 is answered, and nothing else is touched.

The names of the legacy hosts resolve nowhere where these tests run, and the reverse proxies lead to
hosts that are dead.
"""

import shlex
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from e2e.bridges import Mitmdump, running_mitmdump, with_authority
from e2e.clients import behind, clean_environment, output
from e2e.conftest import StartBridge
from e2e.origins import ANSWER, Origin
from e2e.ways import HOST_KEPT, WAYS, Doors, Way, doors
from standin import Standin

TOOL = '[{"layer": "", "name": "1.0"}]'
PATH = "/v1/repositories/acme/tool/tags"
BY_EVERY_WAY = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)

OpenDoors = Callable[..., AbstractContextManager[Doors]]


@pytest.fixture(scope="module")
def open_doors(
    tmp_path_factory: pytest.TempPathFactory,
    authority: Path,
    shared_hub: Standin,
    shared_origin: Origin,
) -> Iterator[OpenDoors]:
    """Starts a bridge with all doors, one of them behind a parent proxy that wants a password."""
    password = "joe:geheimnis"
    confdir = with_authority(tmp_path_factory.mktemp("parent"), authority)
    lazy = ("--set", "connection_strategy=lazy")
    with running_mitmdump(confdir, *lazy, "--set", f"proxyauth={password}") as parent:

        def start(*arguments: str, strategy: str = "lazy") -> AbstractContextManager[Doors]:
            return doors(
                with_authority(tmp_path_factory.mktemp("doors"), authority),
                {"upstream": parent.url, "origin": shared_origin.url},
                ("--set", f"upstream_auth={password}", *arguments),
                hub_url=shared_hub.url,
                strategy=strategy,
            )

        yield start


@pytest.fixture(scope="module")
def lazy_process(open_doors: OpenDoors) -> Iterator[Doors]:
    with open_doors() as opened:
        yield opened


@pytest.fixture
def lazy(lazy_process: Doors) -> Doors:
    lazy_process.bridge.new_rows()
    return lazy_process


@pytest.fixture(scope="module")
def eager(open_doors: OpenDoors) -> Iterator[Doors]:
    with open_doors(strategy="eager") as opened:
        yield opened


@pytest.fixture(scope="module")
def host_keeping(open_doors: OpenDoors) -> Iterator[Doors]:
    with open_doors("--set", "keep_host_header=true") as opened:
        yield opened


def _answers(opened: Doors, way: Way, server_address: str, path: str = PATH) -> None:
    opened.bridge.new_rows()
    assert opened.curl(way.listener, way.client.replace(PATH, path)) == TOOL
    row = opened.bridge.new_row()
    assert row["outcome"] == "translated"
    assert row["route"] == "GET /v1/repositories/{namespace}/{name}/tags"
    found = (row["proxy_mode"], row["server_address"], row["url_scheme"])
    assert found == (way.proxy_mode, server_address, way.url_scheme)


@BY_EVERY_WAY
def test_v1_is_answered_by_every_way_although_its_host_is_dead(lazy: Doors, way: Way) -> None:
    _answers(lazy, way, way.server_address)


@BY_EVERY_WAY
def test_a_base_that_ends_in_a_slash_makes_no_difference_by_any_way(lazy: Doors, way: Way) -> None:
    path = "//v1//repositories//acme/tool/tags//"
    assert PATH in way.client
    _answers(lazy, way, way.server_address, path)


@pytest.mark.parametrize("name", HOST_KEPT)
def test_a_reverse_proxy_that_keeps_the_host_header_writes_down_the_host(
    host_keeping: Doors, name: str
) -> None:
    _answers(host_keeping, WAYS[name], "index.docker.io")


@pytest.mark.parametrize(
    "name", [name for name, way in WAYS.items() if way.proxy_mode in ("regular", "upstream")]
)
def test_by_connect_v1_is_answered_with_the_eager_strategy_too(eager: Doors, name: str) -> None:
    _answers(eager, WAYS[name], "index.docker.io")


def test_with_the_eager_strategy_other_dead_hosts_are_refused_as_ever(eager: Doors) -> None:
    line = "-o /dev/null -w '%{http_connect}' --proxy http://{at} https://gone.invalid || :"
    assert eager.curl("regular", line) == "502"


@pytest.mark.parametrize("listener", ["regular", "socks5", "upstream", "origin"])
def test_other_traffic_by_the_same_way_is_not_touched(
    lazy: Doors, origin: Origin, listener: str
) -> None:
    words = {
        "regular": "--proxy http://{at} ",
        "socks5": "--proxy socks5h://{at} ",
        "upstream": "--proxy http://{at} ",
        "origin": "--connect-to ::{at} ",
    }[listener]
    path = "/v2/" if listener == "origin" else PATH
    printed = lazy.curl(listener, f"-i {words} -H 'X-mIxEd: 1' {origin.url}{path}")
    assert printed.endswith("\r\n\r\n" + ANSWER.decode())
    names = {line.partition(":")[0] for line in printed.splitlines()[1:-2]}
    assert names == {"Server", "Date", "Content-Length", "X-Origin"}
    (arrived,) = origin.arrivals
    assert arrived.target == path
    # The first is curl's, and mitmproxy sends upstream_auth to the host of a reverse proxy too.
    names = {name for name, _ in arrived.headers} - {"Proxy-Connection", "Authorization"}
    assert names == {"Host", "User-Agent", "Accept", "X-mIxEd"}
    assert lazy.bridge.new_rows() == []


def test_the_password_for_the_parent_opens_nothing_to_clients_of_a_reverse_proxy(
    lazy: Doors, hub: Standin
) -> None:
    # mitmproxy puts it on their requests, in the place of whatever they had.
    lazy.curl("origin", "http://{at}/v1/repositories/acme/tool/tags/1.0")
    row = lazy.bridge.new_row()
    assert (row["outcome"], row["credentials"], row["user_name"]) == ("translated", "none", "")
    assert {call.path for call in hub.calls} == {"/v2/namespaces/acme/repositories/tool/tags/1.0"}


@pytest.mark.parametrize("listener", ["regular", "upstream"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_wget_gets_the_same_by_a_proxy(lazy: Doors, listener: str, scheme: str) -> None:
    proxy = f"http://{lazy.addresses[listener]}"
    trust = f"--ca-certificate={lazy.bridge.authority}"
    line = f"wget -q -O - {trust} {scheme}://registry.hub.docker.com{PATH}"
    environment = clean_environment(lazy.bridge.confdir, http_proxy=proxy, https_proxy=proxy)
    assert output(line, environment) == TOOL
    assert lazy.bridge.new_row()["server_address"] == "registry.hub.docker.com"


def test_wget_gets_the_same_by_a_reverse_proxy(lazy: Doors) -> None:
    line = f"wget -q -O - http://{lazy.addresses['nameless']}{PATH}"
    assert output(line, clean_environment(lazy.bridge.confdir)) == TOOL


def test_with_the_eager_strategy_proxyauth_is_asked_before_a_connect_is_accepted(
    start_bridge: StartBridge, hub: Standin
) -> None:
    proxyauth = ("--set", "proxyauth=joe:geheimnis")
    with start_bridge(*proxyauth, hub_url=hub.url, strategy="eager") as bridge:
        told = _connect_code(bridge, "https://index.docker.io" + PATH)
        assert told == "407"
        assert bridge.rows() == []
        assert (
            _connect_code(bridge, "--proxy-user", "joe:geheimnis", "https://index.docker.io" + PATH)
            == "200"
        )


def _connect_code(bridge: Mitmdump, *words: str) -> str:
    """How the proxy answers CONNECT."""
    line = f"curl -s -o /dev/null -w '%{{http_connect}}' {shlex.join(words)} || :"
    return output(line, behind(bridge))
