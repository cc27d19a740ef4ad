"""The Hub client and everything that can be wrong with an answer: each has a failure's name."""

import gzip
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress

import pytest

from clocks import SleepingClock
from hubv1.api.names import Repository
from hubv1.api.v2 import HubFailure, Loop, Nonsense, RateLimited, Unreachable
from hubv1.hub import RequestBudget, http, throttle
from samples import VIA, with_client
from standin import Catalog, Standin, bodies, faults
from standin.rules import Action

SMALL = Repository("library", "small")
PAGE = {"count": 1, "next": None, "results": [{"name": "1"}]}


@pytest.fixture
def hub() -> Iterator[Standin]:
    catalog = Catalog()
    catalog.add("small", ["latest", "1", "2"])
    with Standin(catalog) as running:
        yield running


def names(url: str) -> list[str]:
    found = with_client(url, lambda client: client.tags(SMALL, RequestBudget()))
    return sorted(tag.name for tag in found)


def failure(hub: Standin, action: Action) -> HubFailure:
    hub.faults.clear()
    hub.faults.add("/tags", action)
    with pytest.raises(HubFailure) as raised:
        names(hub.url)
    with pytest.raises(type(raised.value)):
        with_client(hub.url, lambda client: client.tag(SMALL, "1", RequestBudget()))
    return raised.value


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    SleepingClock().rule(monkeypatch, throttle)


@pytest.mark.parametrize(
    "action",
    [
        faults.html(),
        faults.empty(),
        faults.broken_json(),
        faults.status(200, "null"),
        faults.status(200, "[]"),
        faults.status(200, b"\xff\xfe"),
        faults.status(200, b'{"name":"\xff","results":[{"name":"\xff"}],"count":1}'),
        faults.status(200, '{"name":"\\ud800","results":[{"name":"\\ud800"}],"count":1}'),
        faults.status(200, '{"count":1,"x":' + "[" * 100_000),
        faults.status(200, {"count": 1, "results": [{"name": None}], "name": None}),
        faults.status(200, {"count": 1, "results": [{"name": 5}], "name": 5}),
        faults.status(200, {"count": "1", "results": [], "name": "x", "id": "1"}),
        faults.status(204),
        faults.status(206, PAGE),
        faults.status(410, {"message": "retired"}),
        faults.status(418),
    ],
)
def test_an_answer_that_api_v2_does_not_document_is_nonsense(hub: Standin, action: Action) -> None:
    assert isinstance(failure(hub, action), Nonsense)


@pytest.mark.parametrize(
    "action",
    [
        faults.status(500),
        faults.status(502, "<html>"),
        faults.status(503, {"message": "down"}),
        faults.status(508),
        faults.status(508, headers={"Via": "1.1 hub-v1-bridge-another0"}),
        faults.drop(),
        bodies.cut(),
        bodies.cut(0),
    ],
)
def test_an_answer_that_is_missing_or_broken_off_is_told_as_unreachable(
    hub: Standin, action: Action
) -> None:
    assert isinstance(failure(hub, action), Unreachable)


def test_null_results_are_no_empty_list(hub: Standin) -> None:
    hub.faults.add("/tags", faults.null_results())
    with pytest.raises(Nonsense, match="results"):
        names(hub.url)


def test_a_port_that_nobody_listens_on_is_told_with_its_url() -> None:
    with Standin(Catalog()) as gone:
        url = gone.url
    with pytest.raises(Unreachable, match=url):
        names(url)


def test_a_request_that_comes_round_is_a_loop(hub: Standin) -> None:
    assert isinstance(failure(hub, faults.status(508, headers={"Via": f"1.1 other, {VIA}"})), Loop)


class TestOtherHosts:
    @pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
    def test_a_redirect_is_not_followed(self, hub: Standin, code: int) -> None:
        with Standin(Catalog.default()) as other:
            said = failure(hub, faults.redirect(f"{other.url}/v2/", code))
            assert isinstance(said, Nonsense)
            assert str(code) in str(said)
            assert other.calls == []

    def test_next_is_believed_to_be_there_but_never_where_it_leads(self, hub: Standin) -> None:
        hub.catalog.add_generated("small", 150)
        with Standin(Catalog.default()) as other:
            hub.faults.add("page=1", faults.next_at(f"{other.url}/v2/evil"))
            assert len(names(hub.url)) == 150
            assert other.calls == []
        assert len(hub.calls) == 2


class TestRates:
    @pytest.mark.parametrize("skew", [0, 5_000, -5_000])
    def test_hubs_unix_time_becomes_seconds_by_hubs_own_clock(
        self, hub: Standin, skew: float
    ) -> None:
        hub.settings.clock_skew = skew
        said = failure(hub, faults.rate_limited(40))
        assert isinstance(said, RateLimited)
        assert 38 <= said.seconds <= 42
        assert f"{said.seconds} s" in str(said)

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({}, 60),
            ({"X-Retry-After": ""}, 60),
            ({"X-Retry-After": "soon"}, 60),
            ({"X-Retry-After": "nan"}, 60),
            ({"X-Retry-After": "inf"}, 86_400),
            ({"X-Retry-After": "-inf"}, 1),
            ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 1),
            (
                {
                    "Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT",
                    "Date": "Wed, 21 Oct 2026 07:27:46 GMT",
                },
                14,
            ),
            ({"X-RateLimit-Reset": "21"}, 21),
            ({"Retry-After": "7"}, 7),
            ({"Retry-After": "0"}, 1),
            ({"Retry-After": "-5"}, 1),
            ({"Retry-After": "1.2"}, 2),
            ({"Retry-After": "999999999"}, 86_400),
            ({"X-Retry-After": "12", "Retry-After": "7"}, 12),
            ({"X-Retry-After": "1000000000"}, 1),
            ({"X-Retry-After": "99999999999"}, 86_400),
            ({"X-Retry-After": "99999999999", "Date": "never"}, 86_400),
            ({"X-Retry-After": "99999999999", "Date": f"Mon, 01 Jan {'9' * 30} 0:0:0 GMT"}, 86_400),
        ],
    )
    @pytest.mark.usefixtures("no_waiting")
    def test_whatever_it_says_a_wait_is_between_a_second_and_a_day(
        self, hub: Standin, headers: dict[str, str], seconds: int
    ) -> None:
        said = failure(hub, faults.status(429, headers=headers))
        assert isinstance(said, RateLimited)
        assert said.seconds == seconds

    def test_where_the_hub_gives_no_time_of_its_own_ours_has_to_do(self, hub: Standin) -> None:
        headers = {"X-Retry-After": str(int(time.time()) + 40), "Date": "never"}
        said = failure(hub, faults.status(429, headers=headers))
        assert isinstance(said, RateLimited)
        assert 36 <= said.seconds <= 41

    def test_the_rest_of_a_list_may_be_limited_too(self, hub: Standin) -> None:
        hub.catalog.add_generated("small", 250)
        hub.settings.rate_limit, hub.settings.rate_window = 2, 1e6
        with pytest.raises(RateLimited):
            names(hub.url)


class TestBodies:
    @pytest.mark.parametrize("coding", ["gzip", "deflate"])
    def test_a_body_is_read_in_the_codings_that_were_asked_for(
        self, hub: Standin, coding: str
    ) -> None:
        hub.faults.add("/tags", bodies.encoded(coding))
        assert names(hub.url) == ["1", "2", "latest"]

    def test_a_coding_that_nobody_asked_for_is_read_or_refused(self, hub: Standin) -> None:
        hub.faults.add("/tags", bodies.encoded("br"))
        with suppress(Nonsense, Unreachable):
            assert names(hub.url) == ["1", "2", "latest"]

    @pytest.mark.parametrize(
        "body", [b'{"count":0,"results":[]}', b"", gzip.compress(b"{}" * 500, mtime=0)[:-9]]
    )
    @pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "no-such"])
    def test_a_body_that_is_not_in_the_coding_it_claims_is_a_failure(
        self, hub: Standin, coding: str, body: bytes
    ) -> None:
        headers = {"Content-Encoding": coding}
        if coding == "no-such":
            body = b"\x00" + body
        assert isinstance(failure(hub, faults.status(200, body, headers)), (Nonsense, Unreachable))

    def test_a_slow_body_is_read_to_its_end(self, hub: Standin) -> None:
        hub.faults.add("/tags", bodies.drip(0.01, pieces=5))
        assert names(hub.url) == ["1", "2", "latest"]

    def test_a_decompression_bomb_is_given_up_long_before_it_fills_the_memory(
        self, hub: Standin
    ) -> None:
        bodies._blanks(400)
        tracemalloc.start()
        try:
            said = failure(hub, bodies.bomb(megabytes=400))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert isinstance(said, (Nonsense, Unreachable))
        assert peak < 120_000_000

    @pytest.mark.parametrize("status", [200, 404, 503])
    def test_no_answer_may_be_larger_than_allowed_whatever_its_status(
        self, hub: Standin, status: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http, "MOST_BODY_BYTES", 100_000)
        said = failure(hub, faults.status(status, b" " * 100_001))
        assert isinstance(said, Nonsense)
        assert "more than 100000 bytes" in str(said)

    def test_a_body_just_small_enough_is_read(
        self, hub: Standin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page = b'{"count":1,"results":[{"name":"1"}]}'
        monkeypatch.setattr(http, "MOST_BODY_BYTES", len(page))
        hub.faults.add("/tags", faults.status(200, page))
        assert names(hub.url) == ["1"]
