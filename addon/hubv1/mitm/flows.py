"""Reading a flow, live or recorded, and answering it."""

import time
from collections.abc import Container
from email.utils import formatdate
from http import HTTPStatus
from ipaddress import ip_address

from mitmproxy import http
from mitmproxy.proxy.mode_specs import ReverseMode

from hubv1.answers import Answer
from hubv1.routes import Call, recognise


def legacy_call(flow: http.HTTPFlow, hosts: Container[str]) -> Call | None:
    """The v1 call that a flow is, or None for other traffic."""
    call = v1_call(flow)
    if call is None or not (is_reverse(flow) or asked_host(flow) in hosts):
        return None
    return call


def v1_call(flow: http.HTTPFlow) -> Call | None:
    """The call that a flow would be if its host were a legacy one."""
    request = flow.request
    return recognise(request.method, request.data.path, lambda: _has_docker_token(request))


def asked_host(flow: http.HTTPFlow) -> str:
    """The name of the host that the client means, in lower case and without user info.

    A host written into the request line decides (RFC 9112, 3.2.2). In transparent modes there is
    only an address, so the Host header does. Behind a reverse proxy that header is overwritten,
    but over TLS the client has named its host.
    """
    request = flow.request
    if is_reverse(flow):
        host = flow.client_conn.sni or request.pretty_host
    else:
        host = request.pretty_host if _is_address(request.host) else request.host
    return host.rpartition("@")[2].lower().rstrip(".")


def asked_scheme(flow: http.HTTPFlow) -> str:
    """`http` or `https`, as the client spoke it; a reverse proxy's request has the origin's."""
    if is_reverse(flow):
        return "https" if flow.client_conn.tls else "http"
    return flow.request.scheme


def header(flow: http.HTTPFlow, name: str) -> str:
    """The value of a request header, empty where there is none."""
    return flow.request.headers.get(name, "") if name else ""


def answer_flow(flow: http.HTTPFlow, answer: Answer) -> None:
    """Make `answer` the flow's response, so that nothing goes upstream.

    To HEAD goes what GET would get without its body; the length is that of the body left out.
    The client sees the bridge as its origin, which owes it a Date (RFC 9110, 6.6.1).
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
    """Accept a CONNECT to a legacy host without a connection to it.

    With connection_strategy=eager mitmproxy would try one first, and answer 502 where it fails.
    """
    if flow.response is None and asked_host(flow) in hosts:
        flow.response = http.Response.make(200)
        flow.response.reason = "Connection established"


def is_reverse(flow: http.HTTPFlow) -> bool:
    """Whether the client came to a reverse proxy."""
    return isinstance(flow.client_conn.proxy_mode, ReverseMode)


def is_turned_away(flow: http.HTTPFlow) -> bool:
    """Whether proxyauth refused the client: it has called nobody yet, and will call again."""
    return flow.live and flow.response is not None and flow.response.status_code in (401, 407)


def is_replayed(flow: http.HTTPFlow) -> bool:
    """Whether mitmproxy's user has made the request again, perhaps just now."""
    return flow.is_replay == "request"


def is_replay(flow: http.HTTPFlow) -> bool:
    """Whether mitmproxy's user makes the request again just now: no caller does."""
    return flow.live and is_replayed(flow)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _has_docker_token(request: http.Request) -> bool:
    return str(request.headers.get("X-Docker-Token", "")).strip().lower() == "true"
