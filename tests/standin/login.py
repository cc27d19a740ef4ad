"""Hub's own accounts: a name and a secret for a token, a token for an account."""

from __future__ import annotations

import json

from aiohttp import web

from . import uncertain
from .accounts import Login
from .replies import Refused, reply
from .state import STATE
from .tokens import Claims

AUDIENCE = "hub"


async def auth_token(request: web.Request) -> web.Response:
    """The documented login."""
    return reply({"access_token": await _token(request, "identifier", "secret")})


async def users_login(request: web.Request) -> web.Response:
    """The deprecated login."""
    return reply({"token": await _token(request, "username", "password")})


def account_of(request: web.Request) -> str | None:
    """Whom the request's token belongs to, None if it has none. Anything else is refused, a
    token out of date and Basic credentials too."""
    header = request.headers.get("Authorization")
    if header is None:
        return None
    state = request.app[STATE]
    scheme, _, token = header.partition(" ")
    claims = state.mint.read(token.strip(), AUDIENCE, state.now())
    if scheme.lower() not in ("bearer", "jwt") or claims is None:
        raise Refused(reply(uncertain.BAD_TOKEN, 401))
    return claims.account


async def _token(request: web.Request, user_key: str, secret_key: str) -> str:
    state = request.app[STATE]
    user, secret = await _credentials(request, user_key, secret_key)
    match state.doorkeeper.login(user, secret):
        case Login.WRONG:
            raise Refused(reply(uncertain.BAD_LOGIN, 401))
        case Login.LOCKED:
            raise Refused(reply(uncertain.LOCKED_BODY, uncertain.LOCKED_STATUS))
        case Login.GOOD:
            now = state.now()
            return state.mint.issue(Claims(AUDIENCE, user, now, now + state.settings.token_seconds))


async def _credentials(request: web.Request, user_key: str, secret_key: str) -> tuple[str, str]:
    try:
        body = json.loads(await request.read())
        user, secret = body[user_key], body[secret_key]
    except (ValueError, KeyError, TypeError):
        raise Refused(reply(uncertain.BAD_REQUEST, 400)) from None
    if not isinstance(user, str) or not isinstance(secret, str):
        raise Refused(reply(uncertain.BAD_REQUEST, 400))
    return user, secret
