"""Flows, live or recorded: recognising and answering calls, and the bridge's notes in a flow.

mitmproxy saves mark, comment and metadata with a flow. Anybody can make such a file, so everything
that is read from one is checked.
"""

import time
from collections.abc import Container, Sequence
from dataclasses import replace
from datetime import datetime
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from mitmproxy import http
from mitmproxy.flow import Flow
from mitmproxy.proxy.mode_specs import ReverseMode

from hubv1.api.names import is_tag, repository_or_none
from hubv1.api.routes import (
    HUB_HOSTS,
    REGISTRY_HOST,
    RETIRING,
    ROUTES,
    Call,
    Outcome,
    Verdict,
    recognise,
    recognise_retiring,
    route_named,
)
from hubv1.api.translation import Answer
from hubv1.api.v2 import is_offset_refused
from hubv1.journal import CallRecord
from hubv1.listen import bracketed
from hubv1.text import bounded, printable

KEY = "hub_v1"  # the bridge's key in a flow's metadata, which may have plain types only
UPSTREAM_KEY = "hub_v1_upstream"  # the key in flows of the bridge's own requests
MARKS = {
    Outcome.TRANSLATED: ":recycle:",
    Outcome.REDIRECTED: ":arrow_right:",
    Outcome.OBSERVED: ":eyes:",
    Outcome.GONE: ":no_entry:",
    Outcome.PASSED: ":fast_forward:",
    Outcome.REFUSED: ":no_entry_sign:",
    Outcome.FAILED: ":x:",
}
"""Markers for which mitmproxy has an emoji."""

_MOST_REQUESTS = 20


def legacy_call(flow: http.HTTPFlow, hosts: Container[str]) -> Call | None:
    """The v1 call in a flow, or None for other traffic."""
    call = v1_call(flow)
    return call if call and (is_reverse(flow) or requested_host(flow) in hosts) else None


def v1_call(flow: http.HTTPFlow) -> Call | None:
    """The v1 call in a flow to any host, or None for other traffic."""
    return recognise(
        flow.request.method,
        flow.request.data.path,
        lambda: header(flow, "X-Docker-Token").strip().lower() == "true",
    )


def retiring_call(flow: http.HTTPFlow, hub_url: str = "") -> Call | None:
    """The call in a flow to a route of API v2 that Docker retires next, or None for other traffic.

    For a page of tags, `is_refused_page` decides once there is an answer. Behind a reverse proxy,
    the upstream server has to be Hub or `hub_url`.
    """
    call = recognise_retiring(flow.request.method, flow.request.data.path)
    return call if call and _is_for_hub(flow, hub_url) else None


def is_refused_page(flow: http.HTTPFlow) -> bool:
    """Whether the answer is Hub's refusal of a page for its offset."""
    response = flow.response
    if response is None or response.status_code != 403 or response.raw_content is None:
        return False
    return is_offset_refused(response.get_content(strict=False) or b"")


def hub_origin(flow: http.HTTPFlow, hub_url: str) -> str:
    """The origin that links in a page need to lead to the host that answered the flow; empty if
    that is the one of `hub_url`, whose links are right."""
    if _is_to(hub_url, flow):
        return ""
    if is_reverse(flow):
        return _upstream_origin(flow)
    return f"{requested_scheme(flow)}://{requested_host(flow)}"


def _is_for_hub(flow: http.HTTPFlow, hub_url: str) -> bool:
    host = requested_host(flow)
    if host == REGISTRY_HOST or not is_reverse(flow):
        return host in HUB_HOSTS
    return flow.request.host.lower() in HUB_HOSTS or _is_to(hub_url, flow)


def _is_to(url: str, flow: http.HTTPFlow) -> bool:
    """Whether the request goes to the origin of that URL."""
    parts = urlsplit(url)
    return _upstream_origin(flow) == _origin(parts.scheme, parts.hostname or "", parts.port)


def _upstream_origin(flow: http.HTTPFlow) -> str:
    """The origin that the request goes to: scheme, host, and port if it is not the default."""
    request = flow.request
    return _origin(request.scheme, request.host.lower(), request.port)


def _origin(scheme: str, host: str, port: int | None) -> str:
    default = {"https": 443, "http": 80}.get(scheme)
    return f"{scheme}://{bracketed(host)}{'' if port in (None, default) else f':{port}'}"


def requested_host(flow: http.HTTPFlow) -> str:
    """The host that the client asked for, in lower case and without user info.

    The host in the request line decides (RFC 9112, 3.2.2). Transparent modes only have an address
    there, so the Host header decides. A reverse proxy overwrites that header, but over TLS the
    client's SNI has the host.
    """
    request = flow.request
    if is_reverse(flow):
        host = flow.client_conn.sni or request.pretty_host
    else:
        is_address = ":" in request.host or request.host.replace(".", "").isdecimal()
        host = request.pretty_host if is_address else request.host
    return host.rpartition("@")[2].lower().rstrip(".")


def requested_scheme(flow: http.HTTPFlow) -> str:
    """`http` or `https` as the client used it; behind a reverse proxy the request has another."""
    if is_reverse(flow):
        return "https" if flow.client_conn.tls else "http"
    return flow.request.scheme


def header(flow: http.HTTPFlow, name: str) -> str:
    """The value of a request header; empty if there is none."""
    return flow.request.headers.get(name, "") if name else ""


def answer_flow(flow: http.HTTPFlow, answer: Answer) -> None:
    """Set the flow's response, so that nothing goes upstream.

    HEAD gets the headers that GET would, including the length of the body. The bridge acts as the
    origin server, so it adds a Date (RFC 9110, 6.6.1).
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


def is_replay(flow: http.HTTPFlow) -> bool:
    """Whether mitmproxy's user is replaying the request now, so that no caller made it."""
    return flow.live and flow.is_replay == "request"


def claim(flow: http.HTTPFlow) -> None:
    """Mark the flow's call as one that a bridge records."""
    flow.metadata = _metadata(flow)
    flow.metadata.setdefault(KEY, {})


def is_claimed(flow: http.HTTPFlow) -> bool:
    """Whether a bridge records, or has recorded, the flow's call."""
    return KEY in _metadata(flow)


def is_upstream_flow(flow: http.HTTPFlow) -> bool:
    """Whether the flow is one of the bridge's own requests, live or saved."""
    return _metadata(flow).get(UPSTREAM_KEY) is True


def annotate(
    flow: http.HTTPFlow,
    entry: CallRecord,
    comment: str,
    upstream_requests: Sequence[str] = (),
) -> None:
    """Mark the flow and comment on it, unless a person did, and save the call's record in it."""
    claim(flow)
    mark, before = MARKS[entry.outcome], _note(flow)
    if flow.marked in ("", before.get("mark")):
        flow.marked = mark
    if flow.comment in ("", before.get("comment")):
        flow.comment = comment
    flow.metadata[KEY] = {
        "mark": mark,
        "comment": comment,
        "call": msgspec.to_builtins(entry),
        "asked": [bounded(each) for each in upstream_requests[:_MOST_REQUESTS]],
    }


def comment_on(entry: CallRecord, instead: str, *, is_replay: bool = False) -> str:
    """A line about a call: the request, its outcome, what to do instead, and who has to change.

    `instead` is the URL of a call, or a sentence that says what to do.
    """
    replay = "replayed by hand and not counted, " if is_replay else ""
    version = "v2" if entry.verdict is Verdict.RETIRING else "v1"
    return printable(
        f"Docker Hub API {version}: {entry.http_request_method} {entry.url_path}; "
        f"{replay}{entry.ending}; instead: {instead}; to change by: {entry.caller}"
    )


def saved_record(flow: http.HTTPFlow) -> CallRecord | None:
    """The record that a bridge saved in the flow; None if there is none, or no bridge wrote it."""
    call = _note(flow).get("call")
    try:
        entry = msgspec.convert(call, CallRecord)
        return replace(entry, id=str(UUID(entry.id))) if _is_sound(entry, call) else None
    except ValueError:
        return None


def saved_upstream_requests(flow: Flow) -> Sequence[str]:
    """The requests to Docker's hosts that a bridge saved in the flow."""
    requests = _note(flow).get("asked")
    if not isinstance(requests, list) or len(requests) > _MOST_REQUESTS:
        return ()
    return [bounded(each) for each in requests if isinstance(each, str)]


def call_of(entry: CallRecord) -> Call:
    """The call that a record is about."""
    repository = repository_or_none(entry.namespace, entry.repository)
    return Call(route_named(entry.route), repository, entry.tag or None)


def _metadata(flow: Flow) -> dict[str, Any]:
    return flow.metadata if isinstance(flow.metadata, dict) else {}  # a file may hold anything


def _note(flow: Flow) -> dict[str, Any]:
    """The bridge's note in the metadata; empty if there is none, or no bridge wrote it."""
    note = _metadata(flow).get(KEY)
    return note if isinstance(note, dict) else {}


def _is_sound(entry: CallRecord, call: Any) -> bool:  # noqa: ANN401  # the plain values of `entry`
    """Whether a bridge may have saved the record, in which no value exceeds its limits."""
    found = call_of(entry)
    values = msgspec.to_builtins(entry) | {"started_at": call["started_at"]}
    return (
        found.route in (*ROUTES, *RETIRING)
        and entry.verdict is found.route.verdict
        and all(call[name] == value for name, value in values.items())
        and entry.started_at == msgspec.convert(call["started_at"], datetime)
        and (found.repository is not None or not entry.namespace + entry.repository)
        and (not entry.tag or is_tag(entry.tag))
    )
