"""API v2 values in, the bytes of API v1 out: every space of them is part of the contract."""

import ast
import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubv1.api import translation, v2
from hubv1.api.translation import Answer
from hubv1.api.v2 import Image, Nonsense, Tag, TooLong
from samples import whole

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def sha256(digits: str) -> str:
    return f"sha256:{digits}"


def test_latest_comes_first_and_the_rest_ascends_by_bytes() -> None:
    names = ["bookworm", "a-1", "9", "B", "latest", "10", "_x", "a.1", "1"]
    assert whole(translation.tag_list(names)).body == (
        b'[{"layer": "", "name": "latest"}, {"layer": "", "name": "1"}, '
        b'{"layer": "", "name": "10"}, {"layer": "", "name": "9"}, {"layer": "", "name": "B"}, '
        b'{"layer": "", "name": "_x"}, {"layer": "", "name": "a-1"}, '
        b'{"layer": "", "name": "a.1"}, {"layer": "", "name": "bookworm"}]'
    )


def test_an_empty_repository_is_an_empty_list() -> None:
    assert whole(translation.tag_list([])).body == b"[]"
    assert whole(translation.image_list([])).body == b"[]"


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
        whole(translation.image_list(tags)).body
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
    listed = json.loads(whole(translation.image_list([tag])).body)
    assert listed == [{"checksum": "", "id": each} for each in ids]


@pytest.mark.parametrize(
    "answer",
    [
        whole(translation.tag_list([])),
        whole(translation.image_list([])),
        translation.one_tag(Tag("x", 1)),
    ],
)
def test_answers_say_json_and_vary_by_cookie_as_v1_did(answer: Answer) -> None:
    assert answer.status == 200
    assert answer.headers == (("Content-Type", "application/json"), ("Vary", "Cookie"))


def test_an_answer_has_32_megabytes_at_most() -> None:
    around = len(whole(translation.tag_list(["x"])).body) - 1
    longest = "x" * (32 * 1024 * 1024 - around)
    assert len(whole(translation.tag_list([longest])).body) == 32 * 1024 * 1024
    with pytest.raises(TooLong, match="larger than 32 MB"):
        whole(translation.tag_list([longest + "x"]))


def test_the_size_of_a_list_is_known_to_the_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["latest", "1", "1.0", "bookworm"]
    size = len(whole(translation.tag_list(names)).body)
    monkeypatch.setattr(translation, "MOST_BYTES", size)
    assert whole(translation.tag_list(names)).status == 200
    monkeypatch.setattr(translation, "MOST_BYTES", size - 1)
    with pytest.raises(TooLong):
        whole(translation.tag_list(names))


def test_a_list_that_is_written_in_pieces_is_one() -> None:
    names = [f"{number:05}" for number in range(20_001)]
    expected = [{"layer": "", "name": name} for name in names]
    assert whole(translation.tag_list(names)).body == json.dumps(expected).encode()


def test_an_unknown_tag_is_an_unquoted_text() -> None:
    answer = translation.UNKNOWN_TAG
    assert (answer.status, answer.body) == (404, b"Tag not found")
    assert dict(answer.headers)["Content-Type"] == "text/plain; charset=utf-8"


def test_an_unknown_repository_is_an_error_in_json() -> None:
    answer = translation.UNKNOWN_REPOSITORY
    assert (answer.status, answer.body) == (404, b'{"error": "Repository not found"}')
    assert dict(answer.headers)["Content-Type"] == "application/json"


def test_missing_credentials_are_asked_for_with_the_challenge_of_v1() -> None:
    answer = translation.UNAUTHORIZED
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
    listings = [
        whole(translation.tag_list([tag.name for tag in found])),
        whole(translation.image_list(found)),
    ]
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
    body = whole(translation.tag_list([tag.name for tag in found])).body
    assert body.isascii()
    assert b"\n" not in body
    assert sorted(each["name"] for each in json.loads(body)) == sorted(tag.name for tag in found)


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
UNKNOWN = st.dictionaries(st.sampled_from(["v2", "full_size", "tag_status", "x"]), ANYTHING)
ODD_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def objects(**fields: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    """JSON objects with these fields, and some that nobody knows."""
    return st.builds(lambda known, more: more | known, st.fixed_dictionaries(fields), UNKNOWN)


ODD_DIGESTS = DIGESTS | ODD_TEXTS
ODD_IMAGES = st.none() | st.lists(objects(digest=ODD_DIGESTS) | UNKNOWN, max_size=3)
ODD_TAGS = objects(
    name=ODD_TEXTS, id=st.integers(-(2**63), 2**63 - 1), digest=ODD_DIGESTS, images=ODD_IMAGES
)


@given(st.lists(ODD_TAGS, max_size=4), st.integers(0, 10**6))
def test_odd_values_of_the_right_type_become_an_answer_that_v1_could_have_given(
    tags: list[dict[str, Any]], count: int
) -> None:
    payload = json.dumps({"count": count, "results": tags}).encode()
    named, tagged = v2.read_names(payload), v2.read_tags(payload)
    listed = json.loads(whole(translation.tag_list([each.name for each in named.results])).body)
    assert sorted(each["name"] for each in listed) == sorted(tag["name"] for tag in tags)
    ids = [each["id"] for each in json.loads(whole(translation.image_list(tagged.results)).body)]
    assert all(re.fullmatch("[0-9a-f]{64}", each) for each in ids)
    for given_tag in tags:
        answer = translation.one_tag(v2.read_tag(json.dumps(given_tag).encode()))
        [layer] = ast.literal_eval(answer.body.decode("ascii"))
        assert layer["pk"] == given_tag["id"]
        assert re.fullmatch("([0-9a-f]{8})?", layer["id"])


def perhaps(right: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return right | ANYTHING


HALF_RIGHT_TAGS = objects(
    name=perhaps(ODD_TEXTS),
    id=perhaps(st.integers()),
    digest=perhaps(ODD_DIGESTS),
    images=perhaps(st.lists(perhaps(objects(digest=perhaps(ODD_DIGESTS))), max_size=2)),
)


@given(
    perhaps(objects(count=perhaps(st.integers()), results=perhaps(st.lists(HALF_RIGHT_TAGS)))),
    perhaps(HALF_RIGHT_TAGS),
    st.none() | st.integers(0, 60),
)
def test_a_payload_of_any_form_is_read_or_refused_as_one_that_cannot_be(
    page: object, tag: object, cut: int | None
) -> None:
    for read, payload in ((v2.read_tags, page), (v2.read_names, page), (v2.read_tag, tag)):
        try:
            found = read(json.dumps(payload).encode()[:cut])
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        # What was read is what was sent: nothing is taken for something else on the way.
        assert isinstance(payload, dict)
        if isinstance(found, Tag):
            assert (found.name, found.id) == (payload["name"], payload["id"])
        else:
            names = [each["name"] for each in payload["results"]]
            assert [each.name for each in found.results] == names
            assert found.count == payload["count"]
