"""Recorded traffic in flow files and HAR, as a history: calls to v1, calls to routes of API v2 that
Docker retires next, and the amount of other traffic."""

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

from hubv1.api.routes import Call, Listing
from hubv1.calls import PendingCall, decide, take_snapshot
from hubv1.captures.har import Found, HarError, har_flows
from hubv1.journal import EVERYTHING, CallRecord, Gap, History, Seen, Selection, summarised
from hubv1.mitm.flows import (
    is_refused_page,
    is_upstream_flow,
    legacy_call,
    requested_host,
    retiring_call,
    saved_record,
    v1_call,
)
from hubv1.text import bounded, plainly

STANDARD_INPUT = Path("-")

_REPOSITORIES = "/v1/repositories/"
"""A path that only Docker's API v1 has; others, such as /v1/users/, are common."""
_MOST_HOSTS = 100  # other than legacy hosts that are counted by name
_BYTES_AT_ONCE = 1 << 16
_PACKED = {b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"(\xb5/\xfd": "zstd"}
"""Formats that have to be unpacked first, by the first bytes of a file."""
_GZIP = b"\x1f\x8b"
_BEFORE_HAR = b" \t\r\n\0\xef\xbb\xbf\xff\xfe"
"""White space and byte order marks; a flow file begins with a digit."""
_BROKEN = "it is broken, or neither a flow file nor HAR"
_SAYS_NOTHING = "Invalid data format"  # mitmproxy's reason for any text
_LATEST = 253_402_300_799.0  # unix time of the end of the year 9999, the last of Python's dates

OnRead = Callable[[int], None]  # is called with the number of bytes of each read


class CaptureError(Exception):
    """A recording cannot be read; the text says why, in one sentence."""


@dataclass(slots=True)
class Capture:
    """A recording, how to read it, and what it has besides calls."""

    path: Path  # `-` is standard input
    hosts: Container[str]  # the legacy hosts
    selection: Selection = EVERYTHING
    seen_ids: MutableSet[str] = field(default_factory=set)
    """Ids of flows that were read before, perhaps from another recording, and are left out:
    mitmproxy saves a flow again when it is replayed or saved by hand."""
    is_known: Callable[[str], bool] = lambda _: False
    """Whether a journal has the call with that id already."""
    on_read: OnRead = lambda _: None
    seen: Seen = field(default_factory=Seen)
    gaps: list[Gap] = field(default_factory=list)
    elsewhere: Counter[str] = field(default_factory=Counter)
    flows: int = 0  # entries that are HTTP traffic, of any time
    others: int = 0
    unreadable: int = 0
    reason: str = ""  # why the first unreadable entry cannot be read
    first: float = 0.0
    last: float = 0.0

    def entries(self) -> Iterator[CallRecord]:
        """The calls, each once; raises CaptureError."""
        try:
            with _opened(self.path, self.on_read) as content:
                for found in _found(content, self.hosts):
                    yield from self._calls(found)
        except (OSError, HarError, exceptions.FlowReadException) as error:
            reason = plainly(error).removesuffix(".")
            raise self._error(_BROKEN if reason == _SAYS_NOTHING else reason) from error
        except Exception as error:  # mitmproxy's reader raises anything for broken data
            raise self._error(_BROKEN) from error
        self._check_readable()

    def _calls(self, found: Found) -> Iterator[CallRecord]:
        """The record of an entry that is a call; any other entry is only counted."""
        if isinstance(found, ValueError):
            self.unreadable += 1
            self.reason = self.reason or str(found)
        elif found is None or (isinstance(found, http.HTTPFlow) and is_upstream_flow(found)):
            self.others += 1
        else:
            self.flows += 1
            at = found if isinstance(found, float) else found.request.timestamp_start
            if at:
                self.first, self.last = min(self.first or at, at), max(self.last, at)
            call = None if isinstance(found, float) else self._call(found)
            if call is None:
                self.seen.flows += self.selection.covers(_moment(at))
            elif self._is_new(call):
                self.seen_ids.add(call.flow_id)
                self.seen.flows += 1
                yield call

    def _call(self, flow: http.HTTPFlow) -> CallRecord | None:
        saved, call = saved_record(flow), _recorded_call(flow, self.hosts)
        decided = decide(call, live=False) if call is not None and saved is None else None
        if call is not None and decided is not None:
            return PendingCall(flow, call, decided, take_snapshot(flow)).record("")
        if saved is None and self.selection.covers(_moment(flow.request.timestamp_start)):
            self.seen.still_served += call is not None
            if call is None:
                self._count_elsewhere(flow)
        return saved

    def _count_elsewhere(self, flow: http.HTTPFlow) -> None:
        """Count the host of a call that only API v1 has, although it is no legacy host."""
        call, hosts = v1_call(flow), self.elsewhere
        if call is not None and call.route.path.startswith(_REPOSITORIES):
            host = bounded(requested_host(flow))
            hosts[host if host in hosts or len(hosts) < _MOST_HOSTS else "(others)"] += 1

    def _is_new(self, call: CallRecord) -> bool:
        is_wanted = self.selection.covers(call.started_at) and call.flow_id not in self.seen_ids
        return is_wanted and not self.is_known(call.id)

    def _check_readable(self) -> None:
        """Note unreadable entries, which may be calls, as a gap; raise if there is no traffic."""
        why = f": {self.reason}" if self.reason else ""
        if not self.flows:
            count = self.unreadable + self.others
            which = "its only entry is not" if count == 1 else f"none of its {count:,} entries is"
            none = f"{which} HTTP traffic{why}"
            raise self._error(none if count else "it is empty")
        first, last = _moment(self.first), _moment(self.last)
        if self.unreadable and self.selection.meets(first, last):
            reason = f"{self.path} has entries that cannot be read; the first{why}"
            self.gaps.append(Gap(first, last, self.unreadable, reason))

    def _error(self, reason: str) -> CaptureError:
        return CaptureError(f"The recording {self.path} cannot be read: {reason}.")


def _recorded_call(flow: http.HTTPFlow, hosts: Container[str]) -> Call | None:
    """The call in a recorded flow, to v1 or to a route that Docker retires next."""
    call = legacy_call(flow, hosts) or retiring_call(flow)
    is_page = call is not None and call.route.listing is Listing.PAGE
    return None if is_page and not is_refused_page(flow) else call


def read_capture(capture: Capture) -> History:
    """The selected history in a flow file or HAR.

    It is complete once its entries were iterated, which raises CaptureError if the recording is
    broken or empty.
    """
    entries = capture.entries()
    return History(
        capture.seen,
        capture.gaps,
        entries,
        lambda hour: summarised(entries, hour, capture.selection),
        capture.elsewhere,
    )


@contextmanager
def _opened(path: Path, on_read: OnRead) -> Iterator[BufferedReader]:
    """The unpacked content of the recording; raises OSError, or HarError for an unknown packing."""
    with FileIO(0, closefd=False) if path == STANDARD_INPUT else FileIO(path) as file:
        content: BufferedReader = BufferedReader(_Watched(file, on_read), _BYTES_AT_ONCE)
        if content.peek(2).startswith(_GZIP):
            content = BufferedReader(gzip.GzipFile(fileobj=content))
        for start, name in _PACKED.items():
            if content.peek(len(start)).startswith(start):
                raise HarError(f"it is compressed with {name}: decompress it first")
        yield content


class _Watched(RawIOBase):
    """A file whose reads are reported."""

    def __init__(self, file: FileIO, on_read: OnRead) -> None:
        self._file = file
        self._on_read = on_read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401  # has no name in Python 3.11
        count = self._file.readinto(buffer)
        self._on_read(count or 0)
        return count


def _found(content: BufferedReader, hosts: Container[str]) -> Iterator[Found]:
    """The entries of a HAR or a flow file.

    Raises HarError, FlowReadException, and anything that mitmproxy raises for broken data.
    """
    while (ahead := content.peek(2)[:2])[:1].isspace() and ahead[1:] != b"\0":
        content.read(1)
    if content.peek(64).lstrip(_BEFORE_HAR).startswith(b"{"):
        yield from har_flows(content.read(), hosts)
        return
    for number, flow in enumerate(FlowReader(content).stream(), 1):
        if not isinstance(flow, http.HTTPFlow):
            yield None
        elif 0 <= flow.request.timestamp_start <= _LATEST:
            yield flow
        else:
            yield ValueError(f"flow {number}: its time cannot be read")


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
