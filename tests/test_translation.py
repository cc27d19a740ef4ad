"""API v2 values in, the bytes of API v1 out: every space of them is part of the contract."""

import ast
import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubv1 import translation, v2
from hubv1.answers import Answer
from hubv1.failures import Nonsense
from hubv1.v2 import Image, Tag

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def sha256(digits: str) -> str:
    return f"sha256:{digits}"


def test_latest_comes_first_and_the_rest_ascends_by_bytes() -> None:
    names = ["bookworm", "a-1", "9", "B", "latest", "10", "_x", "a.1", "1"]
    assert translation.tag_list(names).body == (
        b'[{"layer": "", "name": "latest"}, {"layer": "", "name": "1"}, '
        b'{"layer": "", "name": "10"}, {"layer": "", "name": "9"}, {"layer": "", "name": "B"}, '
        b'{"layer": "", "name": "_x"}, {"layer": "", "name": "a-1"}, '
        b'{"layer": "", "name": "a.1"}, {"layer": "", "name": "bookworm"}]'
    )


def test_an_empty_repository_is_an_empty_list() -> None:
    assert translation.tag_list([]).body == b"[]"
    assert translation.image_list([]).body == b"[]"


def test_a_tag_is_a_list_of_one_with_its_id_and_eight_hex_digits() -> None:
    tag = Tag("12", 20307475, sha256("5bd56d81" + "0" * 56))
    assert translation.one_tag(tag).body == b'[{"pk": 20307475, "id": "5bd56d81"}]'


@pytest.mark.parametrize(
    ("tag", "shown"),
    [
        (Tag("x", 1, sha256(A), [Image(sha256(B))]), "aaaaaaaa"),
        (Tag("x", 1, None, [Image(sha256(B)), Image(sha256(C))]), "bbbbbbbb"),
        (Tag("x", 1, None, [Image(None), Image(sha256(C))]), "cccccccc"),
        (Tag("x", 1, "", [Image("nonsense"), Image(sha256(C))]), "cccccccc"),
        (Tag("x", 1, None, [Image(None)]), ""),
        (Tag("x", 1, None, []), ""),
        (Tag("x", 1, None, None), ""),
        (Tag("x", 1, f"sha512:{A}{A}", None), ""),
        (Tag("x", 1, sha256(A.upper()), None), ""),
        (Tag("x", 1, sha256(A) + "\n", None), ""),
    ],
)
def test_without_a_digest_of_its_own_a_tag_shows_its_first_images(tag: Tag, shown: str) -> None:
    assert json.loads(translation.one_tag(tag).body) == [{"pk": 1, "id": shown}]


def test_a_tag_without_an_id_is_nonsense_and_not_a_null() -> None:
    with pytest.raises(Nonsense, match="without its id"):
        translation.one_tag(Tag("12", None, sha256(A)))


def test_every_image_is_listed_once_in_the_order_of_the_tags() -> None:
    tags = [
        Tag("b", 1, sha256(A), [Image(sha256(B)), Image(sha256(C))]),
        Tag("a", 2, None, [Image(sha256(C))]),
        Tag("latest", 3, sha256(A), []),
        Tag("d", 4, sha256(A), None),
    ]
    assert (
        translation.image_list(tags).body
        == (
            f'[{{"checksum": "", "id": "{A}"}}, {{"checksum": "", "id": "{C}"}}, '
            f'{{"checksum": "", "id": "{B}"}}]'
        ).encode()
    )


@pytest.mark.parametrize(
    ("tag", "ids"),
    [
        (Tag("x", 1, sha256(A), []), [A]),
        (Tag("x", 1, sha256(A), [Image(None)]), [A]),
        (Tag("x", 1, None, [Image(None), Image(sha256(B))]), [B]),
        (Tag("x", 1, None, []), []),
        (Tag("x", 1, None, None), []),
        (Tag("x", 1, "sha256:short", [Image("")]), []),
    ],
)
def test_tags_that_lack_images_or_digests_break_no_list(tag: Tag, ids: list[str]) -> None:
    listed = json.loads(translation.image_list([tag]).body)
    assert listed == [{"checksum": "", "id": each} for each in ids]


@pytest.mark.parametrize(
    "answer",
    [translation.tag_list([]), translation.image_list([]), translation.one_tag(Tag("x", 1))],
)
def test_answers_say_json_and_vary_by_cookie_as_v1_did(answer: Answer) -> None:
    assert answer.status == 200
    assert answer.headers == (("Content-Type", "application/json"), ("Vary", "Cookie"))


def test_an_unknown_tag_is_an_unquoted_text() -> None:
    answer = translation.unknown_tag()
    assert (answer.status, answer.body) == (404, b"Tag not found")
    assert dict(answer.headers)["Content-Type"] == "text/plain; charset=utf-8"


def test_an_unknown_repository_is_an_error_in_json() -> None:
    answer = translation.unknown_repository()
    assert (answer.status, answer.body) == (404, b'{"error": "Repository not found"}')
    assert dict(answer.headers)["Content-Type"] == "application/json"


def test_missing_credentials_are_asked_for_with_the_challenge_of_v1() -> None:
    answer = translation.unauthorized()
    assert (answer.status, answer.body) == (401, b'{"error": "Requires authorization"}')
    assert dict(answer.headers)["WWW-Authenticate"] == 'Basic realm="auth required",Token'


DIGESTS = st.one_of(
    st.none(),
    st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True),
    st.text(max_size=80),
)
IMAGES = st.one_of(st.none(), st.lists(st.builds(Image, DIGESTS), max_size=3))


def tags(names: st.SearchStrategy[str]) -> st.SearchStrategy[list[Tag]]:
    return st.lists(st.builds(Tag, names, st.integers(), DIGESTS, IMAGES), max_size=6)


@given(tags(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)))
def test_python_and_json_read_the_same_and_nothing_needs_a_second_look(found: list[Tag]) -> None:
    listings = [translation.tag_list(tag.name for tag in found), translation.image_list(found)]
    for answer in [*listings, *map(translation.one_tag, found)]:
        text = answer.body.decode("ascii")
        value = json.loads(text)
        assert ast.literal_eval(text) == value
        assert json.dumps(value) == text
        values = [str(each) for element in value for each in element.values()]
        assert ":" not in "".join(values)
        assert text.isprintable()
    names = re.findall(r'"name": "(.*?)"', listings[0].body.decode())
    assert sorted(names) == sorted(tag.name for tag in found)
    ids = re.findall(r'"id": "([0-9a-f]{64})"', listings[1].body.decode())
    assert len(ids) == len(set(ids)) == listings[1].body.count(b"checksum")


@given(tags(st.text(st.characters(exclude_categories=["Cs"]))))
def test_even_a_name_that_no_hub_allows_stays_ascii_on_one_line(found: list[Tag]) -> None:
    body = translation.tag_list(tag.name for tag in found).body
    assert body.isascii()
    assert b"\n" not in body
    assert sorted(each["name"] for each in json.loads(body)) == sorted(tag.name for tag in found)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["count", "results", "next", "name", "id", "digest", "images"]), inner
        )
    ),
    max_leaves=12,
)


@given(JSON_VALUES, JSON_VALUES, st.integers(0, 60))
def test_a_payload_of_any_form_is_translated_or_named_nonsense(
    count: object, results: object, cut: int
) -> None:
    whole = json.dumps({"count": count, "results": results}).encode()
    for payload in (whole, whole[:cut], json.dumps(results).encode()):
        try:
            page = v2.read_tags(payload)
            names = v2.read_names(payload)
            tag = v2.read_tag(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        assert translation.tag_list(each.name for each in names.results).status == 200
        assert translation.image_list(page.results).status == 200
        assert translation.one_tag(tag).status == 200
