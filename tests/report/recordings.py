"""Recorded traffic, as mitmproxy writes it, and reading it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.addons.savehar import SaveHar
from mitmproxy.flow import Flow
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow

from hubv1.api.routes import LEGACY_HOSTS
from hubv1.captures import Capture, CaptureError, read_capture
from hubv1.journal import CallRecord, Seen

Writer = Callable[..., Path]
STARTED = datetime(2026, 3, 1, 12, 30, 15, 123000, tzinfo=UTC)
TAGS = "/v1/repositories/debian/tags"


def recorded(
    path: str = TAGS, host: str = "index.docker.io", *headers: tuple[bytes, bytes]
) -> http.HTTPFlow:
    """A flow as mitmproxy keeps it, answered 410."""
    flow = tflow.tflow(resp=http.Response.make(410))
    agent = (b"User-Agent", b"curl/8.1 (linux)")
    flow.request = http.Request.make("GET", f"https://{host}/", headers=(agent, *headers))
    flow.request.path = path  # as part of a URL, several slashes would become more still
    flow.request.timestamp_start = STARTED.timestamp()
    flow.request.timestamp_end = flow.request.timestamp_start
    assert flow.response
    flow.response.timestamp_start = flow.response.timestamp_end = STARTED.timestamp() + 0.25
    flow.client_conn.peername = ("10.0.0.7", 51234)
    return flow


TRAFFIC: list[Flow] = [
    recorded(),
    recorded("/v1/repositories/acme/tool/images?secret=geheim"),
    recorded("/v1/search?q=debian"),
    recorded("/v2/"),
    recorded(host="example.org"),
]


def written(path: Path, *flows: Flow) -> Path:
    with path.open("wb") as file:
        for flow in flows:
            FlowWriter(file).add(flow)  # type: ignore[no-untyped-call]
    return path


def saved(path: Path, *flows: Flow) -> Path:
    path.write_text(json.dumps(SaveHar().make_har(flows)))
    return path


def read(path: Path) -> tuple[list[CallRecord], Seen]:
    history = read_capture(Capture(path, LEGACY_HOSTS))
    entries = list(history.entries)
    return entries, history.seen


def complaint(path: Path) -> str:
    with pytest.raises(CaptureError) as refused:
        read(path)
    said = str(refused.value)
    assert said.startswith(f"The recording {path} cannot be read: ")
    assert said.endswith(".")
    assert not said.endswith("..")
    return said
