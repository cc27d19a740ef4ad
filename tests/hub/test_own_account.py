"""The bridge's own account: for pages that Hub refuses to a caller, and for nothing else."""

import asyncio
import json
import logging
from base64 import b64decode

import pytest

from hubv1.calls import Result
from hubv1.hub.credentials import ANONYMOUS, Basic, Credentials
from standin import Call, Standin, faults
from visitors import (
    ACME,
    IMAGES,
    JOE,
    LOGIN,
    TAG,
    TAGS,
    V1,
    Visitors,
    asked,
    authorizations,
    logins,
    of_listener,
    played,
)

MANY = f"{V1}/many/images"
SIZE = 1_200
FIRST_PAGE = "&page=1"
REJECTED = Basic("acme", "old")


def pages(hub: Standin) -> list[Call]:
    return [call for call in of_listener(hub, "hub") if call.method == "GET"]


def first_pages(hub: Standin) -> list[Call]:
    return [call for call in pages(hub) if call.path.endswith(FIRST_PAGE)]


def account_of(call: Call) -> str:
    """Whose token a call to Hub came with."""
    token = call.headers.get("authorization", "").removeprefix("Bearer ")
    if not token:
        return ""
    claims = token.split(".")[1]
    said = json.loads(b64decode(claims + "=" * (-len(claims) % 4), altchars=b"-_"))
    return str(said["account"])


def is_incomplete(result: Result) -> bool:
    return (
        (result.answer.status, result.error_type) == (502, "incomplete")
        and "hub_username" in result.error
        and "HUB_SECRET" in result.error
    )


def test_with_it_a_long_list_of_images_is_complete_for_anybody(hub: Standin) -> None:
    result = asked(hub, MANY, account=ACME)
    hub.settings.anonymous_offset = -1
    whole = asked(hub, MANY)
    assert (result.answer.status, result.source) == (200, "account")
    assert result.answer == whole.answer
    assert whole.source == "hub"
    assert logins(hub) == 1


def test_without_it_such_a_list_says_what_would_help(hub: Standin) -> None:
    result = asked(hub, MANY)
    assert is_incomplete(result)
    assert logins(hub) == 0


def test_it_is_used_for_the_refused_pages_alone(hub: Standin) -> None:
    asked(hub, MANY, account=ACME)
    signed = [call for call in pages(hub) if account_of(call)]
    assert {call.path.rpartition("=")[2] for call in signed} == {"11", "12"}
    assert {call.listener for call in hub.calls} == {"hub"}


@pytest.mark.parametrize("path", [TAGS, TAG, IMAGES, f"{V1}/acme/many/tags"])
@pytest.mark.parametrize("given", [ANONYMOUS, JOE])
def test_it_opens_nothing_that_the_caller_may_not_see(
    hub: Standin, path: str, given: Credentials
) -> None:
    expected = asked(hub, path, given).answer
    hub.forget_calls()
    assert asked(hub, path, given, account=ACME).answer == expected
    assert expected.status == 404
    assert {call.listener for call in hub.calls} == {"hub"}
    assert {account_of(call) for call in pages(hub)} == {given.user}
    assert logins(hub) == (given == JOE)


@pytest.mark.parametrize("path", [TAGS, TAG, IMAGES])
def test_a_first_answer_that_is_refused_is_not_asked_again_with_it(hub: Standin, path: str) -> None:
    hub.faults.add("/app/tags", faults.status(403, {"message": "no"}), listener="hub")
    result = asked(hub, path, account=ACME)
    assert (result.answer.status, result.error_type) == (403, "forbidden")
    assert authorizations(hub.calls) == [""]


@pytest.mark.parametrize("given", [ANONYMOUS, JOE])
def test_a_list_that_is_read_again_begins_with_the_callers_own_credentials(
    hub: Standin, given: Credentials
) -> None:
    hub.faults.add(r"&page=2$", faults.status(403), times=1)
    hub.faults.add(r"&page=2$", faults.count_lies(5), times=1)
    result = asked(hub, MANY, given, account=ACME)
    assert (result.answer.status, result.source) == (200, "account")
    assert len(first_pages(hub)) == 2
    assert {account_of(call) for call in first_pages(hub)} == {given.user}


def test_a_list_that_becomes_private_while_it_is_read_is_not_given_out(hub: Standin) -> None:
    """The account's owner could see it still, its caller cannot."""

    def close(call: Call) -> None:
        if call.path.endswith("&page=11"):
            hub.catalog.add_generated("acme/open", SIZE + 1, private=True)

    hub.catalog.add_generated("acme/open", SIZE)
    hub.before_request(close)
    result = asked(hub, f"{V1}/acme/open/images", account=ACME)
    assert result.answer.status == 404


class TestAnAccountThatHubDoesNotLetIn:
    def test_it_is_told_logged_and_not_tried_again_for_each_call(
        self, hub: Standin, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def again_and_again(visitors: Visitors) -> list[Result]:
            return [await visitors.ask(MANY) for _ in range(5)]

        results = played(hub, again_and_again, account=REJECTED)
        assert all(is_incomplete(result) for result in results)
        assert "bridge's own account" in results[0].error
        assert logins(hub) == 1
        errors = [each for each in caplog.records if each.levelno == logging.ERROR]
        assert len(errors) >= 5
        assert all("own account" in each.getMessage() for each in errors)
        assert REJECTED.secret not in caplog.text

    def test_many_lists_at_once_try_it_once(self, hub: Standin) -> None:
        for number in range(10):
            hub.catalog.add_generated(f"library/r{number}", 1_001)

        async def at_once(visitors: Visitors) -> list[Result]:
            paths = (f"{V1}/r{number}/images" for number in range(10))
            return await asyncio.gather(*(visitors.ask(path) for path in paths))

        results = played(hub, at_once, account=REJECTED)
        assert all(is_incomplete(result) for result in results)
        assert logins(hub) == 1

    def test_a_token_that_hub_refuses_is_incomplete_too(self, hub: Standin) -> None:
        hub.faults.add(LOGIN, faults.status(200, {"access_token": "x.y.z"}))
        assert is_incomplete(asked(hub, MANY, account=ACME))
        assert logins(hub) == 2

    def test_shorter_lists_and_other_calls_are_answered_all_the_same(self, hub: Standin) -> None:
        async def all_of_them(visitors: Visitors) -> list[int]:
            paths = (MANY, f"{V1}/many/tags", f"{V1}/many/tags/latest", f"{V1}/debian/images")
            return [(await visitors.ask(path)).answer.status for path in paths]

        assert played(hub, all_of_them, account=REJECTED) == [502, 200, 200, 200]

    def test_a_callers_own_login_is_not_rejected_for_it(self, hub: Standin) -> None:
        async def both(visitors: Visitors) -> list[int]:
            return await visitors.statuses(MANY, ANONYMOUS, ACME, JOE)

        assert played(hub, both, account=REJECTED) == [502, 200, 200]


def test_its_token_is_renewed_in_the_middle_of_a_list(hub: Standin) -> None:
    ended: list[str] = []

    def end(call: Call) -> None:
        if call.path.endswith("&page=12") and account_of(call) and not ended:
            ended.append(call.path)
            hub.expire_tokens()

    hub.before_request(end)
    result = asked(hub, MANY, account=ACME)
    assert (result.answer.status, result.source, logins(hub)) == (200, "account", 2)
    assert ended


def test_the_registry_hears_nothing_of_it(hub: Standin) -> None:
    hub.faults.add("/tags/list", faults.status(401), listener="registry", skip=1)
    hub.faults.add("/token", faults.html(), listener="auth")
    result = asked(hub, f"{V1}/many/tags", account=ACME)
    assert (result.answer.status, result.source) == (200, "account")
    others = [call for call in hub.calls if call.listener != "hub"]
    assert authorizations(others) == [""] * len(others)
    assert others
