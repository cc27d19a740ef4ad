"""Reading a flow, live or recorded, and answering it."""

import time
from collections.abc import Container
from http import HTTPStatus

from mitmproxy import http
from mitmproxy.proxy.mode_specs import ReverseMode

from hubv1.answers import Answer
from hubv1.routes import Call, recognise


def legacy_call(flow: http.HTTPFlow, hosts: Container[str]) -> Call | None:
    """The v1 call that a flow is, or None for other traffic."""
    request = flow.request
    call = recognise(request.method, request.data.path, lambda: _has_docker_token(request))
    if call is None or not (_is_reverse(flow) or asked_host(flow) in hosts):
        return None
    return call


def asked_host(flow: http.HTTPFlow) -> str:
    """The name of the host that the client means, in lower case.

    In transparent modes the request itself only has an address, so the Host header goes first.
    Behind a reverse proxy that header is overwritten, but over TLS the client named its host.
    """
    sni = flow.client_conn.sni if _is_reverse(flow) else None
    return (sni or flow.request.pretty_host).lower().rstrip(".")


def header(flow: http.HTTPFlow, name: str) -> str:
    """The value of a request header, empty where there is none."""
    return flow.request.headers.get(name, "") if name else ""


def answer_flow(flow: http.HTTPFlow, answer: Answer) -> None:
    """Make `answer` the flow's response, so that nothing goes upstream.

    To HEAD goes what GET would get without its body; the length is that of the body left out.
    """
    headers = [(name.encode(), value.encode()) for name, value in answer.headers]
    headers.append((b"Content-Length", str(len(answer.body)).encode()))
    now = time.time()
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


def _is_reverse(flow: http.HTTPFlow) -> bool:
    return isinstance(flow.client_conn.proxy_mode, ReverseMode)


def _has_docker_token(request: http.Request) -> bool:
    return str(request.headers.get("X-Docker-Token", "")).strip().lower() == "true"
