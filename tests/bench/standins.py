"""The stand-in for Docker's hosts in a process of its own, so that its work is nobody else's."""

import json
import math
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.load import send
from e2e.bridges import ROOT
from e2e.clients import clean_environment

NO_LIMIT = -1
"""Anonymous callers may read all pages: otherwise a loop over them could not be compared."""
BRIDGE = "hub-v1-bridge/"
"""What the bridge's user agent begins with."""
KEPT = 10_000
"""Calls that are remembered, where they are to be counted: far more than any comparison makes."""


@dataclass(frozen=True)
class Hosts:
    """Where Hub and the registry are."""

    hub: str
    registry: str

    def make_pages(self, repository: str, tags: int) -> None:
        """Have all pages of a list made that is not too long to be remembered.

        The real Hub finds them in its database; the stand-in needs 5 ms for each, one at a time,
        which is not what is to be measured.
        """
        paths = [f"{pages(repository)}&page={each}" for each in range(1, math.ceil(tags / 100) + 1)]
        send(urlsplit(self.hub).port or 0, paths, keep_alive=True)

    def asked_by_bridge(self) -> int:
        """How many calls the bridge made so far, to all hosts together."""
        with urllib.request.urlopen(f"{self.hub}/_standin/calls") as answer:
            calls: list[dict[str, Any]] = json.load(answer)["calls"]
        return sum(call["headers"].get("user-agent", "").startswith(BRIDGE) for call in calls)


def pages(repository: str) -> str:
    """The path of its list on Hub, a hundred tags to a page."""
    namespace, _, name = repository.partition("/")
    return f"/v2/namespaces/{namespace}/repositories/{name}/tags?page_size=100"


@contextmanager
def running_hosts(
    folder: Path, *rules: str, latency: float = 0, counted: bool = False
) -> Iterator[Hosts]:
    """Docker's hosts; a rule says how many tags repositories have, as `bench/=100` does."""
    command = [sys.executable, "-m", "standin", f"--calls-kept={KEPT if counted else 0}"]
    command += [f"--latency={latency}", f"--anonymous-offset={NO_LIMIT}"]
    command += [f"--rule={rule}" for rule in rules]
    environment = clean_environment(folder) | {"PYTHONPATH": str(ROOT / "tests")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        try:
            assert process.stdout  # it was asked for
            urls = json.loads(process.stdout.readline())
            yield Hosts(urls["hub"], urls["registry"])
        finally:
            process.terminate()
