"""The parts of API v2's answers that v1 can use, and the failures that take their place.

msgspec decodes only the fields named here, checks their types, and skips everything else.
"""

import re
from typing import ClassVar, Generic, TypeVar

import msgspec

PAGE_SIZE = 100  # tags on a page, which is Hub's own limit
MOST_TAGS = 250_000  # of a list in one answer


class Image(msgspec.Struct, frozen=True, gc=False):
    """One image of a tag, for one platform."""

    digest: str | None = None


class Tag(msgspec.Struct, frozen=True, gc=False):
    """A tag of a repository."""

    name: str
    id: int | None = None
    digest: str | None = None  # `algorithm:hex`; absent on some old tags
    images: list[Image] | None = None  # may be empty


class Named(msgspec.Struct, frozen=True, gc=False):
    """A tag of which only the name is decoded, which saves most of the work for a page."""

    name: str


Item = TypeVar("Item", Named, Tag)


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """One page of a repository's tags, in no dependable order."""

    results: list[Item]
    count: int | None = None  # of the tags on all pages
    next: str | None = None  # the URL of the next page, which is never followed


class Trouble(msgspec.Struct, frozen=True):
    """The usual form of Hub's error bodies."""

    message: str = ""


read_tags = msgspec.json.Decoder(Page[Tag]).decode
read_names = msgspec.json.Decoder(Page[Named]).decode
read_tag = msgspec.json.Decoder(Tag).decode
read_trouble = msgspec.json.Decoder(Trouble).decode


class _Links(msgspec.Struct):
    """The links from a page to its neighbours, in Hub's own bytes."""

    next: msgspec.Raw = msgspec.Raw(b"null")
    previous: msgspec.Raw = msgspec.Raw(b"null")


_read_links = msgspec.json.Decoder(_Links).decode
_ORIGIN = re.compile(rb'"https?:(?:\\?/){2}([^/\\"?#]*)', re.IGNORECASE)
"""The beginning of a URL in JSON, whose slashes may be escaped."""


def is_offset_refused(body: bytes) -> bool:
    """Whether the body of a 403, which may be anything, refuses a page for its offset.

    Hub does so for anonymous callers, from an offset on that is not documented.
    """
    try:
        said = read_trouble(body).message.lower()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return "offset" in said or "pagination" in said


def with_links_to(origin: str, page: bytes) -> bytes:
    """The page with `origin`, such as `https://hub.docker.com`, at the beginning of `next` and
    `previous`, and the same in every other byte. Links to that host do not change."""
    links, host = _read_links(page), origin.partition("://")[2].encode()
    for name, link in (("next", bytes(links.next)), ("previous", bytes(links.previous))):
        found = _ORIGIN.match(link)
        if found is not None and found[1].lower() != host:
            new = b'"' + origin.encode() + link[found.end() :]
            member = rb'("%s"\s*:\s*)%s' % (name.encode(), re.escape(link))
            page = re.sub(member, rb"\g<1>" + new.replace(b"\\", rb"\\"), page, count=1)
    return page


class HubFailure(Exception):
    """Hub gave no answer that can be translated; the text says why."""

    code: ClassVar[str]  # the failure in one word, for programs

    def __init_subclass__(cls, code: str) -> None:
        cls.code = code


class NotFound(HubFailure, code="not_found"):
    """Hub says there is no such repository or tag, or none that this caller may see."""


class Unauthorized(HubFailure, code="unauthorized"):
    """Hub requires credentials, or other credentials."""


class Forbidden(HubFailure, code="forbidden"):
    """Hub knows the repository but refuses the request."""


class PersonalTokenRefused(Forbidden, code="forbidden"):
    """Hub refuses every request with a personal access token.

    This says nothing about the repository, and the registry accepts such tokens.
    """


class Incomplete(HubFailure, code="incomplete"):
    """Only part of a list could be read."""


class TooLong(HubFailure, code="too_long"):
    """A list is longer than one answer may be."""


class RateLimited(HubFailure, code="rate_limited"):
    """Hub limits the rate of requests."""

    def __init__(self, seconds: int) -> None:
        """`seconds` is how long to wait from now."""
        super().__init__(f"Docker Hub limits the rate of requests; try again in {seconds} s")
        self.seconds = seconds


class Unreachable(HubFailure, code="unreachable"):
    """No connection, no answer in time, or an answer that broke off."""


class Nonsense(HubFailure, code="nonsense"):
    """An answer that is not what API v2 documents."""


class Loop(HubFailure, code="loop"):
    """The request came back to the bridge that sent it."""
