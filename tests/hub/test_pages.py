"""Pages read side by side: a few at a time, in any order, and all ended by the first failure."""

import asyncio
import re
from collections.abc import Iterator

import pytest
from aiohttp import web

from hub.gate import AFTER_THE_FIRST, PATIENCE, Gate, until
from hubv1.api import v2
from hubv1.api.names import Repository
from hubv1.api.v2 import (
    HubFailure,
    Incomplete,
    Nonsense,
    RateLimited,
    Unauthorized,
    Unreachable,
)
from hubv1.hub import HubClient, RequestBudget
from hubv1.hub.client import PAGES_AT_ONCE
from samples import with_client
from standin import Catalog, Settings, Standin, bodies, faults
from standin.rules import Action, Proceed

MANY = Repository("library", "many")


@pytest.fixture
def hub() -> Iterator[Standin]:
    """Twenty pages of tags, all to be seen by anybody."""
    catalog = Catalog()
    catalog.add_generated("many", 2_000)
    with Standin(catalog, Settings(anonymous_offset=-1)) as running:
        yield running


def pages(*numbers: int) -> str:
    return rf"&page=({'|'.join(map(str, numbers))})$"


def read(hub: Standin, registry_url: str = "") -> list[str]:
    found = with_client(hub.url, _all_tags, registry_url)
    return sorted((tag.name for tag in found), key=str.encode)


async def _all_tags(client: HubClient) -> list[v2.Tag]:
    async with asyncio.timeout(PATIENCE):
        return await client.tags(MANY, RequestBudget())


def one_tag_less(page: dict[str, list[object]]) -> object:
    return page | {"results": page["results"][1:]}


def present(hub: Standin) -> list[str]:
    return list(hub.catalog["many"].shelf.ascending)


def test_as_many_pages_as_allowed_are_under_way_and_no_more(hub: Standin) -> None:
    gate = Gate(PAGES_AT_ONCE)
    hub.faults.add(AFTER_THE_FIRST, gate)
    assert read(hub) == present(hub)
    assert gate.most == PAGES_AT_ONCE


def test_pages_may_come_in_any_order(hub: Standin) -> None:
    hub.catalog.add_generated("many", 100 * (1 + PAGES_AT_ONCE))
    answered: list[int] = []
    last = 1 + PAGES_AT_ONCE

    async def after_the_next(request: web.Request, proceed: Proceed) -> web.StreamResponse:
        number = int(request.query["page"])
        await until(lambda: number == last or number + 1 in answered)
        answered.append(number)
        return await proceed()

    hub.faults.add(pages(*range(2, last + 1)), after_the_next)
    assert read(hub) == present(hub)
    assert answered == list(range(last, 1, -1))


def test_each_page_is_asked_for_once(hub: Standin) -> None:
    read(hub)
    numbers = [
        int(found[1]) for call in hub.calls if (found := re.search(r"&page=(\d+)", call.path))
    ]
    assert sorted(numbers) == list(range(1, 21))


def test_connections_are_kept_for_the_pages_that_follow(hub: Standin) -> None:
    async def twice(client: HubClient) -> None:
        await _all_tags(client)
        await _all_tags(client)

    with_client(hub.url, twice)
    assert len(hub.calls) == 40
    assert len({call.peer_port for call in hub.calls}) <= PAGES_AT_ONCE


@pytest.mark.parametrize("number", [2, 7, 20])
@pytest.mark.parametrize(
    ("action", "failure"),
    [
        pytest.param(faults.status(500), Unreachable, id="500"),
        pytest.param(faults.status(404), Incomplete, id="404"),
        pytest.param(faults.status(403), Incomplete, id="403"),
        pytest.param(faults.status(401), Unauthorized, id="401"),
        pytest.param(faults.rate_limited(70), RateLimited, id="429"),
        pytest.param(faults.html(), Nonsense, id="html"),
        pytest.param(faults.broken_json(), Nonsense, id="broken"),
        pytest.param(faults.null_results(), Nonsense, id="null"),
        pytest.param(faults.rewrite(one_tag_less), Incomplete, id="one tag less"),
        pytest.param(faults.drop(), Unreachable, id="closed"),
        pytest.param(bodies.cut(), Unreachable, id="cut"),
    ],
)
def test_one_page_without_its_tags_is_a_failure_and_never_a_shorter_list(
    hub: Standin, number: int, action: Action, failure: type[HubFailure]
) -> None:
    hub.faults.add(pages(number), action)
    with pytest.raises(failure):
        read(hub)


@pytest.mark.parametrize("number", [2, 20])
def test_a_page_that_is_missing_once_is_read_again_with_all_others(
    hub: Standin, number: int
) -> None:
    hub.faults.add(pages(number), faults.status(404), times=1)
    assert read(hub) == present(hub)
    assert len(hub.calls) == 40


@pytest.mark.parametrize("number", [2, 7, 20])
@pytest.mark.parametrize("change", ["add", "remove"])
def test_a_count_that_changes_between_pages_makes_no_shorter_list(
    hub: Standin, number: int, change: str
) -> None:
    def hook(call: object) -> None:
        if f"&page={number}'" in repr(call) and not done:
            done.append(number)
            if change == "add":
                hub.catalog.add_tag("many", "new")
            else:
                hub.catalog.remove_tag("many", present(hub)[0])

    done: list[int] = []
    hub.before_request(hook)
    assert read(hub) == present(hub)
    assert done
