"""The stand-in for Docker Hub, through real HTTP: what the tests of the bridge build on."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from standin import Call, Catalog, Quirk, Settings, Standin, bodies, faults, make_tag
from standin.rules import Action

DEBIAN = "/v2/namespaces/library/repositories/debian/tags"
APP = "/v2/namespaces/acme/repositories/app/tags"
TESTS = Path(__file__).parent


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def names(self) -> list[str]:
        return [tag["name"] for tag in self.json["results"]]


def ask(
    url: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    payload: object = None,
    trust: Path | None = None,
    wait: float = 10,
) -> Answer:
    """One request on a connection of its own; follows nothing, raises for no status."""
    parts = urlsplit(url)
    connection = (
        http.client.HTTPSConnection(
            parts.netloc, timeout=wait, context=ssl.create_default_context(cafile=trust)
        )
        if parts.scheme == "https"
        else http.client.HTTPConnection(parts.netloc, timeout=wait)
    )
    body = None if payload is None else json.dumps(payload).encode()
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body, headers or {})
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(user: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()}


def log_in(hub: Standin, user: str = "acme", secret: str = "secret") -> Answer:
    login = {"identifier": user, "secret": secret}
    return ask(hub.url + "/v2/auth/token", "POST", payload=login)


@pytest.fixture
def hub() -> Iterator[Standin]:
    with Standin() as running:
        yield running


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


class TestRegistry:
    def token(self, hub: Standin, *names: str, headers: dict[str, str] | None = None) -> str:
        scopes = "&".join(f"scope=repository:{name}:pull" for name in names)
        url = f"{hub.auth_url}/token?service=registry.docker.io&{scopes}"
        return str(ask(url, headers=headers).json["token"])

    def test_it_challenges_with_the_realm_and_scope_of_the_repository(self, hub: Standin) -> None:
        answer = ask(hub.registry_url + "/v2/library/php/tags/list")
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == (
            f'Bearer realm="{hub.auth_url}/token",service="registry.docker.io",'
            'scope="repository:library/php:pull"'
        )

    def test_a_list_is_complete_and_ascending_in_one_answer(self, hub: Standin) -> None:
        token = self.token(hub, "library/php")
        answer = ask(hub.registry_url + "/v2/library/php/tags/list", headers=bearer(token))
        assert len(answer.json["tags"]) == 15_590
        assert answer.json["tags"] == sorted(answer.json["tags"])
        assert "Link" not in answer.headers

    @pytest.mark.parametrize(("query", "ours"), [("?n=40", 0), ("", 40), ("?n=90", 40)])
    def test_a_longer_list_is_linked_from_page_to_page(
        self, hub: Standin, query: str, ours: int
    ) -> None:
        hub.settings.registry_page = ours
        headers = bearer(self.token(hub, "library/busybox"))
        target, sizes, tags = "/v2/library/busybox/tags/list" + query, [], []
        while target:
            answer = ask(hub.registry_url + target, headers=headers)
            sizes.append(len(answer.json["tags"]))
            tags += answer.json["tags"]
            target = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")
        assert sizes == [40, 40, 20]
        assert tags == sorted(set(tags))

    def test_a_token_is_good_for_its_scope_and_its_holder_only(self, hub: Standin) -> None:
        app = hub.registry_url + "/v2/acme/app/tags/list"
        owner = self.token(hub, "library/php", "acme/app", headers=basic("acme", "secret"))
        assert ask(app, headers=bearer(owner)).status == 200
        for weak in (self.token(hub, "acme/app"), self.token(hub, "library/php")):
            refused = ask(app, headers=bearer(weak))
            assert refused.status == 401
            assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]
        hubs_own = log_in(hub).json["access_token"]
        assert ask(app, headers=bearer(hubs_own)).status == 401
        assert ask(hub.url + APP, headers=bearer(owner)).status == 401

    def test_wrong_credentials_get_no_token(self, hub: Standin) -> None:
        assert ask(hub.auth_url + "/token", headers=basic("acme", "wrong")).status == 401

    def test_the_search_of_v1_is_alive_and_keeps_private_names(self, hub: Standin) -> None:
        found = ask(hub.registry_url + "/v1/search?q=a&n=2").json
        assert (found["num_results"], found["num_pages"], len(found["results"])) == (6, 3, 2)
        assert found["results"][0]["is_official"]
        assert ask(hub.registry_url + "/v1/search?q=acme%2Fapp").json["results"] == []


class TestCatalog:
    def test_it_may_change_between_two_pages(self, hub: Standin) -> None:
        hub.catalog.add("library/small", ["1", "2", "3"])

        def change(call: Call) -> None:
            if "page=2" in call.path:
                hub.catalog.add_tag("library/small", "4")
                hub.catalog.remove_tag("library/small", "1")

        hub.before_request(change)
        url = hub.url + "/v2/namespaces/library/repositories/small/tags?page_size=2"
        assert ask(url).json["count"] == 3
        assert ask(url + "&page=2").json["count"] == 3
        assert [tag.name for tag in hub.catalog["small"].tags()] == ["2", "3", "4"]

    def test_a_rule_answers_for_any_name_and_keeps_none(self, hub: Standin) -> None:
        hub.catalog.add_rule("bench/", tags=30)
        known = len(list(hub.catalog))
        pages = [
            ask(f"{hub.url}/v2/namespaces/bench/repositories/r{n}/tags").json for n in range(9)
        ]
        assert {page["count"] for page in pages} == {30}
        assert len({page["results"][0]["id"] for page in pages}) == 9
        assert len(list(hub.catalog)) == known

    def test_the_order_is_the_same_for_a_seed_and_another_for_another(self) -> None:
        one, again, other = (Catalog(seed).add("x", "abcdefgh").shelf for seed in (1, 1, 2))
        assert one.shuffled == again.shuffled != other.shuffled


class TestFaults:
    def test_a_rule_skips_then_acts_then_is_over(self, hub: Standin) -> None:
        rule = hub.faults.add("/tags", faults.status(503, {"message": "x"}), skip=1, times=2)
        assert [ask(hub.url + DEBIAN).status for _ in range(4)] == [200, 503, 503, 200]
        assert (rule.met, rule.acted) == (4, 2)

    def test_rules_are_for_their_listener_and_method_and_work_together(self, hub: Standin) -> None:
        hub.faults.add(r"tags\?page=[23]$", faults.latency(0.1), listener="hub")
        hub.faults.add("page=2", faults.status(500), method="HEAD")
        start = time.monotonic()
        assert ask(hub.url + DEBIAN + "?page=2", "HEAD").status == 500
        assert time.monotonic() - start > 0.1
        assert ask(hub.url + DEBIAN + "?page=2").status == 200
        hub.faults.clear()
        assert ask(hub.url + DEBIAN + "?page=2", "HEAD").status == 200

    def test_answers_that_are_not_what_they_should_be(self, hub: Standin) -> None:
        def meets(action: Action) -> Answer:
            hub.faults.clear()
            hub.faults.add("/tags", action)
            return ask(hub.url + DEBIAN)

        page = meets(faults.html())
        assert (page.status, page.headers["Content-Type"][:9]) == (200, "text/html")
        with pytest.raises(json.JSONDecodeError):
            _ = meets(faults.broken_json()).json
        assert (meets(faults.empty()).status, meets(faults.empty()).body) == (200, b"")
        assert meets(faults.redirect("http://elsewhere/")).headers["Location"] == (
            "http://elsewhere/"
        )
        limited = meets(faults.rate_limited(5))
        assert (limited.status, limited.headers["X-RateLimit-Remaining"]) == (429, "0")
        assert 3 < int(limited.headers["X-Retry-After"]) - time.time() < 6
        assert meets(faults.count_lies(7)).json["count"] == 7
        assert meets(faults.null_results()).json["results"] is None
        assert meets(faults.next_at("http://evil/")).json["next"] == "http://evil/"
        assert meets(faults.rewrite(lambda payload: [payload["count"]])).json == [450]

    def test_a_body_travels_in_any_coding_even_as_a_bomb(self, hub: Standin) -> None:
        plain = ask(hub.url + DEBIAN).body
        for coding, unpack in (
            ("gzip", gzip.decompress),
            ("br", import_module("brotli").decompress),
        ):
            hub.faults.add(f"coding={coding}", bodies.encoded(coding))
            answer = ask(f"{hub.url}{DEBIAN}?coding={coding}")
            assert answer.headers["Content-Encoding"] == coding
            assert unpack(answer.body) == plain
        hub.faults.add("big", bodies.bomb(megabytes=3))
        packed = ask(f"{hub.url}{DEBIAN}?big").body
        assert len(packed) < 10_000 < 3_000_000 < len(gzip.decompress(packed))

    def test_a_cut_answer_promises_more_than_it_sends(self, hub: Standin) -> None:
        hub.faults.add("/tags", bodies.cut())
        with pytest.raises(http.client.IncompleteRead) as cut:
            ask(hub.url + DEBIAN)
        assert len(cut.value.partial) > 1000
        assert cut.value.expected

    def test_a_dripping_answer_is_whole_but_slow(self, hub: Standin) -> None:
        whole = ask(hub.url + DEBIAN).body
        hub.faults.add("/tags", bodies.drip(0.02, pieces=5))
        start = time.monotonic()
        assert ask(hub.url + DEBIAN).body == whole
        assert time.monotonic() - start > 0.08

    def test_a_dropped_connection_has_no_answer(self, hub: Standin) -> None:
        hub.faults.add("/tags", faults.drop())
        with pytest.raises(http.client.RemoteDisconnected):
            ask(hub.url + DEBIAN)
        assert hub.calls[-1].status is None


class TestRunning:
    def test_calls_are_written_down_as_they_arrive(self, hub: Standin) -> None:
        ask(hub.url + DEBIAN + "?page=2", headers={"X-Who": "me"})
        ask(hub.registry_url + "/v2/")
        ask(hub.auth_url + "/token", "HEAD")
        assert [(c.listener, c.method, c.path, c.status) for c in hub.calls] == [
            ("hub", "GET", DEBIAN + "?page=2", 200),
            ("registry", "GET", "/v2/", 401),
            ("auth", "HEAD", "/token", 200),
        ]
        assert hub.calls[0].headers["x-who"] == "me"
        assert hub.calls[0].peer_port != hub.calls[1].peer_port
        hub.forget_calls()
        assert hub.calls == []

    def test_it_starts_and_stops_at_once_even_while_requests_hang(self) -> None:
        catalog, start = Catalog(), time.monotonic()
        catalog.add("debian", ["1"])
        with Standin(catalog) as hub:
            assert time.monotonic() - start < 0.3
            hub.faults.add("", faults.hang())
            with pytest.raises(TimeoutError):
                ask(hub.url + DEBIAN, wait=0.05)
            parts = urlsplit(hub.url)
            open_one = http.client.HTTPConnection(parts.netloc)
            open_one.request("GET", DEBIAN)
            while len(hub.calls) < 2:
                time.sleep(0.005)
            start = time.monotonic()
        assert time.monotonic() - start < 0.5
        open_one.close()

    def test_a_taken_port_is_told_to_whoever_starts(self, hub: Standin) -> None:
        taken = urlsplit(hub.url).port or 0
        with (
            pytest.raises(OSError, match="address already in use"),
            Standin(settings=Settings(hub_port=taken)),
        ):
            pass

    def test_tls_is_served_to_whoever_trusts_its_ca(self, tmp_path: Path) -> None:
        for _ in range(2):  # the second time with the CA of the first
            with Standin(settings=Settings(tls=tmp_path)) as hub:
                first = ask(hub.url + DEBIAN, trust=hub.ca_file).json
                assert first["next"].startswith("https://127.0.0.1:")
        assert (tmp_path / "ca-key.pem").stat().st_mode & 0o077 == 0
        with Standin(settings=Settings(tls=tmp_path)) as hub, pytest.raises(ssl.SSLError):
            ask(hub.url + DEBIAN)

    @pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
    def test_a_process_of_its_own_is_steered_over_http(self, end: signal.Signals) -> None:
        command = [sys.executable, "-W", "error", "-m", "standin", "--rule", "bench/=7"]
        command += ["--rule", "few/=3"]
        with subprocess.Popen(
            command, cwd=TESTS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            assert process.stderr
            urls = json.loads(process.stdout.readline())
            bench = urls["hub"] + "/v2/namespaces/bench/repositories/x/tags"
            control = urls["hub"] + "/_standin"
            fault = {"match": "bench", "action": "status", "code": 503, "times": 1}
            assert ask(control + "/faults", "POST", payload=[fault]).json == {"added": 1}
            assert [ask(bench).status, ask(bench).json["count"]] == [503, 7]
            assert ask(bench.replace("bench", "few")).json["count"] == 3
            assert [c["status"] for c in ask(control + "/calls").json["calls"]] == [503, 200, 200]
            assert ask(control + "/calls", "DELETE").status == 204
            assert ask(control + "/calls").json["calls"] == []
            process.send_signal(end)
            assert process.wait(5) == 0
            assert (process.stdout.read(), process.stderr.read()) == ("", "")

    @pytest.mark.parametrize(
        ("payload", "complaint"),
        [
            ({"action": "hang"}, "`match`"),
            ({"match": "x", "action": "explode"}, "'explode' is none of"),
            ({"match": "x", "action": "latency", "minutes": 1}, "latency: "),
            ({"match": "(", "action": "hang"}, "no regular expression"),
            ({"match": "x", "action": "encoded", "coding": "zip"}, "'zip' is none of"),
        ],
    )
    def test_a_fault_that_makes_no_sense_is_refused_with_a_sentence(
        self, hub: Standin, payload: object, complaint: str
    ) -> None:
        answer = ask(hub.url + "/_standin/faults", "POST", payload=payload)
        assert answer.status == 400
        assert complaint in answer.json["error"]
