"""registry-1.docker.io, and index.docker.io which serves the same API under /v2/ and the one part
of v1 that still lives, the search."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from . import uncertain
from .replies import Refused, reply, retired
from .search import search
from .state import STATE, State
from .tokens import Claims

AUDIENCE = "registry.docker.io"
VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}


def routes() -> list[web.RouteDef]:
    return [
        web.get("/v2/", base),
        web.get("/v2/{name:.+}/tags/list", tags_list),
        web.get("/v1/search", search),
        web.route("*", "/v1{rest:(/.*)?}", v1),
    ]


async def v1(request: web.Request) -> web.Response:
    """Also `_ping` and `/v1/`, which must not look alive: clients would stay with v1."""
    return retired()


async def base(request: web.Request) -> web.Response:
    _claims(request, None)
    return reply({}, headers=VERSION)


async def tags_list(request: web.Request) -> web.Response:
    state = request.app[STATE]
    name = request.match_info["name"]
    if name not in _claims(request, name).pull:
        raise Refused(_challenge(request, name, uncertain.INSUFFICIENT_SCOPE))
    namespace, _, short = name.partition("/")
    found = state.catalog.find(namespace, short)
    if found is None:
        return _error(404, "NAME_UNKNOWN", "repository name not known to registry", name)
    limit, more_wanted = _limit(request)
    after = request.query.get("last", "")
    names = [tag for tag in found.shelf.ascending if tag.encode() > after.encode()]
    shown = names if limit is None else names[:limit]
    headers = dict(VERSION)
    if shown and len(shown) < len(names):
        query = urlencode({"last": shown[-1], "n": more_wanted})
        headers["Link"] = f'<{request.rel_url.raw_path}?{query}>; rel="next"'
    return reply({"name": name, "tags": shown}, headers=headers)


def _limit(request: web.Request) -> tuple[int | None, int]:
    """How many names this answer may have (None: all), and the `n` for the next page."""
    ours = request.app[STATE].settings.registry_page or None
    text = request.query.get("n")
    if text is None:
        return ours, ours or 0
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise Refused(_error(400, "PAGINATION_NUMBER_INVALID", "invalid number of results", text))
    wanted = int(text)
    limit = wanted if ours is None else min(ours, wanted)
    return limit, limit


def _claims(request: web.Request, name: str | None) -> Claims:
    """What the request's token says; `name` is the repository that a challenge asks for."""
    state = request.app[STATE]
    header = request.headers.get("Authorization")
    if header is None:
        raise Refused(_challenge(request, name))
    scheme, _, token = header.partition(" ")
    claims = state.mint.read(token.strip(), AUDIENCE, state.now())
    if scheme.lower() != "bearer" or claims is None:
        raise Refused(_challenge(request, name, "invalid_token"))
    return claims


def _challenge(request: web.Request, name: str | None, error: str = "") -> web.Response:
    realm = realm_of(request.app[STATE])
    parts = [f'Bearer realm="{realm}"', f'service="{AUDIENCE}"']
    if name:
        parts.append(f'scope="repository:{name}:pull"')
    if error:
        parts.append(f'error="{error}"')
    refusal = _error(401, "UNAUTHORIZED", "authentication required", name)
    refusal.headers["WWW-Authenticate"] = ",".join(parts)
    return refusal


def realm_of(state: State) -> str:
    """Where tokens are to be had. Docker's own host for that has a name that clients know; here,
    where all hosts are one, only the registry's own port is one that they can trust."""
    return (state.settings.auth_announced.rstrip("/") or state.urls["registry"]) + "/token"


def _error(status: int, code: str, message: str, detail: str | None) -> web.Response:
    error = {"code": code, "message": message, "detail": detail}
    return reply({"errors": [error]}, status, VERSION)
