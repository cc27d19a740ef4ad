"""A recording as a history: the v1 calls in a flow file or HAR, and what else was seen there."""

import gzip
from collections import Counter
from collections.abc import Callable, Container, Iterator, MutableSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BufferedReader, FileIO, RawIOBase
from pathlib import Path
from typing import Any

from mitmproxy import exceptions, http
from mitmproxy.io import FlowReader

from hubv1.calls import decide, observed_call
from hubv1.captures.har import HarError, OtherTraffic, Unreadable, har_flows
from hubv1.journal import EVERYTHING, CallRecord, Gap, History, Seen, Selection, summarised
from hubv1.mitm.flows import is_upstream_flow, legacy_call, requested_host, saved_record, v1_call
from hubv1.text import bounded, plainly

STANDARD_INPUT = Path("-")

_REPOSITORIES = "/v1/repositories/"
"""What only Docker's API v1 has; other paths of it, such as /v1/users/, are anybody's."""

_MOST_HOSTS = 100
"""That are told apart of those that are no legacy hosts."""

_BYTES_AT_ONCE = 1 << 16
_PACKED = {b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"(\xb5/\xfd": "zstd"}
"""By their first bytes: what is to be unpacked before it can be read."""
_GZIP = b"\x1f\x8b"
_BEFORE_HAR = b" \t\r\n\0\xef\xbb\xbf\xff\xfe"
"""White space and marks of an encoding. A flow file begins with a digit."""

_LATEST = 253_402_300_799.0
"""Unix time: the last second of the year 9999, after which Python has no dates."""

OnRead = Callable[[int], None]
"""Hears of each so many bytes that were read."""


class CaptureError(Exception):
    """A recording that cannot be read, and why, in one sentence."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A recording, and how to look at it."""

    path: Path
    """`-` is standard input."""
    hosts: Container[str]
    """The legacy hosts."""
    selection: Selection = EVERYTHING
    seen_ids: MutableSet[str] = field(default_factory=set)
    """Flows that are known already, by another recording perhaps: they are left out. mitmproxy
    saves a flow again when it is replayed or saved by hand."""
    is_known: Callable[[str], bool] = lambda _: False
    """Whether a journal has the call with that id already."""
    on_read: OnRead = lambda _: None
    """Follows the reading."""


def read_capture(capture: Capture) -> History:
    """The history in a flow file or HAR, as far as it is wanted.

    It is complete once its entries were taken. Taking them raises CaptureError where the recording
    turns out to be broken, or where there is nothing in it.
    """
    found = _Found()
    entries = _entries(capture, found)
    return History(
        found.seen,
        found.gaps,
        entries,
        lambda hour: summarised(entries, hour, capture.selection),
        found.elsewhere,
    )


@dataclass(slots=True)
class _Found:
    """What is in a recording besides v1 calls, as far as it was read."""

    seen: Seen = field(default_factory=Seen)
    gaps: list[Gap] = field(default_factory=list)
    elsewhere: Counter[str] = field(default_factory=Counter)
    """Calls with a path of v1 to hosts that are no legacy ones."""
    flows: int = 0
    """Those of HTTP, whenever they were."""
    others: int = 0
    unreadable: int = 0
    reason: str = ""
    """Why the first of these cannot be read."""
    first: float = 0.0
    last: float = 0.0


def _entries(capture: Capture, found: _Found) -> Iterator[CallRecord]:
    try:
        with _opened(capture.path, capture.on_read) as content:
            for flow in _flows(content, capture, found):
                if isinstance(flow, http.HTTPFlow):
                    yield from _entry(capture, flow, found)
                else:
                    found.seen.flows += capture.selection.covers(_moment(flow.at))
    except (OSError, HarError, exceptions.FlowReadException) as error:
        raise _error(capture, plainly(error).removesuffix(".")) from error
    except Exception as error:  # mitmproxy's reader lets through what broken data raise: KeyError
        raise _error(capture, "it is broken, or neither a flow file nor HAR") from error
    _check_readable(capture, found)


@contextmanager
def _opened(path: Path, on_read: OnRead) -> Iterator[BufferedReader]:
    """The content of the recording, unpacked. Raises OSError, or HarError where it is packed in a
    way that cannot be read here."""
    with FileIO(0, closefd=False) if path == STANDARD_INPUT else FileIO(path) as file:
        content: BufferedReader = BufferedReader(_Watched(file, on_read), _BYTES_AT_ONCE)
        if content.peek(2).startswith(_GZIP):
            content = BufferedReader(gzip.GzipFile(fileobj=content))
        for start, name in _PACKED.items():
            if content.peek(len(start)).startswith(start):
                raise HarError(f"it is packed with {name}: unpack it first")
        yield content


def _flows(
    content: BufferedReader, capture: Capture, found: _Found
) -> Iterator[http.HTTPFlow | OtherTraffic]:
    while (ahead := content.peek(2)[:2])[:1].isspace() and ahead[1:] != b"\0":
        content.read(1)
    is_har = content.peek(64).lstrip(_BEFORE_HAR).startswith(b"{")
    flows = har_flows(content.read(), capture.hosts) if is_har else _file_flows(content)
    for flow in flows:
        if isinstance(flow, Unreadable):
            found.unreadable += 1
            found.reason = found.reason or flow.reason
        elif flow is None or (isinstance(flow, http.HTTPFlow) and is_upstream_flow(flow)):
            found.others += 1
        else:
            found.flows += 1
            at = flow.at if isinstance(flow, OtherTraffic) else flow.request.timestamp_start
            if at:
                found.first, found.last = min(found.first or at, at), max(found.last, at)
            yield flow


def _file_flows(content: BufferedReader) -> Iterator[http.HTTPFlow | Unreadable | None]:
    """The flows of HTTP in mitmproxy's own format; None for any other.

    Raises FlowReadException, and what mitmproxy lets through of broken data.
    """
    for number, flow in enumerate(FlowReader(content).stream(), 1):
        if not isinstance(flow, http.HTTPFlow):
            yield None
        elif 0 <= flow.request.timestamp_start <= _LATEST:
            yield flow
        else:
            yield Unreadable(f"flow {number}: its time cannot be read")


def _entry(capture: Capture, flow: http.HTTPFlow, found: _Found) -> Iterator[CallRecord]:
    """The call that a flow is; other traffic is only counted."""
    call = legacy_call(flow, capture.hosts)
    entry = saved_record(flow)
    if entry is None and call is not None and decide(call, live=False) is not None:
        entry = observed_call(flow, call)
    if entry is None:
        if capture.selection.covers(_moment(flow.request.timestamp_start)):
            found.seen.flows += 1
            found.seen.still_served += call is not None
            if call is None:
                _count_elsewhere(flow, found.elsewhere)
    elif _is_news(capture, entry):
        capture.seen_ids.add(entry.flow_id)
        found.seen.flows += 1
        yield entry


def _count_elsewhere(flow: http.HTTPFlow, hosts: Counter[str]) -> None:
    """Count the host if it was asked for what only API v1 has, though it is no legacy host."""
    like = v1_call(flow)
    if like is not None and like.route.path.startswith(_REPOSITORIES):
        host = bounded(requested_host(flow))
        hosts[host if host in hosts or len(hosts) < _MOST_HOSTS else "(others)"] += 1


def _is_news(capture: Capture, entry: CallRecord) -> bool:
    if not capture.selection.covers(entry.started_at) or entry.flow_id in capture.seen_ids:
        return False
    return not capture.is_known(entry.id)


def _check_readable(capture: Capture, found: _Found) -> None:
    """What cannot be read may have been v1 calls, so it is a gap; nothing at all is no history."""
    why = f": {found.reason}" if found.reason else ""
    if not found.flows:
        entries = found.unreadable + found.others
        what = (
            f"none of its {entries} entries is traffic of HTTP{why}" if entries else "it is empty"
        )
        raise _error(capture, what)
    first, last = _moment(found.first), _moment(found.last)
    if found.unreadable and capture.selection.meets(first, last):
        reason = f"{capture.path} has entries that cannot be read, the first for this{why}"
        found.gaps.append(Gap(first, last, found.unreadable, reason))


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _error(capture: Capture, reason: str) -> CaptureError:
    return CaptureError(f"The recording {capture.path} cannot be read: {reason}.")


class _Watched(RawIOBase):
    """A file whose reading somebody follows."""

    def __init__(self, file: FileIO, on_read: OnRead) -> None:
        self._file = file
        self._on_read = on_read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401  # has no name in Python 3.11
        count = self._file.readinto(buffer)
        self._on_read(count or 0)
        return count
