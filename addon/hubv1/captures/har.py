"""HAR, entry by entry, as browsers and proxies write it.

mitmproxy reads it too, but there a single broken entry costs all others; whoever was asked about v1
wants to hear of those. Here a v1 call needs a method, a URL and a time that can be read, whatever
else is broken, and an entry for another host needs nothing.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from mitmproxy import connection, http

from hubv1.mitm.flows import legacy_call
from hubv1.text import encoding_error

_URL = re.compile(r"(https?|wss?)://([^/?#]*)([^?#]*)", re.IGNORECASE)
"""Scheme, authority and path of a request of HTTP; a WebSocket begins as one."""
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:\[\]]+)(?::(.*))?", re.IGNORECASE | re.DOTALL)
_NO_NAME = re.compile(r"[^\w.-]")
_V1 = re.compile(r"/+v1/")
_UNCLEAR = "its method or its URL cannot be read"
"""Without the URL, whose query string is nobody's business."""

_AROUND = b" \t\r\n\0\x1a"
"""What may stand before and after the text."""
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_STRUCTURE = re.compile(_STRING.encode() + rb'|[{}\[\],"]', re.DOTALL)
_TOKEN = re.compile(_STRING + r'|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)
_OPENERS = {b"}": b"{", b"]": b"["}
_ENTRIES = [b"{", b'"log"{', b'"entries"[']
"""Where the entries are: each bracket that is open, with the key before it."""

_LONGEST_MS = 86_400_000
"""That a call may have taken: a day."""


class HarError(Exception):
    """What is no HAR at all, or no longer a whole one."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that may have been a v1 call and cannot be read, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class OtherTraffic:
    """Traffic of HTTP that is no v1 call. To make a flow of it would take most of the time."""

    at: float
    """Unix time, 0 where it cannot be read."""


class _Request(msgspec.Struct):
    method: Any = None
    url: Any = None
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


_read_har = msgspec.json.Decoder(_Har).decode
_read_entry = msgspec.json.Decoder(_Entry).decode


def har_flows(
    content: bytes, hosts: Container[str]
) -> Iterator[http.HTTPFlow | OtherTraffic | Unreadable | None]:
    """The flow of each entry that may be a v1 call to one of `hosts` or like one to another host;
    None for what is no request of HTTP, but a `data:` URL say.

    Raises HarError.
    """
    same: Counter[bytes] = Counter()
    for number, raw in enumerate(_raw_entries(_in_utf_8(content)), 1):
        try:
            flow = _flow(_entry(raw), hosts)
        except ValueError as error:
            yield Unreadable(f"entry {number}: {error}")
            continue
        if isinstance(flow, http.HTTPFlow):
            # Saved once more, by whoever saves a longer recording, an entry is the same call;
            # twice in one file it is two.
            digest = hashlib.blake2b(raw, digest_size=16).digest()
            flow.id = f"{digest.hex()}-{same[digest]}"
            same[digest] += 1
        yield flow


def _in_utf_8(content: bytes) -> bytes:
    encoding = json.detect_encoding(content)
    if encoding.startswith("utf-8"):  # perhaps with a mark; what is none is left to each entry
        return content.removeprefix(b"\xef\xbb\xbf").strip(_AROUND)
    try:
        text = content.decode(encoding, "surrogatepass")
    except UnicodeDecodeError as error:
        raise HarError(encoding_error(error)) from None
    return text.encode("utf-8", "surrogatepass").strip(_AROUND)


def _raw_entries(content: bytes) -> Iterable[bytes | msgspec.Raw]:
    """The JSON of each entry."""
    try:
        return _read_har(content).log.entries
    except msgspec.ValidationError as error:
        raise HarError(f"it is no HAR: {error}") from error
    except (ValueError, RecursionError) as error:  # which may be the fault of one entry
        return _split_entries(content, f"it is no HAR, or no longer a whole one: {error}")


def _split_entries(content: bytes, otherwise: str) -> Iterator[bytes]:
    """The pieces between the commas of `log.entries`, by brackets and strings alone.

    Raises HarError, with the reason `otherwise`, where these do not match to the end.
    """
    begin = end = -1
    for path, mark, end in _structure(content, otherwise):
        if path == _ENTRIES:
            if mark != b"[" and (piece := content[begin : end - 1].strip()):
                yield piece
            begin = end
        elif mark == b"{" and path[:-1] == _ENTRIES:
            if piece := content[begin : end - 1].strip():  # the comma before it was left out
                yield piece
            begin = end - 1
    if begin < 0 or end < len(content):
        raise HarError(otherwise)


def _structure(content: bytes, otherwise: str) -> Iterator[tuple[list[bytes], bytes, int]]:
    """Each bracket and comma of the outermost value, with what is open there, the bracket
    included, and the position after it."""
    path: list[bytes] = []
    key = b""
    for match in _STRUCTURE.finditer(content):
        mark = match[0]
        if len(mark) > 1:
            key = mark
            continue
        if mark in b"{[":
            path.append(key + mark)
        yield path, mark, match.end()
        if mark not in b"{[," and not (path and path.pop()[-1:] == _OPENERS.get(mark)):
            break
        if not path:
            return
        key = b""
    raise HarError(otherwise)


def _entry(raw: bytes | msgspec.Raw) -> _Entry:
    """The fields of an entry, those that can be read; raises ValueError."""
    try:
        return _read_entry(raw)
    except (ValueError, RecursionError):
        found = _as_far_as_it_goes(bytes(raw).decode("utf-8", "surrogateescape"))
        return msgspec.convert(found, type=_Entry)


def _as_far_as_it_goes(text: str) -> object:
    """The value of JSON that is broken somewhere: what cannot be read in it is left out."""
    root: list[Any] = []
    stack: list[list[Any] | dict[str, Any]] = [root]
    key: str | None = None
    for match in _TOKEN.finditer(text):
        word, inner = match[0], stack[-1]
        if word in ",}]":
            key = None
            if word != "," and len(stack) > 1:
                stack.pop()
        elif isinstance(inner, dict) and key is None and word not in "{[:":
            key = str(_scalar(word)).encode("utf-8", "replace").decode()
        elif word != ":":
            value = {} if word == "{" else [] if word == "[" else _scalar(word)
            if isinstance(inner, dict):
                inner[key or ""] = value
            else:
                inner.append(value)
            key = None
            if isinstance(value, dict | list):
                stack.append(value)
    return root[0] if root else None


def _scalar(word: str) -> Any:  # noqa: ANN401  # whatever it is
    try:
        return json.loads(word, strict=False)
    except ValueError:
        # A string with an escape that there is not.
        return word[1:-1] if word.startswith('"') else None


def _flow(entry: _Entry, hosts: Container[str]) -> http.HTTPFlow | OtherTraffic | None:
    """The flow of an entry, without its bodies; raises ValueError."""
    if not isinstance(entry.request.url, str):
        raise ValueError("it has no URL")  # noqa: TRY004  # a value of the file, not of the caller
    url = _URL.match(entry.request.url.strip())
    if url is None:
        if _V1.match(entry.request.url.strip()):
            raise ValueError(_UNCLEAR)
        return None
    started = _time(entry.started)
    if not _V1.match(url[3]) or not _may_be_one_of(hosts, url[2]):
        return OtherTraffic(started or 0.0)
    flow = http.HTTPFlow(
        # HAR does not say who the client was.
        connection.Client(peername=("", 0), sockname=("", 0), timestamp_start=started or 0.0),
        connection.Server(address=None),
    )
    flow.request = _request(entry.request, url, started or 0.0)
    if started is None or not flow.request.data.method:
        if legacy_call(flow, hosts) is None:
            return OtherTraffic(started or 0.0)
        what = "method" if started else "time"
        raise ValueError(f"it may be a v1 call, and its {what} cannot be read")
    flow.response = _response(entry, started)
    return flow


def _may_be_one_of(hosts: Container[str], authority: str) -> bool:
    """False for a host that cannot be read and that is none of them all the same."""
    is_readable = _AUTHORITY.fullmatch(authority.rpartition("@")[2])
    return bool(is_readable) or _NO_NAME.sub("", authority).lower() in hosts


def _request(given: _Request, url: re.Match[str], started: float) -> http.Request:
    scheme, authority, path = url.groups()
    found = _AUTHORITY.fullmatch(authority.rpartition("@")[2])
    if found is None:
        raise ValueError(_UNCLEAR)
    is_secure = scheme.lower() in ("https", "wss")
    return http.Request(
        host=found[1].strip("[]").encode("utf-8", "replace").decode(),
        port=443 if is_secure else 80,  # whatever it was: no call is told by its port
        method=given.method.encode("utf-8", "replace") if isinstance(given.method, str) else b"",
        scheme=b"https" if is_secure else b"http",
        authority=b"",
        path=_wire(path),
        http_version=b"HTTP/1.1",
        headers=http.Headers([*_headers(given)]),
        content=b"",
        trailers=None,
        timestamp_start=started,
        timestamp_end=started,
    )


def _headers(given: _Request) -> Iterator[tuple[bytes, bytes]]:
    """Of `{"name": …, "value": …}` or `[name, value]`; what is neither is left out."""
    for header in given.headers if isinstance(given.headers, list) else ():
        match header:
            case {"name": str(name), "value": str(value)} | [str(name), str(value)]:
                yield _wire(name), _wire(value)


def _wire(text: str) -> bytes:
    """The bytes that were on the wire. mitmproxy's export has each byte that is no UTF-8 as a
    lone surrogate; any other of these stays visible."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace")


def _response(entry: _Entry, started: float) -> http.Response | None:
    """None where there was no answer, which HAR writes as status 0."""
    match entry.response:
        case {"status": int(status)} if 100 <= status <= 999:
            response = http.Response.make(status)
            took = entry.time if isinstance(entry.time, int | float) else 0
            took = took if 0 <= took <= _LONGEST_MS else 0
            response.timestamp_start = response.timestamp_end = started + took / 1000
            return response
    return None


def _time(started: Any) -> float | None:  # noqa: ANN401  # whatever it is
    try:
        return datetime.fromisoformat(started.strip()).astimezone(UTC).timestamp() or None
    except (AttributeError, TypeError, ValueError, OverflowError):
        return None
