"""Pages of v2's tags beyond what Hub gives to anonymous callers, read with the bridge's account
(hub_pages)."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from mitmproxy import http
from mitmproxy.proxy.mode_specs import ProxyMode

from hubv1.api.routes import Outcome, Verdict
from hubv1.api.v2 import with_links_to
from hubv1.journal import CallRecord
from onstage import Stage, answer, answered, entries, make_flow, on_stage
from standin import Catalog, Standin, faults
from standin.rules import Action

COUNT = 1_234
SECRET = "geheimnis"
REFUSED = (
    b'{"message":"pagination offset too large for anonymous requests; sign in to page further",'
    b'"errinfo":{}}'
)
LONG = "/v2/repositories/acme/long/tags"
TARGETS = [
    f"{LONG}?page=11&page_size=100",
    f"{LONG}/?page_size=100&page=13",
    f"{LONG}?page=101&page_size=10&ordering=last_updated",
    "/v2/namespaces/acme/repositories/long/tags?page_size=50&page=21&name=1",
]
WHO_ASKS = f"{LONG}?page_size=1&page=1"


@pytest.fixture(scope="module")
def running() -> Iterator[Standin]:
    catalog = Catalog(accounts={"bridge": SECRET})
    catalog.add_generated("acme/long", COUNT)
    catalog.add_generated("acme/other", COUNT)
    catalog.add_generated("acme/secret", COUNT, private=True)
    catalog.add_generated("bridge/secret", COUNT, private=True)
    with Standin(catalog) as hub:
        yield hub


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_SECRET", SECRET)


class Walk:
    """A bridge with an account, and a client whose calls the stand-in answers as Hub does."""

    def __init__(self, stage: Stage, hub: Standin) -> None:
        self.stage, self.hub = stage, hub

    async def get(
        self,
        target: str,
        *,
        host: str = "hub.docker.com",
        headers: Mapping[str, str | bytes] | None = None,
        behind: str = "",
        upstream: http.Response | None = None,
    ) -> http.Response:
        flow = make_flow(target, host=host, headers=headers)
        if behind:
            flow.client_conn.proxy_mode = ProxyMode.parse(f"reverse:{behind}")
        await self.stage.play(flow, upstream or answer(403, REFUSED))
        return answered(flow)

    @property
    def asked(self) -> list[str]:
        """What the bridge asked for, without its logins."""
        return [call.path for call in self.hub.calls if call.method == "GET"]


def walked(
    folder: Path,
    hub: Standin,
    use: Callable[[Walk], Awaitable[object]],
    **values: object,
) -> list[CallRecord]:
    """The rows of a walk through a bridge that has `hub_pages`."""
    given = {"hub_pages": True, "hub_username": "bridge"} | values

    async def walking() -> None:
        async with on_stage(folder, hub.url, **given) as stage:
            await use(Walk(stage, hub))

    asyncio.run(walking())
    return entries(folder / "journal.sqlite3")


def got(
    folder: Path, hub: Standin, target: str = TARGETS[0], **how: Any
) -> tuple[http.Response, CallRecord]:
    """The answer to one call, and its row."""
    options = {name: how.pop(name) for name in list(how) if name.startswith("hub_")}
    found: list[http.Response] = []

    async def use(walk: Walk) -> None:
        found.append(await walk.get(target, **how))

    (row,) = walked(folder, hub, use, **options)
    return found[0], row


def signed_in(hub: Standin, target: str) -> bytes:
    """Hub's own answer to whoever signs in."""
    body = json.dumps({"identifier": "bridge", "secret": SECRET}).encode()
    with urlopen(Request(f"{hub.url}/v2/auth/token", body)) as reply:
        token = json.load(reply)["access_token"]
    try:
        with urlopen(
            Request(hub.url + target, headers={"Authorization": f"Bearer {token}"})
        ) as reply:
            page: bytes = reply.read()
    except HTTPError as error:
        page = error.read()
    hub.forget_calls()
    return page


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("host", ["hub.docker.com", "registry.hub.docker.com"])
def test_a_refused_page_is_hubs_own_byte_for_byte_but_for_the_host_of_its_links(
    tmp_path: Path, hub: Standin, target: str, host: str
) -> None:
    page = signed_in(hub, target)
    response, row = got(tmp_path, hub, target, host=host)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("application/json")
    assert response.raw_content == page.replace(hub.url.encode(), f"https://{host}".encode())
    assert f"https://{host}/v2/" in str(json.loads(page := response.raw_content or b"")["previous"])
    assert (row.outcome, row.verdict) == (Outcome.TRANSLATED, Verdict.RETIRING)
    assert (row.source, row.upstream_calls) == ("account", 3)  # page one, a login, the page
    assert (row.http_response_status_code, row.credentials) == (200, "none")
    assert row.tags_listed == json.loads(page)["count"]


def test_the_links_of_the_host_that_hub_url_names_stay_as_they_are(
    tmp_path: Path, hub: Standin
) -> None:
    page = signed_in(hub, TARGETS[0])
    host, _, port = hub.url.removeprefix("http://").partition(":")

    async def use(walk: Walk) -> None:
        flow = make_flow(TARGETS[0], host=host)
        flow.request.scheme, flow.request.port = "http", int(port)
        flow.client_conn.proxy_mode = ProxyMode.parse(f"reverse:{hub.url}")
        await walk.stage.play(flow, answer(403, REFUSED))
        assert answered(flow).raw_content == page

    walked(tmp_path, hub, use)


def test_behind_a_reverse_proxy_links_lead_to_its_upstream(tmp_path: Path, hub: Standin) -> None:
    upstream = "https://registry.hub.docker.com"
    response, _ = got(tmp_path, hub, host="registry.hub.docker.com", behind=upstream)
    assert json.loads(response.content or b"")["next"] == f"{upstream}{LONG}?page=12&page_size=100"


def test_whether_the_caller_may_read_it_is_asked_once_a_walk(tmp_path: Path, hub: Standin) -> None:
    pages = [f"{LONG}?page={number}&page_size=100" for number in (11, 12, 13)]

    async def use(walk: Walk) -> None:
        for page in pages:
            assert (await walk.get(page)).status_code == 200
        assert len(walk.asked) == 1 + len(pages)
        assert walk.asked[1:] == pages
        assert "authorization" not in hub.calls[0].headers
        assert all("authorization" in call.headers for call in hub.calls[2:])

    walked(tmp_path, hub, use)


def test_whoever_asks_for_several_pages_at_once_asks_once_too(tmp_path: Path, hub: Standin) -> None:
    pages = [f"{LONG}?page={number}&page_size=100" for number in (11, 12, 13)]

    async def use(walk: Walk) -> None:
        await asyncio.gather(*map(walk.get, pages))
        assert len(walk.asked) == 1 + len(pages)
        assert sum(call.method == "POST" for call in hub.calls) == 1

    walked(tmp_path, hub, use)


def test_equal_calls_at_the_same_time_cost_one_flight(tmp_path: Path, hub: Standin) -> None:
    hub.faults.add("page=11", faults.latency(0.1))

    async def use(walk: Walk) -> None:
        found = await asyncio.gather(*(walk.get(TARGETS[0]) for _ in range(5)))
        assert len({response.content for response in found}) == 1
        assert walk.asked.count(TARGETS[0]) == 1

    rows = walked(tmp_path, hub, use)
    assert {row.outcome for row in rows} == {Outcome.TRANSLATED}
    assert sorted(row.cache for row in rows) == ["bypass", *["collapsed"] * 4]


def test_another_repository_is_another_walk(tmp_path: Path, hub: Standin) -> None:
    async def use(walk: Walk) -> None:
        await walk.get(TARGETS[0])
        await walk.get(TARGETS[0].replace("long", "other"))
        assert sum("page_size=1&" in path for path in walk.asked) == 2

    walked(tmp_path, hub, use)


@pytest.mark.parametrize("name", ["acme/secret", "bridge/secret", "acme/nothing"])
def test_what_the_caller_may_not_read_is_hubs_404(tmp_path: Path, hub: Standin, name: str) -> None:
    response, row = got(tmp_path, hub, f"/v2/repositories/{name}/tags?page=11&page_size=100")
    assert response.status_code == 404
    assert json.loads(response.content or b"")["message"] == "httperror 404: object not found"
    assert all("authorization" not in call.headers for call in hub.calls)
    assert (row.http_response_status_code, row.source, row.upstream_calls) == (404, "hub", 1)


def test_a_page_past_the_end_is_hubs_404(tmp_path: Path, hub: Standin) -> None:
    target = f"{LONG}?page=99&page_size=100"
    page = signed_in(hub, target)
    response, row = got(tmp_path, hub, target)
    assert (response.status_code, response.content) == (404, page)
    assert (row.outcome, row.source) == (Outcome.TRANSLATED, "account")


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer abc.def"},
        {"Authorization": "JWT abc"},
        {"Authorization": "Basic am9lOng="},
        {"Authorization": "Basic Og=="},
        {"Authorization": "Token signature=1"},
        {"Authorization": "nonsense"},
    ],
    ids=str,
)
def test_a_caller_that_signs_in_is_never_touched(
    tmp_path: Path, hub: Standin, headers: dict[str, str]
) -> None:
    response, row = got(tmp_path, hub, headers=headers)
    assert (response.status_code, response.content) == (403, REFUSED)
    assert (row.outcome, row.upstream_calls) == (Outcome.OBSERVED, 0)
    assert hub.calls == []


@pytest.mark.parametrize("options", [{"hub_pages": False}, {"hub_username": ""}], ids=str)
def test_without_option_or_account_the_refusal_passes_as_it_came(
    tmp_path: Path, hub: Standin, options: dict[str, Any]
) -> None:
    response, row = got(tmp_path, hub, **options)
    assert (response.status_code, response.content) == (403, REFUSED)
    assert row.outcome is Outcome.OBSERVED
    assert hub.calls == []


def test_a_page_that_hub_gives_is_never_touched(tmp_path: Path, hub: Standin) -> None:
    body = b'{"count":1,"next":null,"previous":null,"results":[]}'

    async def use(walk: Walk) -> None:
        response = await walk.get(f"{LONG}?page=1", upstream=answer(200, body))
        assert response.content == body
        assert "Via" not in response.headers

    assert walked(tmp_path, hub, use) == []
    assert hub.calls == []


@pytest.mark.parametrize("status", [401, 403])
def test_where_hub_does_not_let_the_account_read_on_the_refusal_stays(
    tmp_path: Path, hub: Standin, status: int
) -> None:
    hub.faults.add("page=11", faults.status(status))
    response, row = got(tmp_path, hub)
    assert (response.status_code, response.content) == (403, REFUSED)
    assert (row.outcome, row.http_response_status_code) == (Outcome.OBSERVED, 403)
    assert row.error_type == "incomplete"
    assert "account" in row.error


def test_a_wrong_secret_is_not_tried_again_and_the_refusal_stays(
    tmp_path: Path, hub: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_SECRET", "wrong")

    async def use(walk: Walk) -> None:
        for _ in range(3):
            assert (await walk.get(TARGETS[0])).content == REFUSED
        assert sum(call.method == "POST" for call in hub.calls) == 1

    walked(tmp_path, hub, use)


def test_too_many_requests_are_a_429_with_seconds(tmp_path: Path, hub: Standin) -> None:
    hub.faults.add("page=11", faults.rate_limited(40))
    response, row = got(tmp_path, hub)
    assert response.status_code == 429
    assert 30 <= int(response.headers["Retry-After"]) <= 41
    assert (row.outcome, row.error_type) == (Outcome.REFUSED, "rate_limited")
    assert "Deprecation" not in response.headers


def test_a_hub_that_is_too_slow_is_told_within_the_deadline(tmp_path: Path, hub: Standin) -> None:
    hub.faults.add("page=11", faults.hang())
    response, row = got(tmp_path, hub, hub_deadline=1)
    assert response.status_code == 502
    assert json.loads(response.content or b"")["error"] == "unreachable"
    assert row.outcome is Outcome.FAILED


@pytest.mark.parametrize("action", [faults.html(200), faults.broken_json(), faults.null_results()])
def test_what_is_no_page_is_not_given(tmp_path: Path, hub: Standin, action: Action) -> None:
    hub.faults.add("page=11", action)
    response, row = got(tmp_path, hub)
    assert (response.status_code, response.content) == (403, REFUSED)
    assert row.error_type == "nonsense"


def test_a_query_that_no_request_line_can_have_goes_nowhere(tmp_path: Path, hub: Standin) -> None:
    response, _ = got(tmp_path, hub, f"{LONG}?page=11&name=\x7f")
    assert response.content == REFUSED
    assert hub.calls == []


def test_names_go_to_hub_as_they_were_checked(tmp_path: Path, hub: Standin) -> None:
    response, row = got(tmp_path, hub, "/v2/repositories/ac%6De/long/tags?page=11&page_size=100")
    assert (response.status_code, row.repository) == (200, "long")
    assert hub.calls[-1].path == TARGETS[0]


def test_names_that_hub_does_not_allow_go_nowhere(tmp_path: Path, hub: Standin) -> None:
    response, row = got(tmp_path, hub, "/v2/repositories/acme/%2e%2e/tags?page=11&page_size=100")
    assert (response.content, row.repository) == (REFUSED, "")
    assert hub.calls == []


def test_the_secret_goes_nowhere_but_to_hub(
    tmp_path: Path, hub: Standin, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    response, _ = got(tmp_path, hub)
    assert "authorization" not in {name.lower() for name in response.headers}
    assert "set-cookie" not in {name.lower() for name in response.headers}
    assert SECRET not in caplog.text
    assert SECRET.encode() not in (tmp_path / "journal.sqlite3").read_bytes()


def test_a_body_that_would_be_streamed_is_read_all_the_same(tmp_path: Path, hub: Standin) -> None:
    async def use(walk: Walk) -> None:
        refused = answer(403, REFUSED)
        refused.stream = True
        assert (await walk.get(TARGETS[0], upstream=refused)).status_code == 200

    walked(tmp_path, hub, use)


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        (b'"http://h:1/a?page=2"', b'"https://b.example/a?page=2"'),
        (rb'"http:\/\/h:1\/a?page=2\u0026x"', rb'"https://b.example\/a?page=2\u0026x"'),
        (b'"https://b.example/a"', b'"https://b.example/a"'),
        (b'"http://B.example/a"', b'"http://B.example/a"'),
        (b'"https://h"', b'"https://b.example"'),
        (b"null", b"null"),
        (b'"/a?page=2"', b'"/a?page=2"'),
        (b"7", b"7"),
    ],
)
def test_of_a_page_only_the_origins_of_its_links_change(link: bytes, shown: bytes) -> None:
    page = b'{"count": 3,\n "next": %s, "x": {"next": "http://h:1/"}, "previous" :%s,"results":[]}'
    assert with_links_to("https://b.example", page % (link, link)) == page % (shown, shown)
