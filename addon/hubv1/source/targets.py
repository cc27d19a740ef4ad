"""The target of a URL: a retired route of v1, or a route that Docker retires next."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from hubv1.api.names import OFFICIAL_NAMESPACE
from hubv1.api.routes import (
    LEGACY_HOSTS,
    REGISTRY_HOST,
    ROUTES,
    Listing,
    Route,
    recognise,
    recognise_retiring,
)
from hubv1.api.routes import RETIRING as RETIRING_ROWS
from hubv1.source.expressions import HOLE, Expressions, Part, Resolved

TABLE_DATE = date(2026, 11, 29)
"""The day on which the tables of routes were last compared with Docker's documentation."""

V1 = "v1"
RETIRING = "retiring"

_URL = re.compile(
    r"(?:--?[\w-]+=)?(?:https?:)?(?://)?(?:[^/@\s]*@)?"
    rf"(?P<host>{'|'.join(map(re.escape, LEGACY_HOSTS))})"
    r"(?::\d+)?(?P<path>/.*)?",
    re.IGNORECASE | re.DOTALL,
)
_REPOSITORIES = re.compile(
    r"/+v1/+repositories/+(.+?)(?:/+(tags|images|auth)(?:/+(.*?))?)?/*", re.DOTALL
)
_OF_XARGS = "{}"
"""What xargs and find replace."""
RETIRING_ROUTES = tuple(route for route in RETIRING_ROWS if route.listing is not Listing.PAGE)
"""Without the pages that Hub refuses: a file does not show whether a page is one of them."""
SCANNED_ROUTES = frozenset(
    route.name
    for route in (*ROUTES, *RETIRING_ROUTES)
    if not route.path.startswith("/v1/") or route.path.startswith("/v1/repositories")
)
"""The names of the routes that a scan looks for."""


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a call."""

    kind: str
    route: str
    """Its name in reports."""
    repository: str
    """`namespace/repository`, with * for what is unknown; empty if there is none, or if Hub does
    not allow the name."""
    row: Route | None = None
    """The row in the table of v1, if it is in there."""
    instead: str = ""
    """What to do about a call to API v2."""
    segments: tuple[tuple[str | Part, ...], ...] = ()
    """The parts of the repository's name in the URL."""
    tag: tuple[str | Part, ...] = ()

    @property
    def listing(self) -> Listing | None:
        """The kind of v1 answer that it asks for."""
        return self.row.listing if self.row else None


def target_of(
    resolved: Resolved, method: str, expressions: Expressions, *, docker_token: bool = False
) -> Target | None:
    """The target of a URL; None if the scan does not look for it."""
    url = _URL.fullmatch(resolved.text)
    if url is None or url["path"] is None:
        return None
    path, _, query = url["path"].partition("?")
    holes = resolved.holes[resolved.text.count(HOLE) - path.count(HOLE) :]
    known = _with_values(path, holes, expressions)
    if re.match(r"/+v1/", known):
        target = _v1_target(path, known, holes, method, docker_token=docker_token)
        # No change can keep a query.
        return replace(target, segments=()) if target and query else target
    return None if url["host"].lower() == REGISTRY_HOST else _v2_target(known, method)


def asks_hub(resolved: Resolved) -> bool:
    """Whether it is a complete URL of a legacy host."""
    is_url = _URL.fullmatch(resolved.text) is not None
    return is_url and not is_base(resolved) and not is_host(resolved)


def is_base(resolved: Resolved) -> bool:
    """Whether it is only the common beginning of v1's URLs."""
    return _has_path(resolved, r"/+v1/+repositories/*")


def is_host(resolved: Resolved) -> bool:
    """Whether it is only a host, to which paths elsewhere in the file may be relative."""
    return _has_path(resolved, r"/*(?:v1/*)?")


def _has_path(resolved: Resolved, pattern: str) -> bool:
    url = _URL.fullmatch(resolved.text)
    return url is not None and bool(re.fullmatch(pattern, url["path"] or ""))


def base_target() -> Target:
    """The target of a base that the file does not extend."""
    row = next(each for each in ROUTES if each.listing is Listing.NOTHING)
    return Target(V1, row.name, "", row)


def _with_values(path: str, holes: Sequence[Part], expressions: Expressions) -> str:
    """The path with the values of variables that have only one."""
    values = (
        expressions.only_value(hole.name) if hole.name and not hole.name.isdigit() else ""
        for hole in holes
    )
    return re.sub(HOLE, lambda _: next(values, "") or HOLE, path)


def _v1_target(
    path: str, known: str, holes: Sequence[Part], method: str, *, docker_token: bool
) -> Target | None:
    found = _REPOSITORIES.fullmatch(known)
    called = known.replace(HOLE, "x").replace(_OF_XARGS, "x")
    call = recognise(method, called.encode("utf-8"), lambda: docker_token)
    if found is None or call is None:
        return None
    name = [each for each in found[1].split("/") if each]
    unknown = re.compile(f"(?:{HOLE}|{re.escape(_OF_XARGS)})+")
    repository = "/".join(unknown.sub("*", each) for each in name)
    if len(name) == 1 and repository != "*":
        repository = f"{OFFICIAL_NAMESPACE}/{repository}"
    is_known_to_be_none = call.route.listing is not Listing.NOTHING or not repository.isascii()
    if call.repository is None and is_known_to_be_none:
        repository = "*" if HOLE in found[1] else ""
    target = Target(V1, call.route.name, repository, call.route)
    written = _REPOSITORIES.fullmatch(path)
    if written is None:
        return target
    left = iter(holes)
    segments = tuple(_pieces(each, left) for each in written[1].split("/") if each)
    return replace(target, segments=segments, tag=_pieces(written[3] or "", left))


def _pieces(text: str, holes: Iterator[Part]) -> tuple[str | Part, ...]:
    pieces = re.split(f"({HOLE})", text)
    return tuple(next(holes) if each == HOLE else each for each in pieces if each)


def _v2_target(path: str, method: str) -> Target | None:
    path = "/" + "/".join(each for each in path.split("/") if each)
    is_login = path == "/v2/users/login"
    call = recognise_retiring(
        "POST" if is_login else method, path.replace(HOLE, "x").encode("utf-8")
    )
    # In `repositories/$1/tags` one variable may hold the whole name of a repository.
    if call is None or call.route not in RETIRING_ROUTES or path.endswith(("/tags", "/images")):
        return None
    names = [re.sub(f"{HOLE}+", "*", each) for each in path.split("/")[3:]]
    repository = "" if is_login or not names else "/".join([*names, "*"][:2])
    return Target(RETIRING, call.route.name, repository, None, call.route.instead)
