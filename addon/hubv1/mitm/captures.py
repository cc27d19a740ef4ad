"""Recorded traffic as a history: mitmproxy's flow files and HAR."""

from collections import Counter
from collections.abc import Callable, Container, Iterator, MutableSet
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path

from mitmproxy import exceptions, http

from hubv1.calls import Action, decide, observed_call
from hubv1.journal import EVERYTHING, Entry, Gap, History, Seen, Selection, summarised
from hubv1.mitm.flow_metadata import is_upstream_flow, saved_record
from hubv1.mitm.flows import legacy_call, requested_host
from hubv1.mitm.har import HarError, Odd, Other
from hubv1.mitm.opening import Advance, flows_in, opened
from hubv1.texts import plainly

_REPOSITORIES = b"/v1/repositories/"
"""What only Docker's API v1 has; other paths of it, such as /v1/users/, are anybody's."""


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
    told: MutableSet[str] = field(default_factory=set)
    """Flows that are known already, by another recording perhaps: they are left out. mitmproxy
    saves a flow again when it is replayed or saved by hand."""
    known: Callable[[str], bool] = lambda _: False
    """Whether a journal has the call with that id already."""
    advance: Advance = lambda _: None
    """Follows the reading."""


def read_capture(capture: Capture) -> History:
    """What is wanted of the history in a flow file or HAR.

    All of it is right once the entries were taken. Taking them raises CaptureError where the
    recording turns out to be broken, or where there is nothing in it.
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
    odd: list[Odd] = field(default_factory=list)
    first: float = 0.0
    last: float = 0.0


def _entries(capture: Capture, found: _Found) -> Iterator[Entry]:
    try:
        with opened(capture.path, capture.advance) as content:
            for flow in _flows(content, found):
                if isinstance(flow, http.HTTPFlow):
                    yield from _entry(capture, flow, found)
                else:
                    found.seen.flows += capture.selection.covers(_moment(flow.at))
    except (OSError, HarError, exceptions.FlowReadException) as error:
        raise _error(capture, plainly(error).removesuffix(".")) from error
    except Exception as error:  # mitmproxy's reader lets through what broken data raise: KeyError
        raise _error(capture, "it is broken, or neither a flow file nor HAR") from error
    _settle(capture, found)


def _flows(content: BufferedReader, found: _Found) -> Iterator[http.HTTPFlow | Other]:
    for flow in flows_in(content):
        if isinstance(flow, Odd):
            found.odd.append(flow)
        elif flow is None or (isinstance(flow, http.HTTPFlow) and is_upstream_flow(flow)):
            found.others += 1
        else:
            found.flows += 1
            at = flow.at if isinstance(flow, Other) else flow.request.timestamp_start
            if at:
                found.first, found.last = min(found.first or at, at), max(found.last, at)
            yield flow


def _entry(capture: Capture, flow: http.HTTPFlow, found: _Found) -> Iterator[Entry]:
    """The call that a flow is; other traffic is only counted."""
    call = legacy_call(flow, capture.hosts)
    entry = saved_record(flow)
    if entry is None and call is not None and decide(call, live=False) is Action.OBSERVE:
        entry = observed_call(flow, call)
    if entry is None:
        if capture.selection.covers(_moment(flow.request.timestamp_start)):
            found.seen.flows += 1
            found.seen.still_served += call is not None
            if call is None and flow.request.data.path.startswith(_REPOSITORIES):
                found.elsewhere[requested_host(flow)] += 1
    elif _is_news(capture, entry):
        capture.told.add(entry.flow_id)
        found.seen.flows += 1
        yield entry


def _is_news(capture: Capture, entry: Entry) -> bool:
    if not capture.selection.covers(entry.started_at) or entry.flow_id in capture.told:
        return False
    return not capture.known(entry.id)


def _settle(capture: Capture, found: _Found) -> None:
    """What cannot be read may have been v1 calls, so it is a gap; nothing at all is no history."""
    odd = len(found.odd)
    why = f": {found.odd[0].reason}" if odd else ""
    if not found.flows:
        entries = odd + found.others
        what = (
            f"none of its {entries} entries is traffic of HTTP{why}" if entries else "it is empty"
        )
        raise _error(capture, what)
    first, last = _moment(found.first), _moment(found.last)
    if odd and capture.selection.meets(first, last):
        reason = f"{capture.path} has entries that cannot be read, the first for this{why}"
        found.gaps.append(Gap(first, last, odd, reason))


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _error(capture: Capture, reason: str) -> CaptureError:
    return CaptureError(f"The recording {capture.path} cannot be read: {reason}.")
