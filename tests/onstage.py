"""The addon on mitmproxy's own stage for tests: hooks are called as mitmproxy calls them."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mitmproxy import http, options
from mitmproxy.addons import proxyserver
from mitmproxy.flow import Error
from mitmproxy.proxy.layers.http._hooks import (
    HttpErrorHook,
    HttpRequestHook,
    HttpResponseHeadersHook,
    HttpResponseHook,
)
from mitmproxy.test import taddons, tflow, tutils

from hubv1.addon import Bridge
from hubv1.journal import CallRecord, Gap, Location, Seen, read
from standin import Standin

# These have no types of their own.
a_stage: Any = taddons.context
a_proxy: Any = proxyserver.Proxyserver


@dataclass
class Stage:
    """A bridge that is running, and the traffic that goes through it."""

    bridge: Bridge
    context: Any
    journal: Path

    async def play(self, flow: http.HTTPFlow, upstream: http.Response | str = "") -> http.HTTPFlow:
        """The flow from its request to its end; what upstream says counts where it is asked. A
        text is the error that ends a connection."""
        await self.call(HttpRequestHook(flow))
        if not flow.response and isinstance(upstream, http.Response):
            flow.response = upstream
        if flow.response:
            await self.call(HttpResponseHeadersHook(flow))
            await self.call(HttpResponseHook(flow))
        else:
            flow.error = Error(str(upstream))
            await self.call(HttpErrorHook(flow))
        return flow

    async def call(self, hook: Any) -> None:
        await self.context.master.addons.invoke_addon(self.bridge, hook)

    async def end(self) -> None:
        """What mitmproxy does at shutdown."""
        self.context.master.should_exit.set()
        closing = self.bridge.done()
        if closing is not None:
            await closing

    def configure(self, **values: Any) -> None:
        self.context.configure(self.bridge, **values)


@asynccontextmanager
async def on_stage(
    folder: Path, hub_url: str = "http://127.0.0.1:9", **values: Any
) -> AsyncIterator[Stage]:
    """A running bridge whose journal is in `folder`; all is written once the context ends."""
    journal = folder / "journal.sqlite3"
    bridge = Bridge()
    with a_stage(a_proxy(), bridge, options=options.Options(confdir=str(folder))) as context:
        context.options.update(connection_strategy="lazy")
        stage = Stage(bridge, context, journal)
        stage.configure(
            **({"hub_url": hub_url, "hub_registry_url": "", "hub_journal": str(journal)} | values)
        )
        bridge.running()
        try:
            yield stage
        finally:
            await stage.end()
            # mitmproxy's own context leaves it, to fail at lines of a later stage's.
            context.master._legacy_log_events.uninstall()


def played(
    folder: Path,
    hub: Standin,
    flow: http.HTTPFlow,
    upstream: http.Response | str = "",
    **values: object,
) -> http.HTTPFlow:
    """The flow after its whole way through a bridge of its own."""

    async def playing() -> None:
        async with on_stage(folder, hub.url, **values) as stage:
            await stage.play(flow, upstream)

    asyncio.run(playing())
    return flow


def answered(flow: http.HTTPFlow) -> http.Response:
    assert flow.response
    return flow.response


def make_flow(
    path: str | bytes = "/v1/repositories/debian/tags",
    *,
    method: str = "GET",
    host: str = "index.docker.io",
    headers: Mapping[str, str | bytes] | None = None,
) -> http.HTTPFlow:
    """A live flow without an answer."""
    shown = {"User-Agent": "curl/8.1"} | dict(headers or {})
    raw = [
        (name.encode(), value if isinstance(value, bytes) else value.encode())
        for name, value in shown.items()
    ]
    request = tutils.treq(
        host=host,
        port=443,
        method=method.encode(),
        scheme=b"https",
        path=path if isinstance(path, bytes) else path.encode(),
        headers=http.Headers(raw),
        timestamp_start=time.time(),
    )
    return tflow.tflow(req=request)


def answer(status: int = 200, body: bytes = b"upstream") -> http.Response:
    return http.Response.make(status, body)


def state_of(thing: Any) -> Any:
    """All that mitmproxy knows of a flow or message, to be compared."""
    return thing.get_state()


def entries(journal: Path) -> list[CallRecord]:
    with read(Location(str(journal))) as history:
        return list(history.entries)


def traffic(journal: Path) -> Seen:
    with read(Location(str(journal))) as history:
        return history.seen


def gaps(journal: Path) -> tuple[Gap, ...]:
    with read(Location(str(journal))) as history:
        return tuple(history.gaps)
