"""One of Docker's hosts is enough: a list of names that Hub cannot give comes from the registry."""

import pytest

from hubv1.calls import Limits, Result
from hubv1.hub import HubClient, Transport
from hubv1.hub.credentials import ANONYMOUS, Basic, Bearer, Credentials
from samples import VIA
from standin import Standin, faults
from standin.rules import Action
from visitors import (
    ACME,
    IMAGES,
    JOE,
    LOGIN,
    TAG,
    TAGS,
    V1,
    WRONG,
    Visitors,
    asked,
    authorizations,
    logins,
    of_listener,
    played,
)

DEBIAN = f"{V1}/debian/tags"
BYTES = b'[{"layer": "", "name": "latest"}, {"layer": "", "name": "12"}]'
DOWN = [
    pytest.param(faults.status(500), id="500"),
    pytest.param(faults.html(503), id="503"),
    pytest.param(faults.drop(), id="closed"),
]


def fails(hub: Standin, action: Action, match: str = "/") -> None:
    hub.faults.add(match, action, listener="hub")


def is_from_registry(result: Result, tags: int) -> bool:
    return (result.answer.status, result.source, result.tags_listed) == (200, "registry", tags)


def a_client(url: str, registry_url: str) -> HubClient:
    return HubClient(url, registry_url, Transport(VIA, "tests"))


class TestWhereHubIsDown:
    @pytest.mark.parametrize("action", DOWN)
    def test_the_names_come_from_the_registry_byte_for_byte(
        self, hub: Standin, action: Action
    ) -> None:
        fails(hub, action)
        result = asked(hub, DEBIAN)
        assert is_from_registry(result, 2)
        assert result.answer.body == BYTES
        assert result.error == ""

    def test_hub_has_been_tried_as_often_as_ever_before(self, hub: Standin) -> None:
        fails(hub, faults.status(500))
        result = asked(hub, DEBIAN)
        assert [call.listener for call in hub.calls] == [
            *["hub"] * 4,
            "registry",
            "auth",
            "registry",
        ]
        assert result.upstream_calls == len(hub.calls)

    def test_nor_is_a_hub_needed_that_listens(self, hub: Standin) -> None:
        async def without_hub(visitors: Visitors) -> Result:
            visitors.client = a_client("http://127.0.0.1:1", hub.registry_url)
            return await visitors.ask(DEBIAN)

        assert is_from_registry(played(hub, without_hub), 2)

    @pytest.mark.parametrize("tags", [450, 15_590])
    def test_however_long_the_list_is(self, hub: Standin, tags: int) -> None:
        hub.catalog.add_generated("library/long", tags)
        fails(hub, faults.status(500))
        result = asked(hub, f"{V1}/long/tags")
        assert is_from_registry(result, tags)
        assert result.answer.body.count(b'"name"') == tags

    @pytest.mark.parametrize("page", [2, 4])
    def test_also_where_it_goes_down_between_two_pages(self, hub: Standin, page: int) -> None:
        fails(hub, faults.status(500), f"&page={page}$")
        assert is_from_registry(asked(hub, f"{V1}/acme/several/tags", ACME), 350)

    def test_a_list_shorter_than_hub_counted_is_not_taken(self, hub: Standin) -> None:
        fails(hub, faults.status(500), "&page=2$")
        hub.faults.add("/tags/list", faults.status(200, {"tags": ["1", "2"]}), listener="registry")
        result = asked(hub, f"{V1}/acme/several/tags", ACME)
        assert (result.answer.status, result.error_type) == (502, "unreachable")

    @pytest.mark.parametrize("deadline", [0.9, 3])
    def test_a_hub_that_says_nothing_leaves_time_for_it(
        self, hub: Standin, deadline: float
    ) -> None:
        fails(hub, faults.hang())
        assert is_from_registry(asked(hub, DEBIAN, terms=Limits(deadline)), 2)

    @pytest.mark.parametrize("path", [TAG, IMAGES])
    def test_what_only_hub_knows_stays_a_502(self, hub: Standin, path: str) -> None:
        fails(hub, faults.status(500), "/tags")
        result = asked(hub, path, ACME)
        assert (result.answer.status, result.error_type) == (502, "unreachable")
        assert of_listener(hub, "registry") == []

    def test_without_a_registry_it_is_told_as_ever(self, hub: Standin) -> None:
        async def without(visitors: Visitors) -> Result:
            visitors.client = a_client(hub.url, "")
            return await visitors.ask(DEBIAN)

        fails(hub, faults.status(500))
        result = played(hub, without)
        assert (result.answer.status, result.error_type) == (502, "unreachable")

    def test_where_the_registry_fails_too_it_is_hubs_trouble_that_is_told(
        self, hub: Standin
    ) -> None:
        hub.faults.add("/", faults.status(500))
        result = asked(hub, DEBIAN)
        assert (result.answer.status, result.error_type) == (502, "unreachable")
        assert hub.url in result.error


class TestWhoMaySee:
    def test_a_private_list_is_had_with_the_callers_own_credentials(self, hub: Standin) -> None:
        fails(hub, faults.status(500))
        result = asked(hub, TAGS, ACME)
        assert is_from_registry(result, 3)
        signed = [call for call in hub.calls if "authorization" in call.headers]
        assert [call.listener for call in signed] == ["auth", "registry"]
        assert authorizations(signed) == ["Basic", "Bearer"]

    @pytest.mark.parametrize("given", [ANONYMOUS, JOE, WRONG, Bearer("x.y.z")])
    def test_nobody_else_gets_it_and_nobody_is_told_that_it_is_absent(
        self, hub: Standin, given: Credentials
    ) -> None:
        fails(hub, faults.status(500))
        result = asked(hub, TAGS, given, account=ACME)
        assert (result.answer.status, result.error_type) == (502, "unreachable")

    def test_the_account_of_the_bridge_is_not_told_to_the_registry(self, hub: Standin) -> None:
        fails(hub, faults.status(500))
        assert is_from_registry(asked(hub, DEBIAN, account=ACME), 2)
        assert "Basic" not in authorizations(hub.calls)

    def test_a_users_secrets_are_tried_there_no_more_often_than_at_hub(self, hub: Standin) -> None:
        fails(hub, faults.status(500))

        async def guessing(visitors: Visitors) -> None:
            for number in range(8):
                await visitors.ask(TAGS, Basic("acme", f"guess {number}"))

        played(hub, guessing)
        assert len(of_listener(hub, "auth")) == 3


class TestAPersonalAccessTokenThatHubRefuses:
    @pytest.mark.parametrize("match", ["/tags", LOGIN])
    def test_opens_the_list_at_the_registry(self, hub: Standin, match: str) -> None:
        fails(hub, faults.no_personal_tokens(), match)
        assert is_from_registry(asked(hub, TAGS, ACME), 3)

    def test_is_not_signed_in_again_for_each_call(self, hub: Standin) -> None:
        fails(hub, faults.no_personal_tokens(), LOGIN)

        async def five(visitors: Visitors) -> list[int]:
            return await visitors.statuses(TAGS, *[ACME] * 5)

        assert played(hub, five) == [200] * 5
        assert logins(hub) == 1

    @pytest.mark.parametrize("path", [TAG, IMAGES])
    def test_is_a_403_for_what_only_hub_knows(self, hub: Standin, path: str) -> None:
        fails(hub, faults.no_personal_tokens(), "/tags")
        result = asked(hub, path, ACME)
        assert (result.answer.status, result.error_type) == (403, "forbidden")
        assert "personal access token" in result.error

    def test_any_other_403_is_hubs_last_word(self, hub: Standin) -> None:
        fails(hub, faults.status(403, {"message": "access to the resource is forbidden"}), "/tags")
        result = asked(hub, TAGS, ACME)
        assert (result.answer.status, result.error_type) == (403, "forbidden")
        assert of_listener(hub, "registry") == []


@pytest.mark.parametrize(
    ("action", "status"),
    [
        pytest.param(faults.status(401), 401, id="401"),
        pytest.param(faults.status(404), 404, id="404"),
        pytest.param(faults.rate_limited(3_600), 429, id="429"),
        pytest.param(faults.html(), 502, id="html"),
    ],
)
@pytest.mark.parametrize("times_down", [0, 2])
def test_where_hub_has_answered_the_registry_is_not_asked(
    hub: Standin, action: Action, status: int, times_down: int
) -> None:
    hub.faults.add("/tags", faults.status(500), listener="hub", times=times_down)
    fails(hub, action, "/tags")
    assert asked(hub, DEBIAN).answer.status == status
    assert of_listener(hub, "registry") == []


class TestAnOldAnswer:
    def test_comes_after_the_registry(self, hub: Standin) -> None:
        async def before_and_after(visitors: Visitors) -> list[str]:
            await visitors.ask(DEBIAN)
            visitors.cache._seconds = 0  # it is old at once
            fails(hub, faults.status(500))
            fresh = await visitors.ask(DEBIAN)
            hub.faults.add("/tags/list", faults.status(500), listener="registry")
            return [fresh.source, fresh.cache, (await visitors.ask(DEBIAN)).cache]

        assert played(hub, before_and_after, ttl=60) == ["registry", "bypass", "stale"]

    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_is_not_shown_once_the_registry_has_refused_the_caller(
        self, hub: Standin, status: int
    ) -> None:
        async def withdrawn(visitors: Visitors) -> list[str]:
            await visitors.ask(TAGS, ACME)
            await visitors.ask(IMAGES, ACME)
            visitors.cache._seconds = 0
            fails(hub, faults.status(500))
            hub.faults.add("/token", faults.status(status), listener="auth")
            return [(await visitors.ask(path, ACME)).cache for path in (TAGS, IMAGES)]

        assert "stale" not in played(hub, withdrawn, ttl=60)
