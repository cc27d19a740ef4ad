"""API v2 values in, the bytes of API v1 out. Pure functions.

v1 wrote its JSON as Python's json.dumps does: one line, a space after each comma and colon,
ASCII only, no newline at the end. Scripts take it apart with sed, grep and awk, so the order of
keys and names and every space are part of the contract. No null, true or false may appear, since
some clients evaluate the text as Python, and no colon in a value, since others split at colons.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from hubv1 import v2
from hubv1.answers import JSON, PLAIN, Answer, answer
from hubv1.failures import Nonsense, TooLong

MOST_BYTES = 32 * 1024 * 1024
"""Of an answer's body."""

_VARY = ("Vary", "Cookie")
_CHALLENGE = ("WWW-Authenticate", 'Basic realm="auth required",Token')

_SHA256 = re.compile(r"sha256:([0-9a-f]{64})", re.ASCII)
_PIECE = 10_000
"""Values that are written at a stretch."""
_SHORT_ID = 8
"""Hex digits of the layer ids that v1 showed in the answer for one tag."""


def tag_list(names: Iterable[str]) -> Answer:
    """`/tags`: every name once, with the empty layer of v1's last years."""
    return _listing('{"layer": "", "name": ', _in_order(names))


def one_tag(tag: v2.Tag) -> Answer:
    """`/tags/{tag}`: a list of one layer.

    v1 gave one element for each layer, the top one first. v2 knows no layer ids: the start of
    the tag's digest stands in, else that of its first image that has one.
    """
    if tag.id is None:
        raise Nonsense("Docker Hub answered 200 for a tag, but without its id")
    layer = next(_digests(tag), "")
    return _listing(f'{{"pk": {tag.id}, "id": ', [layer[:_SHORT_ID]])


def image_list(tags: Iterable[v2.Tag]) -> Answer:
    """`/images`: every image of the repository once, in the order of the tags.

    An image's id is the hex part of its digest; a tag that lists no images is its own image.
    Which of a tag's digests v1 would have listed nobody can say: there was one platform then.
    """
    by_name = {tag.name: tag for tag in tags}
    ids = dict.fromkeys(image for name in _in_order(by_name) for image in _images(by_name[name]))
    return _listing('{"checksum": "", "id": ', list(ids))


def unknown_tag() -> Answer:
    """404 with an unquoted text, which a well-known client compares byte for byte.

    Its content type is not known from any source.
    """
    return answer(404, PLAIN, b"Tag not found", _VARY)


def unknown_repository() -> Answer:
    """404 as the open-source v1 server answered; what Hub's own body was is not known."""
    return _error(404, "Repository not found")


def unauthorized() -> Answer:
    """401 with the challenge that v1 clients wait for before they send credentials."""
    return _error(401, "Requires authorization", _CHALLENGE)


def _error(status: int, text: str, *headers: tuple[str, str]) -> Answer:
    return answer(status, JSON, json.dumps({"error": text}).encode(), _VARY, *headers)


def _listing(before: str, values: Sequence[str]) -> Answer:
    """A list of objects that differ in the last of their values alone; `before` opens each.

    Raises TooLong. A piece at a time, so that other threads get their turn.
    """
    if sum(map(len, values)) + len(values) * (len(before) + 5) > MOST_BYTES:
        raise TooLong(f"the answer would be larger than {MOST_BYTES // 1024**2} MB")
    joint = f"}}, {before}"
    pieces = (
        json.dumps(values[start : start + _PIECE], separators=(joint, ": "))[1:-1]
        for start in range(0, len(values), _PIECE)
    )
    body = f"[{before}{joint.join(pieces)}}}]" if values else "[]"
    return answer(200, JSON, body.encode(), _VARY)


def _in_order(names: Iterable[str]) -> list[str]:
    """`latest` first, the others ascending by their bytes.

    Text sorts by code points, which is the order of its bytes in UTF-8.
    """
    ordered = sorted(names)
    if "latest" in ordered:
        ordered.remove("latest")
        ordered.insert(0, "latest")
    return ordered


def _images(tag: v2.Tag) -> Iterator[str]:
    own, *images = _hex(tag.digest), *(_hex(image.digest) for image in tag.images or ())
    known = [image for image in images if image]
    yield from known or ([own] if own else [])


def _digests(tag: v2.Tag) -> Iterator[str]:
    """The tag's own digest, then those of its images."""
    for digest in (tag.digest, *(image.digest for image in tag.images or ())):
        if found := _hex(digest):
            yield found


def _hex(digest: str | None) -> str:
    """The hex digits of a digest: `sha256:` in front would put a colon into v1's answer."""
    found = _SHA256.fullmatch(digest or "")
    return found[1] if found else ""
