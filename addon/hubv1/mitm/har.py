"""HAR, entry by entry, as browsers and proxies write it.

mitmproxy reads it too, but a single odd entry costs it all others; whoever was asked about v1 wants
to hear of those. Here an entry needs a method and a URL, and a time if it may be a v1 call.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from mitmproxy import connection, http

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
"""A WebSocket begins as a request of HTTP."""


class HarError(Exception):
    """What is no HAR at all."""


@dataclass(frozen=True, slots=True)
class Odd:
    """Something that cannot be read, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Other:
    """Traffic of HTTP that is no v1 call. To make a flow of it takes most of the time."""

    at: float
    """Unix time, 0 where it cannot be read."""


class _Request(msgspec.Struct):
    method: str
    url: str
    headers: Any = None


class _Entry(msgspec.Struct, rename={"started": "startedDateTime"}):
    request: _Request
    started: Any = None
    time: Any = None
    response: Any = None


class _Log(msgspec.Struct):
    entries: list[msgspec.Raw]


class _Har(msgspec.Struct):
    log: _Log


def har_flows(content: bytes) -> Iterator[http.HTTPFlow | Other | Odd | None]:
    """What each entry tells of; None is no request of HTTP, but a `data:` URL say.

    Raises HarError.
    """
    try:
        log = msgspec.json.decode(content.removeprefix(_BYTE_ORDER_MARK), type=_Har).log
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise HarError(f"it is no HAR: {error}") from error
    same: Counter[bytes] = Counter()
    for number, raw in enumerate(log.entries, 1):
        try:
            flow = _flow(msgspec.json.decode(raw, type=_Entry))
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            yield Odd(f"entry {number}: {error}")
            continue
        if isinstance(flow, http.HTTPFlow):
            # Saved once more, by whoever saves a longer recording, an entry is the same call;
            # twice in one file it is two.
            digest = hashlib.blake2b(raw, digest_size=16).digest()
            flow.id = f"{digest.hex()}-{same[digest]}"
            same[digest] += 1
        yield flow


def _flow(entry: _Entry) -> http.HTTPFlow | Other | None:
    """What an entry tells of; raises ValueError."""
    scheme, _, rest = entry.request.url.partition(":")
    scheme = _SCHEMES.get(scheme.lower(), "")
    if not scheme:
        return None
    started = _time(entry.started)
    if "/v1/" not in rest:
        return Other(started or 0.0)
    request = _request(entry.request, f"{scheme}:{rest}")
    if not request.data.path.startswith(b"/v1/"):
        return Other(started or 0.0)
    if started is None:
        raise ValueError("it may be a v1 call, and its time cannot be read")
    request.timestamp_start = request.timestamp_end = started
    flow = http.HTTPFlow(
        # HAR does not say who the client was.
        connection.Client(peername=("", 0), sockname=("", 0), timestamp_start=started),
        connection.Server(address=None),
    )
    flow.request = request
    flow.response = _response(entry, started)
    return flow


def _request(given: _Request, url: str) -> http.Request:
    try:
        return http.Request.make(given.method, url, headers=http.Headers([*_headers(given)]))
    except ValueError:
        # The error may quote a query string, which is nobody's business.
        raise ValueError("its method or its URL cannot be read") from None


def _headers(given: _Request) -> Iterator[tuple[bytes, bytes]]:
    """Of `{"name": …, "value": …}` or `[name, value]`; what is neither is left out."""
    for header in given.headers if isinstance(given.headers, list) else ():
        match header:
            case {"name": str(name), "value": str(value)} | [str(name), str(value)]:
                yield name.encode(errors="replace"), value.encode(errors="replace")


def _response(entry: _Entry, started: float) -> http.Response | None:
    """None where there was no answer, which HAR writes as status 0."""
    match entry.response:
        case {"status": int(status)} if 100 <= status <= 999:
            response = http.Response.make(status)
            took = entry.time if isinstance(entry.time, int | float) else 0
            response.timestamp_start = response.timestamp_end = started + max(0, took) / 1000
            return response
    return None


def _time(started: Any) -> float | None:  # noqa: ANN401  # whatever it is
    try:
        return datetime.fromisoformat(started).astimezone(UTC).timestamp() or None
    except (TypeError, ValueError, OverflowError):
        return None
