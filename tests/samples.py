"""What many tests need: a recognised call, its answer from a stand-in, a row of the journal."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from hubv1.api.routes import Call, Outcome, Verdict, recognise
from hubv1.calls import Limits, Result, answer_call
from hubv1.hub import HubClient, Transport
from hubv1.journal import CallRecord, new_id
from hubv1.turns import Steps, in_turns

VIA = "1.1 hub-v1-bridge-0a1b2c3d"

_T = TypeVar("_T")

_ENTRY = CallRecord(
    id="",
    started_at=datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC),
    duration_ms=12.5,
    caller="curl/8.1 at 10.0.0.7",
    client_address="10.0.0.7",
    user_agent_original="curl/8.1",
    credentials="none",
    user_name="",
    http_request_method="GET",
    url_scheme="https",
    server_address="index.docker.io",
    url_path="/v1/repositories/debian/tags",
    route="GET /v1/repositories/{name}/tags",
    namespace="library",
    repository="debian",
    tag="",
    verdict=Verdict.BRIDGED,
    outcome=Outcome.TRANSLATED,
    http_response_status_code=200,
    upstream_calls=1,
    source="hub",
    cache="miss",
    tags_listed=4,
    error_type="",
    error="",
    proxy_mode="regular",
    flow_id="f0",
    bridge_id="hub-v1-bridge-0a1b2c3d",
)


def make_entry(**changes: Any) -> CallRecord:
    """A row that is sound in every field, with an id of its own."""
    return replace(_ENTRY, **({"id": new_id()} | changes))


def recognised(path: str, method: str = "GET", *, docker_token: bool = False) -> Call:
    """The v1 call of that request line; fails where it is none."""
    call = recognise(method, path.encode(), lambda: docker_token)
    assert call is not None
    return call


def whole(steps: Steps[_T]) -> _T:
    """The result of some work, all of it at once."""
    return asyncio.run(in_turns(steps))


def with_client(url: str, use: Callable[[HubClient], Awaitable[_T]], registry_url: str = "") -> _T:
    """What `use` returns, given a client for `url` in an event loop of its own."""

    async def running() -> _T:
        client = HubClient(url, registry_url, Transport(VIA, "tests"))
        try:
            return await use(client)
        finally:
            await client.close()

    return asyncio.run(running())


def answer_from(url: str, path: str, deadline: float = 10) -> Result:
    """What a client gets that asks for a v1 path, with API v2 at `url`."""
    return with_client(url, lambda client: answer_call(recognised(path), client, Limits(deadline)))
