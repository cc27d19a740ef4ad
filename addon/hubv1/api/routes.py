"""The route table, with a row for each kind of call, and the recognition of calls.

The six retired routes and their successors are those of Docker's page "Docker Hub API v1
(deprecated)", https://docs.docker.com/reference/api/hub/deprecated/. The routes of API v2 that
Docker retires next are in `RETIRING`. In a path, `{braces}` stand for one segment and `…` for the
rest. The first row that matches decides, so special cases come before whole families.
"""

import re
from collections.abc import Callable, Iterator
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
"""The hosts that served API v1."""
REGISTRY_HOST = "index.docker.io"
"""The legacy host whose /v2/ is the registry API rather than Hub's API v2."""
HUB_HOSTS = tuple(host for host in LEGACY_HOSTS if host != REGISTRY_HOST)
"""The hosts that serve API v2."""

_V2 = "/v2/namespaces/{namespace}/repositories/{repository}"


class Verdict(StrEnum):
    """What the bridge can do for the calls of a route."""

    BRIDGED = "bridged"  # answers in full, so that callers notice nothing
    LOSSY = "lossy"  # answers with substitutes for some of v1's values
    DEAD = "dead"  # cannot help with what the call was made for
    SERVED = "served"  # passes on, since Hub itself still answers
    RETIRING = "retiring"  # passes on a call of API v2, and counts it apart from v1


class Outcome(StrEnum):
    """How a call ends, in one word for the journal, the totals and the exit code."""

    TRANSLATED = "translated"  # answered as v1 would have, with the right 404 or 401 too
    REDIRECTED = "redirected"  # redirected to the v2 URL
    OBSERVED = "observed"  # passed on unchanged, or read from a capture
    GONE = "gone"  # answered 410
    PASSED = "passed"  # a v1 call other than the six, passed on
    REFUSED = "refused"  # an impossible name, too many requests, or a list that cannot be complete
    FAILED = "failed"  # no answer from Hub, or no caller any more


ANSWERED = (Outcome.TRANSLATED, Outcome.REDIRECTED)
"""The outcomes of a bridged call, which do not help it if its route is dead."""


class Listing(StrEnum):
    """The answers that the bridge can make."""

    TAGS = "tags"
    TAG = "tag"
    IMAGES = "images"
    NOTHING = "nothing"  # a 404 for a path that only looks like one of the six
    PAGE = "page"  # a page of v2's tags that Hub refuses to anonymous callers


_ANY: frozenset[str] = frozenset()
_READ = frozenset({"GET", "HEAD"})
_PUBLISH = frozenset({"PUT", "DELETE"})

_RETIRED = date(2022, 9, 5)
_PULLS_OFF = date(2019, 6, 1)
_PUBLISHING_OFF = date(2015, 1, 1)  # only the year is known

_CHECK_PATH = "Look at how the caller puts the path together."
_REGISTRY = "https://registry-1.docker.io/v2/"


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table."""

    path: str
    sentence: str  # for people: what happened to the call
    instead: str = ""  # for people: what to do if no other call replaces this one
    successor: str = ""  # the replacement that Docker documents, a URL or its path; empty for none
    replacement: str = ""  # what works today, if that is not the documented successor
    methods: frozenset[str] = _ANY  # HTTP methods; empty means any
    retired: date | None = _RETIRED  # None if it is not retired, or Docker names no day
    verdict: Verdict = Verdict.DEAD
    listing: Listing | None = None  # the answer that the bridge makes; None passes the call on
    docker_token: bool = False  # whether the row is only for requests with `X-Docker-Token: true`

    @property
    def name(self) -> str:
        """The name of the row in journal and report, unique in the table."""
        method = "GET" if "GET" in self.methods else "/".join(sorted(self.methods)) or "*"
        return f"{method} {self.path}" + (" (X-Docker-Token)" if self.docker_token else "")

    def replacement_for(self, repository: Repository | None, tag: str = "{tag}") -> str:
        """The path of the v2 call to make instead for `repository`; empty if there is none."""
        template = self.replacement or self.successor
        if repository is None or not template.startswith(_V2):
            return ""
        return template.format(namespace=repository.namespace, repository=repository.name, tag=tag)


_ROWS = (
    # First, since x/tags/images is more likely a tag of x than the images of x/tags.
    Route(
        "/v1/repositories/{name}/tags/{tag_name}",
        "Status 200 or 404 is as before; layer ids are gone, so pk is the v2 id and id the first 8 "
        "hex digits of the digest.",
        successor=f"{_V2}/tags/{{tag}}",
        methods=_READ,
        verdict=Verdict.LOSSY,
        listing=Listing.TAG,
    ),
    Route(
        "/v1/repositories/{name}/images",
        "A Docker Engine of 1.5 or older is about to pull: the list is answered, but the v1 "
        "registry it asks next is off since 2019-06-01. Upgrade the engine.",
        "Upgrade the Docker Engine: from 1.6 on it pulls by the registry API v2 by itself.",
        successor=f"{_V2}/images",
        replacement=f"{_V2}/tags",
        methods=_READ,
        listing=Listing.IMAGES,
        docker_token=True,
    ),
    Route(
        "/v1/repositories/{name}/images",
        "The documented v2 route is gone too, since 2023-12-11: a repository's images are those of "
        "its tags, and digests stand in for image ids.",
        successor=f"{_V2}/images",
        replacement=f"{_V2}/tags",
        methods=_READ,
        verdict=Verdict.LOSSY,
        listing=Listing.IMAGES,
    ),
    Route(
        "/v1/repositories/{name}/tags",
        "The v2 list comes in pages of at most 100 tags and in no dependable order.",
        successor=f"{_V2}/tags",
        methods=_READ,
        verdict=Verdict.BRIDGED,
        listing=Listing.TAGS,
    ),
    Route(
        "/v1/repositories/{name}/auth",
        "v1 push and pull tokens ended with the v1 registry; the token service of the registry "
        "gives a Bearer token instead.",
        "Let docker, skopeo or crane log in; a script gets a token at "
        "https://auth.docker.io/token.",
        successor="https://auth.docker.io/token",
        retired=_PUBLISHING_OFF,
    ),
    Route(
        "/v1/repositories/{name}",
        "v1 has no documented answer to reading a repository itself; its tags are at v2.",
        "Ask v2 for its tags.",
        replacement=f"{_V2}/tags",
        methods=_READ,
    ),
    Route(
        "/v1/repositories/…",
        "No v1 route ever had this form: the name in it is wrong or the path cut.",
        _CHECK_PATH,
        methods=_READ,
        listing=Listing.NOTHING,
    ),
    Route(
        "/v1/repositories/…",
        "Publishing by v1 ended in 2015: push with a current docker, skopeo or crane.",
        "Push with a current docker, skopeo or crane.",
        successor=_REGISTRY,
        methods=_PUBLISH,
        retired=_PUBLISHING_OFF,
    ),
    Route("/v1/repositories/…", "v1 never took this method here.", _CHECK_PATH),
    Route(
        "/v1/users/…",
        "v1 accounts and logins are gone: ask /v2/auth/token for a Bearer token.",
        "Send identifier and secret as JSON to https://hub.docker.com/v2/auth/token (POST), or let "
        "docker login check them.",
        successor="/v2/auth/token",
    ),
    Route(
        "/v1/_ping",
        "A client asks whether this is a v1 registry, and it must not be told that it is.",
        f"Upgrade the client; the registry API v2 is at {_REGISTRY}.",
        successor=_REGISTRY,
    ),
    Route(
        "/v1/images/…",
        "v1 layers went on 2019-06-01: pull with a current docker, skopeo or crane.",
        "Pull with a current docker, skopeo or crane.",
        successor=_REGISTRY,
        retired=_PULLS_OFF,
    ),
    Route(
        "/v1/search",
        "Hub still answers search.",
        "Nothing has to change yet.",
        methods=_READ,
        retired=None,
        verdict=Verdict.SERVED,
    ),
)


def _named(route: Route) -> Iterator[Route]:
    """The row itself, and for one with a name, which means library/name, a row with a namespace."""
    yield route
    if "{name}" in route.path:
        yield replace(route, path=route.path.replace("{name}", "{namespace}/{name}"))


ROUTES = tuple(row for route in _ROWS for row in _named(route))  # the routes of API v1

_LOGIN = Route(
    "/v2/users/login",
    "Docker's reference marks this login as deprecated, without a day; the one that replaces it "
    "takes personal and organization access tokens too.",
    "Send identifier and secret as JSON to https://hub.docker.com/v2/auth/token (POST) and read "
    "access_token, which lives for ten minutes.",
    successor="/v2/auth/token",
    methods=frozenset({"POST"}),
    retired=None,
    verdict=Verdict.RETIRING,
)
_CREATE = Route(
    "/v2/repositories",
    "Docker deprecated this way to create a repository on 2025-09-19.",
    "Create repositories below /v2/namespaces: body and answer stay the same.",
    successor="/v2/namespaces/{namespace}/repositories",
    methods=frozenset({"POST"}),
    retired=date(2025, 9, 19),
    verdict=Verdict.RETIRING,
)
_PAGE = Route(
    "/v2/repositories/{namespace}/{name}/tags",
    "Since 2026-08-11 Hub refuses an anonymous caller every page beyond about 1,000 tags.",
    "Take the names from the registry's list, all in one call and signed in or not: skopeo "
    "list-tags docker://docker.io/NAMESPACE/REPOSITORY. Or sign in for Hub's own pages.",
    successor=f"{_REGISTRY}{{namespace}}/{{repository}}/tags/list",
    methods=frozenset({"GET"}),
    retired=date(2026, 8, 11),
    verdict=Verdict.RETIRING,
    listing=Listing.PAGE,
)

RETIRING = (
    Route(
        "/v2/repositories/{namespace}",
        "Docker deprecated this list of a namespace's repositories on 2025-06-27.",
        "Put /v2/namespaces/NAMESPACE/repositories in its place: query and answer stay the same.",
        successor="/v2/namespaces/{namespace}/repositories",
        methods=frozenset({"GET"}),
        retired=date(2025, 6, 27),
        verdict=Verdict.RETIRING,
    ),
    Route(
        "/v2/repositories/{namespace}/{name}",
        "Docker deprecated this way to read a repository on 2025-09-19.",
        "Put /v2/namespaces/NAMESPACE/repositories/REPOSITORY in its place: the answer stays the "
        "same.",
        successor=_V2,
        methods=_READ,
        retired=date(2025, 9, 19),
        verdict=Verdict.RETIRING,
    ),
    _CREATE,
    replace(_CREATE, path=f"{_CREATE.path}/{{namespace}}"),
    _LOGIN,
    _PAGE,
    replace(_PAGE, path="/v2/namespaces/{namespace}/repositories/{name}/tags"),
)
"""The routes of API v2 that Docker has deprecated, and the pages of tags that Hub refuses; whether
it does so, only the answer shows."""

RETIRING_MARK = " /v2/"  # part of the name of each row of API v2

_BY_NAME = {route.name: route for route in ROUTES + RETIRING}


def is_retiring(route: str) -> bool:
    """Whether the name is of a row of API v2, perhaps by another version of the bridge."""
    return RETIRING_MARK in route


def _patterns(routes: tuple[Route, ...]) -> list[tuple[Route, re.Pattern[str]]]:
    segments = [(route, re.sub(r"{(\w+)}", r"(?P<\1>[^/]*)", route.path)) for route in routes]
    return [
        (route, re.compile(path.replace("/…", "(?:/.*)?"), re.DOTALL)) for route, path in segments
    ]


_PATTERNS, _RETIRING = _patterns(ROUTES), _patterns(RETIRING)
RETIRING_PREFIXES = (b"/v2/repositories", b"/v2/namespaces/", b"/v2/users/login")
"""The beginnings of their paths, which are compared with all other traffic."""
_BEYOND_FIRST = re.compile(rb"(?:^|&)page=(?!1(?:&|$))|%")
"""Part of a query for another page than the first, or of an encoded query that may be for one."""
_QUERY = re.compile(rb"[!-~]*")  # characters that a request line may have


def route_named(name: str) -> Route:
    """The row with this name, or a substitute for the name of another version."""
    return _BY_NAME.get(name) or Route(
        name,
        "This version does not know the route.",
        "Make the report with the version of the bridge that wrote the journal.",
    )


@dataclass(frozen=True, slots=True)
class Call:
    """A recognised call."""

    route: Route
    repository: Repository | None = None
    """None if the route has no repository, or Hub does not allow its name."""
    tag: str | None = None  # None if the route has no tag, or Hub does not allow it
    is_for_tag: bool = False
    """Whether the call is for one tag, or looks like it although no route has its path."""
    target: str = ""
    """The path and query of a page of tags; empty for all other calls, and for a page that cannot
    be requested."""

    @property
    def is_possible(self) -> bool:
        """Whether the thing that the call asks for can exist."""
        if self.route.listing in (None, Listing.NOTHING):
            return self.route.listing is None
        return self.repository is not None and (
            self.route.listing is not Listing.TAG or self.tag is not None
        )

    @property
    def replacement_path(self) -> str:
        """The path of the v2 call to make instead; empty if there is none."""
        path = self.route.replacement_for(self.repository, self.tag or "")
        return path if self.is_possible else ""


def recognise(method: str, path: bytes, docker_token: Callable[[], bool]) -> Call | None:
    """The v1 call of a request line, or None for other traffic.

    `path` is the raw request target with its query string; `docker_token` returns whether the
    request has `X-Docker-Token: true`, and is only called if that matters.
    """
    # Other traffic must be cheap, so a single comparison of bytes comes first.
    if not path.startswith((b"/v1/", b"//")):
        return None
    version, _, rest = path.partition(b"?")[0].lstrip(b"/").partition(b"/")
    if version != b"v1":
        return None
    # Scripts append `/v1/` to a base that ends in a slash, so several slashes count as one, except
    # in a name, where they come from an unset variable.
    family, _, names = rest.strip(b"/").partition(b"/")
    start, below = f"/v1/{_decoded(family)}", _decoded(names.lstrip(b"/"))
    call = _match(_PATTERNS, method, f"{start}/{below}" if names else start, docker_token)
    if names.startswith(b"/") and call is not None and _lacks_name(call, below):
        return _match(_PATTERNS, method, f"{start}//{below}", docker_token)
    return call


def recognise_retiring(method: str, path: bytes) -> Call | None:
    """The call of a request line to a route of API v2 that Docker retires next, or None for other
    traffic.

    `path` is as in `recognise`. Only the answer shows whether Hub refuses a page of tags.
    """
    if not path.startswith(RETIRING_PREFIXES):
        return None
    location, mark, query = path.partition(b"?")
    call = _match(_RETIRING, method, _decoded(location.rstrip(b"/")), lambda: False)
    if call is None or call.route.listing is not Listing.PAGE:
        return call
    names = call.repository
    if names is None or not _QUERY.fullmatch(query):
        return call
    page = call.route.path.format(namespace=names.namespace, name=names.name)
    slash = "/" if location.endswith(b"/") else ""
    return replace(call, target=f"{page}{slash}{(mark + query).decode()}")


def is_first_page(path: bytes) -> bool:
    """Whether a request target is for the first page of a repository's tags by the current route,
    which Hub refuses nobody for its offset."""
    if not path.startswith(b"/v2/namespaces/"):
        return False
    location, _, query = path.partition(b"?")
    return location.rstrip(b"/").endswith(b"/tags") and not _BEYOND_FIRST.search(query)


def _decoded(path: bytes) -> str:
    """The decoded path, with % for an encoded slash, which separates no segments."""
    if b"%" not in path:
        return decode_segment(path)
    return "/".join(decode_segment(each).replace("/", "%") for each in path.split(b"/"))


def _match(
    patterns: list[tuple[Route, re.Pattern[str]]],
    method: str,
    path: str,
    docker_token: Callable[[], bool],
) -> Call | None:
    for route, pattern in patterns:
        if route.methods and method not in route.methods:
            continue
        found = pattern.fullmatch(path)
        if found is None or (route.docker_token and not docker_token()):
            continue
        call = _call(route, found.groupdict(), path)
        # A row whose calls are passed on matches valid names alone; the rows below match others.
        if route.listing is not None or "{name}" not in route.path or call.repository is not None:
            return call
    return None


def _lacks_name(call: Call, below: str) -> bool:
    """Whether a name is missing from `repositories//tags`, rather than `tags` being the name."""
    is_of_a_name = below in ("images", "auth") or below.partition("/")[0] == "tags"
    return is_of_a_name and call.route.listing in (None, Listing.NOTHING)


def _call(route: Route, found: dict[str, str], path: str) -> Call:
    repository = None
    if "name" in found:
        repository = repository_or_none(found.get("namespace", OFFICIAL_NAMESPACE), found["name"])
    tag = found.get("tag_name")
    # `tags` after at least one name: a tag with a slash, or a name with too many segments.
    is_for_tag = route.listing is not None and "tags" in path.split("/")[4:-1]
    return Call(route, repository, tag if tag is not None and is_tag(tag) else None, is_for_tag)
