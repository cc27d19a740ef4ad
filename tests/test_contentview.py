"""A v1 answer beside its source in v2: what an operator sees of a call at a glance."""

import json

import pytest

from hubv1.api.routes import Outcome
from hubv1.contentview import MOST_ELEMENTS, side_by_side
from samples import make_entry

ASKED = ["GET https://hub.docker.com/v2/namespaces/library/repositories/debian/tags: 200"]
TAG_ROUTE = "GET /v1/repositories/{name}/tags/{tag_name}"


def test_each_value_stands_beside_what_it_is_in_v2_below_the_call_to_make_instead() -> None:
    body = b'[{"layer": "", "name": "latest"}, {"layer": "", "name": "12"}]'
    lines = [line.rstrip() for line in side_by_side(make_entry(), ASKED, body).splitlines()]
    assert lines == [
        "GET /v1/repositories/debian/tags: translated 200",
        "",
        "Call instead:",
        "    Take the names from the registry's list: all in one call, signed in or not.",
        "    https://registry-1.docker.io/v2/library/debian/tags/list",
        "    skopeo list-tags docker://docker.io/library/debian",
        "",
        "v1 answer           | in v2",
        "--------------------+--------------------",
        '[0].layer = ""      | nothing (empty in v1\'s last years)',
        '[0].name = "latest" | tags[] (results[].name on Hub\'s own pages)',
        '[1].layer = ""      | nothing (empty in v1\'s last years)',
        '[1].name = "12"     | tags[] (results[].name on Hub\'s own pages)',
        "",
        "Requests to Docker's hosts:",
        f"    {ASKED[0]}",
        "",
        "Caller:",
        "    curl/8.1 at 10.0.0.7",
    ]


def test_the_values_of_one_tag_are_traced_to_its_id_and_digest() -> None:
    entry = make_entry(route=TAG_ROUTE, tag="12")
    said = side_by_side(entry, ASKED, b'[{"pk": 7, "id": "b89ca5ca"}]')
    assert "[0].pk = 7          | id" in said
    assert '[0].id = "b89ca5ca" | digest (its first 8 hex digits, after sha256:)' in said
    assert "/repositories/debian/tags/12" in said


def test_an_answer_that_is_no_list_stands_beside_its_status() -> None:
    entry = make_entry(route=TAG_ROUTE, tag="no", http_response_status_code=404)
    assert "Tag not found | status 404" in side_by_side(entry, ASKED, b"Tag not found")


def test_long_lists_are_cut_and_counted() -> None:
    body = json.dumps([{"layer": "", "name": str(number)} for number in range(15_000)]).encode()
    said = side_by_side(make_entry(), ASKED, body)
    assert f"… and {15_000 - MOST_ELEMENTS:,} more" in said
    assert len(said) < 20_000


def test_a_call_that_nothing_replaces_says_what_to_do() -> None:
    entry = make_entry(route="* /v1/images/…", outcome=Outcome.PASSED, namespace="", repository="")
    said = side_by_side(entry, (), b"")
    assert "Pull with a current docker, skopeo or crane." in said
    assert "hosts:\n    none\n" in said


def test_an_answer_that_was_kept_asked_nothing() -> None:
    assert "an equal call had the answer" in side_by_side(make_entry(cache="hit"), (), b"[]")


@pytest.mark.parametrize("body", [b"\x00\x1b[2J\xff", b"[" * 100_000, b"[1, 2]", b'{"a": 1}', b""])
def test_whatever_the_answer_is_the_text_is_fit_for_a_terminal(body: bytes) -> None:
    said = side_by_side(make_entry(caller="x\x1b[2J"), ["y\r\n\x07"], body)
    assert said.replace("\n", "").isprintable()
