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


def endless(count: object = None, size: int = 100) -> Action:
    """Whatever page is asked for, it holds tags that no other page has, and there is a next one.

    `count` is what it says there are; None leaves it out.
    """

    async def act(request: web.Request, proceed: Proceed) -> web.StreamResponse:
        number = int(request.query.get("page", "1"))
        names = [{"name": f"t{number}-{each}"} for each in range(size)]
        following = {"next": f"http://{request.host}{request.path}?page={number + 1}"}
        counted = {} if count is None else {"count": count}
        return reply(counted | following | {"previous": None, "results": names})

    return act


def no_personal_tokens(code: int = 403) -> Action:
    """What is signed in is refused as Hub has refused personal access tokens."""

    async def act(request: web.Request, proceed: Proceed) -> web.StreamResponse:
        if "Authorization" not in request.headers and request.method != "POST":
            return await proceed()
        return reply({"message": uncertain.NO_PERSONAL_TOKENS, "errinfo": {}}, code)

    return act


def repeats(code: int = 403, edit: Callable[[str], str] = str) -> Action:
    """Repeats in its error text what it was sent to be kept, in the form that `edit` gives it: the
    value of Authorization, or the secret of a login."""

    async def act(request: web.Request, proceed: Proceed) -> web.StreamResponse:
        sent = request.headers.get("Authorization", "").partition(" ")[2]
        if request.method == "POST":
            sent = json.loads(await request.read())["secret"]
        return reply({"message": f"bad token {edit(sent)}, try again", "errinfo": {}}, code)

    return act


def close_connection(request: web.Request) -> web.StreamResponse:
    """Ends the connection; what is returned is for aiohttp, nobody will see it."""
    if request.transport:
        request.transport.close()
    return web.Response(status=500)
