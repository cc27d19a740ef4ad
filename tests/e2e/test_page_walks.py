"""Clients that nobody here wrote walk v2's tags to their end, unmodified, through the bridge as
their forward proxy (docs/pages.md)."""

import json
import re
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from e2e.bridges import MITMDUMP, ROOT, Mitmdump, bridge_arguments, running, with_authority
from e2e.clients import behind, clean_environment, lacking, shell, tool
from standin import Catalog, Quirk, Settings, Standin, make_tag

COUNT = 7_831
NAMES = [f"1.0.{number}" for number in range(COUNT)]
HUB = "https://hub.docker.com"
SECONDS = 500
ALL = f"{HUB}/v2/namespaces/acme/repositories/long/tags"


@pytest.fixture(scope="module")
def long_hub() -> Iterator[Standin]:
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        port = found.getsockname()[1]
    catalog = Catalog(accounts={"bridge": "geheimnis"})
    # Clients that check each field know no oddities.
    catalog.add("acme/long", [make_tag("acme/long", name, Quirk.NONE) for name in NAMES])
    with Standin(catalog, Settings(hub_port=port, hub_announced=HUB)) as hub:
        yield hub


@pytest.fixture(scope="module")
def shared_walk(
    tmp_path_factory: pytest.TempPathFactory, authority: Path, long_hub: Standin
) -> Iterator[Mitmdump]:
    confdir = with_authority(tmp_path_factory.mktemp("walk"), authority)
    url = f"http://127.0.0.1:{long_hub.settings.hub_port}"
    settings = [
        *("hub_username=bridge", "hub_pages=true", f"map_remote=|{HUB}/|{url}/"),
        *(f"confdir={confdir}", "listen_host=127.0.0.1", "listen_port=0", "flow_detail=0"),
    ]
    line = [*bridge_arguments(confdir, hub_url=url), *(f"--set={each}" for each in settings)]
    program = ["/usr/bin/env", "HUB_SECRET=geheimnis", str(MITMDUMP)]
    with running(confdir, [*program, *line]) as bridge:
        yield bridge


@pytest.fixture
def walk(shared_walk: Mitmdump, long_hub: Standin) -> Mitmdump:
    shared_walk.new_rows()
    long_hub.forget_calls()
    return shared_walk


def check_costs(walk: Mitmdump, hub: Standin, refused: int) -> None:
    """One call upstream for each page that Hub refused, and one a walk besides."""
    rows = walk.new_rows()
    assert {(row["outcome"], row["source"]) for row in rows} == {("translated", "account")}
    assert len(rows) == refused
    own = [call for call in hub.calls if "via" in call.headers]
    pages = [call for call in own if "authorization" in call.headers]
    assert len(pages) == refused
    assert len([call for call in own if call.method == "GET"]) <= refused + 1


def installed(folder: Path, *line: str) -> None:
    """Install from a registry into the folder; without a network the test is skipped."""
    environment = clean_environment(folder)
    done = subprocess.run(
        line, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    if done.returncode:
        lacking(f"{line[-1]} cannot be installed: {done.stderr[-500:]}")


def said(line: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        line,
        cwd=folder,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    return done.stdout


def test_a_walk_by_links_gives_every_tag_once_and_hubs_own_bytes(
    walk: Mitmdump, long_hub: Standin
) -> None:
    trust = ssl.create_default_context(cafile=str(walk.authority))
    through = urllib.request.build_opener(
        urllib.request.ProxyHandler({"https": walk.url}), urllib.request.HTTPSHandler(context=trust)
    )
    url, pages = f"{ALL}?page_size=100", []
    while url:
        with through.open(url, timeout=60) as reply:
            pages.append((url, reply.read()))
        url = json.loads(pages[-1][1])["next"]
    names = [tag["name"] for _, page in pages for tag in json.loads(page)["results"]]
    assert sorted(names) == sorted(NAMES)
    check_costs(walk, long_hub, len(pages) - 10)
    signed = _token(long_hub)
    for asked, page in pages:
        direct = asked.replace(HUB, f"http://127.0.0.1:{long_hub.settings.hub_port}")
        request = urllib.request.Request(direct, headers={"Authorization": f"Bearer {signed}"})
        with urllib.request.urlopen(request) as reply:
            assert reply.read() == page


def _token(hub: Standin) -> str:
    body = json.dumps({"identifier": "bridge", "secret": "geheimnis"}).encode()
    url = f"http://127.0.0.1:{hub.settings.hub_port}/v2/auth/token"
    with urllib.request.urlopen(urllib.request.Request(url, body)) as reply:
        return str(json.load(reply)["access_token"])


def test_the_loop_of_curl_and_jq_that_the_page_shows(walk: Mitmdump, long_hub: Standin) -> None:
    [script] = re.findall(
        r"```bash\n(.*?)```", (ROOT / "docs" / "pages.md").read_text(encoding="utf-8"), re.DOTALL
    )
    done = shell(script.replace("library/php", "acme/long"), behind(walk))
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.decode().split()) == sorted(NAMES)
    check_costs(walk, long_hub, 69)


def test_docker_hub_tags_of_npm(walk: Mitmdump, long_hub: Standin, tmp_path: Path) -> None:
    tool("node")
    packages = ("docker-hub-tags@1.0.1", "undici@6")
    installed(tmp_path, tool("npm"), "install", "--no-audit", "--no-fund", *packages)
    # Node's fetch knows of no proxy by itself.
    (tmp_path / "proxy.js").write_text(
        "const { setGlobalDispatcher, EnvHttpProxyAgent } = require('undici');"
        "setGlobalDispatcher(new EnvHttpProxyAgent());"
    )
    (tmp_path / "walk.js").write_text(
        "const { DockerHubTags } = require('docker-hub-tags');"
        "DockerHubTags.init('acme', 'long', {}, { limit: 10000, retry: 1 })"
        ".then((found) => found.getAllTags().forEach((tag) => console.log(tag.name)));"
    )
    environment = behind(walk) | {"NODE_EXTRA_CA_CERTS": str(walk.authority)}
    shown = said([tool("node"), "--require", "./proxy.js", "walk.js"], tmp_path, environment)
    assert sorted(shown.split()) == sorted(NAMES)
    check_costs(walk, long_hub, 69)


def test_docker_tags_getter_of_pypi(walk: Mitmdump, long_hub: Standin, tmp_path: Path) -> None:
    installed(tmp_path, sys.executable, "-m", "venv", "venv")
    python = str(tmp_path / "venv" / "bin" / "python")
    # Of typer's neighbours it asks for any click, and its typer breaks with those of today.
    packages = ("docker-tags-getter==0.3.5", "click<8.2")
    installed(tmp_path, python, "-m", "pip", "install", "-q", *packages)
    environment = behind(walk) | {"REQUESTS_CA_BUNDLE": str(walk.authority)}
    line = [python, "-m", "docker_tags_getter.main", "repo", "tags", "-ns", "acme", "-r", "long"]
    shown = said(line, tmp_path, environment)
    assert sorted(shown.split()) == sorted(NAMES)
    # It asks for ten at a time: from offset 1000 on all are refused.
    check_costs(walk, long_hub, 684)
