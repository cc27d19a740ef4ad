"""Limits on the rate of requests: whoever meets one, all heed it, and nobody for longer than it
takes."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from email.utils import formatdate
from itertools import pairwise

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from clocks import SleepingClock
from hubv1.api.names import Repository
from hubv1.api.v2 import HubFailure, RateLimited
from hubv1.hub import HubClient, Request, RequestBudget, Transport, throttle
from hubv1.hub.throttle import LONGEST_REST, Throttle, seconds_after_refusal, seconds_until_reset
from samples import VIA, with_client
from standin import Call, Catalog, Settings, Standin, faults
from standin.rules import Action, Proceed

SMALL, OTHER, MANY = (Repository("library", name) for name in ("small", "other", "many"))
HOUR = faults.rate_limited(3_600)


@pytest.fixture
def hub() -> Iterator[Standin]:
    catalog = Catalog()
    catalog.add("small", ["latest", "1"])
    catalog.add("other", ["latest"])
    catalog.add_generated("many", 450)
    with Standin(catalog, Settings(anonymous_offset=-1)) as running:
        yield running


def limited(**headers: str) -> Action:
    return faults.status(429, headers={name.replace("_", "-"): it for name, it in headers.items()})


def last_one(**headers: str) -> Action:
    """The right answer, and in its headers that it was the last."""

    async def act(request: web.Request, proceed: Proceed) -> web.StreamResponse:
        response = await proceed()
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        response.headers.update({"X-RateLimit-Remaining": "0"} | told)
        return response

    return act


async def attempt(asking: Awaitable[object]) -> int | None:
    """Seconds to wait where the rate is limited; None where there is an answer."""
    try:
        await asking
    except RateLimited as limit:
        return limit.seconds
    return None


def attempts(
    hub: Standin, *asking: Callable[[HubClient], Awaitable[object]], registry_url: str = ""
) -> list[int | None]:
    """The same of one after the other."""

    async def use(client: HubClient) -> list[int | None]:
        return [await attempt(each(client)) for each in asking]

    return with_client(hub.url, use, registry_url)


def tags(client: HubClient) -> Awaitable[object]:
    return client.tags(SMALL, RequestBudget())


def tag(client: HubClient) -> Awaitable[object]:
    return client.tag(SMALL, "1", RequestBudget())


def another(client: HubClient) -> Awaitable[object]:
    return client.tag_names(OTHER, RequestBudget())


def in_a_hurry(client: HubClient) -> Awaitable[object]:
    """Has no second to spare."""
    return client.tags(SMALL, RequestBudget(seconds=1.5))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SleepingClock:
    """What the throttle goes by."""
    made = SleepingClock()
    made.rule(monkeypatch, throttle)
    return made


@pytest.mark.parametrize("skew", [0, 7_000, -7_000])
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(lambda now: {"Retry_After": "1"}, id="seconds"),
        pytest.param(lambda now: {"Retry_After": formatdate(now + 1, usegmt=True)}, id="date"),
        pytest.param(lambda now: {"X_Retry_After": str(int(now) + 1)}, id="unix time"),
        pytest.param(lambda now: {"X_RateLimit_Reset": str(int(now) + 1)}, id="reset"),
    ],
)
def test_a_short_limit_is_waited_out(
    hub: Standin, clock: SleepingClock, headers: Callable[[float], dict[str, str]], skew: float
) -> None:
    hub.settings.clock_skew = skew
    hub.faults.add("/tags", limited(**headers(time.time() + skew)), times=1)
    assert attempts(hub, tags) == [None]
    assert len(hub.calls) == 2
    [slept] = clock.slept
    assert 1 <= slept <= 1.5


@pytest.mark.parametrize("skew", [0, 7_000, -7_000])
def test_a_long_limit_is_told_at_once_to_all_and_hub_is_left_alone(
    hub: Standin, clock: SleepingClock, skew: float
) -> None:
    hub.settings.clock_skew = skew
    hub.faults.add("/small/", HOUR, times=1)
    waits = attempts(hub, tags, tags, tag, another)
    assert clock.slept == []
    assert all(wait and 3_590 <= wait <= 3_601 for wait in waits)
    assert len(hub.calls) == 1


def test_a_limit_is_as_long_for_all_as_the_caller_is_patient(
    hub: Standin, clock: SleepingClock
) -> None:
    hub.faults.add("/tags", limited(Retry_After="1"), times=1)
    assert attempts(hub, in_a_hurry, in_a_hurry, tags) == [1, 1, None]
    assert len(hub.calls) == 2
    assert len(clock.slept) == 1


def test_once_the_time_is_over_hub_is_asked_again(hub: Standin, clock: SleepingClock) -> None:
    async def a_little_later(client: HubClient) -> None:
        clock.now += 1

    hub.faults.add("/tags", limited(Retry_After="1"), times=1)
    assert attempts(hub, in_a_hurry, a_little_later, in_a_hurry, another) == [1, None, None, None]
    assert len(hub.calls) == 3
    assert clock.slept == []


def test_who_is_told_that_nothing_is_left_asks_no_more_until_the_reset(
    hub: Standin, clock: SleepingClock
) -> None:
    hub.faults.add("/tags", last_one(X_RateLimit_Reset="1"), times=1)
    assert attempts(hub, in_a_hurry, in_a_hurry, another) == [None, 1, None]
    assert len(hub.calls) == 2
    [slept] = clock.slept
    assert 1 <= slept <= 1.5


def test_a_limit_that_is_counted_is_never_overstepped(hub: Standin, clock: SleepingClock) -> None:
    hub.settings.rate_limit, hub.settings.rate_window = 4, 8
    began = clock.now

    def pass_time(_: Call) -> None:
        hub.settings.clock_skew = clock.now - began

    hub.before_request(pass_time)
    assert attempts(hub, *[tags, another] * 6) == [None] * 12
    assert {call.status for call in hub.calls} == {200}
    assert clock.slept


@pytest.mark.parametrize(
    "reset", ["", "soon", "nan", "-5", "-inf", "0", "1", "1000000000", "Mon, 99 Foo", "\u0661"]
)
def test_a_reset_that_makes_no_sense_holds_nobody_up(
    hub: Standin, clock: SleepingClock, reset: str
) -> None:
    hub.faults.add("/tags", last_one(X_RateLimit_Reset=reset), times=1)
    assert attempts(hub, tags, tags) == [None, None]
    assert sum(clock.slept) <= 1.5


@pytest.mark.parametrize("reset", ["inf", "1e300", "99999999999", "9999999999999", "999999"])
def test_a_reset_beyond_all_windows_holds_up_for_no_more_than_one(hub: Standin, reset: str) -> None:
    hub.faults.add("/tags", last_one(X_RateLimit_Reset=reset), times=1)
    first, second = attempts(hub, tags, tags)
    assert first is None
    assert second is not None
    assert second <= 60


@pytest.mark.parametrize("seconds", [3_600, 86_400, 1e300, math.inf])
def test_no_limit_is_believed_for_longer_than_an_hour(seconds: float) -> None:
    async def playing() -> int | None:
        made = Throttle()
        made.pause("here", seconds)
        return await attempt(made.wait("here", RequestBudget()))

    assert asyncio.run(playing()) == LONGEST_REST


@pytest.mark.parametrize("seconds", [-1.0, 0.0, -math.inf])
def test_a_limit_that_is_over_stops_nobody(seconds: float) -> None:
    async def playing() -> int | None:
        made = Throttle()
        made.pause("here", seconds)
        return await attempt(made.wait("here", RequestBudget(seconds=0.1)))

    assert asyncio.run(playing()) is None


def test_a_shorter_limit_does_not_end_a_longer_one() -> None:
    async def playing() -> int | None:
        made = Throttle()
        made.pause("here", 100)
        made.pause("here", 1)
        return await attempt(made.wait("here", RequestBudget()))

    assert asyncio.run(playing()) == 100


def test_those_who_waited_for_the_same_moment_come_back_one_by_one(
    clock: SleepingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, slept = 50, list[float]()

    async def playing() -> None:
        all_sleep = asyncio.Event()

        async def sleep(seconds: float) -> None:
            slept.append(seconds)
            if len(slept) == number:
                clock.now += 10
                all_sleep.set()
            await all_sleep.wait()

        monkeypatch.setattr(clock, "sleep", sleep)
        clock.rule(monkeypatch, throttle)
        made = Throttle()
        made.pause("here", 3)
        await asyncio.gather(*(made.wait("here", RequestBudget()) for _ in range(number)))

    asyncio.run(playing())
    assert min(slept) >= 3
    assert max(slept) - min(slept) > 0.2
    assert max(after - before for before, after in pairwise(sorted(slept))) < 0.4


class TestOneHostAndAnother:
    def test_a_limit_of_the_registry_leaves_hub_to_answer(self, hub: Standin) -> None:
        hub.faults.add("/tags/list", HOUR, listener="registry")

        def names(client: HubClient) -> Awaitable[object]:
            return client.tag_names(MANY, RequestBudget())

        assert attempts(hub, names, names, registry_url=hub.registry_url) == [None, None]
        assert [call.listener for call in hub.calls].count("registry") == 1
        assert [call.listener for call in hub.calls].count("hub") == 10

    def test_a_limit_of_the_token_service_leaves_hub_to_answer(self, hub: Standin) -> None:
        hub.faults.add("/token", HOUR, listener="auth")

        def names(client: HubClient) -> Awaitable[object]:
            return client.tag_names(MANY, RequestBudget())

        assert attempts(hub, names, names, registry_url=hub.registry_url) == [None, None]
        assert [call.listener for call in hub.calls].count("auth") == 1

    def test_a_limit_of_hub_leaves_the_registry_to_ask(self, hub: Standin) -> None:
        async def playing() -> list[int | None]:
            transport = Transport(VIA, "tests")
            urls = [f"{hub.url}/v2/namespaces/library/repositories/small/tags"]
            urls += [f"{hub.registry_url}/v2/", urls[0]]
            try:
                return [
                    await attempt(transport.fetch(Request("GET", url), RequestBudget()))
                    for url in urls
                ]
            finally:
                await transport.close()

        hub.faults.add("/tags", HOUR, listener="hub")
        first, registry, second = asyncio.run(playing())
        assert first
        assert second
        assert registry is None
        assert [call.listener for call in hub.calls] == ["hub", "registry"]


def test_a_limit_in_the_middle_of_a_list_makes_it_no_shorter(
    hub: Standin, clock: SleepingClock
) -> None:
    hub.faults.add("page=3", limited(Retry_After="1"), times=1)
    found = with_client(hub.url, lambda client: client.tags(MANY, RequestBudget()))
    assert len(found) == 450
    hub.faults.add("page=3", HOUR)
    with pytest.raises(HubFailure):
        with_client(hub.url, lambda client: client.tags(MANY, RequestBudget()))


values = st.one_of(
    st.text(),
    st.text("0123456789+-.,:_eE infaGMTSunJ"),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(lambda moment: moment.strftime("%a, %d %b %Y %H:%M:%S GMT")),
)
names = st.sampled_from(
    ["X-Retry-After", "Retry-After", "X-RateLimit-Reset", "X-RateLimit-Remaining", "Date"]
)


@given(st.dictionaries(names, values))
def test_whatever_the_headers_say_a_wait_is_sound(headers: Mapping[str, str]) -> None:
    assert 1 <= seconds_after_refusal(headers) <= 86_400
    assert 0 <= seconds_until_reset({**headers, "X-RateLimit-Remaining": "0"}) <= 60
