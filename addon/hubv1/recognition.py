"""Recognising a v1 call, in a few microseconds and at no cost for other traffic."""

from collections.abc import Callable
from dataclasses import dataclass

from hubv1.names import (
    OFFICIAL_NAMESPACE,
    Repository,
    decode_segment,
    is_tag,
    repository_or_none,
)
from hubv1.routes import ROUTES, Listing, Route

_PREFIX = b"/v1/"
_PATTERNS = tuple((route, tuple(route.path.split("/")[2:])) for route in ROUTES)


@dataclass(frozen=True, slots=True)
class Call:
    """A recognised v1 call."""

    route: Route
    repository: Repository | None = None
    """None where the route has no repository, or its name is one that Hub does not allow."""
    tag: str | None = None
    """None where the route has no tag, or the tag is one that Hub does not allow."""

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
    """The v1 call that a request line is, or None for other traffic.

    `path` is the request target as it stands on the wire, query string included; `docker_token`
    tells whether the request has `X-Docker-Token: true`, and is only asked where that matters.
    """
    # Other traffic must cost nothing: one comparison of bytes, before anything else is done.
    if not path.startswith(_PREFIX):
        return None
    segments = _segments(path)
    for route, pattern in _PATTERNS:
        if route.methods and method not in route.methods:
            continue
        found = _match(pattern, segments)
        if found is None or (route.docker_token and not docker_token()):
            continue
        call = _call(route, found)
        # A row that is passed on is only for names that exist; the rows below are for the rest.
        if route.listing is not None or "{name}" not in found or call.repository is not None:
            return call
    return None


def _segments(path: bytes) -> list[str]:
    """The decoded segments after /v1/, without the query; one trailing slash means nothing, nor
    do more of them in front, as of `$BASE/` with a base that ends in one."""
    rest = path.partition(b"?")[0].removeprefix(_PREFIX).lstrip(b"/").removesuffix(b"/")
    return [decode_segment(segment) for segment in rest.split(b"/")]


def _match(pattern: tuple[str, ...], segments: list[str]) -> dict[str, str] | None:
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


def _call(route: Route, found: dict[str, str]) -> Call:
    repository = None
    if "{name}" in found:
        namespace = found.get("{namespace}", OFFICIAL_NAMESPACE)
        repository = repository_or_none(namespace, found["{name}"])
    tag = found.get("{tag_name}")
    return Call(route, repository, tag if tag is not None and is_tag(tag) else None)
