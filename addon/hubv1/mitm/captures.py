"""Recorded traffic as a history: mitmproxy's flow files and HAR."""

from collections.abc import Container, Iterator
from datetime import UTC, datetime
from pathlib import Path

from mitmproxy import exceptions, http
from mitmproxy.io import FlowReader

from hubv1.caller import CallerRules
from hubv1.journal import EVERYTHING, Entry, History, Seen, Selection, summarised
from hubv1.mitm.entries import OpenCall
from hubv1.mitm.flows import legacy_call
from hubv1.policy import Action, decide


class CaptureError(Exception):
    """A recording that cannot be read, and why, in one sentence."""


def read_capture(path: Path, hosts: Container[str], selection: Selection = EVERYTHING) -> History:
    """What is wanted of the history in a flow file or HAR, with `hosts` as legacy hosts.

    Its counts are right once all entries were taken. Taking them raises CaptureError where the
    file turns out to be broken.
    """
    seen = Seen()
    entries = _entries(path, hosts, seen, selection)
    return History(seen, (), entries, lambda hour: summarised(entries, hour, selection))


def _entries(
    path: Path, hosts: Container[str], seen: Seen, selection: Selection
) -> Iterator[Entry]:
    try:
        with path.open("rb") as file:
            for flow in FlowReader(file).stream():
                if isinstance(flow, http.HTTPFlow) and _is_in(selection, flow):
                    seen.flows += 1
                    yield from _entry(flow, hosts, seen)
    except (OSError, exceptions.FlowReadException) as error:
        reason = str(error).removesuffix(".")
        raise CaptureError(f"The recording {path} cannot be read: {reason}.") from error
    except Exception as error:  # mitmproxy's reader lets through what broken data raise: KeyError
        raise CaptureError(
            f"The recording {path} cannot be read: it is broken, or neither a flow file nor HAR."
        ) from error


def _is_in(selection: Selection, flow: http.HTTPFlow) -> bool:
    return selection.covers(datetime.fromtimestamp(flow.request.timestamp_start, UTC))


def _entry(flow: http.HTTPFlow, hosts: Container[str], seen: Seen) -> Iterator[Entry]:
    call = legacy_call(flow, hosts)
    if call is None:
        return
    action = decide(call, live=False)
    if action is Action.COUNT:
        seen.still_served += 1
    else:
        yield OpenCall(flow, call, action).entry(CallerRules(), "")
