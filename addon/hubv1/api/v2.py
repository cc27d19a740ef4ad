"""What Hub API v2 and the bridge have in common: the parts of its answers that v1 can use.

Only the fields read here are decoded, and each is checked for its type while it is; whatever
else Hub sends is skipped.
"""

from typing import Generic, TypeVar

import msgspec

PAGE_SIZE = 100
"""Tags on a page: the most that Hub gives, whatever is asked for."""
MOST_TAGS = 250_000
"""Of a list that is given as a whole."""


class Image(msgspec.Struct, frozen=True, gc=False):
    """One image of a tag; there is one for each platform."""

    digest: str | None = None


class Tag(msgspec.Struct, frozen=True, gc=False):
    """A tag of a repository."""

    name: str
    id: int | None = None
    digest: str | None = None
    """`algorithm:hex`; absent on some old tags."""
    images: list[Image] | None = None
    """May be empty."""


class Named(msgspec.Struct, frozen=True, gc=False):
    """A tag, where its name is all that is wanted: most of a page need not be decoded then."""

    name: str


Item = TypeVar("Item", Named, Tag)


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """One page of a repository's tags, in no dependable order."""

    results: list[Item]
    count: int | None = None
    """How many tags the repository has, over all pages."""
    next: str | None = None
    """URL of the next page. Only whether there is one is believed, never where it leads."""


class Trouble(msgspec.Struct, frozen=True):
    """An error body, as far as Hub keeps to one form."""

    message: str = ""


read_tags = msgspec.json.Decoder(Page[Tag]).decode
read_names = msgspec.json.Decoder(Page[Named]).decode
read_tag = msgspec.json.Decoder(Tag).decode
read_trouble = msgspec.json.Decoder(Trouble).decode
