"""The three applications and what each request passes on its way: recording, faults, refusals."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from . import auth, control, hub, registry
from .calls import Call
from .replies import Refused, no_such_page
from .state import LISTENER, STATE, State

# Newer versions of aiohttp want a key with a type, older ones have none.
CALL: Any = web.RequestKey("call", Call) if hasattr(web, "RequestKey") else "call"


def applications(state: State) -> dict[str, web.Application]:
    """By the name of their listener."""
    return {
        "hub": _application(state, "hub", [*control.routes(), *hub.routes()], hub.count_calls),
        "registry": _application(state, "registry", [*auth.routes(), *registry.routes()]),
        "auth": _application(state, "auth", auth.routes()),
    }


def _application(
    state: State, name: str, routes: list[web.RouteDef], *more: Middleware
) -> web.Application:
    app = web.Application(middlewares=[_stand_in, *more, _answer_refusals])
    app[STATE] = state
    app[LISTENER] = name
    app.add_routes([*routes, web.route("*", "/{anything:.*}", _not_found)])
    app.on_response_prepare.append(_about_to_answer)
    return app


@web.middleware
async def _stand_in(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Writes the call down and lets the faults have their say; neither for the control routes."""
    if request.path.startswith(control.PREFIX):
        return await handler(request)
    state, listener = request.app[STATE], _role(request)
    if state.calls.wanted:
        call = _call(state, listener, request)
        request[CALL] = call
        state.calls.arrive(call)
    if state.settings.latency > 0:
        await state.pause(state.settings.latency)
    return await state.faults.answer(listener, request, lambda: handler(request))


def _role(request: web.Request) -> str:
    """Whose place is taken: the token service is at home on the registry's port too."""
    return "auth" if request.path == auth.PATH else request.app[LISTENER]


@web.middleware
async def _answer_refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        return refused.response


async def _not_found(request: web.Request) -> web.Response:
    return no_such_page()


async def _about_to_answer(request: web.Request, response: web.StreamResponse) -> None:
    gone = request.transport is None or request.transport.is_closing()
    if CALL in request and not gone:
        request[CALL].status = response.status
    skew = request.app[STATE].settings.clock_skew
    if skew:
        response.headers["Date"] = formatdate(request.app[STATE].now(), usegmt=True)


def _call(state: State, listener: str, request: web.Request) -> Call:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    host, port = peer[:2] if peer else ("", 0)
    return Call(
        listener=listener,
        method=request.method,
        path=request.raw_path,
        headers={name.lower(): value for name, value in request.headers.items()},
        peer=host,
        peer_port=port,
        seconds=time.monotonic() - state.started,
    )
