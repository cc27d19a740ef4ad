"""API v2 values in, the bytes of API v1 out. Pure functions.

v1 wrote its JSON as Python's json.dumps does: one line, a space after each comma and colon,
ASCII only, no newline at the end. Scripts take it apart with sed, grep and awk, so the order of
keys and names and every space are part of the contract. No null, true or false may appear, since
some clients evaluate the text as Python, and no colon in a value, since others split at colons.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from hubv1 import v2
from hubv1.answers import JSON, PLAIN, Answer, answer
from hubv1.failures import Nonsense

_VARY = ("Vary", "Cookie")
_CHALLENGE = ("WWW-Authenticate", 'Basic realm="auth required",Token')

_SHA256 = re.compile(r"sha256:([0-9a-f]{64})", re.ASCII)
_SHORT_ID = 8
"""Hex digits of the layer ids that v1 showed in the answer for one tag."""


def tag_list(tags: Iterable[v2.Tag]) -> Answer:
    """`/tags`: every name once, with the empty layer of v1's last years."""
    return _listing([{"layer": "", "name": tag.name} for tag in _in_order(tags)])


def one_tag(tag: v2.Tag) -> Answer:
    """`/tags/{tag}`: a list of one layer.

    v1 gave one element for each layer, the top one first. v2 knows no layer ids: the start of
    the tag's digest stands in, else that of its first image that has one.
    """
    if tag.id is None:
        raise Nonsense("Docker Hub answered 200 for a tag, but without its id")
    layer = next(_digests(tag), "")
    return _listing([{"pk": tag.id, "id": layer[:_SHORT_ID]}])


def image_list(tags: Iterable[v2.Tag]) -> Answer:
    """`/images`: every image of the repository once, in the order of the tags.

    An image's id is the hex part of its digest; a tag that lists no images is its own image.
    Which of a tag's digests v1 would have listed nobody can say: there was one platform then.
    """
    ids = dict.fromkeys(image for tag in _in_order(tags) for image in _images(tag))
    return _listing([{"checksum": "", "id": image} for image in ids])


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


def _listing(elements: Sequence[Mapping[str, object]]) -> Answer:
    return answer(200, JSON, json.dumps(elements).encode(), _VARY)


def _in_order(tags: Iterable[v2.Tag]) -> list[v2.Tag]:
    """`latest` first, the others ascending by the bytes of their names."""
    return sorted(tags, key=lambda tag: (tag.name != "latest", tag.name.encode()))


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
