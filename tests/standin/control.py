"""What a stand-in in another process is steered by: calls and faults over HTTP, on the hub."""

from __future__ import annotations

import json
from dataclasses import asdict

from aiohttp import web

from .presets import fault_from_json
from .replies import reply
from .rules import BadFault
from .state import STATE

PREFIX = "/_standin/"


def routes() -> list[web.RouteDef]:
    return [
        web.get(PREFIX + "calls", show_calls),
        web.delete(PREFIX + "calls", forget_calls),
        web.post(PREFIX + "faults", add_faults),
        web.delete(PREFIX + "faults", clear_faults),
    ]


async def show_calls(request: web.Request) -> web.Response:
    """`{"calls": […]}`, each with the fields of calls.Call, the oldest first."""
    return reply({"calls": [asdict(call) for call in request.app[STATE].calls.snapshot()]})


async def forget_calls(request: web.Request) -> web.Response:
    request.app[STATE].calls.clear()
    return web.Response(status=204)


async def add_faults(request: web.Request) -> web.Response:
    """One preset or a list of them; all or none are put in force. 400 says what is wrong."""
    try:
        given = json.loads(await request.read())
        faults = [fault_from_json(one) for one in (given if isinstance(given, list) else [given])]
    except (BadFault, ValueError) as error:
        return reply({"error": str(error)}, 400)
    for fault in faults:
        request.app[STATE].faults.append(fault)
    return reply({"added": len(faults)})


async def clear_faults(request: web.Request) -> web.Response:
    request.app[STATE].faults.clear()
    return web.Response(status=204)
