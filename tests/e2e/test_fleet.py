"""Three bridges and their fleet under load, while one after the other is killed."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from e2e.bridges import Mitmdump, eventually
from e2e.clients import ask
from e2e.conftest import StartBridge
from fleet.asking import Fleet, of_journals
from fleet.postgres import a_server
from fleet.writing import some_calls, write
from standin import Standin

BEFORE = 2_500
"""Calls that are in each journal before its bridge starts, so that there is much to ship."""


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with a_server() as server:
        yield Fleet(server, "fleet")


class Load:
    """Calls to several bridges, one after the other to each, until it is stopped."""

    def __init__(self, bridges: list[Mitmdump]) -> None:
        self.bridges = bridges
        self.answered = 0
        self._is_over = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(number,)) for number in range(len(bridges))
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        calls = 0
        while not self._is_over.is_set():
            calls += 1
            url = f"http://index.docker.io/v1/repositories/tiny/tags?{number}-{calls}"
            try:
                answer = ask(self.bridges[number], url, headers={"User-Agent": f"load{number}/1"})
            except (OSError, http.client.HTTPException):
                continue  # killed before its answer was whole
            if answer.status == 200:
                self.answered += 1


def test_each_call_is_in_the_fleet_once_and_counted_whoever_is_killed(
    hub: Standin, fleet: Fleet, start_bridge: StartBridge, tmp_path: Path
) -> None:
    journals = [tmp_path / f"{number}.sqlite3" for number in range(3)]
    for number, journal in enumerate(journals):
        write(journal, some_calls(BEFORE, number))
    with ExitStack() as stack:

        def start(number: int) -> Mitmdump:
            return stack.enter_context(
                start_bridge(
                    *("--set", f"hub_fleet={fleet.url}"),
                    name=f"bridge-{number}",
                    hub_url=hub.url,
                    journal=str(journals[number]),
                )
            )

        bridges = [start(number) for number in range(3)]
        load = Load(bridges)
        try:
            eventually(lambda: fleet.calls() > BEFORE // 2, "some are shipped")
            bridges[0].process.kill()
            fleet.server.kill()
            bridges[0].process.wait()
            load.bridges[0] = bridges[0] = start(0)
            eventually(lambda: "nothing can be shipped" in bridges[1].log, "it is missed")
            fleet.server.start()
            eventually(lambda: fleet.calls() > 2 * BEFORE, "more are shipped")
            bridges[1].process.kill()
            bridges[1].process.wait()
            load.bridges[1] = bridges[1] = start(1)
            least = load.answered + 50
            eventually(lambda: load.answered > least, "calls are answered")
        finally:
            load.stop()
        written = of_journals(journals)
        eventually(lambda: fleet.calls() == len(written), "all are shipped")
    assert fleet.ids() == written
    fleet.assert_counts_are_those_of_its_calls()
    of_load = fleet.value(
        "SELECT count(*) FROM calls WHERE caller LIKE 'load%' AND outcome = 'translated'"
    )
    # A call may be on disk and its answer cut off.
    assert load.answered <= of_load <= load.answered + 2
    assert fleet.value("SELECT count(*) FROM journals") == 3
    assert "all waiting rows have been shipped" in bridges[2].log
