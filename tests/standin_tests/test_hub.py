"""The stand-in's API v2: pages, accounts and limits."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from standin import Quirk, Standin, make_tag
from standin_tests.asking import APP, DEBIAN, ask, basic, bearer, log_in


class TestHub:
    def test_pages_lead_from_one_to_the_next_until_every_tag_was_seen_once(
        self, hub: Standin
    ) -> None:
        url, seen = hub.url + DEBIAN + "?page_size=100", []
        while url:
            page = ask(url)
            assert page.json["count"] == 450
            seen += page.names
            url = page.json["next"]
        assert len(seen) == 450
        assert sorted(seen) == [tag.name for tag in hub.catalog["debian"].tags()]
        assert seen not in (sorted(seen), sorted(seen, reverse=True))
        assert page.json["previous"] == f"{hub.url}{DEBIAN}?page=4&page_size=100"

    @pytest.mark.parametrize(
        ("query", "size"), [("", 10), ("?page_size=3", 3), ("?page_size=500", 100)]
    )
    def test_a_page_has_ten_tags_unless_asked_and_never_more_than_a_hundred(
        self, hub: Standin, query: str, size: int
    ) -> None:
        assert len(ask(hub.url + DEBIAN + query).names) == size

    @pytest.mark.parametrize("page", ["46", "0", "-1", "x"])
    def test_a_page_that_is_not_there_is_an_object_not_found(self, hub: Standin, page: str) -> None:
        answer = ask(f"{hub.url}{DEBIAN}?page={page}")
        assert (answer.status, answer.json["message"]) == (404, "httperror 404: object not found")

    def test_an_empty_repository_has_one_empty_page(self, hub: Standin) -> None:
        answer = ask(hub.url + "/v2/namespaces/acme/repositories/empty/tags")
        assert answer.json == {"count": 0, "next": None, "previous": None, "results": []}

    def test_a_tag_is_the_same_on_its_own_in_a_page_by_head_and_on_the_undocumented_path(
        self, hub: Standin
    ) -> None:
        alone = ask(f"{hub.url}{DEBIAN}/latest")
        twin = ask(f"{hub.url}/v2/repositories/library/debian/tags/latest/")
        head = ask(f"{hub.url}{DEBIAN}/latest", "HEAD")
        pages = [ask(f"{hub.url}{DEBIAN}?page={n}&page_size=100").json for n in range(1, 6)]
        listed = [tag for page in pages for tag in page["results"] if tag["name"] == "latest"]
        assert listed == [alone.json] == [twin.json]
        assert (head.status, head.body) == (200, b"")
        assert head.headers["Content-Length"] == str(len(alone.body))

    def test_old_and_odd_tags_lack_what_they_lack_on_hub(self, hub: Standin) -> None:
        odd = {quirk.name: make_tag("library/odd", quirk.name, quirk) for quirk in Quirk}
        hub.catalog.add("odd", [*odd.values(), replace(odd["BARE"], name="mine", id=7)])
        url = hub.url + "/v2/namespaces/library/repositories/odd/tags"
        shown = {tag["name"]: tag for tag in ask(url).json["results"]}
        assert "digest" not in shown["NO_DIGEST"]
        assert shown["NO_IMAGES"]["images"] == []
        assert {image["digest"] for image in shown["NULL_IMAGE_DIGESTS"]["images"]} == {None}
        assert shown["mine"]["id"] == 7

    def test_anonymous_paging_ends_where_a_token_goes_on(self, hub: Standin) -> None:
        url = hub.url + "/v2/namespaces/library/repositories/php/tags?page_size=100&page="
        refused = ask(url + "11")
        assert ask(url + "10").status == 200
        assert refused.status == 403
        assert refused.body == (
            b'{"message":"pagination offset too large for anonymous requests; '
            b'sign in to page further","errinfo":{}}'
        )
        token = log_in(hub).json["access_token"]
        assert ask(url + "156", headers=bearer(token)).json["next"] is None

    @pytest.mark.parametrize(
        ("path", "status", "message"),
        [
            (DEBIAN.replace("tags", "images"), 404, "404: Page Not Found"),
            ("/", 404, "404: Page Not Found"),
            (DEBIAN + "/no-such", 404, "httperror 404: object not found"),
            (DEBIAN.replace("debian", "no-such"), 404, "httperror 404: object not found"),
        ],
    )
    def test_what_is_not_there_says_so(
        self, hub: Standin, path: str, status: int, message: str
    ) -> None:
        answer = ask(hub.url + path)
        assert (answer.status, answer.json["message"]) == (status, message)

    @pytest.mark.parametrize("path", ["/v1/repositories/debian/tags", "/v1/_ping", "/v1/", "/v1"])
    def test_v1_is_gone_from_the_hub_and_the_registry(self, hub: Standin, path: str) -> None:
        assert ask(hub.url + path).status == ask(hub.registry_url + path).status == 410


class TestAccounts:
    def test_a_private_repository_is_there_for_its_owner_alone(self, hub: Standin) -> None:
        owner = log_in(hub).json["access_token"]
        other = log_in(hub, "globex", "other-secret").json["access_token"]
        assert ask(hub.url + APP).status == 404
        assert ask(hub.url + APP, headers=bearer(other)).status == 404
        assert sorted(ask(hub.url + APP, headers=bearer(owner)).names)[0] == "1.0"

    def test_a_token_ends_with_its_time_and_garbage_is_none(self, hub: Standin) -> None:
        token = log_in(hub).json["access_token"]
        hub.settings.clock_skew = 590
        assert ask(hub.url + APP, headers=bearer(token)).status == 200
        hub.settings.clock_skew = 601
        assert ask(hub.url + APP, headers=bearer(token)).status == 401
        for garbage in (bearer("garbage"), bearer("a.b.c"), bearer(""), basic("acme", "secret")):
            assert ask(hub.url + DEBIAN, headers=garbage).status == 401

    def test_tokens_can_be_expired_by_hand(self, hub: Standin) -> None:
        token = log_in(hub).json["access_token"]
        hub.expire_tokens()
        assert ask(hub.url + APP, headers=bearer(token)).status == 401

    def test_the_deprecated_login_gives_a_token_too(self, hub: Standin) -> None:
        login = {"username": "acme", "password": "secret"}
        token = ask(hub.url + "/v2/users/login", "POST", payload=login).json["token"]
        assert ask(hub.url + APP, headers=bearer(token)).status == 200

    def test_too_many_wrong_logins_lock_the_name_for_a_while(self, hub: Standin) -> None:
        hub.settings.failed_logins = 2
        assert [log_in(hub, secret="no").status for _ in range(2)] == [401, 401]
        assert log_in(hub).status == 429
        hub.settings.clock_skew = 601
        assert log_in(hub).status == 200

    @pytest.mark.parametrize("payload", [None, [], {"identifier": "acme"}, {"secret": 1}])
    def test_a_login_that_makes_no_sense_is_a_bad_request(
        self, hub: Standin, payload: object
    ) -> None:
        assert ask(hub.url + "/v2/auth/token", "POST", payload=payload).status == 400


class TestRates:
    def test_every_v2_answer_says_what_is_left_and_when_that_ends(self, hub: Standin) -> None:
        for path in (DEBIAN, APP, "/v2/nowhere"):
            headers = ask(hub.url + path).headers
            assert int(headers["X-RateLimit-Remaining"]) < int(headers["X-RateLimit-Limit"])
            assert 0 <= int(headers["X-RateLimit-Reset"]) - time.time() <= 61

    def test_beyond_the_limit_comes_429_with_a_unix_time_by_the_servers_clock(
        self, hub: Standin
    ) -> None:
        hub.settings.rate_limit, hub.settings.rate_window = 2, 1e6
        hub.settings.clock_skew = 5_000_000
        answers = [ask(hub.url + DEBIAN) for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        until = int(answers[2].headers["X-Retry-After"])
        assert 4_000_000 < until - time.time() <= 6_000_001
        hub.settings.clock_skew += 1e6
        assert ask(hub.url + DEBIAN).status == 200
