"""Translating values of API v2 into the bytes of API v1, and all other answers of the bridge.

v1 wrote its JSON as Python's json.dumps does: one line, a space after each comma and colon,
ASCII only, no newline at the end. Scripts take it apart with sed, grep and awk, so the order of
keys and names and every space are part of the contract. No null, true or false may appear, since
some clients evaluate the text as Python, and no colon in a value, since others split at colons.

Parts that v1 did not have follow RFC 9745 (Deprecation), RFC 8594 (Sunset), RFC 8288 and 5829
(Link), RFC 9110 (Via), RFC 9211 (Cache-Status), RFC 9111 (Age) and RFC 9457 (problem+json).
"""

import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

from hubv1.api import v2
from hubv1.api.v2 import Nonsense, TooLong
from hubv1.turns import Steps, in_order, pieces

MOST_BYTES = 32 * 1024 * 1024  # of an answer's body

JSON = "application/json"
PROBLEM = "application/problem+json"
PLAIN = "text/plain; charset=utf-8"

DEPRECATION_PAGE = "https://docs.docker.com/reference/api/hub/deprecated/"
DEPRECATED_SINCE = 1661212800  # unix time of 2022-08-23, when Docker announced v1's end
SUNSET = "Mon, 05 Sep 2022 00:00:00 GMT"

_VARY = ("Vary", "Cookie")
_CHALLENGE = ("WWW-Authenticate", 'Basic realm="auth required",Token')

_SHA256 = re.compile(r"sha256:([0-9a-f]{64})", re.ASCII)
_FEW = 200  # tags whose images are read in a step
_SHORT_ID = 8  # hex digits of the layer ids that v1 showed in the answer for one tag

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, without the framing that mitmproxy adds."""

    status: int
    body: bytes
    headers: Headers


def answer(status: int, content_type: str, body: bytes, *more: tuple[str, str]) -> Answer:
    """An answer with a body of `content_type`."""
    return Answer(status, body, (("Content-Type", content_type), *more))


UNKNOWN_TAG = answer(404, PLAIN, b"Tag not found", _VARY)
"""An unquoted text, which a well-known client compares byte for byte. No source tells its content
type."""
UNKNOWN_REPOSITORY = answer(404, JSON, b'{"error": "Repository not found"}', _VARY)
"""The answer of the open-source v1 server; no source tells Hub's own."""
UNAUTHORIZED = answer(401, JSON, b'{"error": "Requires authorization"}', _VARY, _CHALLENGE)
"""With the challenge that v1 clients wait for before they send credentials."""


def tag_list(names: Sequence[str]) -> Steps[Answer]:
    """`/tags`: every name once, with the empty layer of v1's last years."""
    ordered = yield from _in_order(names)
    return (yield from _listing('{"layer": "", "name": ', ordered))


def one_tag(tag: v2.Tag) -> Answer:
    """`/tags/{tag}`: a list of one layer.

    v1 gave one element for each layer, the top one first. v2 knows no layer ids: the start of
    the tag's digest stands in, else that of its first image that has one.
    """
    if tag.id is None:
        raise Nonsense("Docker Hub answered 200 for a tag, but without its id")
    layer = next(_hex(tag.digest, *(image.digest for image in tag.images or ())), "")
    body = f'[{{"pk": {tag.id}, "id": "{layer[:_SHORT_ID]}"}}]'
    return answer(200, JSON, body.encode(), _VARY)


def image_list(tags: Sequence[v2.Tag]) -> Steps[Answer]:
    """`/images`: every image of the repository once, in the order of the tags.

    An image's id is the hex part of its digest; a tag that lists no images is its own image. v1
    knew a single platform, so all images of a tag are listed.
    """
    by_name: dict[str, v2.Tag] = {}
    for some in pieces(tags):
        by_name.update((tag.name, tag) for tag in some)
        yield
    del tags  # freed one by one below, since freeing all at once would take another 50 ms
    ids: dict[str, None] = {}
    for names in pieces((yield from _in_order(list(by_name))), _FEW):
        ids.update(dict.fromkeys(image for name in names for image in _images(by_name.pop(name))))
        yield
    return (yield from _listing('{"checksum": "", "id": ', list(ids)))


def problem(status: int, code: str, detail: str, *more: tuple[str, str]) -> Answer:
    """An error of the bridge's own; `code` is for programs, `detail` for people.

    Without a `type` the title has to be that of the status code (RFC 9457, 4.2.1). Errors may pass,
    so they must not be cached.
    """
    title = HTTPStatus(status).phrase
    body = {"title": title, "status": status, "detail": detail, "error": code}
    return answer(status, PROBLEM, json.dumps(body).encode(), ("Cache-Control", "no-store"), *more)


def as_deprecated(plain: Answer, successor: str, via: str, *more: tuple[str, str]) -> Answer:
    """The answer with the headers of a deprecated resource.

    `successor` is the URL of the v2 call to make instead, empty if there is none; `more` are
    headers about this one answer.
    """
    links = [f'<{DEPRECATION_PAGE}>; rel="deprecation"; type="text/html"']
    if successor:
        links.insert(0, f'<{successor}>; rel="successor-version"')
    marks = (
        ("Deprecation", f"@{DEPRECATED_SINCE}"),
        ("Sunset", SUNSET),
        ("Link", ", ".join(links)),
        ("Via", via),
        *more,
    )
    return replace(plain, headers=plain.headers + marks)


def _listing(before: str, values: Sequence[str]) -> Steps[Answer]:
    """A list of objects that differ only in their last value; `before` is the text before it.

    Raises TooLong.
    """
    joint = f"}}, {before}"
    made: list[bytes] = []
    size = 0
    for some in pieces(values):
        size += sum(map(len, some)) + len(some) * (len(before) + 5)
        if size > MOST_BYTES:
            raise TooLong(f"the answer would be larger than {MOST_BYTES // 1024**2} MB")
        made.append(json.dumps(some, separators=(joint, ": "))[1:-1].encode())
        yield
    if not made:
        return answer(200, JSON, b"[]", _VARY)
    made[0] = f"[{before}".encode() + made[0]
    made[-1] += b"}]"
    return answer(200, JSON, joint.encode().join(made), _VARY)


def _in_order(names: Sequence[str]) -> Steps[list[str]]:
    """`latest` first, then the others in ascending order of their bytes, which in UTF-8 is the
    order of their code points."""
    ordered = yield from in_order(names)
    place = bisect_left(ordered, "latest")
    if ordered[place : place + 1] == ["latest"]:
        ordered.insert(0, ordered.pop(place))
    return ordered


def _images(tag: v2.Tag) -> Iterator[str]:
    """The ids of a tag's images; a tag that lists none is its own image."""
    images = list(_hex(*(image.digest for image in tag.images or ())))
    return iter(images) if images else _hex(tag.digest)


def _hex(*digests: str | None) -> Iterator[str]:
    """The hex digits of all valid digests, without `sha256:`, since v1's answers have no colon."""
    return (found[1] for digest in digests if (found := _SHA256.fullmatch(digest or "")))
