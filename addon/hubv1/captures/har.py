"""HAR, entry by entry, as browsers and proxies write it.

mitmproxy reads it too, but there a single broken entry costs all others; whoever was asked about v1
wants to hear of those. Here a v1 call needs a method, a URL and a time that can be read, whatever
else is broken, and an entry for another host needs nothing.
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
"""Scheme, authority and path of a request of HTTP; a WebSocket begins as one."""
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:\[\]]+)(?::.*)?", re.IGNORECASE | re.DOTALL)
_NO_NAME = re.compile(r"[^\w.-]")
_V1 = re.compile(r"/+v1/")
_UNCLEAR = "its method or its URL cannot be read"
"""Without the URL, whose query string is nobody's business."""

_AROUND = b" \t\r\n\0\x1a"  # what may stand before and after the text
_STRUCTURE = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\],"]', re.DOTALL)
_MEMBER = re.compile(rb'\s*("[^"\\]*+(?:\\.[^"\\]*+)*+")\s*:(.*)', re.DOTALL)
_OPENERS = {b"}": b"{", b"]": b"["}

_LONGEST_REFUSAL = 1 << 16
_LONGEST_MS = 86_400_000  # that a call may have taken: a day


class HarError(Exception):
    """What is no HAR at all, or no longer a whole one."""


Found = http.HTTPFlow | float | ValueError | None
"""What an entry is: a flow of HTTP; the unix time of one that is no v1 call, since to make a flow
of it would take most of the time, and 0 where it cannot be read; why nobody can read what may have
been a v1 call; None for what is no request of HTTP, but a `data:` URL say."""


class _Log(msgspec.Struct):
    entries: list[msgspec.Raw]


class _Har(msgspec.Struct):
    log: _Log


_read_har = msgspec.json.Decoder(_Har).decode


def har_flows(content: bytes, hosts: Container[str]) -> Iterator[Found]:
    """What each entry is: a flow if it may be a v1 call to one of `hosts`, or one to what Docker
    retires next, or is like one to another host. Raises HarError."""
    same: Counter[bytes] = Counter()
    for number, raw in enumerate(_raw_entries(_in_utf_8(content)), 1):
        try:
            flow = _flow(_entry(raw), hosts)
        except ValueError as error:
            yield ValueError(f"entry {number}: {error}")
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
        try:
            return list(_pieces(_members(_members(content)[b'"log"'])[b'"entries"'], b"["))
        except (ValueError, KeyError):
            raise HarError(f"it is no HAR, or no longer a whole one: {error}") from error


def _entry(raw: bytes | msgspec.Raw) -> dict[str, Any]:
    """The fields of an entry, as far as they can be read; raises ValueError where it has no URL."""
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


def _value(members: dict[bytes, bytes], name: str) -> Any:  # noqa: ANN401  # whatever it is
    """The value of a member; None where it is broken."""
    try:
        text = members.get(f'"{name}"'.encode(), b"").decode("utf-8", "surrogateescape")
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def _members(content: bytes) -> dict[bytes, bytes]:
    """The members of a JSON object of which some may be broken: names, quoted, and values.

    Raises ValueError where it has no end.
    """
    found = (_MEMBER.fullmatch(piece) for piece in _pieces(content, b"{"))
    return {member[1]: member[2].strip() for member in found if member}


def _pieces(content: bytes, opener: bytes) -> Iterator[bytes]:
    """What stands between the commas of a JSON array or object; raises ValueError.

    In an array an object begins a piece where the comma before it was left out.
    """
    begin = closed = 0  # where a piece begins, and where the last value in it was closed
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
    """Each bracket and comma and its position, and how many brackets are open before it.

    Raises ValueError where they do not match to the end.
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
                break  # or a string without an end
            if not stack:
                if match.end() == len(content):
                    return
                break  # another HAR behind it, say
    raise ValueError("it cannot be read")


def _flow(entry: dict[str, Any], hosts: Container[str]) -> Found:
    """The flow of an entry, without bodies but that of a refusal; raises ValueError."""
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
    # HAR does not say who the client was.
    client = connection.Client(peername=("", 0), sockname=("", 0), timestamp_start=started)
    flow = http.HTTPFlow(client, connection.Server(address=None))
    # Whatever the port was: no call is told by it.
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
    """Of `{"name": …, "value": …}` or `[name, value]`; what is neither is left out."""
    for header in headers if isinstance(headers, list) else ():
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


def _response(entry: dict[str, Any], started: float) -> http.Response | None:
    """None where there was no answer, which HAR writes as status 0."""
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
    """The body of a response that refuses, which tells why; empty if it cannot be read."""
    match entry["response"].get("content"):
        case {"text": str(text), "encoding": "base64"}:
            with suppress(ValueError):
                return b64decode(text[:_LONGEST_REFUSAL])
        case {"text": str(text)}:
            return _wire(text[:_LONGEST_REFUSAL])
    return b""


def _time(started: Any) -> float:  # noqa: ANN401  # whatever it is
    """Unix time, 0 where it cannot be read."""
    try:
        return datetime.fromisoformat(started.strip()).astimezone(UTC).timestamp()
    except (AttributeError, TypeError, ValueError, OverflowError):
        return 0.0
