"""What leaves the bridge, and the marks of a deprecated resource on it."""

import json
import time
from email.utils import formatdate

import pytest

from hubv1.api.translation import (
    DEPRECATED_SINCE,
    DEPRECATION_PAGE,
    SUNSET,
    Answer,
    answer,
    as_deprecated,
    problem,
)

PLAIN = Answer(200, b"[]", (("Content-Type", "application/json"), ("Vary", "Cookie")))


def test_an_answer_names_its_type_first_and_keeps_other_headers_in_order() -> None:
    made = answer(404, "text/plain", b"x", ("A", "1"), ("B", "2"))
    assert made == Answer(404, b"x", (("Content-Type", "text/plain"), ("A", "1"), ("B", "2")))


@pytest.mark.parametrize(
    ("status", "title"),
    [
        (403, "Forbidden"),
        (429, "Too Many Requests"),
        (502, "Bad Gateway"),
        (508, "Loop Detected"),
    ],
)
def test_a_problem_says_what_happened_to_programs_and_people_and_is_not_kept(
    status: int, title: str
) -> None:
    made = problem(status, "why", 'It "failed".\nTruly: ä', ("Retry-After", "7"))
    assert made.status == status
    assert json.loads(made.body) == {
        "title": title,
        "status": status,
        "detail": 'It "failed".\nTruly: ä',
        "error": "why",
    }
    assert made.body.isascii()
    assert made.headers == (
        ("Content-Type", "application/problem+json"),
        ("Cache-Control", "no-store"),
        ("Retry-After", "7"),
    )


def test_every_answer_says_that_it_is_deprecated_and_what_comes_after() -> None:
    url = "https://hub.docker.com/v2/namespaces/library/repositories/debian/tags"
    deprecation = f'<{DEPRECATION_PAGE}>; rel="deprecation"; type="text/html"'
    marked = as_deprecated(PLAIN, url, "1.1 me", ("Age", "7"))
    assert (marked.status, marked.body) == (PLAIN.status, PLAIN.body)
    assert marked.headers == (
        *PLAIN.headers,
        ("Deprecation", "@1661212800"),
        ("Sunset", "Mon, 05 Sep 2022 00:00:00 GMT"),
        ("Link", f'<{url}>; rel="successor-version", {deprecation}'),
        ("Via", "1.1 me"),
        ("Age", "7"),
    )


def test_where_nothing_comes_after_no_successor_is_named() -> None:
    link = dict(as_deprecated(PLAIN, "", "1.1 me").headers)["Link"]
    assert "successor-version" not in link
    assert link.startswith("<https://docs.docker.com/")


def test_the_page_is_the_one_that_docker_keeps() -> None:
    assert DEPRECATION_PAGE == "https://docs.docker.com/reference/api/hub/deprecated/"


def test_the_dates_are_those_that_docker_gave() -> None:
    assert time.strftime("%Y-%m-%d", time.gmtime(DEPRECATED_SINCE)) == "2022-08-23"
    assert formatdate(1662336000, usegmt=True) == SUNSET
