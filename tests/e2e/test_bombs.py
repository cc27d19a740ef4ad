"""Forty callers who meet something huge at once, and what the process grows by."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import psutil
import pytest

from e2e.bridges import Mitmdump, running_bridge
from e2e.clients import ask
from standin import Standin, bodies, faults
from standin.rules import Action

CALLERS = 40
MOST_GROWTH = 150_000_000
"""Bytes."""
BASE = "http://index.docker.io/v1/repositories"
PLAIN = b" " * 30_000_000


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory, shared_hub: Standin) -> Iterator[Mitmdump]:
    confdir = tmp_path_factory.mktemp("bombs")
    with running_bridge(confdir, "--set", "hub_cache_ttl=0", hub_url=shared_hub.url) as bridge:
        yield bridge


class Watch:
    """The most memory that a process takes while it is looked at."""

    def __init__(self, process: int) -> None:
        self._process = psutil.Process(process)
        self._is_over = threading.Event()
        self.before = self.most = self._now
        self._thread = threading.Thread(target=self._look)

    @property
    def _now(self) -> int:
        return int(self._process.memory_info().rss)

    def _look(self) -> None:
        while not self._is_over.wait(0.005):
            self.most = max(self.most, self._now)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    @property
    def growth(self) -> int:
        return self.most - self.before


@pytest.mark.parametrize(
    ("name", "action"),
    [
        *((coding, bodies.bomb(100, coding)) for coding in ("gzip", "deflate", "br", "zstd")),
        ("plain", faults.status(200, PLAIN)),
    ],
)
def test_forty_of_them_together_stay_within_bounds(
    patient: Mitmdump, hub: Standin, name: str, action: Action
) -> None:
    hub.faults.add("/bench/", action)
    paths = [f"{BASE}/bench/{name}-{number}/tags" for number in range(CALLERS)]
    with Watch(patient.process.pid) as watch, ThreadPoolExecutor(CALLERS) as callers:
        statuses = [answer.status for answer in callers.map(lambda path: ask(patient, path), paths)]
    assert statuses == [502] * CALLERS
    assert watch.growth < MOST_GROWTH
