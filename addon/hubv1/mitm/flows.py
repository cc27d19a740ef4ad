"""Reading and answering flows, live or recorded."""

import time
from collections.abc import Container
from email.utils import formatdate
from http import HTTPStatus
from ipaddress import ip_address

from mitmproxy import http
from mitmproxy.proxy.mode_specs import ReverseMode

from hubv1.api.routes import Call, recognise
from hubv1.api.translation import Answer


def legacy_call(flow: http.HTTPFlow, hosts: Container[str]) -> Call | None:
    """The v1 call that a flow is, or None for other traffic."""
    call = v1_call(flow)
    if call is None or not (is_reverse(flow) or requested_host(flow) in hosts):
        return None
    return call


def v1_call(flow: http.HTTPFlow) -> Call | None:
    """The call that a flow would be if its host were a legacy one."""
    request = flow.request
    return recognise(request.method, request.data.path, lambda: _has_docker_token(request))


def requested_host(flow: http.HTTPFlow) -> str:
    """The host that the client asked for, in lower case and without user info.

    The host in the request line decides (RFC 9112, 3.2.2). Transparent modes have only an address,
    so there the Host header decides. A reverse proxy overwrites that header, but over TLS the
    client named its host by SNI.
    """
    request = flow.request
    if is_reverse(flow):
        host = flow.client_conn.sni or request.pretty_host
    else:
        host = request.pretty_host if _is_address(request.host) else request.host
    return host.rpartition("@")[2].lower().rstrip(".")


def requested_scheme(flow: http.HTTPFlow) -> str:
    """`http` or `https`, whichever the client used; a reverse proxy's request has the origin's."""
    if is_reverse(flow):
        return "https" if flow.client_conn.tls else "http"
    return flow.request.scheme


def header(flow: http.HTTPFlow, name: str) -> str:
    """The value of a request header, empty if there is none."""
    return flow.request.headers.get(name, "") if name else ""


def answer_flow(flow: http.HTTPFlow, answer: Answer) -> None:
    """Set the flow's response, so that nothing goes upstream.

    HEAD gets what GET would, without the body but with its length. To the client the bridge is
    the origin server, so it adds a Date (RFC 9110, 6.6.1).
    """
    now = time.time()
    headers = [(name.encode(), value.encode()) for name, value in answer.headers]
    headers.append((b"Date", formatdate(now, usegmt=True).encode()))
    headers.append((b"Content-Length", str(len(answer.body)).encode()))
    flow.response = http.Response(
        http_version=b"HTTP/1.1",
        status_code=answer.status,
        reason=HTTPStatus(answer.status).phrase.encode(),
        headers=http.Headers(headers),
        content=b"" if flow.request.method == "HEAD" else answer.body,
        trailers=None,
        timestamp_start=now,
        timestamp_end=now,
    )


def accept_connect(flow: http.HTTPFlow, hosts: Container[str]) -> None:
    """Accept a CONNECT to a legacy host without connecting to it.

    With connection_strategy=eager mitmproxy would connect first, and answer 502 if that fails.
    """
    if flow.response is None and requested_host(flow) in hosts:
        flow.response = http.Response.make(200)
        flow.response.reason = "Connection established"


def is_reverse(flow: http.HTTPFlow) -> bool:
    """Whether the client came to a reverse proxy."""
    return isinstance(flow.client_conn.proxy_mode, ReverseMode)


def is_turned_away(flow: http.HTTPFlow) -> bool:
    """Whether proxyauth refused the client, which will call again with a password."""
    return flow.live and flow.response is not None and flow.response.status_code in (401, 407)


def is_replayed(flow: http.HTTPFlow) -> bool:
    """Whether the flow is a replay by mitmproxy's user, live or saved."""
    return flow.is_replay == "request"


def is_replay(flow: http.HTTPFlow) -> bool:
    """Whether mitmproxy's user is replaying the request now, so that no caller made it."""
    return flow.live and is_replayed(flow)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _has_docker_token(request: http.Request) -> bool:
    return str(request.headers.get("X-Docker-Token", "")).strip().lower() == "true"
