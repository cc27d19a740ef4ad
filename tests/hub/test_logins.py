"""v1's Basic credentials become a Hub token: one login for many calls, and few for wrong ones."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from hubv1.calls import Result
from hubv1.hub import auth as module
from hubv1.hub.credentials import ANONYMOUS, Basic, Bearer
from standin import Call, Standin, faults
from standin.rules import Action, Proceed
from visitors import (
    ACME,
    IMAGES,
    JOE,
    LOGIN,
    TAG,
    TAGS,
    V1,
    WRONG,
    Clock,
    Visitors,
    asked,
    authorizations,
    is_challenge,
    logins,
    played,
)

SEVERAL = f"{V1}/acme/several"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Minutes that pass at once, for what a bridge remembers of logins."""
    clock = Clock()
    monkeypatch.setattr(module, "TTLCache", clock.cache)
    return clock


def noting(bodies: list[Any]) -> Action:
    async def act(request: web.Request, proceed: Proceed) -> web.StreamResponse:
        bodies.append((request.content_type, await request.json()))
        return await proceed()

    return act


@pytest.mark.parametrize("path", [TAGS, TAG, IMAGES])
def test_the_owner_gets_a_private_repository_through_one_login(hub: Standin, path: str) -> None:
    bodies: list[Any] = []
    hub.faults.add(LOGIN, noting(bodies))
    result = asked(hub, path, ACME)
    assert (result.answer.status, result.upstream_calls, result.source) == (200, 2, "hub")
    assert bodies == [("application/json", {"identifier": "acme", "secret": "right"})]
    assert [(call.method, call.listener) for call in hub.calls] == [("POST", "hub"), ("GET", "hub")]
    assert authorizations(hub.calls) == ["", "Bearer"]


def test_nobody_else_sees_it(hub: Standin) -> None:
    async def each(visitors: Visitors) -> list[int]:
        return await visitors.statuses(TAGS, Bearer("x.y.z"), WRONG, JOE, ANONYMOUS)

    assert played(hub, each) == [401, 401, 404, 404]


def test_the_token_is_kept_for_later_calls(hub: Standin) -> None:
    async def three(visitors: Visitors) -> list[int]:
        return [(await visitors.ask(path, ACME)).answer.status for path in (TAGS, TAG, IMAGES)]

    assert played(hub, three) == [200] * 3
    assert logins(hub) == 1


def test_200_calls_for_different_things_at_once_take_one_login(hub: Standin) -> None:
    for number in range(200):
        hub.catalog.add(f"acme/r{number}", ["latest"], private=True)

    async def at_once(visitors: Visitors) -> list[Result]:
        paths = (f"{V1}/acme/r{number}/tags/latest" for number in range(200))
        return await asyncio.gather(*(visitors.ask(path, ACME) for path in paths))

    assert {result.answer.status for result in played(hub, at_once)} == {200}
    assert (logins(hub), len(hub.calls)) == (1, 201)


def test_each_user_has_a_token_of_its_own(hub: Standin) -> None:
    hub.catalog.add("joe/app", ["latest"], private=True)

    async def both(visitors: Visitors) -> list[list[int]]:
        paths = (TAGS, f"{V1}/joe/app/tags")
        return [await visitors.statuses(path, ACME, JOE) for path in paths]

    assert played(hub, both) == [[200, 404], [404, 200]]
    assert logins(hub) == 2


def test_a_token_is_used_for_nine_minutes(hub: Standin, clock: Clock) -> None:
    async def later(visitors: Visitors) -> list[int]:
        counts = []
        for seconds in (0, module.TOKEN_SECONDS - 1, 2):
            clock.now += seconds
            assert (await visitors.ask(TAGS, ACME)).answer.status == 200
            counts.append(logins(hub))
        return counts

    assert module.TOKEN_SECONDS == 540
    assert played(hub, later) == [1, 1, 2]


def test_a_token_that_was_revoked_is_renewed_by_one_login(hub: Standin) -> None:
    async def before_and_after(visitors: Visitors) -> list[int]:
        before = await visitors.ask(TAGS, ACME)
        hub.expire_tokens()
        paths = [TAGS, TAG, IMAGES] * 10
        after = await asyncio.gather(*(visitors.ask(path, ACME) for path in paths))
        return [result.answer.status for result in (before, *after)]

    assert set(played(hub, before_and_after)) == {200}
    assert logins(hub) == 2


@pytest.mark.parametrize("page", [1, 2, 4])
@pytest.mark.parametrize("path", [f"{SEVERAL}/tags", f"{SEVERAL}/images"])
def test_a_token_that_ends_in_the_middle_of_a_list_leaves_the_list_complete(
    hub: Standin, path: str, page: int
) -> None:
    whole = asked(hub, path, ACME).answer
    hub.forget_calls()
    ended: list[str] = []

    def end(call: Call) -> None:
        if call.path.endswith(f"&page={page}") and not ended:
            ended.append(call.path)
            hub.expire_tokens()

    hub.before_request(end)
    assert asked(hub, path, ACME).answer == whole
    assert ended
    assert logins(hub) == 2


def test_a_rejected_login_is_v1s_401_and_the_secret_is_not_tried_again(hub: Standin) -> None:
    async def again_and_again(visitors: Visitors) -> list[Result]:
        return [await visitors.ask(path, WRONG) for path in (TAGS, TAGS, TAG, IMAGES)]

    results = played(hub, again_and_again)
    assert all(is_challenge(result) for result in results)
    assert results[0].error == "Docker Hub rejected this user or secret"
    assert {result.error_type for result in results} == {"unauthorized"}
    assert {result.error for result in results[1:]} == {"Docker Hub rejected this secret before"}
    assert len(hub.calls) == logins(hub) == 1


@pytest.mark.parametrize("status", [400, 401, 403])
def test_whatever_way_hub_rejects_a_login_it_is_a_401(hub: Standin, status: int) -> None:
    hub.faults.add(LOGIN, faults.status(status, {"message": "no right"}))
    result = asked(hub, TAGS, ACME)
    assert is_challenge(result)
    assert "right" not in result.error
    assert len(hub.calls) == 1


def test_a_rejected_secret_is_tried_again_after_ten_minutes(hub: Standin, clock: Clock) -> None:
    async def before_and_after(visitors: Visitors) -> list[int]:
        statuses = await visitors.statuses(TAGS, WRONG)
        hub.catalog.accounts["acme"] = WRONG.secret
        for seconds in (module.LOCKED_SECONDS - 1, 2):
            clock.now += seconds
            statuses += await visitors.statuses(TAGS, WRONG)
        return statuses

    assert played(hub, before_and_after) == [401, 401, 200]
    assert logins(hub) == 2


class TestTooManySecrets:
    def spelled(self, count: int) -> list[Basic]:
        """Wrong secrets of one user, whose name is written in many ways."""
        names = ("acme", "ACME", "Acme", "aCmE")
        return [Basic(names[number % 4], f"wrong {number}") for number in range(count)]

    def test_after_three_no_further_one_is_tried(self, hub: Standin) -> None:
        async def one_by_one(visitors: Visitors) -> list[Result]:
            return [await visitors.ask(TAGS, given) for given in (*self.spelled(10), ACME)]

        results = played(hub, one_by_one)
        assert all(is_challenge(result) for result in results)
        assert [result.upstream_calls for result in results] == [1, 1, 1] + [0] * 8
        assert "3 secrets of this user" in results[-1].error
        assert logins(hub) == 3

    def test_nor_where_50_come_at_once(self, hub: Standin) -> None:
        async def at_once(visitors: Visitors) -> list[Result]:
            return await asyncio.gather(*(visitors.ask(TAGS, each) for each in self.spelled(50)))

        hub.faults.add(LOGIN, faults.latency(0.05))
        assert all(is_challenge(result) for result in played(hub, at_once))
        assert logins(hub) == 3

    def test_the_secret_that_hub_took_before_still_is(self, hub: Standin, clock: Clock) -> None:
        async def in_between(visitors: Visitors) -> list[int]:
            statuses = await visitors.statuses(TAGS, ACME, *self.spelled(5), ACME)
            clock.now += module.TOKEN_SECONDS + 1
            return statuses + await visitors.statuses(TAGS, ACME, *self.spelled(5))

        hub.settings.failed_logins = 0
        assert played(hub, in_between) == [200, *[401] * 5, 200, 200, *[401] * 5]
        assert logins(hub) == 5

    def test_ten_minutes_later_another_is_tried(self, hub: Standin, clock: Clock) -> None:
        async def later(visitors: Visitors) -> list[int]:
            statuses = await visitors.statuses(TAGS, *self.spelled(3), ACME)
            clock.now += module.LOCKED_SECONDS + 1
            return statuses + await visitors.statuses(TAGS, ACME)

        assert played(hub, later) == [401, 401, 401, 401, 200]

    def test_other_users_are_not_affected(self, hub: Standin) -> None:
        async def after(visitors: Visitors) -> list[int]:
            return await visitors.statuses(f"{V1}/debian/tags", *self.spelled(5), JOE)

        assert played(hub, after)[-1] == 200


def test_a_name_that_hub_has_locked_is_told_to_wait_and_others_are_not(hub: Standin) -> None:
    hub.settings.failed_logins = 2
    hub.settings.rate_window = 1e9  # the lock says nothing of its end, and this must not seem to

    async def locked(visitors: Visitors) -> list[Result]:
        await visitors.statuses(TAGS, WRONG, Basic("acme", "wrong too"))
        public = f"{V1}/debian/tags"
        owner = [await visitors.ask(path, ACME) for path in (TAGS, TAG)]
        return [*owner, *[await visitors.ask(public, given) for given in (JOE, ANONYMOUS)]]

    first, second, *others = played(hub, locked)
    for result in (first, second):
        assert (result.answer.status, result.error_type) == (429, "rate_limited")
        assert int(dict(result.answer.headers)["Retry-After"]) > 10
    assert [result.answer.status for result in others] == [200, 200]
    assert logins(hub) == 4  # two wrong, one locked, and joe's


def test_a_locked_name_is_not_tried_again_when_hub_counts_calls_anew(hub: Standin) -> None:
    rates = {"X-RateLimit-Remaining": "170", "X-RateLimit-Reset": "1"}  # in a second, that is
    hub.faults.add(LOGIN, faults.status(429, headers=rates))
    assert asked(hub, TAGS, ACME).answer.status == 429
    assert logins(hub) == 1
