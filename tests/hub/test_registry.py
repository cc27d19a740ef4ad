"""Long lists of names: from the registry where it helps, from Hub's pages where it does not."""

import asyncio
import gc
import logging
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from aiohttp import web

from hub.gate import until
from hubv1.api.names import Repository
from hubv1.api.v2 import Incomplete, NotFound, Unauthorized
from hubv1.hub import Basic, HubClient, RequestBudget
from samples import with_client
from standin import Catalog, Settings, Standin, bodies, faults
from standin.rules import Action, Proceed

MANY = Repository("library", "many")
LIST = "/v2/library/many/tags/list"
NOWHERE = "http://127.0.0.1:1"
HUB_CAN, HUB_CANNOT = 450, 1_100
"""Sizes beyond four pages, before and behind the end of anonymous paging."""
HUBS_PAGES = 5

Trouble = tuple[str, Action, str]
"""Listener, what goes wrong there, and what the log says of it."""

TAGS_LIST: dict[str, Trouble] = {
    "500": ("registry", faults.status(500), "answered 500"),
    "429": ("registry", faults.rate_limited(50), "limits the rate"),
    "404": ("registry", faults.status(404), "status 404"),
    "closed": ("registry", faults.drop(), "no answer from"),
    "cut": ("registry", bodies.cut(), "no answer from"),
    "html": ("registry", faults.html(), "not as documented"),
    "redirect": ("registry", faults.redirect("/"), "answered 302"),
    "no challenge": ("registry", faults.status(401), "neither its own nor Docker's"),
    "null": ("registry", faults.status(200, {"tags": None}), "lists 0 tags where Hub counts"),
    "no tags": ("registry", faults.status(200, {"name": "library/many"}), "not as documented"),
    "odd name": (
        "registry",
        faults.status(200, {"tags": ["a:b", *(str(number) for number in range(450))]}),
        "a tag that cannot be one",
    ),
    "fewer": ("registry", faults.status(200, {"tags": ["1", "1", "2"]}), "lists 2 tags"),
}
TOKEN: dict[str, Trouble] = {
    "none": ("auth", faults.status(200, {}), "an invalid token"),
    "html": ("auth", faults.html(), "not as documented"),
    "null": ("auth", faults.status(200, {"token": None}), "not as documented"),
    "refused": ("auth", faults.status(401), "401"),
    "foreign": ("auth", faults.status(200, {"token": "x.y.z"}), "401"),
    "header": ("auth", faults.status(200, {"token": "x\r\nX-More: 1"}), "an invalid token"),
    "500": ("auth", faults.status(500), "answered 500"),
}
TROUBLES = [
    *(pytest.param(*trouble, id=f"list {name}") for name, trouble in TAGS_LIST.items()),
    *(pytest.param(*trouble, id=f"token {name}") for name, trouble in TOKEN.items()),
]


@pytest.fixture
def hub() -> Iterator[Standin]:
    catalog = Catalog()
    catalog.add_generated("many", HUB_CAN)
    with Standin(catalog) as running:
        yield running


def names_of(
    hub: Standin,
    budget: RequestBudget | None = None,
    registry_url: str | None = None,
    repository: Repository = MANY,
) -> list[str]:
    """The names, sorted as the catalogue has them; duplicates stay."""
    registry = hub.registry_url if registry_url is None else registry_url
    spent = budget or RequestBudget()
    names = with_client(hub.url, lambda client: client.tag_names(repository, spent), registry)
    return sorted(names, key=str.encode)


def present(hub: Standin) -> list[str]:
    return list(hub.catalog["many"].shelf.ascending)


def asked(hub: Standin, listener: str) -> list[str]:
    return [call.path for call in hub.calls if call.listener == listener]


@pytest.mark.parametrize("size", [401, 1_000, 1_001, 15_590])
def test_a_long_list_takes_four_calls_of_any_anonymous_caller(hub: Standin, size: int) -> None:
    hub.catalog.add_generated("many", size)
    budget = RequestBudget()
    assert names_of(hub, budget) == present(hub)
    assert (budget.upstream_calls, budget.source) == (4, "registry")
    assert [call.listener for call in hub.calls] == ["hub", "registry", "auth", "registry"]


@pytest.mark.parametrize(("size", "calls"), [(0, 1), (100, 1), (399, 4), (400, 4)])
def test_a_short_list_is_not_asked_of_the_registry(hub: Standin, size: int, calls: int) -> None:
    hub.catalog.add_generated("many", size)
    budget = RequestBudget()
    assert names_of(hub, budget) == present(hub)
    assert (budget.upstream_calls, budget.source) == (calls, "hub")
    assert {call.listener for call in hub.calls} == {"hub"}


def test_a_registry_that_wants_no_token_takes_two_calls(hub: Standin) -> None:
    hub.faults.add(LIST, faults.status(200, {"tags": present(hub)}), listener="registry")
    budget = RequestBudget()
    assert names_of(hub, budget) == present(hub)
    assert (budget.upstream_calls, budget.source) == (2, "registry")


def test_a_token_may_go_by_its_oauth_name(hub: Standin) -> None:
    def renamed(payload: dict[str, str]) -> dict[str, str]:
        return {"access_token": payload["token"]}

    hub.faults.add("/token", faults.rewrite(renamed), listener="auth")
    budget = RequestBudget()
    assert names_of(hub, budget) == present(hub)
    assert budget.source == "registry"


def test_the_token_is_asked_for_this_repository_alone_and_told_to_the_registry_alone(
    hub: Standin,
) -> None:
    names_of(hub)
    (path,) = asked(hub, "auth")
    assert path == "/token?service=registry.docker.io&scope=repository:library/many:pull"
    signed = ["authorization" in call.headers for call in hub.calls]
    assert signed == [False, False, False, True]


def test_tags_that_came_since_hub_counted_are_in_the_list(hub: Standin) -> None:
    hub.before_request(
        lambda call: hub.catalog.add_tag("many", "new") if call.listener == "auth" else None
    )
    assert "new" in names_of(hub)


def test_without_a_registry_url_no_registry_is_asked(hub: Standin) -> None:
    budget = RequestBudget()
    assert names_of(hub, budget, registry_url="") == present(hub)
    assert budget.upstream_calls == len(asked(hub, "hub")) == len(hub.calls) == HUBS_PAGES


@pytest.mark.parametrize("listing", ["private", "absent"])
def test_a_repository_that_hub_does_not_show_is_not_asked_of_the_registry(
    hub: Standin, listing: str
) -> None:
    hub.catalog.add_generated("acme/private", 1_100, private=True)
    with pytest.raises(NotFound):
        names_of(hub, repository=Repository("acme", listing))
    assert [call.listener for call in hub.calls] == ["hub"]


class TestAUselessRegistry:
    @pytest.mark.parametrize(("listener", "action", "words"), TROUBLES)
    def test_hub_gives_the_whole_list_where_it_can_and_the_log_says_why(
        self,
        hub: Standin,
        caplog: pytest.LogCaptureFixture,
        listener: str,
        action: Action,
        words: str,
    ) -> None:
        hub.faults.add("/", action, listener=listener)
        budget = RequestBudget()
        assert names_of(hub, budget) == present(hub)
        assert budget.source == "hub"
        assert len(asked(hub, "hub")) == HUBS_PAGES
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert "library/many" in record.getMessage()
        assert words in record.getMessage()

    @pytest.mark.parametrize(("listener", "action", "words"), TROUBLES)
    def test_no_list_is_given_where_hub_cannot_help_out(
        self, hub: Standin, listener: str, action: Action, words: str
    ) -> None:
        hub.catalog.add_generated("many", HUB_CANNOT)
        hub.faults.add("/", action, listener=listener)
        with pytest.raises(Incomplete, match="refuses to page"):
            names_of(hub)

    def test_one_that_is_down_is_as_good_as_none(
        self, hub: Standin, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert names_of(hub, registry_url=NOWHERE) == present(hub)
        hub.catalog.add_generated("many", HUB_CANNOT)
        with pytest.raises(Incomplete, match="refuses to page"):
            names_of(hub, registry_url=NOWHERE)
        assert caplog.text.count(f"no answer from {NOWHERE}{LIST}") == 2

    def test_a_list_that_is_one_name_short_is_not_taken(self, hub: Standin) -> None:
        short = {"tags": present(hub)[1:]}
        hub.faults.add(LIST, faults.status(200, short), listener="registry")
        assert names_of(hub) == present(hub)

    def test_the_registry_is_asked_again_the_next_time(self, hub: Standin) -> None:
        hub.faults.add(LIST, faults.html(), listener="registry", times=1)
        sources = []
        for _ in range(2):
            budget = RequestBudget()
            assert names_of(hub, budget) == present(hub)
            sources.append(budget.source)
        assert sources == ["hub", "registry"]


def test_a_token_that_ends_between_pages_is_renewed(hub: Standin) -> None:
    hub.settings.registry_page = 100
    hub.faults.add("last=", faults.status(500), listener="registry", times=1)
    done: list[str] = []

    def ends(call: object) -> None:
        if "last=" in repr(call) and len(done) < 2:
            done.append("ended")
            hub.expire_tokens()

    hub.before_request(ends)
    assert names_of(hub) == present(hub)
    assert done == ["ended"] * 2
    assert len(asked(hub, "hub")) == 1


def test_a_registry_below_a_path_is_asked_there() -> None:
    catalog = Catalog()
    catalog.add_generated("many", HUB_CAN)
    with Standin(catalog, Settings()) as hub:
        assert names_of(hub, registry_url=f"{hub.registry_url}/mirror/") == present(hub)
        assert asked(hub, "registry") == [f"/mirror{LIST}"]


def test_a_registry_that_never_answers_leaves_time_for_hubs_pages(
    hub: Standin, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("hubv1.hub.client.REGISTRY_SECONDS", 0.2)
    hub.faults.add("/tags/list", faults.hang(), listener="registry")
    assert names_of(hub) == present(hub)
    assert "no answer within 0.2 s" in caplog.text


class TestTheNextLongList:
    """What was learned from an earlier one saves calls and time, and costs no promise."""

    def play(self, hub: Standin, using: Callable[[HubClient], Coroutine[Any, Any, None]]) -> None:
        """Use a client that has read one long list."""

        async def after_one(client: HubClient) -> None:
            await client.tag_names(MANY, RequestBudget())
            hub.forget_calls()
            await using(client)

        with_client(hub.url, after_one, hub.registry_url)

    def test_of_another_repository_takes_three_calls(self, hub: Standin) -> None:
        hub.catalog.add_generated("library/more", 15_000)

        async def use(client: HubClient) -> None:
            budget = RequestBudget()
            names = await client.tag_names(Repository("library", "more"), budget)
            assert len(names) == 15_000
            assert (budget.upstream_calls, budget.source) == (3, "registry")

        self.play(hub, use)
        assert [call.listener for call in hub.calls] == ["hub", "auth", "registry"]

    def test_of_the_same_one_asks_for_the_token_while_hubs_page_is_on_its_way(
        self, hub: Standin
    ) -> None:
        hub.faults.add("/namespaces/", waits_for(hub, "auth"), listener="hub", skip=1)

        async def use(client: HubClient) -> None:
            budget = RequestBudget()
            assert len(await client.tag_names(MANY, budget)) == HUB_CAN
            assert (budget.upstream_calls, budget.source) == (3, "registry")

        self.play(hub, use)

    def test_is_no_concern_of_other_callers(self, hub: Standin) -> None:
        hub.catalog.accounts["joe"] = "geheim"

        async def use(client: HubClient) -> None:
            for given in (Basic("joe", "wrong"), Basic("nobody", "x")):
                with pytest.raises(Unauthorized):
                    await client.tag_names(MANY, RequestBudget(given))
            assert asked(hub, "auth") == []
            joes = RequestBudget(Basic("joe", "geheim"))
            assert len(await client.tag_names(MANY, joes)) == HUB_CAN

        self.play(hub, use)
        (token,) = [call for call in hub.calls if call.listener == "auth"]
        assert token.headers["authorization"] == Basic("joe", "geheim").header

    def test_that_has_become_short_is_read_from_hub(self, hub: Standin) -> None:
        async def use(client: HubClient) -> None:
            hub.catalog.add_generated("many", 5)
            for calls in (2, 1):
                budget = RequestBudget()
                assert len(await client.tag_names(MANY, budget)) == 5
                assert (budget.source, budget.upstream_calls <= calls) == ("hub", True)

        self.play(hub, use)

    def test_that_is_gone_is_absent(self, hub: Standin) -> None:
        async def use(client: HubClient) -> None:
            hub.catalog.remove("many")
            hub.faults.add("/token", faults.hang(), listener="auth")
            with pytest.raises(NotFound):
                await client.tag_names(MANY, RequestBudget())
            # Nobody waits for the token any more.
            await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})

        self.play(hub, use)
        assert asked(hub, "registry") == []

    def test_meets_a_registry_that_wants_its_tokens_from_elsewhere_by_now(
        self, hub: Standin
    ) -> None:
        async def use(client: HubClient) -> None:
            elsewhere = {
                "WWW-Authenticate": f'Bearer realm="{hub.registry_url}/token?new",service="other"'
            }
            moved = faults.status(401, headers=elsewhere)
            hub.faults.add(LIST, moved, listener="registry", times=1)
            for calls in (5, 3):
                budget = RequestBudget()
                assert len(await client.tag_names(MANY, budget)) == HUB_CAN
                assert (budget.upstream_calls, budget.source) == (calls, "registry")

        self.play(hub, use)
        assert ["service=other" in path for path in asked(hub, "auth")] == [False, True, True]

    def test_finds_the_tokens_elsewhere_once_they_are_not_where_they_were(
        self, hub: Standin
    ) -> None:
        elsewhere = f'Bearer realm="{hub.registry_url}/token?new",service="other"'
        moved = faults.status(401, headers={"WWW-Authenticate": elsewhere})

        async def use(client: HubClient) -> None:
            hub.faults.add("service=registry", faults.drop())
            hub.faults.add(LIST, moved, listener="registry", times=1)
            for source in ("hub", "registry"):
                budget = RequestBudget()
                assert len(await client.tag_names(MANY, budget)) == HUB_CAN
                assert budget.source == source

        self.play(hub, use)

    def test_that_a_new_token_does_not_open_takes_no_other(self, hub: Standin) -> None:
        challenge = f'Bearer realm="{hub.registry_url}/token",service="registry.docker.io"'
        refused = faults.status(401, headers={"WWW-Authenticate": challenge})

        async def use(client: HubClient) -> None:
            hub.faults.add(LIST, refused, listener="registry")
            assert len(await client.tag_names(MANY, RequestBudget())) == HUB_CAN

        self.play(hub, use)
        assert (len(asked(hub, "auth")), len(asked(hub, "registry"))) == (1, 1)

    @pytest.mark.parametrize(("_listener", "action", "words"), [*TOKEN.values()], ids=[*TOKEN])
    def test_meets_a_token_service_in_trouble_and_is_read_from_hub(
        self,
        hub: Standin,
        caplog: pytest.LogCaptureFixture,
        _listener: str,
        action: Action,
        words: str,
    ) -> None:
        async def use(client: HubClient) -> None:
            trouble = hub.faults.add("/token", action, listener="auth", times=4)
            budget = RequestBudget()
            assert len(await client.tag_names(MANY, budget)) == HUB_CAN
            assert budget.source == "hub"
            trouble.times = 0
            budget = RequestBudget()
            assert len(await client.tag_names(MANY, budget)) == HUB_CAN
            assert budget.source == "registry"

        self.play(hub, use)
        assert words in caplog.text
        gc.collect()
        assert [record for record in caplog.records if record.name == "asyncio"] == []


def waits_for(hub: Standin, listener: str) -> Action:
    """Holds an answer back until another host was asked."""

    async def act(request: web.Request, proceed: Proceed) -> web.StreamResponse:
        await until(lambda: bool(asked(hub, listener)))
        return await proceed()

    return act
