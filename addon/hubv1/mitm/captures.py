"""Recorded traffic as a history: mitmproxy's flow files and HAR."""

from collections.abc import Container, Iterator, MutableSet
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mitmproxy import exceptions, http
from mitmproxy.io import FlowReader

from hubv1.journal import EVERYTHING, Entry, History, Seen, Selection, summarised
from hubv1.mitm.entries import OpenCall
from hubv1.mitm.flows import legacy_call
from hubv1.mitm.notes import noted
from hubv1.policy import Action, decide


class CaptureError(Exception):
    """A recording that cannot be read, and why, in one sentence."""


def read_capture(
    path: Path,
    hosts: Container[str],
    selection: Selection = EVERYTHING,
    told: MutableSet[str] | None = None,
) -> History:
    """What is wanted of the history in a flow file or HAR, with `hosts` as legacy hosts.

    Its counts are right once all entries were taken. Taking them raises CaptureError where the
    file turns out to be broken. A call whose flow is `told` already, by another recording
    perhaps, is left out: mitmproxy saves a flow again when it is replayed or saved by hand.
    """
    reading = _Reading(hosts, selection, set() if told is None else told)
    entries = reading.entries(path)
    return History(reading.seen, (), entries, lambda hour: summarised(entries, hour, selection))


@dataclass(frozen=True, slots=True)
class _Reading:
    hosts: Container[str]
    selection: Selection
    told: MutableSet[str]
    seen: Seen = field(default_factory=Seen)

    def entries(self, path: Path) -> Iterator[Entry]:
        try:
            with path.open("rb") as file:
                for flow in FlowReader(file).stream():
                    if isinstance(flow, http.HTTPFlow):
                        yield from self._entry(flow)
        except (OSError, exceptions.FlowReadException) as error:
            reason = str(error).removesuffix(".")
            raise CaptureError(f"The recording {path} cannot be read: {reason}.") from error
        except Exception as error:  # mitmproxy's reader lets through what broken data raise
            raise CaptureError(
                f"The recording {path} cannot be read: it is broken, or neither a flow file nor "
                "HAR."
            ) from error

    def _entry(self, flow: http.HTTPFlow) -> Iterator[Entry]:
        """The call that a flow is; other traffic is only counted."""
        call = legacy_call(flow, self.hosts)
        entry = noted(flow)
        if entry is None and call is not None and decide(call, live=False) is Action.OBSERVE:
            entry = OpenCall(flow, call, Action.OBSERVE).entry("")
        if entry is None:
            if self.selection.covers(datetime.fromtimestamp(flow.request.timestamp_start, UTC)):
                self.seen.flows += 1
                self.seen.still_served += call is not None
        elif self.selection.covers(entry.started_at) and entry.flow_id not in self.told:
            self.told.add(entry.flow_id)
            self.seen.flows += 1
            yield entry
