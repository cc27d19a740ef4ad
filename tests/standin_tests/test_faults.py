"""What the stand-in can be told to do wrong."""

from __future__ import annotations

import gzip
import http.client
import json
import time
from importlib import import_module

import pytest

from standin import Standin, bodies, faults
from standin.rules import Action
from standin_tests.asking import DEBIAN, Answer, ask


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
