"""The JSON report, field by field as the contract names them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import ValidationError, meta

from hubv1.api.routes import Outcome, Verdict
from hubv1.journal import Gap, Rejection, Seen, Selection
from hubv1.report.data import as_json
from hubv1.report.model import Comparison, IgnoredCaller, Report, Standing
from hubv1.text import bounded
from report.made import report_of
from report.schemas import checked, schema
from samples import make_entry

OUTCOMES = ["translated", "redirected", "observed", "gone", "passed", "refused", "failed"]
GAP = Gap(datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 1, 12, 1, tzinfo=UTC), 3, "full")


def parsed(report: Report) -> dict[str, Any]:
    return checked("".join(as_json(report)))


@pytest.fixture
def body() -> dict[str, Any]:
    return parsed(
        report_of(
            make_entry(),
            make_entry(outcome=Outcome.GONE, started_at=datetime(2026, 3, 1, 13, tzinfo=UTC)),
            seen=Seen(flows=9, still_served=2, rejected_tls=1),
            gaps=(GAP,),
            rejections=(Rejection("10.0.0.9", "hub.docker.com", 1, GAP.started_at),),
        )
    )


def test_it_has_all_parts_and_no_more(body: dict[str, Any]) -> None:
    parts = (
        "generated_at filter window seen totals progress expected_end burn_down routes callers "
        "findings days ignored teams baseline"
    )
    assert list(body) == ["schema", *parts.split(), "proofs", "retiring"]
    assert body["schema"] == "hub-v1-report/1"


def test_times_are_of_rfc_3339_in_utc(body: dict[str, Any]) -> None:
    assert body["generated_at"] == "2026-03-01T13:05:07Z"
    assert body["window"] == {"first": "2026-03-01T12:30:15Z", "last": "2026-03-01T13:00:00Z"}


def test_all_that_was_seen_is_told(body: dict[str, Any]) -> None:
    gap = {
        "started_at": "2026-03-01T12:00:00Z",
        "ended_at": "2026-03-01T12:01:00Z",
        "calls": 3,
        "reason": "full",
    }
    assert body["seen"] == {
        "flows": 9,
        "legacy": 2,
        "still_served": 2,
        "hosts": ["index.docker.io"],
        "gaps": [gap],
        "refused_unrecorded": 0,
        "rejected_tls": 1,
        "rejections": [
            {
                "address": "10.0.0.9",
                "host": "hub.docker.com",
                "times": 1,
                "last_seen": "2026-03-01T12:00:00Z",
            }
        ],
        "elsewhere": {},
    }


def test_totals_count_the_calls_and_name_every_outcome(body: dict[str, Any]) -> None:
    assert list(body["totals"]) == ["calls", *OUTCOMES]
    assert body["totals"] == dict.fromkeys(OUTCOMES, 0) | {"calls": 2, "translated": 1, "gone": 1}


def test_a_route_has_its_successor_and_verdict(body: dict[str, Any]) -> None:
    [route] = body["routes"]
    assert route == {
        "route": "GET /v1/repositories/{name}/tags",
        "successor": "/v2/namespaces/{namespace}/repositories/{repository}/tags",
        "verdict": "bridged",
        "calls": 2,
        "last_seen": "2026-03-01T13:00:00Z",
        "sentence": "The v2 list comes in pages of at most 100 tags and in no dependable order.",
    }


def test_a_caller_has_all_that_is_known_of_it(body: dict[str, Any]) -> None:
    assert body["callers"] == [
        {
            "caller": "curl/8.1 at 10.0.0.7",
            "address": "10.0.0.7",
            "user_agent": "curl/8.1",
            "calls": 2,
            "this_hour": 1,
            "first_seen": "2026-03-01T12:30:15Z",
            "last_seen": "2026-03-01T13:00:00Z",
            "routes": ["GET /v1/repositories/{name}/tags"],
            "repositories": ["library/debian"],
            "verdict": "bridged",
            "standing": "not_bridged",
            "reason": "1 of 2 calls got 410, since v1 was ended for this caller",
            "unbridged_share": 0.5,
            "earlier": "",
            "needs": [],
            "progress": "too_early",
            "moves_at": "2026-03-31T13:00:00Z",
            "proven": None,
        }
    ]


def test_a_finding_says_what_to_change(body: dict[str, Any]) -> None:
    [finding] = body["findings"]
    assert "page_size=100" in finding.pop("change")
    assert finding == {
        "route": "GET /v1/repositories/{name}/tags",
        "caller": "curl/8.1 at 10.0.0.7",
        "repository": "library/debian",
        "calls": 2,
        "last_seen": "2026-03-01T13:00:00Z",
        "successor": "https://hub.docker.com/v2/namespaces/library/repositories/debian/tags",
        "old": "https://index.docker.io/v1/repositories/debian/tags",
        "signed": 0,
        "paged": 0,
        "outcomes": dict.fromkeys(OUTCOMES, 0) | {"translated": 1, "gone": 1},
        "error_type": "",
        "error": "",
    }


def test_a_day_counts_its_outcomes(body: dict[str, Any]) -> None:
    day = dict.fromkeys(OUTCOMES, 0) | {"translated": 1, "gone": 1}
    assert body["days"] == [{"day": "2026-03-01", "calls": 2, **day}]


def test_nothing_seen_is_a_whole_report_too() -> None:
    body = parsed(report_of())
    assert body["window"] == {"first": None, "last": None}
    assert body["totals"] == dict.fromkeys(["calls", *OUTCOMES], 0)
    assert [body[part] for part in ("routes", "callers", "findings", "days")] == [[], [], [], []]
    assert body["seen"]["flows"] == 0


class TestThePublishedSchema:
    def test_is_a_sound_one(self) -> None:
        meta.validate(schema())

    def test_allows_what_every_part_of_a_report_may_hold(self) -> None:
        full = replace(
            report_of(make_entry(), gaps=(GAP,)),
            filter=Selection(since=GAP.started_at, callers=("a*",), outcomes=(Outcome.GONE,)),
            baseline=Comparison(GAP.started_at, ("a",), ("b",), ("c",)),
            ignored=(IgnoredCaller("a", 1, GAP.started_at, "why", GAP.started_at.date()),),
        )
        assert parsed(full)["baseline"]["gone"] == ["c"]

    @pytest.mark.parametrize("words", [Outcome, Verdict, Standing])
    def test_has_every_word_that_there_is(self, words: type[StrEnum]) -> None:
        name = words.__name__.lower()
        assert schema()["$defs"][name]["enum"] == list(words)

    def test_allows_no_field_that_it_does_not_tell_of(self) -> None:
        objects = [one for one in inner(schema()) if one.get("type") == "object"]
        assert len(objects) >= 15
        for one in objects:
            assert one["additionalProperties"] in (False, {"$ref": "#/$defs/count"})
            assert one.get("required", []) == list(one.get("properties", {}))
            assert one.get("description")

    def test_refuses_a_report_with_a_field_more_or_less(self, body: dict[str, Any]) -> None:
        for broken in (body | {"more": 1}, {name: body[name] for name in list(body)[1:]}):
            with pytest.raises(ValidationError):
                checked(json.dumps(broken))


def inner(part: object) -> Iterator[dict[str, Any]]:
    """Every object in the schema, itself included."""
    if isinstance(part, dict):
        yield part
    values = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    for each in values:
        yield from inner(each)


def test_a_route_of_another_version_is_there_by_its_name() -> None:
    body = parsed(report_of(make_entry(route="BREW /v1/tea", verdict=Verdict.DEAD)))
    assert [(route["route"], route["verdict"]) for route in body["routes"]] == [
        ("BREW /v1/tea", "dead")
    ]
    assert body["findings"][0]["successor"] == ""


@given(st.text(), st.datetimes(timezones=st.just(UTC)))
def test_texts_and_times_come_through_whatever_they_are(text: str, started_at: datetime) -> None:
    report = report_of(make_entry(caller=text, server_address=text, started_at=started_at))
    shown = "".join(as_json(report))
    body = checked(shown)
    assert [use["caller"] for use in body["callers"]] == [bounded(text)]
    assert body["seen"]["hosts"] == [bounded(text)]
    assert shown.isascii()
    assert shown.endswith("}\n")
    last = body["window"]["last"]
    assert last.endswith("Z")
    assert started_at - datetime.fromisoformat(last) < timedelta(seconds=1)
