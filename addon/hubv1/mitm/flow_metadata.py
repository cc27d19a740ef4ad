"""What the bridge writes into a flow: a mark and a comment for people, its record for reports.

mitmproxy saves all three with the flow. Anybody can make such a file, so whatever is read from one
is checked like everything from outside.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from mitmproxy import http
from mitmproxy.flow import Flow

from hubv1.api.names import is_tag, repository_or_none
from hubv1.api.routes import ROUTES, Call, Outcome, route_named
from hubv1.journal import CallRecord
from hubv1.text import bounded, printable

KEY = "hub_v1"
"""The bridge's key in a flow's metadata, which mitmproxy can save with plain types only."""
UPSTREAM_KEY = "hub_v1_upstream"
"""Key in the metadata of the bridge's own requests (upstream_flows.py)."""
MARKS = {
    Outcome.TRANSLATED: ":recycle:",
    Outcome.REDIRECTED: ":arrow_right:",
    Outcome.OBSERVED: ":eyes:",
    Outcome.GONE: ":no_entry:",
    Outcome.PASSED: ":fast_forward:",
    Outcome.REFUSED: ":no_entry_sign:",
    Outcome.FAILED: ":x:",
}
"""Markers for which mitmproxy has an emoji."""

_KNOWN = frozenset(route.name for route in ROUTES)
_PLAIN = frozenset(field.name for field in fields(CallRecord)) - {"started_at"}
_MOST_REQUESTS = 20
_MOST = 1_000_000_000
"""Upper bound of any number in a record, milliseconds included: eleven days."""


def claim(flow: http.HTTPFlow) -> None:
    """Say that a bridge takes care of the flow's call."""
    if not isinstance(flow.metadata, dict):
        flow.metadata = {}  # a file may have anything there
    flow.metadata.setdefault(KEY, {})


def is_claimed(flow: http.HTTPFlow) -> bool:
    """Whether a bridge takes, or took, care of the flow's call."""
    return isinstance(flow.metadata, dict) and KEY in flow.metadata


def is_upstream_flow(flow: http.HTTPFlow) -> bool:
    """Whether the flow is one of the bridge's own requests, live or saved."""
    return isinstance(flow.metadata, dict) and flow.metadata.get(UPSTREAM_KEY) is True


def annotate(
    flow: http.HTTPFlow,
    entry: CallRecord,
    comment: str,
    upstream_requests: Sequence[str] = (),
) -> None:
    """Mark the flow and comment on it, unless a person has, and save the call's record in it."""
    claim(flow)
    mark, before = MARKS[entry.outcome], _note(flow)
    if flow.marked in ("", before.get("mark")):
        flow.marked = mark
    if flow.comment in ("", before.get("comment")):
        flow.comment = comment
    flow.metadata[KEY] = {
        "mark": mark,
        "comment": comment,
        "call": msgspec.to_builtins(entry),
        "asked": [bounded(each) for each in upstream_requests[:_MOST_REQUESTS]],
    }


def comment_on(entry: CallRecord, instead: str, *, is_replay: bool = False) -> str:
    """A call in one line: what it was, what became of it, what to call instead, who must change.

    `instead` is the URL of a call, or a sentence that says what to do.
    """
    status = entry.http_response_status_code or "without an answer"
    why = f" ({entry.error_type}: {entry.error})" if entry.error_type else ""
    return printable(
        f"Docker Hub API v1: {entry.http_request_method} {entry.url_path}; "
        f"{'replayed by hand and not counted, ' if is_replay else ''}"
        f"{entry.outcome} {status}{why}; instead: {instead}; to change by: {entry.caller}"
    )


def saved_record(flow: http.HTTPFlow) -> CallRecord | None:
    """The record that a bridge saved in the flow; None if there is none, or it cannot be true."""
    note = _note(flow)
    if not note:
        return None
    call = note.get("call")
    try:
        entry = msgspec.convert(call, CallRecord)
        if not _is_sound(entry, call):
            return None
        return replace(entry, id=str(UUID(entry.id)))
    except (msgspec.ValidationError, ValueError):
        return None


def saved_upstream_requests(flow: Flow) -> Sequence[str]:
    """The requests to Docker's hosts that a bridge saved in the flow."""
    requests = _note(flow).get("asked")
    if not isinstance(requests, list) or len(requests) > _MOST_REQUESTS:
        return ()
    return [bounded(each) for each in requests if isinstance(each, str)]


def call_of(entry: CallRecord) -> Call:
    """The call that a record is about."""
    repository = repository_or_none(entry.namespace, entry.repository)
    return Call(route_named(entry.route), repository, entry.tag or None)


def _note(flow: Flow) -> dict[str, Any]:
    """What stands under the bridge's key; empty if that is nothing a bridge would write."""
    note = flow.metadata.get(KEY) if isinstance(flow.metadata, dict) else None
    return note if isinstance(note, dict) else {}


def _is_sound(entry: CallRecord, call: Any) -> bool:  # noqa: ANN401  # what it was converted from
    """Whether a bridge may have saved it: what had to be bounded, none has."""
    started_at = msgspec.convert(call["started_at"], datetime)
    numbers = [each for each in entry.row() if isinstance(each, int | float)]
    return (
        entry.route in _KNOWN
        and entry.verdict is route_named(entry.route).verdict
        and all(number < _MOST for number in numbers)
        and all(getattr(entry, name) == call[name] for name in call if name in _PLAIN)
        and started_at.tzinfo is not None
        and entry.started_at == started_at
        and _names_are_possible(entry)
    )


def _names_are_possible(entry: CallRecord) -> bool:
    is_named = bool(entry.namespace or entry.repository)
    repository = repository_or_none(entry.namespace, entry.repository)
    return (repository is not None or not is_named) and (not entry.tag or is_tag(entry.tag))
