"""From a reply to the value in it, or to the failure that it means."""

import math
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import TypeVar

import msgspec

from hubv1 import v2
from hubv1.failures import (
    Forbidden,
    HubFailure,
    Loop,
    Nonsense,
    NotFound,
    RateLimited,
    Unauthorized,
    Unreachable,
)
from hubv1.hub.transport import Reply
from hubv1.texts import bounded

UNNAMED_WAIT = 60
"""Seconds to wait after a 429 that does not say how long."""

_EARLIEST_UNIX_TIME = 1_000_000_000
"""Smaller numbers in X-Retry-After are taken for seconds."""
_LONGEST_WAIT = 86_400

_NO_SUCH_ROUTE = "404: Page Not Found"
"""How Hub answers a route that it does not have or has retired: no repository is missing then."""
_REFUSALS = {401: Unauthorized, 403: Forbidden, 404: NotFound}
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

Value = TypeVar("Value")


def value_of(reply: Reply, decoder: Callable[[bytes], Value], via: str) -> Value:
    """The value in a 200 reply; any other reply is raised as the failure it means."""
    if reply.status != 200:
        raise _failure(reply, via)
    try:
        return decoder(reply.body)
    except _UNREADABLE as error:
        raise Nonsense(f"{reply.url} answered 200, but not as documented: {error}") from error


def _failure(reply: Reply, via: str) -> HubFailure:
    status = reply.status
    if status == 404 and _message(reply.body) == _NO_SUCH_ROUTE:
        return Nonsense(f"{reply.url} is not a route of API v2")
    if status in _REFUSALS:
        return _REFUSALS[status](bounded(_message(reply.body)) or f"status {status}")
    if status == 429:
        return RateLimited(_seconds_to_wait(reply.headers))
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


def _seconds_to_wait(headers: Mapping[str, str]) -> int:
    """Hub's X-Retry-After is a unix time, by Hub's clock and not ours."""
    try:
        until = float(headers.get("X-Retry-After") or headers.get("Retry-After", ""))
    except ValueError:
        return UNNAMED_WAIT
    if math.isnan(until):
        return UNNAMED_WAIT
    seconds = until if until < _EARLIEST_UNIX_TIME else until - _their_time(headers)
    return math.ceil(min(max(seconds, 1), _LONGEST_WAIT))


def _their_time(headers: Mapping[str, str]) -> float:
    """Unix time by the clock of the server, else by ours."""
    try:
        return parsedate_to_datetime(headers["Date"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return time.time()
