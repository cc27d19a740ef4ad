"""Every fact holds with the stand-in, and a stand-in that is otherwise is found out."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from hubv1.hub import Basic, Transport
from hubv1.proof import (
    FACTS,
    MOST_CALLS,
    CheckedFact,
    Fact,
    FactResult,
    Hosts,
    Probes,
    as_markdown_table,
    check_facts,
)
from hubv1.proof.fact import Certainty
from standin import Catalog, Settings, Standin, faults
from standin.rules import Action, Proceed

ROOT = Path(__file__).parents[2]
ACCOUNT = Basic("acme", "secret")
SMALL = "hello-world/tags"
LARGE = "php/tags"
TAG = "/v2/.*hello-world/tags/latest$"
HUB_PAGE = r"\?page_size=100&page="

Break = Callable[[Standin], object]

HOLDING = [fact for fact in FACTS if fact.certainty is not Certainty.UNKNOWN]
UNKNOWN = [fact for fact in FACTS if fact.certainty is Certainty.UNKNOWN]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.default()


@pytest.fixture
def hub(catalog: Catalog) -> Iterator[Standin]:
    with Standin(catalog, Settings()) as hub:
        yield hub


def checked(
    hub: Standin, facts: Sequence[Fact] = FACTS, account: Basic | None = ACCOUNT, **bounds: float
) -> list[CheckedFact]:
    """What comes of looking for these facts."""

    async def running() -> list[CheckedFact]:
        transport = Transport("1.1 facts", "tests")
        hosts = Hosts(hub.url, hub.registry_url, hub.registry_url)
        try:
            return await check_facts(
                facts, Probes(hosts, transport, account, **({"pace": 0} | bounds))
            )
        finally:
            await transport.close()

    return asyncio.run(running())


def fault(match: str, action: Action, listener: str | None = None) -> Break:
    return lambda hub: hub.faults.add(match, action, listener=listener)


def setting(**settings: object) -> Break:
    def act(hub: Standin) -> None:
        for name, value in settings.items():
            setattr(hub.settings, name, value)

    return act


def changed(**fields: object) -> Action:
    """JSON with these fields in place of its own; without those that are `...`."""

    def edit(payload: dict[str, Any]) -> object:
        return {name: value for name, value in (payload | fields).items() if value is not Ellipsis}

    return faults.rewrite(edit)


def headers(**values: str) -> Action:
    """Other headers; without those that are empty. An underscore is a hyphen in a name."""

    async def act(_: web.Request, proceed: Proceed) -> web.StreamResponse:
        response = await proceed()
        for name, value in values.items():
            response.headers[name.replace("_", "-")] = value
        return response

    return act


EMPTY_PAGE: dict[str, object] = {"count": 3, "next": None, "previous": None, "results": []}
NO_ROUTE = {"message": "404: Page Not Found"}
FIRST = f"{LARGE}{HUB_PAGE}1$"

BREAKS: dict[int, Sequence[Break]] = {
    1: [fault("/v1/.*/tags$", faults.status(200, [])), fault("/v1/", faults.empty())],
    2: [fault("/v1/.*/tags/latest$", faults.status(200, []))],
    3: [fault("/v1/.*/images$", faults.status(404))],
    4: [fault("/v1/repositories/", faults.status(200, []), "registry")],
    6: [fault("/v1/search", faults.status(410)), fault("/v1/search", faults.empty())],
    7: [fault(FIRST, faults.status(401)), fault(FIRST, faults.redirect("https://other.example"))],
    8: [
        fault(FIRST, changed(count=...)),
        fault(FIRST, changed(count="many")),
        fault(FIRST, changed(count=7)),
        fault(FIRST, faults.null_results()),
        fault(FIRST, faults.html()),
    ],
    9: [
        fault(FIRST, faults.next_at("https://other.example/v2/?page=2&page_size=100")),
        fault(FIRST, changed(next=None)),
    ],
    10: [fault(f"{SMALL}{HUB_PAGE}1$", faults.next_at("https://other.example"))],
    11: [setting(page_size_max=50)],
    12: [setting(page_size_max=250), fault("page_size=250", faults.status(400))],
    13: [setting(page_size=25)],
    14: [
        fault("page=2$", faults.count_lies(7)),
        fault("page=2$", changed(results=[])),
        fault(f"{LARGE}{HUB_PAGE}[12]$", changed(results=[{"name": "twice"}])),
    ],
    16: [fault("page=5$", faults.status(200, EMPTY_PAGE))],
    17: [setting(anonymous_offset=900)],
    18: [setting(anonymous_offset=-1), setting(anonymous_offset=1_001)],
    19: [fault("page=11$", faults.status(403, {"message": "sign in"}))],
    20: [
        fault("name=latest", changed(results=[{"name": "latest"}, {"name": "12"}])),
        fault("name=latest", faults.status(403)),
    ],
    21: [
        fault(TAG, changed(id="7")),
        fault(TAG, changed(name="12")),
        fault(TAG, faults.broken_json()),
    ],
    22: [fault(TAG, changed(digest="md5:0f")), fault(TAG, changed(digest=...))],
    23: [
        fault(TAG, changed(images=None)),
        fault(TAG, changed(images={"amd64": {}})),
        fault(TAG, changed(images=[{"digest": "0f"}])),
        fault(TAG, changed(images=[{"size": 1}])),
    ],
    24: [
        fault("no-such-tag", faults.status(404, NO_ROUTE)),
        fault(f"{SMALL}/no-such-tag", faults.status(200, {})),
    ],
    25: [
        fault("no-such-tag.*page=1$", faults.status(404, NO_ROUTE)),
        fault("no-such-tag.*page=1$", faults.status(200, EMPTY_PAGE)),
    ],
    26: [
        fault("/v2/.*/images$", faults.status(200, EMPTY_PAGE)),
        fault("/v2/.*/images$", faults.status(404, {"message": "gone"})),
    ],
    27: [fault(FIRST, headers(X_RateLimit_Limit="")), fault(FIRST, faults.status(200, {}))],
    28: [
        fault(FIRST, headers(X_RateLimit_Reset="60")),
        fault(FIRST, headers(X_RateLimit_Reset="")),
    ],
    30: [fault(FIRST, headers(Date="soon"))],
    31: [fault(TAG, faults.status(200, {})), fault(TAG, faults.status(403))],
    32: [
        fault("/v2/auth/token", changed(access_token=..., token="t")),
        fault("/v2/auth/token", faults.status(401)),
    ],
    33: [setting(token_seconds=60)],
    34: [fault("page=11$", faults.no_personal_tokens())],
    35: [fault("/v2/repositories/library/hello-world/tags", faults.status(410))],
    36: [fault(r"/v2/repositories/library\?", faults.status(404, NO_ROUTE))],
    37: [fault("/v2/repositories/library/hello-world$", faults.empty())],
    38: [fault(r"/v2/namespaces/library/repositories\?", faults.status(404, NO_ROUTE))],
    39: [fault("repositories/hello-world$", faults.status(401))],
    40: [
        fault("tags/list", faults.status(401)),
        fault("tags/list", faults.status(200, {"name": "", "tags": []})),
        fault("tags/list", headers(WWW_Authenticate='Basic realm="auth required"')),
    ],
    41: [setting(auth_announced="https://other.example")],
    42: [fault("tags/list", headers(WWW_Authenticate='Bearer realm="",service="hub"'))],
    43: [fault("/token", changed(token=...)), fault("/token", faults.status(401), "auth")],
    44: [fault(f"{SMALL}/list", changed(tags=...)), setting(registry_token_seconds=-1)],
    45: [setting(registry_page=1_000)],
    46: [fault(f"{LARGE}/list", faults.rewrite(lambda it: it | {"tags": it.get("tags", [])[1:]}))],
    47: [fault("no-such-repository.*list", faults.status(200, {"name": "", "tags": []}))],
    48: [fault("/v2/$", faults.status(200, {}), "registry")],
    49: [
        fault(FIRST, faults.status(429, headers={"Retry-After": "600"})),
        fault(FIRST, faults.status(429, headers={"X-Retry-After": "600"})),
    ],
}
"""For each fact, what a Docker Hub could do of which it is not true."""


def test_every_fact_holds_with_the_stand_in_or_is_one_that_nobody_knows(hub: Standin) -> None:
    found = {each.fact.id: each.result for each in checked(hub)}
    unknown = {fact.id for fact in (*UNKNOWN, FACTS[-1])}
    assert {id_ for id_, result in found.items() if result is FactResult.UNKNOWN} == unknown
    assert FactResult.DIFFERS not in found.values()


def test_what_a_429_says_is_found_out_where_one_comes(hub: Standin) -> None:
    hub.settings.rate_limit, hub.settings.rate_window = 3, 1e6
    *others, last = checked(hub)
    assert last.result is FactResult.HOLDS
    # The window of this one is no minute.
    assert [each.fact.id for each in others if each.result is FactResult.DIFFERS] == [28]


@pytest.mark.parametrize(
    ("fact", "break_it"),
    [
        pytest.param(fact, each, id=f"{fact.id}-{number}")
        for fact in HOLDING
        for number, each in enumerate(BREAKS.get(fact.id, ()))
    ],
)
def test_a_hub_of_which_a_fact_is_not_true_is_found_out(
    hub: Standin, fact: Fact, break_it: Break
) -> None:
    facts = FACTS if fact is FACTS[-1] else [fact]
    assert checked(hub, facts)[-1].result is not FactResult.DIFFERS
    break_it(hub)
    found = checked(hub, facts)[-1]
    assert (found.result, bool(found.seen)) == (FactResult.DIFFERS, True)


def test_there_is_a_break_for_every_fact_that_can_be_found_out() -> None:
    assert {*BREAKS} == {fact.id for fact in HOLDING}
    assert all(BREAKS.values())


@pytest.mark.parametrize("fact", UNKNOWN, ids=lambda fact: str(fact.id))
def test_of_a_fact_that_nobody_knows_it_tells_what_came(hub: Standin, fact: Fact) -> None:
    before = checked(hub, [fact])
    hub.faults.add("/v1/", faults.status(410, "told nobody"))
    hub.faults.add(FIRST, headers(X_RateLimit_Limit="97"))
    hub.faults.add(FIRST, changed(results=[{"name": "a"}, {"name": "b"}]))
    after = checked(hub, [fact])
    assert {each.result for each in (*before, *after)} == {FactResult.UNKNOWN}
    assert any(text in after[0].seen for text in ("told nobody", "97", "ascending: a, b"))
    assert before[0].seen != after[0].seen


class TestBounds:
    def test_it_asks_seldom_and_by_get_alone_where_nobody_signs_in(self, hub: Standin) -> None:
        found = checked(hub, account=None)
        assert FactResult.DIFFERS not in {each.result for each in found}
        assert {call.method for call in hub.calls} == {"GET"}
        assert not [call for call in hub.calls if "basic" in call.headers.get("authorization", "")]
        hub.forget_calls()
        checked(hub)
        assert [call.path for call in hub.calls if call.method != "GET"] == ["/v2/auth/token"]
        assert len(hub.calls) <= MOST_CALLS

    def test_no_question_is_asked_twice(self, hub: Standin) -> None:
        checked(hub)
        asked = [
            (call.listener, call.path, call.headers.get("authorization")) for call in hub.calls
        ]
        assert len(asked) == len({*asked})

    def test_there_is_a_pause_from_one_to_the_next(self, hub: Standin) -> None:
        checked(hub, FACTS[:6], pace=0.02)
        times = [call.seconds for call in hub.calls]
        gaps = [after - before for before, after in pairwise(times)]
        assert min(gaps) >= 0.019

    def test_a_host_that_says_nothing_ends_it_in_time(self, hub: Standin) -> None:
        hub.faults.add("", faults.hang())
        found = checked(hub, seconds=0.5)
        assert {each.result for each in found} == {FactResult.UNKNOWN}
        assert len(hub.calls) < 5

    def test_a_host_that_wants_to_be_left_alone_is(self, hub: Standin) -> None:
        hub.faults.add("/v2/", faults.rate_limited(600), listener="hub")
        found = checked(hub)
        assert len([call for call in hub.calls if call.path.startswith("/v2/namespaces")]) == 1
        assert "limits the rate" in next(each.seen for each in found if each.fact.id == 20)

    def test_a_short_pause_that_a_host_asks_for_is_kept(self, hub: Standin) -> None:
        hub.faults.add("tags/latest", faults.rate_limited(1), times=1)
        [found] = checked(hub, [FACTS[20]])
        assert found.result is FactResult.HOLDS
        assert [call.status for call in hub.calls] == [429, 200]

    def test_no_secret_is_shown(self, hub: Standin) -> None:
        hub.faults.add("page=11$", faults.repeats())
        hub.faults.add("tags/latest$", faults.repeats())
        shown = " ".join(each.seen for each in checked(hub))
        tokens = {call.headers.get("authorization", "")[7:] for call in hub.calls} - {"", "none"}
        assert len(tokens) > 3
        assert not [secret for secret in ("secret", *tokens) if secret in shown]


class TestTable:
    def test_it_is_on_the_page(self) -> None:
        page = (ROOT / "docs" / "facts.md").read_text(encoding="utf-8")
        assert as_markdown_table(FACTS) in page, "hub-v1-bridge facts --list prints the table"

    def test_its_numbers_have_no_gap(self) -> None:
        assert [fact.id for fact in FACTS] == [*range(1, len(FACTS) + 1)]

    def test_the_files_that_lean_on_it_exist(self) -> None:
        files = {fact.file for fact in FACTS} - {""}
        assert [file for file in files if not (ROOT / "addon" / "hubv1" / file).is_file()] == []
