"""What can go wrong with an answer: each function makes an action for `Faults.add`.

An action gets the request and `proceed`, which gives the answer that would have been. Those that
edit an answer's bytes are in bodies.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from . import uncertain
from .replies import reply
from .rules import Action, Proceed
from .state import STATE

JSON = "application/json"


def latency(seconds: float) -> Action:
    """The answer comes that much later."""

    async def act(request: web.Request, proceed: Proceed) -> web.StreamResponse:
        await request.app[STATE].pause(seconds)
        return await proceed()

    return act


def status(
    code: int, body: str | bytes | object = "", headers: Mapping[str, str] | None = None
) -> Action:
    """That status, and a body: text and bytes as they are, anything else as JSON."""
    raw = body.encode() if isinstance(body, str) else body
    content = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    shown = {"Content-Type": JSON} | dict(headers or {})

    async def act(request: web.Request, proceed: Proceed) -> web.StreamResponse:
        return web.Response(status=code, body=content, headers=shown)

    return act


def html(code: int = 200) -> Action:
    """A page for people where a program expects JSON."""
    page = "<!DOCTYPE html><html><title>Docker Hub</title><h1>Something went wrong</h1></html>"
    return status(code, page, {"Content-Type": "text/html; charset=utf-8"})


def broken_json(code: int = 200) -> Action:
    """JSON that ends in the middle, its length correct."""
    return status(code, '{"count":3,"next":null,"previous":null,"results":[{"name":"lat')


def empty(code: int = 200) -> Action:
    """No body at all: what another retired API of Docker's once answered."""
    return status(code, b"")


def redirect(url: str, code: int = 302) -> Action:
    """Sends the caller elsewhere."""
    return status(code, b"", {"Location": url})


def rate_limited(reset_in: float, code: int = 429) -> Action:
    """Too many requests, over in `reset_in` seconds by this server's clock."""

    async def act(request: web.Request, proceed: Proceed) -> web.StreamResponse:
        reset = str(round(request.app[STATE].now() + reset_in))
        headers = {
            "X-RateLimit-Limit": str(uncertain.RATE_LIMIT),
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": reset,
            "X-Retry-After": reset,
        }
        return reply(uncertain.TOO_MANY_REQUESTS, code, headers)

    return act


def hang() -> Action:
    """Accepts the request and never answers, until the caller goes or the stand-in stops."""

    async def act(request: web.Request, proceed: Proceed) -> web.StreamResponse:
        await request.app[STATE].pause(None)
        return close_connection(request)

    return act


def drop() -> Action:
    """Closes the connection without a word."""

    async def act(request: web.Request, proceed: Proceed) -> web.StreamResponse:
        return close_connection(request)

    return act


def rewrite(edit: Callable[[Any], object]) -> Action:
    """The JSON of the answer after `edit`, which gets the payload and returns another."""

    async def act(request: web.Request, proceed: Proceed) -> web.StreamResponse:
        response = await proceed()
        assert isinstance(response, web.Response), "only a whole answer can be rewritten"
        response.body = json.dumps(edit(json.loads(response.text or "null"))).encode()
        return response

    return act


def count_lies(count: int) -> Action:
    """`count` says so many, whatever there is."""
    return rewrite(lambda payload: payload | {"count": count})


def null_results() -> Action:
    """`results` is null."""
    return rewrite(lambda payload: payload | {"results": None})


def next_at(url: str) -> Action:
    """`next` leads there, say to another host."""
    return rewrite(lambda payload: payload | {"next": url})


def close_connection(request: web.Request) -> web.StreamResponse:
    """Ends the connection; what is returned is for aiohttp, nobody will see it."""
    if request.transport:
        request.transport.close()
    return web.Response(status=500)
