"""Clocks that go by what a test says or the bridge does: waits cost a test nothing."""

import asyncio
from dataclasses import dataclass
from functools import partial
from types import ModuleType, SimpleNamespace

import pytest
from cachetools import TTLCache

from hubv1.calls import cache


@dataclass
class StoppedClock:
    """A monotonic clock that stands still unless it is moved."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now

    monotonic = __call__

    def rule_cache(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have what is kept of answers go by it."""
        monkeypatch.setattr(cache, "time", self)
        monkeypatch.setattr(cache, "TTLCache", partial(TTLCache, timer=self))
        monkeypatch.setattr(cache, "RefusedSince", partial(cache.RefusedSince, timer=self))


class SleepingClock:
    """A monotonic clock that only a sleep moves on; `slept` is how long each of them was."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    def rule(self, monkeypatch: pytest.MonkeyPatch, *modules: ModuleType) -> None:
        """Have the sleeps of these modules, and their clocks, go by this one."""
        for module in modules:
            for name, part in (("asyncio", "sleep"), ("time", "monotonic")):
                if real := getattr(module, name, None):
                    changed = SimpleNamespace(**vars(real) | {part: getattr(self, part)})
                    monkeypatch.setattr(module, name, changed)
