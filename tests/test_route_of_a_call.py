"""How far one bridged call walks through the house: the modules that it enters, in order."""

import asyncio
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

import hubv1
from hubv1.journal import Journal
from onstage import answered, make_flow, on_stage
from standin import Standin

HOUSE = str(Path(hubv1.__file__).parent)
MOST_MODULES = 24


# What the journal's thread does for a call; the rest it does by its own clock.
RECORDING = Journal._record.__code__


class Route:
    """The modules that are entered while it is watched: in the event loop's thread, and in the
    journal's while it records."""

    def __init__(self) -> None:
        self.is_watched = False
        self.modules: list[str] = []
        self.crossings = 0
        self._before: dict[int, str] = {}
        self._is_recording = False
        self._loops_thread = threading.get_ident()

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if frame.f_code is RECORDING and event in ("call", "return"):
            self._is_recording = event == "call"
        file = frame.f_code.co_filename
        is_for_call = self._is_recording or threading.get_ident() == self._loops_thread
        if event == "call" and self.is_watched and file.startswith(HOUSE) and is_for_call:
            self._enter(file)

    def _enter(self, file: str) -> None:
        module = file.removeprefix(HOUSE + "/")
        if module not in self.modules:
            self.modules.append(module)
        room = module.rpartition("/")[0] or module
        thread = threading.get_ident()
        self.crossings += self._before.get(thread, room) != room
        self._before[thread] = room

    @contextmanager
    def watched(self) -> Iterator[None]:
        self.is_watched = True
        try:
            yield
        finally:
            self.is_watched = False

    def __str__(self) -> str:
        lines = [f"{number:3}  {module}" for number, module in enumerate(self.modules, 1)]
        return "\n".join([*lines, f"{self.crossings} changes of room"])


def test_a_bridged_call_walks_through_few_modules(
    tmp_path: Path, hub: Standin, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)  # as in mitmproxy, so that its line is written
    route = Route()

    async def playing() -> int:
        async with on_stage(tmp_path, hub.url) as stage:
            # The first call sets up what later ones find.
            await stage.play(make_flow("/v1/repositories/debian/tags/12"))
            with route.watched():
                flow = await stage.play(make_flow("/v1/repositories/debian/tags"))
            return answered(flow).status_code

    threading.setprofile(route)
    sys.setprofile(route)
    try:
        status = asyncio.run(playing())
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    sys.stdout.write(f"{route}\n")
    assert status == 200
    assert len(hub.calls) == 2
    assert 10 < len(route.modules) <= MOST_MODULES
