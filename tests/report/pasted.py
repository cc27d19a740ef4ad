"""Snippets of the report, pasted into a file and run where Docker Hub is a stand-in."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from e2e.clients import PATIENCE, clean_environment, tool
from hubv1.api.names import Repository
from hubv1.api.routes import Route, route_named
from hubv1.replacements import Replacement, Snippet, Urls, replacement
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


def urls(hub: Standin) -> Urls:
    """Where the stand-in is."""
    images = urlsplit(hub.registry_url).netloc
    return Urls(hub.url, hub.registry_url, hub.auth_url, images)


def replaced(
    hub: Standin, route: Route, name: str, tag: str = "", *, signed: bool = False
) -> Replacement:
    """What replaces a call for `acme/{name}`."""
    repository = Repository("acme", name)
    return replacement(route, repository, tag, signed=signed, paged=False, urls=urls(hub))


def snippet(
    hub: Standin, title: str, route: Route, name: str, tag: str = "", *, signed: bool = False
) -> Snippet:
    """The one for that tool."""
    found = replaced(hub, route, name, tag, signed=signed).snippets
    return next(each for each in found if each.title == title)


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
