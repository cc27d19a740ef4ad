"""Snippets of the report, pasted into a file and run where Docker Hub is a stand-in."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from e2e.clients import PATIENCE, clean_environment, tool
from hubv1.api.names import Repository
from hubv1.api.routes import Route, route_named
from hubv1.replacements import Replacement, Snippet, replacement
from standin import Catalog, Standin

TAGS = route_named("GET /v1/repositories/{namespace}/{name}/tags")
TAG = route_named("GET /v1/repositories/{namespace}/{name}/tags/{tag_name}")
IMAGES = route_named("GET /v1/repositories/{namespace}/{name}/images")

USER, SECRET = "acme", 'a "secret": \\ $it'
Finished = subprocess.CompletedProcess[str]


def catalog() -> Catalog:
    """Repositories of every length that makes a difference, one of them private."""
    made = Catalog(accounts={USER: SECRET})
    made.add("acme/none")
    made.add("acme/three", ["12", "latest", "13.1-slim"])
    made.add_generated("acme/pages", 250)
    made.add_generated("acme/long", 1_500)
    made.add_generated("acme/private", 250, private=True)
    return made


def at_standin(hub: Standin, code: str, registry: str = "") -> str:
    """The code with the stand-in in place of Docker's hosts; `registry` is that of images."""
    images = registry or urlsplit(hub.registry_url).netloc
    for docker, here in (
        ("https://hub.docker.com", hub.url),
        ("https://registry-1.docker.io", hub.registry_url),
        ("https://auth.docker.io", hub.auth_url),
        ("docker://docker.io/", f"docker://{images}/"),
        (" docker.io", f" {images}"),
    ):
        code = code.replace(docker, here)
    return code


def replaced(route: Route, name: str, tag: str = "", *, signed: bool = False) -> Replacement:
    """What replaces a call for `acme/{name}`."""
    return replacement(route, Repository("acme", name), tag, signed=signed, paged=False)


def snippet(
    hub: Standin,
    title: str,
    route: Route,
    name: str,
    tag: str = "",
    *,
    signed: bool = False,
    registry: str = "",
) -> Snippet:
    """The one for that tool, with the stand-in where Docker Hub would be."""
    found = replaced(route, name, tag, signed=signed).snippets
    [docker] = [each for each in found if each.title == title]
    return replace(docker, code=at_standin(hub, docker.code, registry))


def run(pasted: Snippet, home: Path, **more: str) -> Finished:
    """What becomes of it, with credentials in the environment, as few scripts have them."""
    for program in ("curl", "jq", "skopeo"):
        if program in pasted.code:
            tool(program)
    script = home / "script"
    script.write_text(pasted.code, encoding="utf-8")
    interpreter = sys.executable if pasted.language == "python" else tool("bash")
    _trust_without_tls(pasted.code, home)
    environment = clean_environment(
        home,
        REGISTRY_AUTH_FILE=str(home / "auth.json"),
        **{"DOCKER_USERNAME": USER, "DOCKER_TOKEN": SECRET} | more,
    )
    return subprocess.run(
        [interpreter, script],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def _trust_without_tls(code: str, home: Path) -> None:
    """Has skopeo believe a registry that has no certificate."""
    hosts = sorted(set(re.findall(r"127[.\d]+:\d+", code)))
    entries = (f'[[registry]]\nlocation = "{host}"\ninsecure = true\n' for host in hosts)
    settings = home / ".config" / "containers" / "registries.conf"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("".join(entries), encoding="utf-8")


def lines(done: Finished) -> list[str]:
    """What it printed, where it may not fail."""
    assert done.returncode == 0, done
    return done.stdout.splitlines()


def fails_silently(done: Finished) -> bool:
    """Whether nothing could be mistaken for an answer."""
    return done.returncode != 0 and not done.stdout and bool(done.stderr)
