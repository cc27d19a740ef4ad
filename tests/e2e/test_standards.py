"""Answers of every kind have their headers and errors as the RFCs write them."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import http_sf
import pytest

from e2e.bridges import ROOT, Mitmdump, running_bridge, with_authority
from e2e.clients import curl
from e2e.every_answer import KINDS, OPTIONS, Told, every_answer, told
from standin import Standin

ALL = pytest.mark.parametrize("kind", KINDS)
STATUS = {
    **dict.fromkeys(["miss", "hit", "stale", "collapsed", "tag", "images"], 200),
    "redirect": 308,
    "unauthorized": 401,
    "forbidden": 403,
    **dict.fromkeys(["no tag", "no repository", "impossible"], 404),
    "gone": 410,
    "limited": 429,
    **dict.fromkeys(["unreachable", "nonsense", "incomplete"], 502),
    "unrecorded": 503,
    "loop": 508,
}
PROBLEMS = [kind for kind, status in STATUS.items() if status in (403, 410, 429) or status > 500]
NOBODY_ASKED = ["impossible", "redirect", "gone", "unrecorded", "loop"]
FIRST = [("Content-Type", "application/json"), ("Vary", "Cookie")]
"""How the heads of v1 answers begin, names in this case."""


@pytest.fixture(scope="module")
def rehearsing(
    tmp_path_factory: pytest.TempPathFactory, authority: Path, shared_hub: Standin
) -> Iterator[Mitmdump]:
    confdir = with_authority(tmp_path_factory.mktemp("standards"), authority)
    with running_bridge(confdir, *OPTIONS, hub_url=shared_hub.url) as bridge:
        yield bridge


@pytest.fixture(scope="module")
def answers(rehearsing: Mitmdump, shared_hub: Standin) -> dict[str, Told]:
    return every_answer(rehearsing, shared_hub)


@ALL
def test_each_kind_of_answer_has_its_status_and_the_phrase_for_it(
    answers: dict[str, Told], kind: str
) -> None:
    answer = answers[kind]
    assert answer.status == STATUS[kind]
    assert answer.reason == HTTPStatus(answer.status).phrase


@ALL
def test_no_header_is_there_twice(answers: dict[str, Told], kind: str) -> None:
    names = [name.lower() for name, _ in answers[kind].headers]
    assert len(set(names)) == len(names)


@ALL
def test_deprecation_is_a_date_as_rfc_9745_has_it(answers: dict[str, Told], kind: str) -> None:
    value, parameters = _item(answers[kind].one("Deprecation"))
    assert value == datetime(2022, 8, 23, tzinfo=UTC)
    assert parameters == {}


@ALL
def test_sunset_is_an_http_date_not_before_the_deprecation(
    answers: dict[str, Told], kind: str
) -> None:
    sunset = answers[kind].one("Sunset")
    assert _http_date(sunset) == datetime(2022, 9, 5, tzinfo=UTC)
    assert _http_date(sunset) >= _item(answers[kind].one("Deprecation"))[0]


@ALL
def test_link_names_the_page_about_the_end_and_the_call_to_make_instead(
    answers: dict[str, Told], hub: Standin, kind: str
) -> None:
    links = _links(answers[kind].one("Link"))
    target, attributes = links.pop("deprecation")
    assert target.startswith("https://docs.docker.com/")
    assert attributes == {"type": "text/html"}
    if kind == "impossible":
        assert links == {}
    else:
        target, attributes = links.pop("successor-version")
        assert target.startswith(f"{hub.url}/v2/namespaces/")
        assert (attributes, links) == ({}, {})


@ALL
def test_via_names_the_bridge_by_a_pseudonym_that_is_a_token(
    answers: dict[str, Told], kind: str
) -> None:
    assert re.fullmatch(r"1\.1 hub-v1-bridge-[0-9a-f]{8}", answers[kind].one("Via"))


@ALL
def test_cache_status_says_how_the_answer_was_come_by(answers: dict[str, Told], kind: str) -> None:
    answer = answers[kind]
    [(cache, said)] = _parsed(answer.one("Cache-Status"), "list")
    assert isinstance(cache, http_sf.Token)
    assert str(cache) == answer.one("Via").split()[1]
    if kind in NOBODY_ASKED:
        assert said == {}
    elif kind == "hit":
        assert said == {"hit": True}
    elif kind == "stale":
        assert said == {"hit": True, "ttl": said["ttl"], "detail": http_sf.Token("unreachable")}
        assert isinstance(said["ttl"], int)
        assert said["ttl"] <= 0
    else:
        collapsed = {"collapsed": True} if kind == "collapsed" else {}
        assert said == {"fwd": http_sf.Token("uri-miss"), **collapsed}


@ALL
def test_an_answer_that_was_kept_tells_its_age_and_no_other_does(
    answers: dict[str, Told], kind: str
) -> None:
    age = answers[kind].all("Age")
    assert [each.isdecimal() for each in age] == ([True] if kind in ("hit", "stale") else [])
    if kind == "stale":
        assert int(age[0]) >= 1


@ALL
def test_every_answer_has_the_date_of_now(answers: dict[str, Told], kind: str) -> None:
    assert abs(datetime.now(UTC) - _http_date(answers[kind].one("Date"))).days == 0


@pytest.mark.parametrize("kind", PROBLEMS)
def test_an_error_of_the_bridges_own_is_a_problem_that_nobody_may_keep(
    answers: dict[str, Told], kind: str
) -> None:
    answer = answers[kind]
    assert answer.one("Content-Type") == "application/problem+json"
    assert answer.one("Cache-Control") == "no-store"
    problem = json.loads(answer.body)
    assert set(problem) == {"title", "status", "detail", "error"}
    assert problem["status"] == answer.status
    # Without a `type` the title is the phrase of the status (RFC 9457, 4.2.1).
    assert problem["title"] == HTTPStatus(answer.status).phrase
    assert problem["detail"]


def test_too_many_requests_says_in_seconds_when_to_come_back(answers: dict[str, Told]) -> None:
    assert 1 <= int(answers["limited"].one("Retry-After")) <= 21


def test_unauthorized_has_the_challenge_of_v1(answers: dict[str, Told]) -> None:
    challenge = answers["unauthorized"].one("WWW-Authenticate")
    assert challenge == 'Basic realm="auth required",Token'


def test_a_redirect_leads_to_the_successor_and_may_not_be_kept(answers: dict[str, Told]) -> None:
    answer = answers["redirect"]
    successor, _ = _links(answer.one("Link"))["successor-version"]
    assert answer.one("Location") == successor
    assert answer.one("Cache-Control") == "no-store"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("miss", b'[{"layer": "", "name": "1.0"}]'),
        ("no repository", b'{"error": "Repository not found"}'),
        ("impossible", b'{"error": "Repository not found"}'),
        ("unauthorized", b'{"error": "Requires authorization"}'),
    ],
)
def test_v1_answers_begin_with_the_headers_of_v1_and_have_its_bytes(
    answers: dict[str, Told], kind: str, body: bytes
) -> None:
    assert list(answers[kind].headers[:2]) == FIRST
    assert answers[kind].body == body


def test_the_text_for_an_unknown_tag_stays_a_text(answers: dict[str, Told]) -> None:
    assert answers["no tag"].body == b"Tag not found"
    assert answers["no tag"].one("Content-Type") == "text/plain; charset=utf-8"


@pytest.mark.parametrize("kind", ["hit", "stale", "collapsed"])
def test_an_answer_that_is_shared_has_the_same_bytes_as_a_first_one(
    answers: dict[str, Told], kind: str
) -> None:
    names = [each["name"] for each in json.loads(answers[kind].body)]
    assert answers[kind].body == json.dumps([{"layer": "", "name": n} for n in names]).encode()
    assert list(answers[kind].headers[:2]) == FIRST


@ALL
def test_the_length_is_told_and_nothing_is_encoded(answers: dict[str, Told], kind: str) -> None:
    answer = answers[kind]
    assert answer.one("Content-Length") == str(len(answer.body))
    assert answer.all("Content-Encoding") + answer.all("Transfer-Encoding") == []


@ALL
def test_headers_are_plain_ascii_and_few(answers: dict[str, Told], kind: str) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in answers[kind].headers)
    assert head.isascii()
    assert len(head) < 2_000
    assert not re.search(r"\n[ \t]|[\x00-\x09\x7f]", head)


def test_http_2_has_the_same_headers(rehearsing: Mitmdump, answers: dict[str, Told]) -> None:
    url = "https://index.docker.io/v1/repositories/tiny/tags"
    wanted = ("--http2", "--suppress-connect-headers", "-i", "-H", "X-Mode: gone")
    printed = curl(rehearsing, *wanted, url)
    head, _, body = printed.partition("\r\n\r\n")
    lines = [tuple(line.split(": ", 1)) for line in head.splitlines()[1:]]
    expected = [(name.lower(), value) for name, value in answers["gone"].headers]
    assert [line for line in lines if line[0] != "date"] == [
        line for line in expected if line[0] != "date"
    ]
    assert body.encode() == answers["gone"].body


def test_the_page_of_answers_lists_every_header(answers: dict[str, Told]) -> None:
    sent = {name for answer in answers.values() for name, _ in answer.headers}
    page = (ROOT / "docs" / "answers.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([A-Z][A-Za-z-]+)` \|", page, re.MULTILINE)) == sent


def test_the_bridge_is_told_apart_from_caches_before_it(rehearsing: Mitmdump) -> None:
    answer = told(rehearsing, "acme/tool/tags", {"Via": "1.0 other", "Cache-Status": "other; hit"})
    assert "other" not in answer.one("Via") + answer.one("Cache-Status")


def _item(value: str) -> tuple[datetime, dict[str, object]]:
    found, parameters = _parsed(value, "item")
    assert isinstance(found, datetime)
    return found, parameters


def _parsed(value: str, kind: str) -> Any:
    """A structured field; the parser raises for what is none."""
    return http_sf.parse(value.encode(), tltype=kind)


def _http_date(value: str) -> datetime:
    """An IMF-fixdate, the one form that may be sent (RFC 9110, 5.6.7)."""
    found = parsedate_to_datetime(value)
    assert format_datetime(found, usegmt=True) == value
    return found


def _links(value: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Target and further attributes by relation, by the grammar of RFC 8288 for what is sent."""
    link = r'<([^<>"\s]+)>((?:; [a-z]+="[^"]*")+)'
    assert re.fullmatch(rf"{link}(?:, {link})*", value)
    found = {}
    for target, rest in re.findall(link, value):
        attributes = dict(re.findall(r'; ([a-z]+)="([^"]*)"', rest))
        found[attributes.pop("rel")] = (target, attributes)
    return found
