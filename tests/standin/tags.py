"""One tag of a repository with every field that API v2 documents, made from its name alone.

The same repository and name give the same tag in every process, so that a test can say what it
expects and a benchmark can ask for a million tags that nobody keeps. The awkward tags of the real
Hub are here too: see `quirk_of`.
"""

from __future__ import annotations

import enum
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

PLATFORMS = (("amd64", None), ("arm64", "v8"), ("arm", "v7"), ("s390x", None))
ENCODE = json.JSONEncoder(separators=(",", ":")).encode
EPOCH = datetime(2019, 1, 1, tzinfo=UTC)
A_MONTH = 30 * 86_400  # seconds, as the next
SIX_YEARS = 6 * 365 * 86_400


class Quirk(enum.Enum):
    """What is odd about a tag; each was seen on the real Hub."""

    NONE = "nothing"
    NO_DIGEST = "old: the key `digest` is absent, its images have theirs"
    NO_IMAGES = "`images` is []"
    NULL_IMAGE_DIGESTS = "the digest of every image is null"
    BARE = "neither a digest nor images"


# Of sixteen names eleven are ordinary; a hub of nothing but quirks would not be believed.
QUIRKS = (Quirk.NO_DIGEST, Quirk.NO_DIGEST, Quirk.NO_IMAGES, Quirk.NULL_IMAGE_DIGESTS, Quirk.BARE)


@dataclass(frozen=True)
class Image:
    """One platform's image of a tag. `size` is in bytes, times are RFC 3339 UTC."""

    architecture: str
    features: str
    variant: str | None
    digest: str | None
    os: str
    os_features: str
    os_version: str | None
    size: int
    status: str
    last_pulled: str | None
    last_pushed: str | None


@dataclass(frozen=True)
class Tag:
    """One tag as v2 shows it. `digest` None means that the key is absent, as on old tags."""

    creator: int
    id: int
    images: tuple[Image, ...]
    last_updated: str
    last_updater: int
    last_updater_username: str
    name: str
    repository: int
    full_size: int
    v2: bool = True
    tag_status: str = "active"
    tag_last_pulled: str | None = None
    tag_last_pushed: str | None = None
    media_type: str = "application/vnd.oci.image.index.v1+json"
    content_type: str = "image"
    digest: str | None = None

    def as_json(self) -> str:
        """The bytes of this tag in an answer: compact, keys in the order of the real Hub."""
        # vars() rather than asdict(), which copies deeply and takes most of the time of a page.
        shown = vars(self) | {"images": [vars(image) for image in self.images]}
        if self.digest is None:
            del shown["digest"]
        return ENCODE(shown)


def make_tag(repository: str, name: str, quirk: Quirk | None = None) -> Tag:
    """The tag of that name; `quirk` overrides the one that the name would have by itself."""
    quirk = quirk_of(repository, name) if quirk is None else quirk
    build = build_of(repository, name)
    at = number("pushed", build) % SIX_YEARS
    pushed, pulled = _moment(at), _moment(at + number("pulled", build) % A_MONTH)
    images = () if quirk in (Quirk.NO_IMAGES, Quirk.BARE) else _images(build, quirk, pulled, pushed)
    has_digest = quirk not in (Quirk.NO_DIGEST, Quirk.BARE)
    return Tag(
        creator=number("creator", repository),
        id=number("tag", repository, name),
        images=images,
        last_updated=pushed,
        last_updater=number("creator", repository),
        last_updater_username=repository.partition("/")[0],
        name=name,
        repository=number("repository", repository),
        full_size=images[0].size if images else 0,
        tag_last_pulled=pulled,
        tag_last_pushed=pushed,
        digest=digest_of(build) if has_digest else None,
    )


@lru_cache(maxsize=32_768)  # bounded: benchmarks ask for more repositories than memory should hold
def made_json(repository: str, name: str) -> str:
    """`make_tag(…).as_json()`, remembered, since benchmarks read the same pages over and over."""
    return make_tag(repository, name).as_json()


def quirk_of(repository: str, name: str) -> Quirk:
    """The oddity of a name. `latest` is always ordinary, for demos that show just one tag."""
    turn = number("quirk", repository, name) % 16
    return Quirk.NONE if name == "latest" or turn >= len(QUIRKS) else QUIRKS[turn]


def build_of(repository: str, name: str) -> str:
    """What was pushed under this tag. One tag in eight shares its build with others, so that a
    list of images is shorter than the list of tags, as on the real Hub."""
    turn = number("build", repository, name)
    return f"{repository} build {turn % 4}" if turn % 8 < 1 else f"{repository}:{name}"


def digest_of(text: str) -> str:
    """A digest as Hub writes it, "sha256:" and 64 hex digits, stable for the text."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def number(*words: str) -> int:
    """A stable positive integer below 2**31 for these words."""
    seed = hashlib.blake2b("\0".join(words).encode(), digest_size=4).digest()
    return int.from_bytes(seed) >> 1 or 1


def _images(build: str, quirk: Quirk, pulled: str, pushed: str) -> tuple[Image, ...]:
    has_digest = quirk is not Quirk.NULL_IMAGE_DIGESTS
    count = 1 + number("platforms", build) % len(PLATFORMS)
    return tuple(
        Image(
            architecture=architecture,
            features="",
            variant=variant,
            digest=digest_of(f"{build} {architecture}") if has_digest else None,
            os="linux",
            os_features="",
            os_version=None,
            size=2_000_000 + number("size", build, architecture) % 200_000_000,
            status="active",
            last_pulled=pulled,
            last_pushed=pushed,
        )
        for architecture, variant in PLATFORMS[:count]
    )


def _moment(seconds: int) -> str:
    return (EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
