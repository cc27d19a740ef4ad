"""Pages of v2's tags beyond what Hub gives to anonymous callers, read with the bridge's account
(hub_pages)."""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from mitmproxy import http
from mitmproxy.proxy.mode_specs import ProxyMode

from hubv1.api.routes import Outcome, Verdict
from hubv1.journal import CallRecord
from onstage import answer, answered, entries, make_flow, on_stage
from standin import Catalog, Settings, Standin, faults

COUNT = 1_234
SECRET = "geheimnis"
REFUSED = (
    b'{"message":"pagination offset too large for anonymous requests; sign in to page further",'
    b'"errinfo":{}}'
)
PAGES = "/v2/repositories/acme/long/tags"
NAMESPACED = "/v2/namespaces/acme/repositories/long/tags"


@pytest.fixture(scope="module")
def running_hub() -> Iterator[Standin]:
    catalog = Catalog(accounts={"bridge": SECRET})
    catalog.add_generated("acme/long", COUNT)
    catalog.add_generated("acme/other", COUNT)
    catalog.add_generated("acme/secret", COUNT, private=True)
    catalog.add_generated("bridge/secret", COUNT, private=True)
    settings = Settings(hub_announced="https://hub.docker.com")
    with Standin(catalog, settings) as hub:
        yield hub


@pytest.fixture
def hub(running_hub: Standin, monkeypatch: pytest.MonkeyPatch) -> Standin:
    monkeypatch.setenv("HUB_SECRET", SECRET)
    running_hub.faults.clear()
    running_hub.forget_calls()
    return running_hub


def port_of(hub: Standin) -> str:
    """Where the stand-in listens, whatever it announces."""
    (address,) = {call.headers["host"] for call in hub.calls} or {""}
    return address


class Walker:
    """A client behind the bridge, whose calls the stand-in answers as Hub does."""

    def __init__(self, stage: Any, url: str) -> None:
        self.stage = stage
        self.url = url

    async def get(
        self,
        target: str,
        *,
        host: str = "hub.docker.com",
        headers: Mapping[str, str] | None = None,
        upstream: http.Response | str | None = None,
        **changes: Any,
    ) -> http.HTTPFlow:
        flow = make_flow(target, host=host, headers=headers)
        for name, value in changes.items():
            setattr(flow.client_conn, name, value)
        given = answer(403, REFUSED) if upstream is None else upstream
        played: http.HTTPFlow = await self.stage.play(flow, given)
        return played
