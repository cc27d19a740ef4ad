"""What a URL asks for: a retired route of v1, or a route that Docker retires next."""

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
"""When what Docker has retired or deprecated was last looked up."""

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
"""What xargs and find put something in for."""
RETIRING_ROUTES = tuple(route for route in RETIRING_ROWS if route.listing is not Listing.PAGE)
"""Pages that Hub refuses are left out: no file tells whether a page is one of them."""
LOOKED_FOR = frozenset(
    route.name
    for route in (*ROUTES, *RETIRING_ROUTES)
    if not route.path.startswith("/v1/") or route.path.startswith("/v1/repositories")
)
"""The routes that are looked for, as reports name them."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a call asks for."""

    kind: str
    route: str
    """As reports name it."""
    repository: str
    """`namespace/repository`, with * for what is not known; empty where there is none, or where
    Hub allows no such name."""
    row: Route | None = None
    """Of the table of v1."""
    instead: str = ""
    """What to do about a call to v2."""
    segments: tuple[tuple[str | Part, ...], ...] = ()
    """Of the name of the repository, as they stand in the URL."""
    tag: tuple[str | Part, ...] = ()

    @property
    def listing(self) -> Listing | None:
        """Which answer of v1's it wants."""
        return self.row.listing if self.row else None


def target_of(
    resolved: Resolved, method: str, expressions: Expressions, *, docker_token: bool = False
) -> Target | None:
    """What a URL asks for; None where that is nothing to be found."""
    url = _URL.fullmatch(resolved.text)
    if url is None or url["path"] is None:
        return None
    path, _, query = url["path"].partition("?")
    holes = resolved.holes[resolved.text.count(HOLE) - path.count(HOLE) :]
    known = _with_values(path, holes, expressions)
    if re.match(r"/+v1/", known):
        target = _v1(path, known, holes, method, docker_token=docker_token)
        # What a query asks for no change can keep.
        return replace(target, segments=()) if target and query else target
    return None if url["host"].lower() == REGISTRY_HOST else _v2(known, method)


def asks_hub(resolved: Resolved) -> bool:
    """Whether it is a URL of a legacy host and no mere beginning of one."""
    is_url = _URL.fullmatch(resolved.text) is not None
    return is_url and not is_base(resolved) and not is_host(resolved)


def is_base(resolved: Resolved) -> bool:
    """Whether it is the beginning of v1's URLs that is called nowhere in its file."""
    return _has_path(resolved, r"/+v1/+repositories/*")


def is_host(resolved: Resolved) -> bool:
    """Whether it is a host that paths elsewhere in its file may be relative to."""
    return _has_path(resolved, r"/*(?:v1/*)?")


def _has_path(resolved: Resolved, pattern: str) -> bool:
    url = _URL.fullmatch(resolved.text)
    return url is not None and bool(re.fullmatch(pattern, url["path"] or ""))


def base_target() -> Target:
    """What is said of a base that is called nowhere."""
    row = next(each for each in ROUTES if each.listing is Listing.NOTHING)
    return Target(V1, row.name, "", row)


def _with_values(path: str, holes: Sequence[Part], expressions: Expressions) -> str:
    """The path with the values of variables that have but one."""
    values = (
        expressions.literal(hole.name) if hole.name and not hole.name.isdigit() else ""
        for hole in holes
    )
    return re.sub(HOLE, lambda _: next(values, "") or HOLE, path)


def _v1(
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


def _v2(path: str, method: str) -> Target | None:
    path = "/" + "/".join(each for each in path.split("/") if each)
    is_login = path == "/v2/users/login"
    call = recognise_retiring(
        "POST" if is_login else method, path.replace(HOLE, "x").encode("utf-8")
    )
    # `repositories/$1/tags` are the tags of a repository whose name is in one variable.
    if call is None or call.route not in RETIRING_ROUTES or path.endswith(("/tags", "/images")):
        return None
    names = [re.sub(f"{HOLE}+", "*", each) for each in path.split("/")[3:]]
    repository = "" if is_login or not names else "/".join([*names, "*"][:2])
    return Target(RETIRING, call.route.name, repository, None, call.route.instead)
