"""What is left of the other pages when there is no list to be had any more: nothing."""

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from aiohttp import web

from hub.gate import AFTER_THE_FIRST, PATIENCE, Gate
from hubv1.api.names import Repository
from hubv1.api.v2 import Unreachable
from hubv1.hub import HubClient, RequestBudget
from hubv1.hub.client import PAGES_AT_ONCE
from hubv1.hub.http import ATTEMPTS
from samples import with_client
from standin import Catalog, Settings, Standin, faults
from standin.rules import Action, Proceed

MANY = Repository("library", "many")


@pytest.fixture
def hub() -> Iterator[Standin]:
    """Twenty pages of tags, all to be seen by anybody."""
    catalog = Catalog()
    catalog.add_generated("many", 2_000)
    with Standin(catalog, Settings(anonymous_offset=-1)) as running:
        yield running


def quietly(
    hub: Standin,
    caplog: pytest.LogCaptureFixture,
    use: Callable[[HubClient], Coroutine[Any, Any, None]],
) -> None:
    """Nobody complains of a task or coroutine that was left behind."""
    with_client(hub.url, lambda client: asyncio.wait_for(use(client), PATIENCE))
    gc.collect()
    assert [record for record in caplog.records if record.name == "asyncio"] == []


def test_one_failing_page_ends_the_others(hub: Standin, caplog: pytest.LogCaptureFixture) -> None:
    others = Gate(PAGES_AT_ONCE - 1, faults.hang())
    hub.faults.add(AFTER_THE_FIRST, one_fails(others, "4"))

    async def use(client: HubClient) -> None:
        with pytest.raises(Unreachable):
            await client.tags(MANY, RequestBudget())
        await others.is_left()
        await client.tag(MANY, "latest", RequestBudget())
        # One more page may have been on its way when the failing one made room for it.
        assert len(hub.calls) <= 1 + PAGES_AT_ONCE + (ATTEMPTS - 1) + 1 + 1

    quietly(hub, caplog, use)


def one_fails(others: Gate, number: str) -> Action:
    async def act(request: web.Request, proceed: Proceed) -> web.StreamResponse:
        if request.query["page"] != number:
            return await others(request, proceed)
        await others.is_full()
        return await faults.status(500)(request, proceed)

    return act


def test_pages_that_fail_together_are_one_failure(
    hub: Standin, caplog: pytest.LogCaptureFixture
) -> None:
    hub.faults.add(r"&page=([2-9]|10)$", Gate(PAGES_AT_ONCE, faults.status(500)))

    async def use(client: HubClient) -> None:
        with pytest.raises(Unreachable):
            await client.tags(MANY, RequestBudget())

    quietly(hub, caplog, use)
    assert len(hub.calls) <= 1 + (ATTEMPTS + 1) * PAGES_AT_ONCE


def test_a_caller_that_goes_leaves_no_request_behind(
    hub: Standin, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate(PAGES_AT_ONCE, faults.hang())
    hub.faults.add(AFTER_THE_FIRST, gate)

    async def use(client: HubClient) -> None:
        task = asyncio.ensure_future(client.tags(MANY, RequestBudget()))
        await gate.is_full()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await gate.is_left()
        assert len(hub.calls) == 1 + PAGES_AT_ONCE

    quietly(hub, caplog, use)


def test_the_deadline_leaves_no_request_behind(
    hub: Standin, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate(PAGES_AT_ONCE, faults.hang())
    hub.faults.add(AFTER_THE_FIRST, gate)

    async def use(client: HubClient) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.tags(MANY, RequestBudget()), 1)
        await gate.is_left()

    quietly(hub, caplog, use)
