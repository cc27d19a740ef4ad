"""Nobody takes up all connections: not a repository, not a user, not a caller."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from hub.gate import PATIENCE, until
from hubv1.calls import Limits, Result
from hubv1.hub import http, throttle
from hubv1.hub.credentials import ANONYMOUS, Credentials
from hubv1.hub.exchange import Key, RequestBudget
from hubv1.hub.throttle import SHARES, FairSemaphore
from standin import Standin, faults
from visitors import ACME, JOE, V1, Visitors, played

FAST = f"{V1}/debian/tags/12"
ENDLESS = Limits(10 * PATIENCE)
ALL = 16
"""Connections, in most of these tests."""


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MOST_CONNECTIONS", ALL)


def slow(number: int) -> str:
    return f"{V1}/slow/r{number}/tags/1"


def waiting(hub: Standin) -> int:
    """Requests that hang."""
    return sum("/slow/" in call.path for call in hub.calls)


@asynccontextmanager
async def hanging(
    hub: Standin, calls: Sequence[Awaitable[Result]], most: int
) -> AsyncIterator[None]:
    """With these calls under way, of which at most so many have a connection."""
    hub.catalog.add_rule("slow/", 3)
    hub.faults.add("/slow/", faults.hang())
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        await until(lambda: waiting(hub) >= most)
        yield
        assert waiting(hub) == most
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def fast(visitors: Visitors, given: Credentials = ANONYMOUS, caller: str = "") -> None:
    """One call for a repository that is not slow has its answer, though the others never do."""
    async with asyncio.timeout(PATIENCE):
        assert (await visitors.ask(FAST, given, caller)).answer.status == 200


def play(hub: Standin, playing: Callable[[Visitors], Awaitable[Any]]) -> None:
    played(hub, playing, terms=ENDLESS)


@pytest.mark.parametrize("number", [100, 250])
def test_many_slow_repositories_hold_up_no_other(hub: Standin, number: int) -> None:
    async def playing(visitors: Visitors) -> None:
        calls = [visitors.ask(slow(each), caller="ci") for each in range(number)]
        async with hanging(hub, calls, number):
            await fast(visitors, caller="ci")

    play(hub, playing)


@pytest.mark.usefixtures("few")
class TestOne:
    def test_repository_leaves_connections_to_others(self, hub: Standin) -> None:
        async def playing(visitors: Visitors) -> None:
            calls = [visitors.ask(f"{V1}/slow/one/tags/{each}") for each in range(3 * ALL)]
            async with hanging(hub, calls, ALL // 4):
                await fast(visitors)

        play(hub, playing)

    def test_user_leaves_connections_to_others(self, hub: Standin) -> None:
        async def playing(visitors: Visitors) -> None:
            calls = [visitors.ask(slow(each), JOE) for each in range(3 * ALL)]
            async with hanging(hub, calls, ALL // 2):
                await fast(visitors)
                await fast(visitors, ACME)

        play(hub, playing)

    def test_caller_leaves_connections_to_others(self, hub: Standin) -> None:
        async def playing(visitors: Visitors) -> None:
            calls = [visitors.ask(slow(each), caller="ci") for each in range(3 * ALL)]
            async with hanging(hub, calls, ALL * 3 // 4):
                await fast(visitors, caller="joe's laptop")

        play(hub, playing)

    def test_that_gives_up_makes_way_for_its_next(self, hub: Standin) -> None:
        async def playing(visitors: Visitors) -> None:
            calls = [visitors.ask(f"{V1}/slow/one/tags/{each}") for each in range(ALL)]
            async with hanging(hub, calls, ALL // 4):
                pass
            hub.faults.clear()
            async with asyncio.timeout(PATIENCE):
                result = await visitors.ask(f"{V1}/slow/one/tags/latest")
            assert result.answer.status == 200

        play(hub, playing)


@pytest.mark.usefixtures("few")
def test_who_waits_for_a_connection_to_the_end_is_told_so(hub: Standin) -> None:
    async def playing(visitors: Visitors) -> None:
        calls = [visitors.ask(f"{V1}/slow/one/tags/{each}") for each in range(ALL)]
        async with hanging(hub, calls, ALL // 4):
            visitors.terms = Limits(0.3)
            result = await visitors.ask(f"{V1}/slow/one/tags/another")
            assert (result.answer.status, result.error_type) == (502, "unreachable")
            assert "it waited for a free connection" in result.error
            assert result.upstream_calls == 0

    play(hub, playing)


def test_every_key_that_a_budget_may_have_has_a_share() -> None:
    everything = RequestBudget(JOE, caller="ci", repository="acme/app")
    assert {kind for kind, _ in everything.keys} == set(SHARES)


class TestAFairSemaphore:
    def run(self, playing: Callable[[], Awaitable[None]]) -> None:
        async def in_time() -> None:
            async with asyncio.timeout(PATIENCE):
                await playing()

        asyncio.run(in_time())

    def test_lets_nobody_overtake_who_waits_for_room(self) -> None:
        async def playing() -> None:
            semaphore, order = FairSemaphore(10), []

            async def pass_through(name: str, weight: int) -> None:
                leave = await semaphore.acquire((), weight)
                order.append(name)
                leave()

            leave = await semaphore.acquire((), 5)
            heavy = asyncio.ensure_future(pass_through("heavy", 8))
            await asyncio.sleep(0)
            light = asyncio.ensure_future(pass_through("light", 1))
            await asyncio.sleep(0)
            leave()
            await asyncio.gather(heavy, light)
            assert order == ["heavy", "light"]

        self.run(playing)

    def test_lets_one_through_that_weighs_more_than_there_is(self) -> None:
        async def playing() -> None:
            semaphore = FairSemaphore(10)
            for _ in range(2):
                (await semaphore.acquire((("repository", "large"),), 1_000))()

        self.run(playing)

    @for_all(
        st.lists(
            st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.integers(1, 6)),
            max_size=30,
        )
    )
    def test_gives_nobody_more_than_a_share_and_in_the_end_everybody_something(
        self, comers: list[tuple[str, str, int]]
    ) -> None:
        total = 12
        taken: Counter[Key] = Counter()

        async def playing() -> None:
            semaphore = FairSemaphore(total)

            async def come(repository: str, caller: str, weight: int) -> None:
                keys: tuple[Key, ...] = (("repository", repository), ("caller", caller))
                leave = await semaphore.acquire(keys, weight)
                for key in keys:
                    assert not taken[key] or taken[key] + weight <= total * SHARES[key[0]]
                    taken[key] += weight
                assert sum(taken[key] for key in taken if key[0] == "caller") <= total
                await asyncio.sleep(0)
                for key in keys:
                    taken[key] -= weight
                leave()

            await asyncio.gather(*(come(*each) for each in comers))
            assert semaphore.is_free((("repository", "a"),), total)

        self.run(playing)

    def test_forgets_nobody_whose_share_was_free_before_there_was_room(self) -> None:
        async def playing() -> None:
            semaphore, key = FairSemaphore(10), ("repository", "app")
            leave = [await semaphore.acquire((key,), 2), await semaphore.acquire((), 7)]
            heavy = asyncio.ensure_future(semaphore.acquire((), 8))
            await asyncio.sleep(0)
            next_one = asyncio.ensure_future(semaphore.acquire((key,)))
            await asyncio.sleep(0)
            for each in leave:
                each()
            (await heavy)()
            (await next_one)()

        self.run(playing)

    def test_looks_at_few_however_many_wait(self) -> None:
        looks = 0

        class Caller:
            def __hash__(self) -> int:
                nonlocal looks
                looks += 1
                return 1

            def __eq__(self, other: object) -> bool:
                return self is other

        async def playing() -> None:
            semaphore, key = FairSemaphore(8), ("caller", Caller())
            comers = [asyncio.ensure_future(semaphore.acquire((key,))) for _ in range(500)]
            await asyncio.sleep(0)
            for one in comers[:100]:
                (await one)()
            for one in comers[100:]:
                one.cancel()
            await asyncio.gather(*comers, return_exceptions=True)
            assert looks < 50 * len(comers)

        self.run(playing)

    @pytest.mark.parametrize("is_let_through", [False, True])
    def test_who_leaves_takes_nothing_along(self, *, is_let_through: bool) -> None:
        async def playing() -> None:
            semaphore = FairSemaphore(1)
            leave = await semaphore.acquire(())
            waits = asyncio.ensure_future(semaphore.acquire(()))
            await asyncio.sleep(0)
            if is_let_through:
                leave()
            waits.cancel()
            await asyncio.gather(waits, return_exceptions=True)
            if not is_let_through:
                leave()
            assert semaphore.is_free(())

        self.run(playing)


def test_shares_leave_something_for_others() -> None:
    assert all(0 < share < 1 for share in throttle.SHARES.values())
