"""Calls that cannot be recorded, where hub_journal_required says what is to become of them."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from onstage import Stage, answer, answered, entries, make_flow, on_stage
from standin import Standin

TAGS = "/v1/repositories/debian/tags"


def without_a_table(stage: Stage) -> None:
    with closing(sqlite3.connect(stage.journal)) as other:
        other.execute("ALTER TABLE calls RENAME TO away")


def with_it_again(stage: Stage) -> None:
    with closing(sqlite3.connect(stage.journal)) as other:
        other.execute("ALTER TABLE away RENAME TO calls")


@pytest.mark.parametrize("path", [TAGS, f"{TAGS}/12", "/v1/_ping", "/v1/users/"])
def test_a_call_that_cannot_be_recorded_is_refused(
    tmp_path: Path, hub: Standin, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    async def playing() -> list[int]:
        async with on_stage(tmp_path, hub.url, hub_journal_required=True) as stage:
            without_a_table(stage)
            refused = await stage.play(make_flow(path), answer(200))
            with_it_again(stage)
            served = await stage.play(make_flow(path), answer(200))
            return [answered(refused).status_code, answered(served).status_code]

    assert asyncio.run(playing()) == [503, 200]
    assert len(entries(tmp_path / "journal.sqlite3")) == 1
    assert "Calls are refused but not recorded" in caplog.text


def test_a_refusal_says_why_and_is_kept_by_nobody(tmp_path: Path, hub: Standin) -> None:
    async def playing() -> tuple[str, str | None]:
        async with on_stage(tmp_path, hub.url, hub_journal_required=True) as stage:
            without_a_table(stage)
            response = answered(await stage.play(make_flow(TAGS)))
            with_it_again(stage)
            return str(response.json()["error"]), response.headers.get("Cache-Control")

    assert asyncio.run(playing()) == ("not_recorded", "no-store")


def test_a_body_that_is_streamed_already_is_cut(tmp_path: Path, hub: Standin) -> None:
    async def playing() -> bool:
        async with on_stage(tmp_path, hub.url, hub_journal_required=True) as stage:
            without_a_table(stage)
            streamed = answer(200)
            streamed.stream = True
            flow = await stage.play(make_flow("/v1/_ping"), streamed)
            with_it_again(stage)
            return flow.error is not None

    assert asyncio.run(playing())
