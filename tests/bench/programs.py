"""The programs that list tags, each as a way to the tags of a repository."""

import json
import subprocess
from pathlib import Path

from bench.race import Way
from bench.standins import Hosts, pages
from e2e.bridges import Mitmdump
from e2e.clients import clean_environment

LOOP = """
set -euo pipefail
url=$1
while [[ $url != null ]]; do
    page=$(curl -fsS "$url" | jq -r '.next, .results[].name')
    url=${page%%$'\\n'*}
    printf '%s\\n' "${page#*$'\\n'}"
done
"""
"""One jq for each page, where most scripts start two."""


def bridged(bridge: Mitmdump, again: str = "") -> Way:
    """The v1 call through the bridge, for the repository `again` each time if that is given."""

    def tags(repository: str) -> list[str]:
        return called(bridge, again or repository)

    return Way("the bridge, again" if again else "the bridge", ("curl",), tags)


def called(bridge: Mitmdump, repository: str) -> list[str]:
    """The tags of the v1 call, made with curl."""
    url = f"{bridge.url}/v1/repositories/{repository}/tags"
    return [tag["name"] for tag in json.loads(_output(bridge.confdir, "curl", "-fsS", url))]


def skopeo(hosts: Hosts, home: Path) -> Way:
    """The program that asks the registry itself."""
    registry = hosts.registry.removeprefix("http://")

    def tags(repository: str) -> list[str]:
        command = "skopeo", "list-tags", "--tls-verify=false", f"docker://{registry}/{repository}"
        return list(json.loads(_output(home, *command))["Tags"])

    return Way("skopeo", ("skopeo",), tags)


def loop(hosts: Hosts, home: Path) -> Way:
    """What users of v1 write instead: a loop over the pages of v2."""

    def tags(repository: str) -> list[str]:
        return _output(home, "bash", "-c", LOOP, "loop", hosts.hub + pages(repository)).split()

    return Way("curl and jq", ("bash", "curl", "jq"), tags)


def _output(home: Path, *command: str) -> str:
    done = subprocess.run(
        command,
        env=clean_environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr}")
    return done.stdout
