"""What the bridge writes into a flow: a mark and a comment for people, its record for reports.

mitmproxy saves all three with the flow. Anybody can make such a file, so whatever is read from one
is checked like everything from outside.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any
from uuid import UUID

import msgspec
from mitmproxy import http
from mitmproxy.flow import Flow

from hubv1.journal import Entry
from hubv1.names import is_tag, repository_or_none
from hubv1.outcome import Outcome
from hubv1.routes import ROUTES, Call, route_named
from hubv1.texts import LONGEST, bounded, printable

KEY = "hub_v1"
"""The bridge's key in a flow's metadata, which mitmproxy can save with plain types only."""
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


def annotate(
    flow: http.HTTPFlow,
    entry: Entry,
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


def comment_on(entry: Entry, instead: str, *, is_replay: bool = False) -> str:
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


def saved_record(flow: http.HTTPFlow) -> Entry | None:
    """The record that a bridge saved in the flow; None if there is none, or it cannot be true."""
    note = _note(flow)
    if not note:
        return None
    try:
        entry = msgspec.convert(note.get("call"), Entry)
        entry = replace(entry, id=str(UUID(entry.id)), started_at=entry.started_at.astimezone(UTC))
    except (msgspec.ValidationError, ValueError, OverflowError):
        return None
    return entry if _is_sound(entry) else None


def saved_upstream_requests(flow: Flow) -> Sequence[str]:
    """The requests to Docker's hosts that a bridge saved in the flow."""
    requests = _note(flow).get("asked")
    if not isinstance(requests, list) or len(requests) > _MOST_REQUESTS:
        return ()
    return [bounded(each) for each in requests if isinstance(each, str)]


def call_of(entry: Entry) -> Call:
    """The call that a record is about."""
    repository = repository_or_none(entry.namespace, entry.repository)
    return Call(route_named(entry.route), repository, entry.tag or None)


def _note(flow: Flow) -> dict[str, Any]:
    """What stands under the bridge's key; empty if that is nothing a bridge would write."""
    note = flow.metadata.get(KEY) if isinstance(flow.metadata, dict) else None
    return note if isinstance(note, dict) else {}


def _is_sound(entry: Entry) -> bool:
    values = entry.row()
    numbers = [each for each in values if isinstance(each, int | float)]
    return (
        entry.route in _KNOWN
        and entry.verdict is route_named(entry.route).verdict
        and all(0 <= number < _MOST for number in numbers)
        and all(
            len(each) <= LONGEST and "\0" not in each for each in values if isinstance(each, str)
        )
        and _names_are_possible(entry)
    )


def _names_are_possible(entry: Entry) -> bool:
    is_named = bool(entry.namespace or entry.repository)
    repository = repository_or_none(entry.namespace, entry.repository)
    return (repository is not None or not is_named) and (not entry.tag or is_tag(entry.tag))
