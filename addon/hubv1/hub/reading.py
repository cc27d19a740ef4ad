"""From a reply to the value in it, or to the failure that it means."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from hubv1.api import v2
from hubv1.api.errors import (
    Forbidden,
    HubFailure,
    Loop,
    Nonsense,
    NotFound,
    RateLimited,
    Unauthorized,
    Unreachable,
)
from hubv1.hub.messages import Reply
from hubv1.hub.rates import seconds_after_refusal
from hubv1.text import bounded

_NO_SUCH_ROUTE = "404: Page Not Found"
"""How Hub answers a route that it does not have or has retired: no repository is missing then."""
_REFUSALS = {401: Unauthorized, 403: Forbidden, 404: NotFound}
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

Value = TypeVar("Value")


def value_of(reply: Reply, decoder: Callable[[bytes], Value], via: str) -> Value:
    """The value in a 200 reply; any other reply is raised as the failure it means."""
    if reply.status != 200:
        raise failure_of(reply, via)
    try:
        return decoder(reply.body)
    except _UNREADABLE as error:
        raise Nonsense(f"{reply.url} answered 200, but not as documented: {error}") from error


def failure_of(reply: Reply, via: str) -> HubFailure:
    """What a reply means that is not 200."""
    status = reply.status
    if status == 404 and _message(reply.body) == _NO_SUCH_ROUTE:
        return Nonsense(f"{reply.url} is not a route of API v2")
    if status in _REFUSALS:
        return _REFUSALS[status](bounded(_message(reply.body)) or f"status {status}")
    if status == 429:
        return RateLimited(seconds_after_refusal(reply.headers))
    if status == 508 and via in reply.headers.get("Via", ""):
        return Loop(f"{reply.url} leads back to this bridge")
    if status >= 500:
        return Unreachable(f"{reply.url} answered {status}")
    return Nonsense(f"{reply.url} answered {status}, which is not documented")


def _message(body: bytes) -> str:
    try:
        return v2.read_trouble(body).message
    except _UNREADABLE:
        return ""
