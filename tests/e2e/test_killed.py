"""A bridge that is killed in the middle of a load: whatever a client saw of an answer is in the
journal, once, and counted."""

import random
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from e2e.bridges import PATIENCE, Mitmdump, eventually, query
from e2e.clients import behind, tool
from e2e.conftest import StartBridge
from journal.asking import asked, assert_counts_are_those_of_the_rows
from standin import Standin

AT_ONCE = 20
FEW, MANY = 100, 3_000
"""Repositories; the many are more than are asked for before the bridge is killed."""
STATUSES = {"latest": 200, "nosuch": 404}

Call = tuple[str, str]
"""Repository and tag; no two calls are for the same."""


@dataclass
class Load:
    """A curl that makes calls side by side."""

    name: str
    repositories: int
    process: subprocess.Popen[str]

    def answers(self) -> dict[Call, int]:
        """The status of each call of which curl saw as much as that."""
        output, _ = self.process.communicate(timeout=PATIENCE)
        found = re.findall(r"^(\d+) \S+/bench/(\S+)/tags/(\S+)$", output, re.MULTILINE)
        assert len(found) == self.repositories * len(STATUSES)
        return {(name, tag): int(status) for status, name, tag in found if status != "000"}


def started(bridge: Mitmdump, name: str, repositories: int = MANY) -> Load:
    tags = "{" + ",".join(STATUSES) + "}"
    url = f"http://index.docker.io/v1/repositories/bench/{name}-[1-{repositories}]/tags/{tags}"
    told = "%{http_code} %{url_effective}\n"
    parallel = ("-Z", "--parallel-immediate", "--parallel-max", str(AT_ONCE))
    process = subprocess.Popen(
        (tool("curl"), "-s", *parallel, "-o", "/dev/null", "-w", told, url),
        env=behind(bridge),
        stdout=subprocess.PIPE,
        encoding="ascii",
    )
    return Load(name, repositories, process)


def kill(bridge: Mitmdump, load: Load) -> None:
    """At some moment among its first calls."""
    so_far = f"SELECT count(*) n FROM calls WHERE repository LIKE '{load.name}-%'"  # noqa: S608  # a name of our own
    some = random.randint(1, 4 * AT_ONCE)  # noqa: S311  # no secret
    eventually(lambda: query(bridge.journal, so_far)[0]["n"] >= some, "some calls")
    bridge.process.kill()
    bridge.process.wait(PATIENCE)


def assert_nothing_is_lost(journal: Path, told: dict[Call, int], kills: int) -> None:
    rows = asked(journal, "SELECT repository, tag, http_response_status_code FROM calls")
    there = {(name, tag): status for name, tag, status in rows}
    assert len(there) == len(rows)
    assert {call: there.get(call) for call in told} == told
    assert all(status == STATUSES[tag] for (_, tag), status in told.items())
    # What was on disk before its answer could leave is all there is more.
    assert len(there) - len(told) <= kills * AT_ONCE
    assert_counts_are_those_of_the_rows(journal)


def test_nothing_that_was_answered_is_lost_or_written_twice(
    start_bridge: StartBridge, hub: Standin
) -> None:
    told: dict[Call, int] = {}
    for number in range(1, 5):
        with start_bridge(hub_url=hub.url) as bridge:
            load = started(bridge, f"kill-{number}")
            kill(bridge, load)
            told |= load.answers()
        assert_nothing_is_lost(bridge.journal, told, number)
    assert len(told) > 20
    assert asked(bridge.journal, "PRAGMA integrity_check") == [("ok",)]


def test_another_bridge_on_the_same_file_goes_on_and_neither_loses_a_call(
    start_bridge: StartBridge, hub: Standin
) -> None:
    with start_bridge(hub_url=hub.url, name="one") as one:
        journal = str(one.journal)
        with start_bridge(hub_url=hub.url, name="two", journal=journal) as two:
            first, second = started(one, "one"), started(two, "two", FEW)
            kill(one, first)
            told = second.answers()
            assert len(told) == FEW * len(STATUSES)
            told |= first.answers()
        assert_nothing_is_lost(one.journal, told, 1)
