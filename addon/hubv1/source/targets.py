"""What a URL asks for: a retired route of v1, or a route that Docker retires next."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from hubv1.api.names import OFFICIAL_NAMESPACE
from hubv1.api.routes import LEGACY_HOSTS, ROUTES, Listing, Route, recognise
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
RETIRING_ROUTES = tuple(
    (
        method,
        route.path.replace("{name}", "{repository}"),
        f"{method} https://hub.docker.com"
        + route.successor.format(namespace="NAMESPACE", repository="REPOSITORY"),
    )
    for route in RETIRING_ROWS
    if route.listing is not Listing.PAGE  # only its answer tells whether a page is refused
    for method in sorted(route.methods)
)
"""Method, path, and what to ask for instead."""

PATTERNS = len([each for each in ROUTES if each.path.startswith("/v1/repositories")]) + len(
    RETIRING_ROUTES
)
"""The routes that are looked for."""


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
    """The call that replaces one to v2."""
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
    known = _with_values(path, resolved, expressions)
    if re.match(r"/+v1/", known):
        target = _v1(path, known, resolved, method, docker_token=docker_token)
        return None if target is None or query else target
    if url["host"].lower() == LEGACY_HOSTS[0]:  # where /v2 is the registry
        return None
    return _v2(known, method)


def asks_hub(resolved: Resolved) -> bool:
    """Whether it is a URL of a legacy host and no mere beginning of one."""
    return (
        _URL.fullmatch(resolved.text) is not None
        and not is_base(resolved)
        and not is_host(resolved)
    )


def is_base(resolved: Resolved) -> bool:
    """Whether it is the beginning of v1's URLs that is called nowhere in its file."""
    url = _URL.fullmatch(resolved.text)
    return url is not None and bool(re.fullmatch(r"/+v1/+repositories/*", url["path"] or ""))


def is_host(resolved: Resolved) -> bool:
    """Whether it is a host that paths elsewhere in its file may be relative to."""
    url = _URL.fullmatch(resolved.text)
    return url is not None and bool(re.fullmatch(r"/*(?:v1/*)?", url["path"] or ""))


def base_target() -> Target:
    """What is said of a base that is called nowhere."""
    row = next(each for each in ROUTES if each.listing is Listing.NOTHING)
    return Target(V1, row.name, "", row)


def _with_values(path: str, resolved: Resolved, expressions: Expressions) -> str:
    """The path with the values of variables that have but one."""
    before = resolved.text.count(HOLE) - path.count(HOLE)
    holes = iter(resolved.holes[before:])
    return re.sub(
        HOLE, lambda _: _value(next(holes, None), expressions), path, count=len(resolved.holes)
    )


def _value(hole: Part | None, expressions: Expressions) -> str:
    name = hole.name if hole else ""
    return (expressions.literal(name) if name and not name.isdigit() else "") or HOLE


def _v1(
    path: str, known: str, resolved: Resolved, method: str, *, docker_token: bool
) -> Target | None:
    found = _REPOSITORIES.fullmatch(known)
    call = recognise(method, known.replace(HOLE, "x").encode("utf-8"), lambda: docker_token)
    if found is None or call is None:
        return None
    name = [each for each in found[1].split("/") if each]
    repository = "/".join(re.sub(f"{HOLE}+", "*", each) for each in name)
    if len(name) == 1 and repository != "*":
        repository = f"{OFFICIAL_NAMESPACE}/{repository}"
    if call.repository is None and call.route.listing is not Listing.NOTHING:
        repository = "*" if HOLE in found[1] else ""
    holes = iter(resolved.holes[resolved.text.count(HOLE) - path.count(HOLE) :])
    written = _REPOSITORIES.fullmatch(path)
    segments: tuple[tuple[str | Part, ...], ...] = ()
    tag: tuple[str | Part, ...] = ()
    if written is not None:
        segments = tuple(_pieces(each, holes) for each in written[1].split("/") if each)
        tag = _pieces(written[3] or "", holes)
    return Target(V1, call.route.name, repository, call.route, "", segments, tag)


def _pieces(text: str, holes: Iterator[Part]) -> tuple[str | Part, ...]:
    pieces = re.split(f"({HOLE})", text)
    return tuple(next(holes) if each == HOLE else each for each in pieces if each)


def _v2(path: str, method: str) -> Target | None:
    segments = [each for each in path.split("/") if each]
    for route_method, route, instead in RETIRING_ROUTES:
        pattern = route.strip("/").split("/")
        if len(pattern) != len(segments) or method not in {route_method, "GET", "POST"}:
            continue
        if any(
            not expected.startswith("{") and expected != actual
            for expected, actual in zip(pattern, segments, strict=True)
        ):
            continue
        is_login = route.endswith("login")
        if method != route_method and not is_login:
            continue
        if segments[-1] in {"tags", "images"} and len(segments) == 4:
            return None
        names = [re.sub(f"{HOLE}+", "*", each) for each in segments[2:]]
        named = instead
        for word, name in zip(("NAMESPACE", "REPOSITORY"), names, strict=False):
            named = named.replace(word, name) if name != "*" and not is_login else named
        repository = "/".join(names) if not is_login else ""
        if len(names) == 1 and not is_login:
            repository = "*" if names == ["*"] else f"{names[0]}/*"
        return Target(RETIRING, f"{route_method} {route}", repository, None, named)
    return None
