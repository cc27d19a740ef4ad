"""What goes wrong at Hub is tried again: a few times, later and later, and never too late."""

import asyncio
import time
from collections.abc import Iterator, Sequence

import pytest

from clocks import SleepingClock
from hub.gate import Gate, until
from hubv1.api.names import Repository
from hubv1.api.v2 import HubFailure, NotFound, RateLimited, Unreachable
from hubv1.calls import Limits, Result, answer_call
from hubv1.hub import HubClient, RequestBudget, http, throttle
from hubv1.hub.client import PAGES_AT_ONCE
from hubv1.hub.http import ATTEMPTS, MOST_CONNECTIONS
from samples import VIA, recognised, with_client
from standin import Catalog, Settings, Standin, bodies, faults
from standin.rules import Action

SMALL, MANY = Repository("library", "small"), Repository("library", "many")
SEVENTH, REST = r"&page=7$", r"&page=([2-9]\d|1[5-9])$"
PAGES = 30

PASSING = [
    pytest.param(faults.status(500), id="500"),
    pytest.param(faults.status(502, "<html>"), id="502"),
    pytest.param(faults.html(503), id="503"),
    pytest.param(faults.status(504), id="504"),
    pytest.param(faults.status(508), id="another's loop"),
    pytest.param(bodies.cut(0), id="cut"),
    pytest.param(bodies.cut(), id="cut in the middle"),
]
LASTING = [
    pytest.param(faults.status(code), id=str(code))
    for code in (204, 206, 400, 401, 403, 404, 405, 410, 418)
] + [
    pytest.param(faults.redirect("/"), id="redirect"),
    pytest.param(faults.html(), id="html"),
    pytest.param(faults.broken_json(), id="broken"),
    pytest.param(faults.null_results(), id="null"),
    pytest.param(bodies.bomb(), id="bomb"),
    pytest.param(faults.status(508, headers={"Via": VIA}), id="loop"),
    pytest.param(faults.rate_limited(3_600), id="429"),
]


@pytest.fixture
def hub() -> Iterator[Standin]:
    catalog = Catalog()
    catalog.add("small", ["latest", "1"])
    catalog.add_generated("many", PAGES * 100)
    with Standin(catalog, Settings(anonymous_offset=-1)) as running:
        yield running


def ask(hub: Standin, seconds: float = 30) -> int:
    """How many tags there are in the small list."""
    found = with_client(hub.url, lambda client: client.tags(SMALL, RequestBudget(seconds=seconds)))
    return len(found)


@pytest.mark.parametrize("times", [1, ATTEMPTS - 1])
@pytest.mark.parametrize("action", PASSING)
def test_what_passes_is_tried_again_until_it_has_passed(
    hub: Standin, action: Action, times: int
) -> None:
    hub.faults.add("/tags", action, times=times)
    assert ask(hub) == 2
    assert len(hub.calls) == times + 1


@pytest.mark.parametrize("action", PASSING)
def test_what_does_not_pass_is_given_up_and_said(hub: Standin, action: Action) -> None:
    hub.faults.add("/tags", action)
    with pytest.raises(Unreachable, match="/small/tags"):
        ask(hub)
    assert len(hub.calls) == ATTEMPTS
    hub.faults.clear()
    assert ask_again(hub) == 2


def test_a_connection_that_closes_without_a_word_is_opened_twice_for_each_try(
    hub: Standin,
) -> None:
    hub.faults.add("/tags", faults.drop())
    budget = RequestBudget()
    with pytest.raises(Unreachable):
        with_client(hub.url, lambda client: client.tags(SMALL, budget))
    # aiohttp itself asks once more and at once, as a kept connection may have ended by chance.
    assert len(hub.calls) <= 2 * ATTEMPTS
    assert budget.upstream_calls == ATTEMPTS


def ask_again(hub: Standin) -> int:
    hub.forget_calls()
    return ask(hub)


@pytest.mark.parametrize("action", LASTING)
def test_what_will_be_the_same_the_next_time_is_not_tried_again(
    hub: Standin, action: Action
) -> None:
    hub.faults.add("/tags", action)
    with pytest.raises(HubFailure):
        ask(hub)
    assert len(hub.calls) == 1


def test_one_trouble_may_follow_on_another(hub: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    SleepingClock().rule(monkeypatch, throttle)
    again = faults.status(429, headers={"Retry-After": "1"})
    for action in (faults.status(500), again, bodies.cut()):
        hub.faults.add("/tags", action, times=1)
    assert ask(hub) == 2
    assert len(hub.calls) == 4


def test_a_refusal_on_the_second_try_is_the_answer(hub: Standin) -> None:
    hub.faults.add("/tags", faults.status(500), times=1)
    hub.faults.add("/tags", faults.status(404))
    with pytest.raises(NotFound):
        ask(hub)
    assert len(hub.calls) == 2


def test_a_limit_that_is_met_each_time_is_given_up_too(
    hub: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    SleepingClock().rule(monkeypatch, throttle)
    hub.faults.add("/tags", faults.status(429, headers={"Retry-After": "1"}))
    with pytest.raises(RateLimited):
        ask(hub)
    assert 2 <= len(hub.calls) <= ATTEMPTS


def test_each_wait_is_longer_than_the_last(hub: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "FIRST_WAIT", 0.2)
    (clock := SleepingClock()).rule(monkeypatch, http)
    hub.faults.add("/tags", faults.status(500))
    with pytest.raises(Unreachable):
        ask(hub)
    first, second, third = clock.slept
    assert 0.2 <= first <= 0.4 <= second <= 0.6
    assert 0.8 <= third <= 1


def test_those_who_fail_together_do_not_come_back_together(
    hub: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "FIRST_WAIT", 0.4)
    (clock := SleepingClock()).rule(monkeypatch, http)
    together = 20
    hub.faults.add("/tags", Gate(together, faults.status(500)), times=together)

    async def use(client: HubClient) -> None:
        asking = (client.tag(SMALL, "1", RequestBudget()) for _ in range(together))
        await asyncio.gather(*asking)

    with_client(hub.url, use)
    assert len(hub.calls) == 2 * together
    assert len(clock.slept) == together
    assert max(clock.slept) - min(clock.slept) > 0.15


def test_nothing_is_tried_again_when_it_would_be_too_late(
    hub: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "FIRST_WAIT", 30)
    (clock := SleepingClock()).rule(monkeypatch, http)
    hub.faults.add("/tags", faults.status(500))
    with pytest.raises(Unreachable, match="answered 500"):
        ask(hub, seconds=2)
    assert clock.slept == []
    assert len(hub.calls) == 1


def test_silence_at_first_leaves_time_for_the_answer(hub: Standin) -> None:
    calls = [recognised(f"/v1/repositories/small/{each}") for each in ("tags", "tags/1", "images")]
    hub.faults.add("/tags", faults.hang(), times=len(calls))

    async def use(client: HubClient) -> list[Result]:
        return await asyncio.gather(*(answer_call(call, client, Limits(2)) for call in calls))

    results = with_client(hub.url, use)
    assert [result.answer.status for result in results] == [200] * 3
    assert [result.upstream_calls for result in results] == [2] * 3
    assert len(hub.calls) == 6


def test_silence_is_told_at_the_deadline_with_the_last_trouble(hub: Standin) -> None:
    hub.faults.add("/tags", faults.hang())
    call = recognised("/v1/repositories/small/tags")
    started = time.monotonic()
    result = with_client(hub.url, lambda client: answer_call(call, client, Limits(0.4)))
    assert time.monotonic() - started > 0.3
    assert (result.answer.status, result.error_type) == (502, "unreachable")
    assert "said nothing" in result.error


class TestPages:
    def everything(self, hub: Standin) -> list[str]:
        found = with_client(hub.url, lambda client: client.tags(MANY, RequestBudget()))
        return sorted((tag.name for tag in found), key=str.encode)

    @pytest.mark.parametrize("times", [1, ATTEMPTS - 1])
    @pytest.mark.parametrize("action", PASSING)
    def test_the_one_that_fails_is_tried_again_alone(
        self, hub: Standin, action: Action, times: int
    ) -> None:
        hub.faults.add(SEVENTH, action, times=times)
        assert self.everything(hub) == list(hub.catalog["many"].shelf.ascending)
        asked = [call.path for call in hub.calls]
        assert len(asked) == PAGES + times
        assert sum(path.endswith("&page=7") for path in asked) == 1 + times

    def test_each_may_fail_once(self, hub: Standin) -> None:
        for number in range(1, PAGES + 1):
            hub.faults.add(f"&page={number}$", faults.status(500), times=1)
        assert self.everything(hub) == list(hub.catalog["many"].shelf.ascending)
        assert len(hub.calls) == 2 * PAGES

    def test_a_deadline_in_their_middle_leaves_no_request_behind(self, hub: Standin) -> None:
        gate = Gate(PAGES_AT_ONCE, faults.hang())
        hub.faults.add(REST, gate)

        async def use(client: HubClient) -> None:
            call = recognised("/v1/repositories/many/images")
            result = await answer_call(call, client, Limits(0.5))
            assert (result.answer.status, result.error_type) == (502, "unreachable")
            await gate.is_left()
            await until(lambda: tasks_left() == 0)

        with_client(hub.url, use)

    def test_a_deadline_between_two_tries_leaves_none_behind(
        self, hub: Standin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http, "FIRST_WAIT", 0.8)
        hub.faults.add(REST, faults.status(500))

        async def use(client: HubClient) -> None:
            call = recognised("/v1/repositories/many/images")
            result = await answer_call(call, client, Limits(2))
            assert (result.answer.status, result.error_type) == (502, "unreachable")
            assert "answered 500" in result.error
            await until(lambda: tasks_left() == 0)

        with_client(hub.url, use)


def tasks_left() -> int:
    """Those beside the test: without any, nothing more can be asked for."""
    return len(asyncio.all_tasks()) - 1


def test_a_registry_that_hangs_uses_up_no_connection_to_hub(hub: Standin) -> None:
    hub.faults.add("/tags/list", faults.hang(), listener="registry")

    async def use(client: HubClient) -> None:
        hanging = [
            asyncio.ensure_future(client.tag_names(MANY, RequestBudget()))
            for _ in range(MOST_CONNECTIONS + 1)
        ]
        await until(lambda: sum(each.listener == "registry" for each in hub.calls) >= 100)
        await client.tag(SMALL, "1", RequestBudget())
        assert not any(each.done() for each in hanging)
        await ended(hanging)

    with_client(hub.url, use, hub.registry_url)


async def ended(tasks: Sequence[asyncio.Future[list[str]]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
