"""The bridge's own requests to Docker's hosts as flows (hub_show_upstream).

Credentials and tokens are masked before a flow is made: it may be saved, and shown to anybody.
"""

import asyncio
import json
import re
from collections.abc import Iterable

from mitmproxy import connection, ctx, eventsequence, http
from mitmproxy.flow import Error

from hubv1.hub import MASK, Exchange, Reply
from hubv1.mitm.flow_metadata import UPSTREAM_KEY

COMMENT = "Docker Hub API v2, asked by the Hub v1 bridge"

MOST_BODY_BYTES = 1024 * 1024
"""Bytes of a response body that are shown."""

_SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "set-cookie")
_FRAMING = ("content-encoding", "transfer-encoding", "content-length")
"""Headers about the encoding of a body, which is decoded by now."""
_HERE = ("127.0.0.1", 0)
_TOKEN = re.compile(rb'token"\s*:', re.IGNORECASE)


class UpstreamFlows:
    """An observer of exchanges that runs each through mitmproxy's hooks, as if read from a file."""

    def __init__(self) -> None:
        """Off until `is_on` is set."""
        self.is_on = False
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, exchange: Exchange) -> None:
        """Show an exchange, after whoever waits for it has the response."""
        task = asyncio.ensure_future(_show(flow_of(exchange)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def flow_of(exchange: Exchange) -> http.HTTPFlow:
    """Make a flow of an exchange, without its secrets."""
    asked = exchange.request
    body = b"" if asked.body is None else json.dumps(dict.fromkeys(asked.body, MASK)).encode()
    headers = _headers(exchange.headers.items(), exchange)
    request = http.Request.make(asked.method, asked.url, body, headers)
    request.timestamp_start = request.timestamp_end = exchange.started_at
    client = connection.Client(peername=_HERE, sockname=_HERE, timestamp_start=exchange.started_at)
    flow = http.HTTPFlow(client, connection.Server(address=(request.host, request.port)))
    flow.request = request
    if exchange.reply is None:
        flow.error = Error(exchange.error, exchange.ended_at)
    else:
        flow.response = _response(exchange.reply, exchange)
        flow.response.timestamp_start = flow.response.timestamp_end = exchange.ended_at
    flow.comment = COMMENT
    flow.metadata[UPSTREAM_KEY] = True
    return flow


def _response(reply: Reply, exchange: Exchange) -> http.Response:
    """The response, with its body masked if it contains a token or repeats a secret."""
    body = reply.body[:MOST_BODY_BYTES]
    if _TOKEN.search(reply.body) or exchange.is_secret(reply.body.decode(errors="replace")):
        body = MASK.encode()
    plain = [pair for pair in reply.headers.items() if pair[0].lower() not in _FRAMING]
    return http.Response.make(reply.status, body, _headers(plain, exchange))


def _headers(pairs: Iterable[tuple[str, str]], exchange: Exchange) -> http.Headers:
    fields = []
    for name, value in pairs:
        is_secret = name.lower() in _SECRET_HEADERS or exchange.is_secret(value)
        shown = MASK if is_secret else value
        fields.append((name.encode(), shown.encode("utf-8", "surrogateescape")))
    return http.Headers(fields)


async def _show(flow: http.HTTPFlow) -> None:
    # Not mitmproxy's own way of loading: in reverse mode it would change the host.
    for hook in eventsequence.iterate(flow):
        await ctx.master.addons.handle_lifecycle(hook)
