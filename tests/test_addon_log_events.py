"""A line of the bridge becomes one of mitmproxy's deprecated events where an addon hears it."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from mitmproxy.log import LogEntry

from onstage import make_flow, on_stage


class Listener:
    """An addon from the time before mitmproxy 9."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add_log(self, entry: LogEntry) -> None:
        self.lines.append(entry.msg)


@pytest.fixture(autouse=True)
def _at_level_info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


async def events_of_a_call(folder: Path, *addons: Any) -> list[str]:
    """The lines for which mitmproxy fires an event while a call is answered and somebody else logs
    one too."""
    fired: list[str] = []
    async with on_stage(folder, hub_mode="gone") as stage:
        stage.context.master.addons.add(*addons)
        trigger = stage.context.master.addons.trigger

        def noted(event: Any) -> None:
            fired.append(event.entry.msg)
            trigger(event)

        stage.context.master.addons.trigger = noted
        await stage.play(make_flow("/v1/repositories/library/alpine/tags"))
        logging.getLogger("another").warning("another's line")
        await asyncio.sleep(0)  # mitmproxy fires them in the next turn of the loop
    return fired


def test_an_addon_that_listens_hears_of_each_call(tmp_path: Path) -> None:
    listener = Listener()
    asyncio.run(events_of_a_call(tmp_path, listener))
    assert any(
        "hub v1: GET /v1/repositories/library/alpine/tags" in each for each in listener.lines
    )


def test_where_no_addon_listens_only_lines_of_others_are_fired(tmp_path: Path) -> None:
    fired = asyncio.run(events_of_a_call(tmp_path))
    assert any("another's line" in each for each in fired)
    assert not any("hub v1" in each for each in fired)
