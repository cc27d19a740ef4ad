"""The bridge's own requests to Docker's hosts: mitmproxy's options for them, and their flows."""

import asyncio
import json
import re
from collections.abc import Iterable

from mitmproxy import connection, ctx, eventsequence, exceptions, http
from mitmproxy.addons.upstream_auth import parse_upstream_auth
from mitmproxy.flow import Error
from mitmproxy.options import Options
from mitmproxy.proxy.mode_specs import ProxyMode, UpstreamMode

from hubv1.hub import MASK, Connections, Exchange, Reply
from hubv1.listen import bracketed
from hubv1.mitm.flows import UPSTREAM_KEY

OPTIONS = frozenset(
    {
        "ssl_insecure",
        "ssl_verify_upstream_trusted_ca",
        "ssl_verify_upstream_trusted_confdir",
        "client_certs",
        "mode",
        "upstream_auth",
    }
)
"""mitmproxy's options that apply to the bridge's own requests."""

_COMMENT = "Docker Hub API v2, asked by the Hub v1 bridge"
_SHOWN_BYTES = 1024 * 1024  # of a response body
_SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "set-cookie")
_FRAMING = ("content-encoding", "transfer-encoding", "content-length")
"""Headers about the encoding of the body, which is decoded already."""
_HERE = ("127.0.0.1", 0)
_TOKEN = re.compile(rb'token"\s*:', re.IGNORECASE)


def connections(options: Options) -> Connections:
    """The connection settings of the bridge's own requests, which are those of mitmproxy.

    In upstream mode the requests go through the parent proxy too, the first of several. Raises
    OptionsError for a mode that mitmproxy cannot read.
    """
    try:
        modes = [ProxyMode.parse(spec) for spec in options.mode]
    except ValueError:
        # The error's text repeats the mode, which may have a password for a parent proxy.
        raise exceptions.OptionsError(  # type: ignore[no-untyped-call]  # mitmproxy's
            "mode has a value that mitmproxy cannot read. User name and password of a parent proxy "
            "belong in upstream_auth."
        ) from None
    parent = next((mode for mode in modes if isinstance(mode, UpstreamMode)), None)
    host, port = parent.address if parent else ("", 0)
    return Connections(
        insecure=options.ssl_insecure,
        ca_file=options.ssl_verify_upstream_trusted_ca or "",
        ca_folder=options.ssl_verify_upstream_trusted_confdir or "",
        client_certs=options.client_certs or "",
        proxy=f"{parent.scheme}://{bracketed(host)}:{port}" if parent else "",
        proxy_auth=(options.upstream_auth or "") if parent else "",
    )


def imposed_authorization(options: Options) -> str:
    """The Authorization that `upstream_auth` puts into every call to a reverse proxy."""
    # The option belongs to one of mitmproxy's addons, which need not be loaded.
    given = options.upstream_auth if "upstream_auth" in options else None
    return parse_upstream_auth(given).decode() if given else ""


class UpstreamFlows:
    """An observer that shows each exchange as a flow, by running mitmproxy's hooks for it
    (`hub_show_upstream`)."""

    def __init__(self) -> None:
        """Begin without showing any; `is_on` turns it on."""
        self.is_on = False
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, exchange: Exchange) -> None:
        """Show an exchange, without delaying the call that waits for it."""
        task = asyncio.ensure_future(_show(_flow_of(exchange)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _show(flow: http.HTTPFlow) -> None:
    # mitmproxy's own `load_flow` would change the host in reverse mode.
    for hook in eventsequence.iterate(flow):
        await ctx.master.addons.handle_lifecycle(hook)


def _flow_of(exchange: Exchange) -> http.HTTPFlow:
    """The flow of an exchange, with its secrets masked, since it may be saved and shown."""
    sent = exchange.request
    body = b"" if sent.body is None else json.dumps(dict.fromkeys(sent.body, MASK)).encode()
    headers = _headers(exchange.headers.items(), exchange)
    request = http.Request.make(sent.method, sent.url, body, headers)
    request.timestamp_start = request.timestamp_end = exchange.started_at
    client = connection.Client(peername=_HERE, sockname=_HERE, timestamp_start=exchange.started_at)
    flow = http.HTTPFlow(client, connection.Server(address=(request.host, request.port)))
    flow.request = request
    if exchange.reply is None:
        flow.error = Error(exchange.error, exchange.ended_at)
    else:
        flow.response = _response(exchange.reply, exchange)
        flow.response.timestamp_start = flow.response.timestamp_end = exchange.ended_at
    flow.comment = _COMMENT
    flow.metadata[UPSTREAM_KEY] = True
    return flow


def _response(reply: Reply, exchange: Exchange) -> http.Response:
    """The response, with its body masked if it contains a token or repeats a secret."""
    body = reply.body[:_SHOWN_BYTES]
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
