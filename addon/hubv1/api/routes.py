"""The route table, one row for each kind of v1 call, and the recognition of a call by it.

The six retired routes and their successors are those of Docker's page "Docker Hub API v1
(deprecated)", https://docs.docker.com/reference/api/hub/deprecated/. A path is matched segment
by segment: `{braces}` stand for one segment, `…` for whatever is left. The first row that matches
decides, so the rows for single cases stand above those for whole families.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from hubv1.api.names import (
    OFFICIAL_NAMESPACE,
    Repository,
    decode_segment,
    is_tag,
    repository_or_none,
)

LEGACY_HOSTS = ("index.docker.io", "registry.hub.docker.com", "hub.docker.com")
"""The names under which Docker served API v1."""

_V2 = "/v2/namespaces/{namespace}/repositories/{repository}"


class Verdict(StrEnum):
    """What becomes of a route, once and for all."""

    BRIDGED = "bridged"
    """Answered in full: the caller notices nothing."""
    LOSSY = "lossy"
    """Answered, but with values that only stand in for what v1 knew."""
    DEAD = "dead"
    """Nothing can revive what the call was made for."""
    SERVED = "served"
    """Still answered by Hub itself."""


class Listing(StrEnum):
    """The v1 answers that the bridge can make."""

    TAGS = "tags"
    TAG = "tag"
    IMAGES = "images"
    NOTHING = "nothing"
    """A path that only looks like one of the six: no such thing can exist."""


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table."""

    methods: frozenset[str]
    """HTTP methods; empty means any."""
    path: str
    successor: str
    """What Docker documents as the replacement; empty where there is none."""
    retired: date | None
    verdict: Verdict
    sentence: str
    """For people: what happened to the call and what to do instead."""
    listing: Listing | None = None
    """Which answer the bridge makes; None where the call is passed on."""
    replacement: str = ""
    """What works today, where that is not the documented successor."""
    docker_token: bool = False
    """Whether the row is for requests with `X-Docker-Token: true` alone."""

    def replacement_for(self, repository: Repository, tag: str = "{tag}") -> str:
        """Path of the v2 call to make instead for `repository`; empty where there is none."""
        template = self.replacement or self.successor
        if not template.startswith(_V2):
            return ""
        return template.format(namespace=repository.namespace, repository=repository.name, tag=tag)

    @property
    def name(self) -> str:
        """The row as journal and report name it, unique in the table."""
        method = "GET" if "GET" in self.methods else "/".join(sorted(self.methods)) or "*"
        return f"{method} {self.path}" + (" (X-Docker-Token)" if self.docker_token else "")


_READ = frozenset({"GET", "HEAD"})
_PUBLISH = frozenset({"PUT", "DELETE"})
_ANY: frozenset[str] = frozenset()

_RETIRED = date(2022, 9, 5)
_PULLS_OFF = date(2019, 6, 1)
_PUBLISHING_OFF = date(2015, 1, 1)
"""Only the year is known."""


def _bare_and_namespaced(route: Route) -> tuple[Route, Route]:
    """The row for a name alone, which v1 took for library/name, and for namespace and name."""
    return route, replace(route, path=route.path.replace("{name}", "{namespace}/{name}"))


_IMAGES = Route(
    methods=_READ,
    path="/v1/repositories/{name}/images",
    successor=f"{_V2}/images",
    replacement=f"{_V2}/tags",
    retired=_RETIRED,
    verdict=Verdict.LOSSY,
    sentence="The documented v2 route is gone too, since 2023-12-11: a repository's images are "
    "those of its tags, and digests stand in for image ids.",
    listing=Listing.IMAGES,
)
_PULL = replace(
    _IMAGES,
    docker_token=True,
    verdict=Verdict.DEAD,
    sentence="A Docker Engine of 1.5 or older is about to pull: the list is answered, but the v1 "
    "registry it asks next is off since 2019-06-01. Upgrade the engine.",
)
_TAG = Route(
    methods=_READ,
    path="/v1/repositories/{name}/tags/{tag_name}",
    successor=f"{_V2}/tags/{{tag}}",
    retired=_RETIRED,
    verdict=Verdict.LOSSY,
    sentence="Status 200 or 404 is as before; layer ids are gone, so pk is the v2 id and id the "
    "first 8 hex digits of the digest.",
    listing=Listing.TAG,
)
_TAGS = Route(
    methods=_READ,
    path="/v1/repositories/{name}/tags",
    successor=f"{_V2}/tags",
    retired=_RETIRED,
    verdict=Verdict.BRIDGED,
    sentence="The v2 list comes in pages of at most 100 tags and in no dependable order.",
    listing=Listing.TAGS,
)
_AUTH = Route(
    methods=_ANY,
    path="/v1/repositories/{name}/auth",
    successor="https://auth.docker.io/token",
    retired=_PUBLISHING_OFF,
    verdict=Verdict.DEAD,
    sentence="v1 push and pull tokens ended with the v1 registry; the token service of the "
    "registry gives a Bearer token instead.",
)
_RECORD = Route(
    methods=_READ,
    path="/v1/repositories/{name}",
    successor="",
    retired=_RETIRED,
    verdict=Verdict.DEAD,
    sentence="v1 has no documented answer to reading a repository itself; its tags are at v2.",
    replacement=f"{_V2}/tags",
)

ROUTES: tuple[Route, ...] = (
    # First, since x/tags/images is asked for as a tag more often than as the images of x/tags.
    *_bare_and_namespaced(_TAG),
    *_bare_and_namespaced(_PULL),
    *_bare_and_namespaced(_IMAGES),
    *_bare_and_namespaced(_TAGS),
    *_bare_and_namespaced(_AUTH),
    *_bare_and_namespaced(_RECORD),
    Route(
        methods=_READ,
        path="/v1/repositories/…",
        successor="",
        retired=_RETIRED,
        verdict=Verdict.DEAD,
        sentence="No v1 route ever had this form: the name in it is wrong or the path cut.",
        listing=Listing.NOTHING,
    ),
    Route(
        methods=_PUBLISH,
        path="/v1/repositories/…",
        successor="https://registry-1.docker.io/v2/",
        retired=_PUBLISHING_OFF,
        verdict=Verdict.DEAD,
        sentence="Publishing by v1 ended in 2015: push with a current docker, skopeo or crane.",
    ),
    Route(
        methods=_ANY,
        path="/v1/repositories/…",
        successor="",
        retired=_RETIRED,
        verdict=Verdict.DEAD,
        sentence="v1 never took this method here.",
    ),
    Route(
        methods=_ANY,
        path="/v1/users/…",
        successor="/v2/auth/token",
        retired=_RETIRED,
        verdict=Verdict.DEAD,
        sentence="v1 accounts and logins are gone: ask /v2/auth/token for a Bearer token.",
    ),
    Route(
        methods=_ANY,
        path="/v1/_ping",
        successor="https://registry-1.docker.io/v2/",
        retired=_RETIRED,
        verdict=Verdict.DEAD,
        sentence="A client asks whether this is a v1 registry, and it must not be told that it is.",
    ),
    Route(
        methods=_ANY,
        path="/v1/images/…",
        successor="https://registry-1.docker.io/v2/",
        retired=_PULLS_OFF,
        verdict=Verdict.DEAD,
        sentence="v1 layers went on 2019-06-01: pull with a current docker, skopeo or crane.",
    ),
    Route(
        methods=_READ,
        path="/v1/search",
        successor="",
        retired=None,
        verdict=Verdict.SERVED,
        sentence="Hub still answers search.",
    ),
)

_BY_NAME = {route.name: route for route in ROUTES}


def route_named(name: str) -> Route:
    """The row of this name; for a name of another version, a row that knows nothing more."""
    known = _BY_NAME.get(name)
    if known is not None:
        return known
    return Route(_ANY, name, "", None, Verdict.DEAD, "This version does not know the route.")


_MOST_SEGMENTS = 12
"""Of a path that are told apart; no row has as many."""
_PREFIXES = (b"/v1/", b"//")
_PATTERNS = tuple((route, tuple(route.path.split("/")[2:])) for route in ROUTES)


@dataclass(frozen=True, slots=True)
class Call:
    """A recognised v1 call."""

    route: Route
    repository: Repository | None = None
    """None where the route has no repository, or its name is one that Hub does not allow."""
    tag: str | None = None
    """None where the route has no tag, or the tag is one that Hub does not allow."""
    is_for_tag: bool = False
    """Whether it asks for one tag, if only by the look of a path that no route has."""

    @property
    def is_possible(self) -> bool:
        """Whether Hub could have what the call asks for."""
        if self.route.listing in (None, Listing.NOTHING):
            return self.route.listing is None
        return self.repository is not None and (
            self.route.listing is not Listing.TAG or self.tag is not None
        )

    @property
    def replacement_path(self) -> str:
        """Path of the v2 call to make instead; empty where there is none."""
        if self.repository is None or (self.route.listing and not self.is_possible):
            return ""
        return self.route.replacement_for(self.repository, self.tag or "")


def recognise(method: str, path: bytes, docker_token: Callable[[], bool]) -> Call | None:
    """The v1 call of a request line, or None for other traffic.

    `path` is the request target as it stands on the wire, query string included; `docker_token`
    tells whether the request has `X-Docker-Token: true`, and is only asked where that matters.
    """
    # Other traffic must cost nothing: one comparison of bytes, before anything else is done.
    if not path.startswith(_PREFIXES):
        return None
    version, _, rest = path.partition(b"?")[0].lstrip(b"/").partition(b"/")
    if version != b"v1":
        return None
    # Scripts put `$BASE/v1/` after a base that ends in a slash: several slashes mean one, but not
    # inside a name, where they are an unset variable.
    family, _, below = rest.strip(b"/").partition(b"/")
    segments = [decode_segment(family)]
    if below:
        segments += map(decode_segment, below.lstrip(b"/").split(b"/", _MOST_SEGMENTS))
    call = _first_match(method, segments, docker_token)
    if below.startswith(b"/") and call is not None and _lacks_name(call, segments):
        return _first_match(method, [segments[0], "", *segments[1:]], docker_token)
    return call


def _first_match(
    method: str, segments: Sequence[str], docker_token: Callable[[], bool]
) -> Call | None:
    for route, pattern in _PATTERNS:
        if route.methods and method not in route.methods:
            continue
        found = _match(pattern, segments)
        if found is None or (route.docker_token and not docker_token()):
            continue
        call = _call(route, found, segments)
        # A row that is passed on is only for names that exist; the rows below are for the rest.
        if route.listing is not None or "{name}" not in found or call.repository is not None:
            return call
    return None


def _lacks_name(call: Call, segments: Sequence[str]) -> bool:
    """Whether `repositories//tags` has a name left out, sooner than being a repository `tags`."""
    below = segments[1:]
    is_of_a_name = below[:1] == ["tags"] or below in (["images"], ["auth"])
    return is_of_a_name and call.route.listing in (None, Listing.NOTHING)


def _match(pattern: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    if pattern[-1] == "…":
        pattern = pattern[:-1]
        segments = segments[: len(pattern)]
    if len(pattern) != len(segments):
        return None
    found = {}
    for expected, actual in zip(pattern, segments, strict=True):
        if expected.startswith("{"):
            found[expected] = actual
        elif expected != actual:
            return None
    return found


def _call(route: Route, found: dict[str, str], segments: Sequence[str]) -> Call:
    repository = None
    if "{name}" in found:
        namespace = found.get("{namespace}", OFFICIAL_NAMESPACE)
        repository = repository_or_none(namespace, found["{name}"])
    tag = found.get("{tag_name}")
    # After `repositories` and a name at least: a tag with a slash in it, or a name with too many.
    is_for_tag = route.listing is not None and "tags" in segments[2:-1]
    return Call(route, repository, tag if tag is not None and is_tag(tag) else None, is_for_tag)
