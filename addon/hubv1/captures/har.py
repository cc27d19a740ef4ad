"""HAR, entry by entry, as browsers and proxies write it.

mitmproxy reads HAR too, but loses all entries because of a single broken one. Here a v1 call needs
a readable method, URL and time, whatever else is broken, and an entry for another host nothing.
"""

import hashlib
import json
import re
from base64 import b64decode
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from mitmproxy import connection, http

from hubv1.api.routes import RETIRING_PREFIXES
from hubv1.mitm.flows import legacy_call
from hubv1.text import encoding_error

_URL = re.compile(r"(https?|wss?)://([^/?#]*)([^?#]*)", re.IGNORECASE)
"""Scheme, authority and path of a request of HTTP, as which a WebSocket begins."""
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:\[\]]+)(?::.*)?", re.IGNORECASE | re.DOTALL)
_NO_NAME = re.compile(r"[^\w.-]")
_V1 = re.compile(r"/+v1/")
_UNCLEAR = "its method or its URL cannot be read"
"""Does not show the URL, which may have a secret in its query string."""

_AROUND = b" \t\r\n\0\x1a"  # bytes that may surround the text
_STRUCTURE = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\],"]', re.DOTALL)
_MEMBER = re.compile(rb'\s*("[^"\\]*+(?:\\.[^"\\]*+)*+")\s*:(.*)', re.DOTALL)
_OPENERS = {b"}": b"{", b"]": b"["}

_LONGEST_REFUSAL = 1 << 16
_LONGEST_MS = 86_400_000  # of a call: a day


class HarError(Exception):
    """A file is no HAR, or only part of one."""


Found = http.HTTPFlow | float | ValueError | None
"""An entry: its flow; if it is no v1 call only its unix time, 0 if unreadable, since making a flow
takes most of the time; the reason if it may be a v1 call but cannot be read; None if it is no HTTP
request but has, for example, a `data:` URL."""


class _Log(msgspec.Struct):
    entries: list[msgspec.Raw]


class _Har(msgspec.Struct):
    log: _Log


_read_har = msgspec.json.Decoder(_Har).decode


def har_flows(content: bytes, hosts: Container[str]) -> Iterator[Found]:
    """The entries: as a flow if it may be a v1 call to one of `hosts`, a call to a route that
    Docker retires next, or a call like these to another host. Raises HarError."""
    same: Counter[bytes] = Counter()
    for number, raw in enumerate(_raw_entries(_in_utf_8(content)), 1):
        try:
            flow = _flow(_entry(raw), hosts)
        except ValueError as error:
            yield ValueError(f"entry {number}: {error}")
            continue
        if isinstance(flow, http.HTTPFlow):
            # An equal entry in a second, longer recording is the same call; in the same file it
            # is another call.
            digest = hashlib.blake2b(raw, digest_size=16).digest()
            flow.id = f"{digest.hex()}-{same[digest]}"
            same[digest] += 1
        yield flow


def _in_utf_8(content: bytes) -> bytes:
    encoding = json.detect_encoding(content)
    if encoding.startswith("utf-8"):  # perhaps not valid, which each entry deals with
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
        raise HarError(f"it is not a HAR: {error}") from error
    except (ValueError, RecursionError) as error:  # perhaps because of a single entry
        try:
            return list(_pieces(_members(_members(content)[b'"log"'])[b'"entries"'], b"["))
        except (ValueError, KeyError):
            raise HarError(f"it is not a HAR, or not a whole one: {error}") from error


def _entry(raw: bytes | msgspec.Raw) -> dict[str, Any]:
    """The readable fields of an entry; raises ValueError if it has no URL."""
    try:
        entry = msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        members = _members(bytes(raw))
        request = _members(members.get(b'"request"', b""))
        entry = {name: _value(members, name) for name in ("startedDateTime", "time", "response")}
        entry["request"] = {name: _value(request, name) for name in ("method", "url", "headers")}
    match entry:
        case {"request": {"url": str()}}:
            return dict(entry)
    raise ValueError("it has no URL")


def _value(members: dict[bytes, bytes], name: str) -> Any:  # noqa: ANN401  # any JSON value
    """The value of a member; None if it is broken."""
    try:
        text = members.get(f'"{name}"'.encode(), b"").decode("utf-8", "surrogateescape")
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def _members(content: bytes) -> dict[bytes, bytes]:
    """The raw values of a JSON object, some of which may be broken, by their quoted names.

    Raises ValueError if the object has no end.
    """
    found = (_MEMBER.fullmatch(piece) for piece in _pieces(content, b"{"))
    return {member[1]: member[2].strip() for member in found if member}


def _pieces(content: bytes, opener: bytes) -> Iterator[bytes]:
    """The texts between the commas of a JSON array or object; raises ValueError.

    An object in an array begins a piece even without a comma before it.
    """
    begin = closed = 0  # the beginning of a piece, and the end of its last bracketed value
    for depth, mark, at in _structure(content if content.startswith(opener) else b""):
        if depth == 0:
            begin = at + 1
        elif depth == 1 and (mark in b",]}" or mark + opener == b"{["):
            if piece := content[begin : closed or at].strip():
                yield piece
            begin, closed = at + (mark == b","), 0
        elif depth == 2 and mark in b"]}":
            closed = at + 1


def _structure(content: bytes) -> Iterator[tuple[int, bytes, int]]:
    """The depth, text and position of each bracket and comma.

    Raises ValueError if the brackets do not match to the end.
    """
    stack: list[bytes] = []
    for match in _STRUCTURE.finditer(content):
        mark = match[0]
        if len(mark) > 1:
            continue  # a string
        yield len(stack), mark, match.start()
        if mark in b"{[":
            stack.append(mark)
        elif mark != b",":
            if not stack or stack.pop() != _OPENERS.get(mark):
                break  # perhaps because of a string without an end
            if not stack:
                if match.end() == len(content):
                    return
                break  # perhaps because of another HAR behind it
    raise ValueError("it cannot be read")


def _flow(entry: dict[str, Any], hosts: Container[str]) -> Found:
    """The flow of an entry, with no body except that of a 403; raises ValueError."""
    given, started = entry["request"], _time(entry.get("startedDateTime"))
    url = _URL.match(given["url"].strip())
    if url is None:
        if _V1.match(given["url"].strip()):
            raise ValueError(_UNCLEAR)
        return None
    authority = _AUTHORITY.fullmatch(url[2].rpartition("@")[2])
    may_be_legacy = authority or _NO_NAME.sub("", url[2]).lower() in hosts
    may_be_retiring = authority and _wire(url[3]).startswith(RETIRING_PREFIXES)
    if not (may_be_retiring or (_V1.match(url[3]) and may_be_legacy)):
        return started
    if authority is None:
        raise ValueError(_UNCLEAR)
    # HAR does not have the client's address.
    client = connection.Client(peername=("", 0), sockname=("", 0), timestamp_start=started)
    flow = http.HTTPFlow(client, connection.Server(address=None))
    # The port does not matter for recognising a call.
    scheme = "https" if url[1].lower() in ("https", "wss") else "http"
    flow.request = http.Request.make("", f"{scheme}://host/")
    flow.request.timestamp_start = flow.request.timestamp_end = started
    request, method = flow.request.data, given.get("method")
    request.method = _wire(method) if isinstance(method, str) else b""
    request.host = authority[1].strip("[]").encode("utf-8", "replace").decode()
    request.path = _wire(url[3])
    request.headers = http.Headers([*_headers(given.get("headers"))])
    if not started or not request.method:
        if legacy_call(flow, hosts) is None:
            return started
        what = "method" if started else "time"
        raise ValueError(f"it may be a v1 call, and its {what} cannot be read")
    flow.response = _response(entry, started)
    return flow


def _headers(headers: object) -> Iterator[tuple[bytes, bytes]]:
    """The headers of the form `{"name": …, "value": …}` or `[name, value]`."""
    for header in headers if isinstance(headers, list) else ():
        match header:
            case {"name": str(name), "value": str(value)} | [str(name), str(value)]:
                yield _wire(name), _wire(value)


def _wire(text: str) -> bytes:
    """The bytes on the wire of a text, in which mitmproxy's export writes each byte that is no
    UTF-8 as a lone surrogate; other surrogates become visible escapes."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace")


def _response(entry: dict[str, Any], started: float) -> http.Response | None:
    """The response; None if there was no answer, which HAR writes as status 0."""
    match entry.get("response"):
        case {"status": int(status)} if 100 <= status <= 999:
            response = http.Response.make(status, _refusal(entry) if status == 403 else b"")
            took = entry.get("time")
            if not (isinstance(took, int | float) and 0 <= took <= _LONGEST_MS):
                took = 0
            response.timestamp_start = response.timestamp_end = started + took / 1000
            return response
    return None


def _refusal(entry: dict[str, Any]) -> bytes:
    """The body of a 403, which says why; empty if it cannot be read."""
    match entry["response"].get("content"):
        case {"text": str(text), "encoding": "base64"}:
            with suppress(ValueError):
                return b64decode(text[:_LONGEST_REFUSAL])
        case {"text": str(text)}:
            return _wire(text[:_LONGEST_REFUSAL])
    return b""


def _time(started: Any) -> float:  # noqa: ANN401  # any JSON value
    """The unix time; 0 if it cannot be read."""
    try:
        return datetime.fromisoformat(started.strip()).astimezone(UTC).timestamp()
    except (AttributeError, TypeError, ValueError, OverflowError):
        return 0.0
