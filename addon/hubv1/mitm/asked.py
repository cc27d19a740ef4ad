"""What a call asked for, as it was when the bridge met it.

Another addon may change the request afterwards, map_remote its host say; the caller asked for
what it asked for all the same.
"""

from dataclasses import dataclass

from mitmproxy import http

from hubv1.caller import Caller, CallerRules, client_address, identify
from hubv1.credentials import Credentials, read_credentials
from hubv1.mitm.flows import asked_host, asked_scheme, header, is_replayed, is_reverse
from hubv1.texts import bounded, readable


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as far as the journal wants to know it."""

    at: float
    """Unix time of its arrival."""
    caller: Caller
    credentials: Credentials
    method: str
    scheme: str
    host: str
    path: str
    """Without the query string."""
    proxy_mode: str


def asked(flow: http.HTTPFlow, rules: CallerRules, imposed: str = "") -> Asked:
    """What the flow asks for now.

    `imposed` is an Authorization that mitmproxy itself puts in the place of the caller's, behind a
    reverse proxy: it opens nothing to callers.
    """
    request = flow.request
    return Asked(
        # A replay sets the request's time anew; the caller called when the flow was made.
        at=flow.timestamp_created if is_replayed(flow) else request.timestamp_start,
        caller=_caller(flow, rules),
        credentials=read_credentials(_authorization(flow, imposed)),
        method=bounded(request.method),
        scheme=asked_scheme(flow),
        host=bounded(asked_host(flow)),
        path=bounded(readable(request.data.path.partition(b"?")[0])),
        proxy_mode=flow.client_conn.proxy_mode.type_name,
    )


def _authorization(flow: http.HTTPFlow, imposed: str) -> str:
    found = header(flow, "Authorization")
    return "" if found == imposed and is_reverse(flow) else found


def _caller(flow: http.HTTPFlow, rules: CallerRules) -> Caller:
    peer = flow.client_conn.peername[0] if flow.client_conn.peername else ""
    trusted = rules.trusted_proxies
    forwarded = flow.request.headers.get_all("X-Forwarded-For") if trusted else ()
    address = client_address(peer, forwarded, trusted)
    return identify(header(flow, rules.header), header(flow, "User-Agent"), address)
