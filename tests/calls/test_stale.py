"""An old answer where Hub is down: for an hour, marked, and never after Hub said otherwise."""

import asyncio
import re
from collections.abc import Iterator

import pytest

from clocks import StoppedClock as Clock
from hub.gate import until
from hubv1.api.routes import Outcome
from hubv1.calls import Limits, Result, cache
from hubv1.hub.credentials import Basic
from sharers import Callers, played
from standin import Catalog, Held, Standin, bodies, faults
from standin.rules import Action

TAGS = "/v1/repositories/debian/tags"
TAG, OTHER_TAG = f"{TAGS}/latest", f"{TAGS}/12"
IMAGES = "/v1/repositories/debian/images"
ALPINE = "/v1/repositories/alpine/tags"
EVERY = [TAGS, TAG, OTHER_TAG, IMAGES, ALPINE]
JOE = Basic("joe", "geheimnis")
FRESH = 10
DOWN = faults.status(503)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    made.rule_cache(monkeypatch)
    return made


@pytest.fixture
def hub() -> Iterator[Standin]:
    catalog = Catalog()
    catalog.accounts["joe"] = "geheimnis"
    catalog.add("debian", ["12", "latest"])
    catalog.add("alpine", ["3"])
    with Standin(catalog) as running:
        yield running


def goes_wrong(hub: Standin, action: Action, where: str = "/tags") -> None:
    """From now on, and nothing else does."""
    hub.faults.clear()
    hub.faults.add(where, action)


def is_old(result: Result) -> bool:
    """Whether this is an old answer, with everything that belongs to one; else it is none."""
    if result.cache != "stale":
        return False
    assert result.answer.status == 200
    assert (result.outcome, result.error_type) == (Outcome.TRANSLATED, "unreachable")
    assert result.error
    assert re.fullmatch(r"; hit; ttl=(0|-\d+); detail=unreachable", result.cache_status)
    return True


@pytest.mark.parametrize("path", [TAGS, TAG, IMAGES])
@pytest.mark.parametrize(
    "action",
    [
        pytest.param(faults.status(500), id="500"),
        pytest.param(faults.html(503), id="503"),
        pytest.param(faults.drop(), id="closed"),
        pytest.param(bodies.cut(), id="cut"),
        pytest.param(faults.hang(), id="hang"),
    ],
)
def test_what_hub_said_before_it_went_down_is_said_again(
    hub: Standin, clock: Clock, path: str, action: Action
) -> None:
    async def before_and_after(callers: Callers) -> list[Result]:
        before = await callers.call(path)
        clock.now += 100.5
        goes_wrong(hub, action)
        callers.terms = Limits(0.4)
        return [before, await callers.call(path)]

    before, after = played(hub.url, before_and_after, FRESH)
    assert before.tags_listed == after.tags_listed == (None if path == TAG else 2)
    assert is_old(after)
    assert after.answer == before.answer
    assert after.freshness == FRESH - 101
    assert after.upstream_calls > 0


def test_it_is_said_again_where_nobody_listens_any_more(clock: Clock) -> None:
    async def before_and_after(callers: Callers) -> Result:
        await callers.call(TAGS)
        clock.now += 100
        gone.__exit__(None, None, None)
        return await callers.call(TAGS)

    gone = Standin(Catalog.default()).__enter__()
    assert is_old(played(gone.url, before_and_after, FRESH))


@pytest.mark.parametrize("seconds", [FRESH, 1_800, 3_600, 86_400])
def test_no_answer_is_older_than_an_hour_or_than_was_asked_for(
    hub: Standin, clock: Clock, seconds: int
) -> None:
    async def later(callers: Callers) -> list[int]:
        await callers.call(TAGS)
        goes_wrong(hub, DOWN)
        statuses = []
        for age in (max(3_600, seconds) - 1, max(3_600, seconds) + 1):
            clock.now = 1_000 + age
            statuses.append((await callers.call(TAGS)).answer.status)
        return statuses

    assert played(hub.url, later, seconds) == [200, 502]


def test_an_old_answer_is_not_renewed_by_being_shown(hub: Standin, clock: Clock) -> None:
    async def again_and_again(callers: Callers) -> list[Result]:
        await callers.call(TAGS)
        goes_wrong(hub, DOWN)
        results = []
        for _ in range(4):
            clock.now += 1_000
            results.append(await callers.call(TAGS))
        return results

    *old, none = played(hub.url, again_and_again, FRESH)
    assert [each.freshness for each in old if is_old(each)] == [-990, -1_990, -2_990]
    assert none.answer.status == 502


def test_hub_is_asked_each_time_and_believed_once_it_is_back(hub: Standin, clock: Clock) -> None:
    async def away_and_back(callers: Callers) -> list[str]:
        await callers.call(TAGS)
        clock.now += 20
        goes_wrong(hub, DOWN)
        old = await callers.call(TAGS)
        hub.faults.clear()
        hub.catalog.add_tag("debian", "new")
        new = await callers.call(TAGS)
        assert b"new" in new.answer.body
        return [old.cache, new.cache, (await callers.call(TAGS)).cache]

    assert played(hub.url, away_and_back, FRESH) == ["stale", "miss", "hit"]


def test_all_who_wait_together_get_it_and_are_told_so(hub: Standin, clock: Clock) -> None:
    async def together(callers: Callers) -> list[Result]:
        await callers.call(TAGS)
        clock.now += 20
        goes_wrong(hub, DOWN)
        return await asyncio.gather(*(callers.call(TAGS) for _ in range(20)))

    results = played(hub.url, together, FRESH)
    assert all(map(is_old, results))
    assert sum(result.upstream_calls > 0 for result in results) == 1


@pytest.mark.parametrize(
    ("action", "error"),
    [
        pytest.param(faults.rate_limited(3_600), "rate_limited", id="429"),
        pytest.param(faults.html(), "nonsense", id="html"),
        pytest.param(faults.count_lies(9), "incomplete", id="incomplete"),
        pytest.param(faults.status(400), "nonsense", id="400"),
    ],
)
def test_there_is_none_where_hub_is_up(
    hub: Standin, clock: Clock, action: Action, error: str
) -> None:
    async def before_and_after(callers: Callers) -> Result:
        await callers.call(TAGS)
        clock.now += 20
        goes_wrong(hub, action)
        return await callers.call(TAGS)

    result = played(hub.url, before_and_after, FRESH)
    assert (result.cache, result.error_type) == ("miss", error)


def test_there_is_none_where_nothing_is_to_be_kept(hub: Standin, clock: Clock) -> None:
    async def before_and_after(callers: Callers) -> Result:
        await callers.call(TAGS)
        goes_wrong(hub, DOWN)
        return await callers.call(TAGS)

    assert played(hub.url, before_and_after, 0).answer.status == 502


def after_refusal(
    hub: Standin, clock: Clock, path: str, action: Action, refused: Basic | None = None
) -> list[str]:
    """Which answers are still shown to nobody in particular, all known to it before Hub refused
    `path`, to `refused` if need be, and went down."""

    async def playing(callers: Callers) -> list[str]:
        for each in EVERY:
            await callers.call(each)
        clock.now += 20
        goes_wrong(hub, action, path.removeprefix("/v1/repositories").removesuffix("/images"))
        answer = await (callers.call(path, refused) if refused else callers.call(path))
        assert answer.answer.status in (401, 403, 404)
        clock.now += 20
        goes_wrong(hub, DOWN)
        return [each for each in EVERY if is_old(await callers.call(each))]

    found: list[str] = played(hub.url, playing, FRESH)
    return found


class TestAfterARefusal:
    @pytest.mark.parametrize("status", [401, 403, 404])
    @pytest.mark.parametrize("path", [TAGS, IMAGES])
    def test_of_a_list_nothing_of_the_repository_is_shown(
        self, hub: Standin, clock: Clock, path: str, status: int
    ) -> None:
        assert after_refusal(hub, clock, path, faults.status(status)) == [ALPINE]

    def test_of_a_tag_that_is_gone_nothing_of_its_repository_is_shown(
        self, hub: Standin, clock: Clock
    ) -> None:
        assert after_refusal(hub, clock, TAG, faults.status(404)) == [ALPINE]

    def test_a_tag_that_is_gone_ends_no_other_answer_before_its_time(
        self, hub: Standin, clock: Clock
    ) -> None:
        async def meanwhile(callers: Callers) -> list[str]:
            await callers.call(OTHER_TAG)
            hub.catalog.remove_tag("debian", "latest")
            assert (await callers.call(TAG)).answer.status == 404
            caches = []
            for seconds in (FRESH - 1, 2):
                clock.now += seconds
                caches.append((await callers.call(OTHER_TAG)).cache)
            return caches

        assert played(hub.url, meanwhile, FRESH) == ["hit", "miss"]

    def test_what_is_there_again_may_be_shown_again(self, hub: Standin, clock: Clock) -> None:
        async def back(callers: Callers) -> bool:
            await callers.call(f"{TAGS}/no-such")
            clock.now += 1
            await callers.call(TAG)
            clock.now += 20
            goes_wrong(hub, DOWN)
            return is_old(await callers.call(TAG))

        assert played(hub.url, back, FRESH)

    def test_nothing_is_shown_that_was_under_way_before_a_tag_was_gone(
        self, hub: Standin, clock: Clock
    ) -> None:
        assert self.under_way(hub, clock, TAG, 404, OTHER_TAG) == [404, 502]

    @pytest.mark.parametrize("status", [401, 403])
    def test_of_a_tag_that_may_not_be_seen_nothing_of_the_repository_is_shown(
        self, hub: Standin, clock: Clock, status: int
    ) -> None:
        assert after_refusal(hub, clock, TAG, faults.status(status)) == [ALPINE]

    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_of_somebody_else_all_is_shown(self, hub: Standin, clock: Clock, status: int) -> None:
        assert after_refusal(hub, clock, TAGS, faults.status(status), JOE) == EVERY

    def test_of_a_secret_nothing_is_shown_for_it(self, hub: Standin, clock: Clock) -> None:
        async def playing(callers: Callers) -> list[int]:
            assert (await callers.call(TAGS, JOE)).answer.status == 200
            clock.now += 20
            goes_wrong(hub, faults.status(401))
            assert (await callers.call(ALPINE, JOE)).answer.status == 401
            goes_wrong(hub, DOWN)
            return [(await callers.call(TAGS, JOE)).answer.status]

        assert played(hub.url, playing, FRESH) in ([401], [502])

    def test_nothing_is_shown_that_was_under_way_before_it(
        self, hub: Standin, clock: Clock
    ) -> None:
        assert self.under_way(hub, clock, TAGS, 401) == [401, 502]

    def test_no_list_is_shown_that_was_under_way_before_its_tag_was_gone(
        self, hub: Standin, clock: Clock
    ) -> None:
        assert self.under_way(hub, clock, TAG, 404) == [404, 502]

    def under_way(
        self, hub: Standin, clock: Clock, refused: str, status: int, listed: str = ""
    ) -> list[int]:
        """The refusal, and what is said of a list that was read meanwhile once Hub is down."""
        listed = listed or (IMAGES if refused == TAGS else TAGS)

        async def playing(callers: Callers) -> list[int]:
            held = Held()
            hub.faults.add("/tags", held)
            slow = asyncio.ensure_future(callers.call(listed))
            await until(lambda: held.here == 1)
            goes_wrong(hub, faults.status(status))
            clock.now += 1
            refusal = await callers.call(refused)
            clock.now += 1
            held.release()
            assert (await slow).answer.status == 200
            clock.now += 20
            goes_wrong(hub, DOWN)
            return [refusal.answer.status, (await callers.call(listed)).answer.status]

        return list(played(hub.url, playing, FRESH))


def test_with_credentials_an_answer_counts_for_more_bytes(
    monkeypatch: pytest.MonkeyPatch, hub: Standin
) -> None:
    monkeypatch.setattr(cache, "MOST_BYTES", 20_000)

    async def playing(callers: Callers) -> None:
        for each in EVERY:
            await callers.call(each, JOE)
            await callers.call(each)
            kept = callers.cache._cached
            assert sum(one.size for one in kept.values()) == kept.currsize <= 20_000
        assert len(callers.cache._cached) < 2 * len(EVERY)

    played(hub.url, playing)
