"""What Hub API v2 gives: the parts of its answers that v1 can use, or why there is no answer.

Only the fields read here are decoded, and each is checked for its type while it is; whatever
else Hub sends is skipped.
"""

import re
from typing import ClassVar, Generic, TypeVar

import msgspec

PAGE_SIZE = 100  # tags on a page: the most that Hub gives, whatever is asked for
MOST_TAGS = 250_000  # of a list that is given as a whole


class Image(msgspec.Struct, frozen=True, gc=False):
    """One image of a tag; there is one for each platform."""

    digest: str | None = None


class Tag(msgspec.Struct, frozen=True, gc=False):
    """A tag of a repository."""

    name: str
    id: int | None = None
    digest: str | None = None  # `algorithm:hex`; absent on some old tags
    images: list[Image] | None = None  # may be empty


class Named(msgspec.Struct, frozen=True, gc=False):
    """A tag, where its name is all that is wanted: most of a page need not be decoded then."""

    name: str


Item = TypeVar("Item", Named, Tag)


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """One page of a repository's tags, in no dependable order."""

    results: list[Item]
    count: int | None = None  # how many tags the repository has, over all pages
    next: str | None = None
    """URL of the next page. Only whether there is one is believed, never where it leads."""


class Trouble(msgspec.Struct, frozen=True):
    """An error body, as far as Hub keeps to one form."""

    message: str = ""


read_tags = msgspec.json.Decoder(Page[Tag]).decode
read_names = msgspec.json.Decoder(Page[Named]).decode
read_tag = msgspec.json.Decoder(Tag).decode
read_trouble = msgspec.json.Decoder(Trouble).decode


class _Links(msgspec.Struct):
    """What leads from a page to its neighbours, in Hub's own bytes."""

    next: msgspec.Raw = msgspec.Raw(b"null")
    previous: msgspec.Raw = msgspec.Raw(b"null")


_read_links = msgspec.json.Decoder(_Links).decode
_ORIGIN = re.compile(rb'"https?:(?:\\?/){2}([^/\\"?#]*)', re.IGNORECASE)
"""Where a URL in JSON begins, its slashes escaped or not."""


def is_offset_refused(status: int, body: bytes) -> bool:
    """Whether Hub refuses a page for its offset, which it does to anonymous callers.

    From which offset on is not documented, so the answer tells. `body` may be anything.
    """
    if status != 403:
        return False
    try:
        said = read_trouble(body).message.lower()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return "offset" in said or "pagination" in said


def with_links_to(origin: str, page: bytes) -> bytes:
    """A page whose `next` and `previous` begin with `origin`, as `https://hub.docker.com`, and
    which is the same in every other byte. Links to that host already stay as they are."""
    links, host = _read_links(page), origin.partition("://")[2].encode()
    for name, link in (("next", bytes(links.next)), ("previous", bytes(links.previous))):
        found = _ORIGIN.match(link)
        if found is not None and found[1].lower() != host:
            new = b'"' + origin.encode() + link[found.end() :]
            member = rb'("%s"\s*:\s*)%s' % (name.encode(), re.escape(link))
            page = re.sub(member, rb"\g<1>" + new.replace(b"\\", rb"\\"), page, count=1)
    return page


class HubFailure(Exception):
    """Hub gave no answer that v1 could be made from. The text is for people."""

    code: ClassVar[str]  # the failure in one word, for programs

    def __init_subclass__(cls, code: str) -> None:
        cls.code = code


class NotFound(HubFailure, code="not_found"):
    """Hub says there is no such repository or tag, or none that this caller may see."""


class Unauthorized(HubFailure, code="unauthorized"):
    """Hub wants credentials, or other ones."""


class Forbidden(HubFailure, code="forbidden"):
    """Hub knows what was asked for and refuses it."""


class PersonalTokenRefused(Forbidden, code="forbidden"):
    """Hub refuses what is signed in with a personal access token, whatever it was asked for.

    It says nothing of the repository: the registry takes such tokens.
    """


class Incomplete(HubFailure, code="incomplete"):
    """Part of a list could be had, but not all of it."""


class TooLong(HubFailure, code="too_long"):
    """A list is longer than one answer may be."""


class RateLimited(HubFailure, code="rate_limited"):
    """Hub asked to be left alone for a while."""

    def __init__(self, seconds: int) -> None:
        """`seconds` is how long to wait, counted from now."""
        super().__init__(f"Docker Hub limits the rate of requests; try again in {seconds} s")
        self.seconds = seconds


class Unreachable(HubFailure, code="unreachable"):
    """No connection, no answer in time, or one that broke off."""


class Nonsense(HubFailure, code="nonsense"):
    """An answer that is not what API v2 documents."""


class Loop(HubFailure, code="loop"):
    """The request came back to the bridge that sent it."""
