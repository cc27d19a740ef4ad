"""Long lists of private repositories: what the registry is told of a caller, and who is not."""

import asyncio
from base64 import b64encode
from collections.abc import Iterator

import pytest

from hub.gate import Gate
from hubv1.calls import Result
from hubv1.hub import auth as module
from standin import Standin, faults
from visitors import (
    ACME,
    IMAGES,
    LOGIN,
    TAG,
    V1,
    Clock,
    Visitors,
    asked,
    authorizations,
    logins,
    members_only,
    of_listener,
    played,
)

MANY = f"{V1}/acme/many/tags"
LIST = "/v2/acme/many/tags/list"
BASIC = f"Basic {b64encode(b'acme:right').decode()}"


@pytest.fixture
def elsewhere() -> Iterator[Standin]:
    """Another server, which would answer and knows the same accounts."""
    with Standin(members_only()) as running:
        yield running


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "TTLCache", clock.cache)
    return clock


def is_whole(hub: Standin, result: Result) -> bool:
    names = hub.catalog["acme/many"].shelf.names
    return result.answer.status == 200 and result.answer.body.count(b'"name"') == len(names)


def test_the_realm_is_told_the_secret_and_the_registry_only_its_own_token(hub: Standin) -> None:
    result = asked(hub, MANY, ACME)
    assert is_whole(hub, result)
    assert (result.source, result.upstream_calls) == ("registry", 5)
    assert [call.listener for call in hub.calls] == ["hub", "hub", "registry", "auth", "registry"]
    assert authorizations(hub.calls) == ["", "Bearer", "", "Basic", "Bearer"]
    _, at_hub, _, at_realm, at_registry = (call.headers.get("authorization") for call in hub.calls)
    assert at_realm == BASIC
    assert at_registry != at_hub


def test_a_realm_on_another_host_is_told_nothing(hub: Standin, elsewhere: Standin) -> None:
    realm = elsewhere.auth_url.replace("127.0.0.1", "localhost") + "/token"
    header = {"WWW-Authenticate": f'Bearer realm="{realm}",service="registry.docker.io"'}
    hub.faults.add(LIST, faults.status(401, headers=header), listener="registry")
    result = asked(hub, MANY, ACME)
    assert is_whole(hub, result)
    assert result.source == "hub"
    assert elsewhere.calls == []


def test_a_realm_is_told_nothing_where_hub_did_not_let_the_caller_in(hub: Standin) -> None:
    hub.faults.add(LOGIN, faults.status(401))
    assert asked(hub, MANY, ACME).answer.status == 401
    assert len(hub.calls) == 1


class TestARealmThatRejectsASecret:
    @pytest.mark.parametrize("status", [401, 403])
    def test_it_is_not_asked_again_with_it(self, hub: Standin, status: int) -> None:
        hub.faults.add("/token", faults.status(status), listener="auth")

        async def again(visitors: Visitors) -> list[Result]:
            return [await visitors.ask(MANY, ACME) for _ in range(5)]

        results = played(hub, again)
        assert all(is_whole(hub, result) for result in results)
        assert {result.source for result in results} == {"hub"}
        assert len(of_listener(hub, "auth")) == logins(hub) == 1

    def test_nor_for_many_lists_at_once(self, hub: Standin) -> None:
        hub.faults.add("/token", faults.latency(0.05), listener="auth")
        hub.faults.add("/token", faults.status(401), listener="auth")
        for number in range(10):
            hub.catalog.add_generated(f"acme/m{number}", 450, private=True)

        async def at_once(visitors: Visitors) -> list[Result]:
            paths = (f"{V1}/acme/m{number}/tags" for number in range(10))
            return await asyncio.gather(*(visitors.ask(path, ACME) for path in paths))

        assert all(is_whole(hub, result) for result in played(hub, at_once))
        assert len(of_listener(hub, "auth")) == 1

    def test_ten_minutes_later_it_is(self, hub: Standin, clock: Clock) -> None:
        hub.faults.add("/token", faults.status(401), listener="auth", times=1)

        async def later(visitors: Visitors) -> list[str]:
            sources = []
            for seconds in (0, 599, 2):
                clock.now += seconds
                sources.append((await visitors.ask(MANY, ACME)).source)
            return sources

        assert played(hub, later) == ["hub", "hub", "registry"]

    def test_others_still_get_its_tokens(self, hub: Standin) -> None:
        hub.faults.add("/token", faults.status(401), listener="auth", times=1)

        async def both(visitors: Visitors) -> list[str]:
            rejected = await visitors.ask(MANY, ACME)
            return [rejected.source, (await visitors.ask(f"{V1}/many/tags")).source]

        assert played(hub, both) == ["hub", "registry"]

    def test_others_do_not_wait_where_it_has_locked_one_user(self, hub: Standin) -> None:
        hub.faults.add("/token", faults.status(429), listener="auth", times=1)

        async def both(visitors: Visitors) -> list[int]:
            locked = await visitors.ask(MANY, ACME)
            return [locked.answer.status, (await visitors.ask(f"{V1}/many/tags")).answer.status]

        assert played(hub, both) == [200, 200]


def test_many_lists_at_once_are_all_read_from_the_registry(hub: Standin) -> None:
    for number in range(20):
        hub.catalog.add_generated(f"acme/m{number}", 450, private=True)

    async def at_once(visitors: Visitors) -> list[Result]:
        paths = (f"{V1}/acme/m{number}/tags" for number in range(20))
        return await asyncio.gather(*(visitors.ask(path, ACME) for path in paths))

    # The first shows that the secret is right; of the others none is answered alone.
    hub.faults.add("/token", Gate(5), listener="auth", skip=1)
    results = played(hub, at_once)
    assert {result.source for result in results} == {"registry"}
    assert len(of_listener(hub, "auth")) == 20


class TestRedirects:
    """Whoever answers 302, nothing reaches the place that it names."""

    @pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize(
        ("listener", "match", "path"),
        [("hub", LOGIN, TAG), ("hub", "/app/tags", TAG), ("hub", "/app/tags", IMAGES)],
    )
    def test_of_hub_are_a_502(
        self, hub: Standin, elsewhere: Standin, listener: str, match: str, path: str, code: int
    ) -> None:
        hub.faults.add(match, faults.redirect(elsewhere.url + LOGIN, code), listener=listener)
        result = asked(hub, path, ACME)
        assert (result.answer.status, result.error_type) == (502, "nonsense")
        assert elsewhere.calls == []

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    @pytest.mark.parametrize(
        ("listener", "match"), [("registry", LIST), ("auth", "/token")], ids=["list", "realm"]
    )
    def test_of_registry_and_realm_leave_hub_to_answer(
        self, hub: Standin, elsewhere: Standin, listener: str, match: str, host: str
    ) -> None:
        there = elsewhere.auth_url.replace("127.0.0.1", host)
        hub.faults.add(match, faults.redirect(f"{there}/token"), listener=listener)
        result = asked(hub, MANY, ACME)
        assert is_whole(hub, result)
        assert result.source == "hub"
        assert elsewhere.calls == []

    @pytest.mark.parametrize(
        ("listener", "match"),
        [("hub", LOGIN), ("hub", "/many/tags"), ("registry", LIST), ("auth", "/token")],
    )
    def test_nor_are_they_followed_where_they_come_after_a_500(
        self, hub: Standin, elsewhere: Standin, listener: str, match: str
    ) -> None:
        hub.faults.add(match, faults.status(500), listener=listener, times=1)
        hub.faults.add(match, faults.redirect(elsewhere.url + LOGIN, 307), listener=listener)
        result = asked(hub, MANY, ACME)
        assert result.answer.status == (502 if listener == "hub" else 200)
        assert elsewhere.calls == []
