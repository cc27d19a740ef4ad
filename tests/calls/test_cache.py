"""Equal calls share one answer: at the same time, and for some seconds after."""

import asyncio

import pytest

from clocks import StoppedClock
from hub.gate import until
from hubv1.calls import Result, cache
from sharers import SECONDS, Callers, played
from standin import Catalog, Held, Settings, Standin, faults

TAGS = "/v1/repositories/debian/tags"


@pytest.fixture
def debian() -> Catalog:
    catalog = Catalog()
    catalog.add_generated("library/debian", 250)
    return catalog


@pytest.mark.parametrize("seconds", [0, SECONDS])
def test_200_equal_calls_at_once_cost_hub_no_more_than_one(debian: Catalog, seconds: int) -> None:
    async def at_once(callers: Callers) -> list[Result]:
        return await asyncio.gather(*(callers.call(TAGS) for _ in range(200)))

    with Standin(debian) as hub:
        results = played(hub.url, at_once, seconds)
    assert len(hub.calls) == 3
    assert len({result.answer for result in results}) == 1
    assert sorted(result.upstream_calls for result in results)[-2:] == [0, 3]
    assert [result.cache for result in results].count("collapsed") == 199
    assert {result.tags_listed for result in results} == {250}


def test_a_complete_answer_is_kept(debian: Catalog) -> None:
    async def twice(callers: Callers) -> list[Result]:
        return [await callers.call(TAGS), await callers.call(TAGS)]

    with Standin(debian) as hub:
        first, second = played(hub.url, twice)
    assert len(hub.calls) == 3
    assert (first.cache, first.cache_status) == ("miss", "; fwd=uri-miss")
    assert (second.cache, second.cache_status, second.upstream_calls) == ("hit", "; hit", 0)
    assert (second.answer, second.tags_listed) == (first.answer, 250)


def test_a_long_answer_is_kept_byte_for_byte_too(debian: Catalog) -> None:
    debian.add_generated("library/long", 4_000)

    async def thrice(callers: Callers) -> list[Result]:
        return [await callers.call("/v1/repositories/long/tags") for _ in range(3)]

    with Standin(debian, Settings(anonymous_offset=-1)) as hub:
        first, *kept = played(hub.url, thrice)
    assert len(first.answer.body) > 100_000
    assert [result.cache for result in kept] == ["hit", "hit"]
    assert [result.answer for result in kept] == [first.answer] * 2


def test_calls_for_different_things_share_nothing(debian: Catalog) -> None:
    paths = [TAGS, f"{TAGS}/latest", "/v1/repositories/debian/images", f"{TAGS}/nosuch"]

    async def all_of_them(callers: Callers) -> list[Result]:
        return await asyncio.gather(*map(callers.call, paths))

    with Standin(debian) as hub:
        results = played(hub.url, all_of_them)
    assert len({result.answer.body for result in results}) >= 3
    assert {result.cache for result in results} == {"miss"}


def test_nothing_is_kept_longer_than_said(debian: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    (clock := StoppedClock()).rule_cache(monkeypatch)

    async def with_pauses(callers: Callers) -> list[str]:
        await callers.call(TAGS)
        clock.now += 59
        at_last = await callers.call(TAGS)
        clock.now += 2
        return [at_last.cache, (await callers.call(TAGS)).cache]

    with Standin(debian) as hub:
        assert played(hub.url, with_pauses, seconds=60) == ["hit", "miss"]


def test_with_0_seconds_nothing_is_kept(debian: Catalog) -> None:
    async def twice(callers: Callers) -> list[Result]:
        return [await callers.call(TAGS), await callers.call(TAGS)]

    with Standin(debian) as hub:
        results = played(hub.url, twice, seconds=0)
    assert [result.cache_status for result in results] == ["; fwd=bypass"] * 2
    assert len(hub.calls) == 6


def test_a_tag_that_is_pushed_after_a_404_is_there_at_once(debian: Catalog) -> None:
    async def check_push_check(callers: Callers) -> list[int]:
        before = await callers.call(f"{TAGS}/new")
        hub.catalog.add_tag("library/debian", "new")
        after = await callers.call(f"{TAGS}/new")
        return [before.answer.status, after.answer.status]

    with Standin(debian) as hub:
        assert played(hub.url, check_push_check) == [404, 200]


def test_a_failure_is_shared_by_those_who_wait_and_then_forgotten(debian: Catalog) -> None:
    async def fail_then_succeed(callers: Callers) -> list[list[int]]:
        failed = await asyncio.gather(*(callers.call(TAGS) for _ in range(5)))
        succeeded = await callers.call(TAGS)
        return [[result.answer.status for result in failed], [succeeded.answer.status]]

    with Standin(debian) as hub:
        hub.faults.add("/tags", faults.html(), times=1)
        assert played(hub.url, fail_then_succeed) == [[502] * 5, [200]]


def test_one_who_leaves_takes_nothing_from_the_others(debian: Catalog) -> None:
    async def first_leaves(callers: Callers) -> int:
        first, second = (asyncio.ensure_future(callers.call(TAGS)) for _ in range(2))
        await until(lambda: held.here == 1)
        first.cancel()
        await asyncio.wait([first])
        held.release()
        return (await second).answer.status

    held = Held()
    with Standin(debian) as hub:
        hub.faults.add("/tags", held)
        assert played(hub.url, first_leaves) == 200


def test_when_all_have_left_hub_is_not_asked_for_more(debian: Catalog) -> None:
    async def all_leave(callers: Callers) -> str:
        waiting = [asyncio.ensure_future(callers.call(TAGS)) for _ in range(3)]
        await until(lambda: held.here == 1)
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await until(lambda: held.here == 0)
        calls = len(hub.calls)
        held.release()
        assert (await callers.call(TAGS)).answer.status == 200
        return str(calls)

    held = Held()
    with Standin(debian) as hub:
        hub.faults.add("/tags", held)
        assert played(hub.url, all_leave) == "1"


def test_what_is_kept_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_BYTES", 40_000)
    catalog = Catalog()
    for number in range(10):
        catalog.add_generated(f"library/r{number}", 100)

    async def one_after_the_other(callers: Callers) -> list[str]:
        for number in range(10):
            await callers.call(f"/v1/repositories/r{number}/tags")
        return [(await callers.call(f"/v1/repositories/r{number}/tags")).cache for number in (9, 0)]

    with Standin(catalog) as hub:
        assert played(hub.url, one_after_the_other) == ["hit", "miss"]
