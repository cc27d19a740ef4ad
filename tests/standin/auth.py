"""auth.docker.io: tokens for the registry, each for the repositories that its holder may pull."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from aiohttp import web

from . import uncertain
from .accounts import Login
from .registry import AUDIENCE
from .replies import Refused, reply
from .state import STATE, State
from .tokens import Claims, basic_credentials

PATH = "/token"
SCOPE = re.compile(r"repository:(?P<name>[^:]+):(?P<actions>[a-z,*]+)")


def routes() -> list[web.RouteDef]:
    return [web.get(PATH, token)]


async def token(request: web.Request) -> web.Response:
    """Asking for more than one may pull is no error; the token is just good for less."""
    state = request.app[STATE]
    account = _account(request)
    now, lives = state.now(), state.settings.registry_token_seconds
    pull = [name for name in _wanted(request) if _may_pull(state, account, name)]
    issued = state.mint.issue(Claims(AUDIENCE, account or "", now, now + lives, pull))
    return reply(
        {
            "token": issued,
            "access_token": issued,
            "expires_in": int(lives),
            "issued_at": datetime.fromtimestamp(now, UTC).isoformat().replace("+00:00", "Z"),
        }
    )


def _account(request: web.Request) -> str | None:
    """Who asks: nobody in particular, or whoever the Basic credentials name."""
    header = request.headers.get("Authorization")
    if header is None:
        return None
    given = basic_credentials(header)
    outcome = request.app[STATE].doorkeeper.login(*given) if given else Login.WRONG
    if outcome is Login.LOCKED:
        raise Refused(reply(uncertain.LOCKED_BODY, uncertain.LOCKED_STATUS))
    if given is None or outcome is Login.WRONG:
        raise Refused(reply({"details": "incorrect username or password"}, 401))
    return given[0]


def _wanted(request: web.Request) -> list[str]:
    """The repositories of all scopes that ask to pull; scopes may share one parameter."""
    scopes = " ".join(request.query.getall("scope", [])).split()
    found = (SCOPE.fullmatch(scope) for scope in scopes)
    return [
        each["name"] for each in found if each and {"pull", "*"} & set(each["actions"].split(","))
    ]


def _may_pull(state: State, account: str | None, name: str) -> bool:
    """An account may also ask for what is not there in its own namespace, and learns so."""
    namespace, _, short = name.partition("/")
    found = state.catalog.find(namespace, short)
    return namespace == account if found is None else found.visible_to(account)
