"""A login that lies, fails or says nothing, and credentials that cannot be right."""

import asyncio
from base64 import b64encode

import pytest

from hub.gate import until
from hubv1.calls import Result
from hubv1.hub import auth as module
from hubv1.hub.credentials import Bearer, Credentials, read_credentials
from standin import Call, Held, Standin, faults
from standin.rules import Action
from visitors import (
    ACME,
    IMAGES,
    LOGIN,
    TAG,
    TAGS,
    V1,
    WRONG,
    Clock,
    Visitors,
    asked,
    is_challenge,
    logins,
    played,
)

CALLS = 10


def token(text: object) -> Action:
    return faults.status(200, {"access_token": text})


async def ten_calls(visitors: Visitors) -> list[Result]:
    return [await visitors.ask(TAGS, ACME) for _ in range(CALLS)]


def is_problem(result: Result, error_type: str) -> bool:
    return (result.answer.status, result.error_type) == (502, error_type)


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param(faults.html(), id="html"),
        pytest.param(faults.empty(), id="empty"),
        pytest.param(faults.broken_json(), id="broken json"),
        pytest.param(faults.status(200, {}), id="no token"),
        pytest.param(faults.status(200, {"token": "x.y.z"}), id="another name"),
        pytest.param(faults.status(200, b"\xff\xfe"), id="no text"),
        pytest.param(token(None), id="null"),
        pytest.param(token(5), id="a number"),
        pytest.param(token(""), id="empty token"),
        pytest.param(token("x\r\nX-More: 1"), id="line break"),
        pytest.param(token("x\n"), id="line break at the end"),
        pytest.param(token("two words"), id="blank"),
        pytest.param(token("é"), id="no ascii"),
        pytest.param(token("x" * 10_000_000), id="10 MB"),
        pytest.param(faults.status(404), id="404"),
        pytest.param(faults.html(404), id="404 in html"),
        pytest.param(faults.status(410), id="410"),
        pytest.param(faults.redirect("/v2/users/login"), id="redirect"),
        pytest.param(faults.status(204), id="204"),
    ],
)
def test_a_login_that_gives_no_token_is_a_502_and_asked_once_for_each_call(
    hub: Standin, lie: Action
) -> None:
    hub.faults.add(LOGIN, lie, times=CALLS)

    async def until_it_is_well(visitors: Visitors) -> list[Result]:
        return [*await ten_calls(visitors), await visitors.ask(TAGS, ACME)]

    *failed, well = played(hub, until_it_is_well)
    assert all(is_problem(result, "nonsense") for result in failed)
    assert all(len(result.error) < 300 for result in failed)
    assert well.answer.status == 200
    assert logins(hub) == CALLS + 1


def test_a_login_that_fails_is_tried_once_more(hub: Standin) -> None:
    hub.faults.add(LOGIN, faults.status(503), times=1)
    result = asked(hub, TAGS, ACME)
    assert (result.answer.status, logins(hub)) == (200, 2)


def test_a_login_that_always_fails_is_a_502_and_rejects_nobody(hub: Standin) -> None:
    hub.faults.add(LOGIN, faults.status(503), times=2)

    async def twice(visitors: Visitors) -> list[Result]:
        return [await visitors.ask(TAG, ACME) for _ in range(2)]

    failed, well = played(hub, twice)
    assert is_problem(failed, "unreachable")
    assert well.answer.status == 200


class TestATokenThatHubRefuses:
    def test_it_is_a_401_and_two_logins_however_many_calls(self, hub: Standin) -> None:
        hub.faults.add(LOGIN, token("x.y.z"))
        results = played(hub, ten_calls)
        assert all(is_challenge(result) for result in results)
        assert logins(hub) == 2

    def test_nor_do_many_calls_at_once_take_many_logins(self, hub: Standin) -> None:
        hub.faults.add(LOGIN, token("x.y.z"))

        async def at_once(visitors: Visitors) -> list[Result]:
            paths = (f"{V1}/acme/app/tags/{number}" for number in range(50))
            return await asyncio.gather(*(visitors.ask(path, ACME) for path in paths))

        assert all(is_challenge(result) for result in played(hub, at_once))
        assert logins(hub) <= 3

    def test_the_next_call_succeeds_once_hub_is_well(self, hub: Standin) -> None:
        hub.faults.add("/app/tags", faults.status(401), times=CALLS)

        async def until_it_is_well(visitors: Visitors) -> list[int]:
            return await visitors.statuses(TAGS, *[ACME] * CALLS)

        statuses = played(hub, until_it_is_well)
        assert statuses[0] == 401
        assert statuses[-1] == 200
        assert logins(hub) == 2

    def test_one_repository_that_is_refused_does_not_close_the_others(self, hub: Standin) -> None:
        hub.faults.add("/debian/", faults.status(401))

        async def in_turns(visitors: Visitors) -> list[int]:
            paths = [f"{V1}/debian/tags", TAGS] * 3
            return [(await visitors.ask(path, ACME)).answer.status for path in paths]

        assert played(hub, in_turns) == [401, 200] * 3
        assert logins(hub) == 2

    def test_a_minute_later_it_is_signed_in_anew(
        self, hub: Standin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = Clock()
        monkeypatch.setattr(module, "TTLCache", clock.cache)
        hub.faults.add(LOGIN, token("x.y.z"), times=2)

        async def later(visitors: Visitors) -> list[int]:
            statuses = await visitors.statuses(TAGS, ACME, ACME)
            clock.now += module.REFUSED_SECONDS + 1
            return statuses + await visitors.statuses(TAGS, ACME)

        assert played(hub, later) == [401, 401, 200]
        assert logins(hub) == 3


class TestALoginThatIsSlow:
    def test_a_token_that_is_kept_does_not_wait_for_the_login_of_another_secret(
        self, hub: Standin
    ) -> None:
        async def meanwhile(visitors: Visitors) -> list[int]:
            await visitors.ask(TAGS, ACME)
            hub.faults.add(LOGIN, faults.hang())
            slow = asyncio.ensure_future(visitors.ask(TAGS, WRONG))
            await until(lambda: logins(hub) == 2)
            async with asyncio.timeout(2):
                statuses = await visitors.statuses(TAG, ACME)
            slow.cancel()
            return statuses

        assert played(hub, meanwhile) == [200]

    def test_a_secret_whose_caller_left_is_not_tried_again_once_it_is_rejected(
        self, hub: Standin
    ) -> None:
        held = Held()
        hub.faults.add(LOGIN, held)

        async def leaving(visitors: Visitors) -> Result:
            for _ in range(3):
                left = asyncio.ensure_future(visitors.ask(TAGS, WRONG))
                await until(lambda: logins(hub) > 0)
                left.cancel()
                await asyncio.wait([left])
            held.release()
            await until(lambda: all(call.status for call in hub.calls))
            return await visitors.ask(TAGS, WRONG)

        assert is_challenge(played(hub, leaving))
        assert logins(hub) == 1


def basic(text: str) -> str:
    return f"Basic {b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !!!",
        "Basic YWNtZTpyaWdodA",  # its padding is missing
        "Basic YWNtZTpyaWdodA==, Basic am9lOmdlaGVpbQ==",
        basic("acme"),
        basic("acme:"),
        basic(":right"),
        basic("acme:" + "x" * 8_200),
        "Bearer",
        "Bearer two words",
        "Bearer x\x7fy",
        "Bearer a.b.c, Bearer d.e.f",
        "Bearer " + "x" * 8_200,
    ],
)
@pytest.mark.parametrize("path", [TAGS, TAG, IMAGES, f"{V1}/debian/tags"])
def test_credentials_that_cannot_be_right_are_a_401_that_hub_does_not_hear_of(
    hub: Standin, header: str, path: str
) -> None:
    result = asked(hub, path, read_credentials(header))
    assert is_challenge(result)
    assert (result.error_type, result.upstream_calls) == ("unauthorized", 0)
    assert hub.calls == []


def hubs_own_token(hub: Standin) -> Bearer:
    """A token that a caller has from Hub."""
    seen: list[Call] = []
    hub.before_request(seen.append)
    assert asked(hub, TAGS, ACME).answer.status == 200
    hub.forget_calls()
    return Bearer(seen[-1].headers["authorization"].removeprefix("Bearer "))


@pytest.mark.parametrize("path", [TAGS, TAG, IMAGES])
def test_a_callers_token_goes_to_hub_exactly_as_it_is(hub: Standin, path: str) -> None:
    given = hubs_own_token(hub)
    result = asked(hub, path, given)
    assert (result.answer.status, result.upstream_calls) == (200, 1)
    (call,) = hub.calls
    assert call.headers["authorization"] == f"Bearer {given.token}"


def test_a_callers_token_goes_to_hub_alone(hub: Standin) -> None:
    given = hubs_own_token(hub)
    for name, source in (("acme/many", "hub"), ("library/many", "registry")):
        assert asked(hub, f"{V1}/{name}/tags", given).source == source
    assert {call.listener for call in hub.calls} == {"hub", "registry", "auth"}
    for call in hub.calls:
        assert (given.token in str(call.headers)) == (call.listener == "hub")
        assert given.token not in call.path


@pytest.mark.parametrize("given", [Bearer("x.y.z"), Bearer("expired")])
def test_a_callers_token_that_hub_refuses_is_a_401(hub: Standin, given: Credentials) -> None:
    result = asked(hub, TAGS, given)
    assert is_challenge(result)
    assert result.error == "unauthorized"
    assert len(hub.calls) == 1
