"""What the bridge leaves in a flow: mark and comment for people, and the call itself for reports.

mitmproxy saves all three with the flow. A file that is read again may have been made by anybody,
so what is found there is checked like everything from outside.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from mitmproxy import http
from mitmproxy.flow import Flow

from hubv1.journal import Entry
from hubv1.names import is_tag, repository_or_none
from hubv1.recognition import Call
from hubv1.remark import MARKS
from hubv1.routes import ROUTES, route_named
from hubv1.texts import bounded

KEY = "hub_v1"
"""Where in a flow's metadata; plain types only, since no others can be saved."""

_KNOWN = frozenset(route.name for route in ROUTES)
_PLAIN = frozenset(field.name for field in fields(Entry)) - {"started_at"}
_MOST_ASKED = 20
_MOST = 1_000_000_000
"""Of any number in a call, milliseconds included: eleven days."""


def claim(flow: http.HTTPFlow) -> None:
    """Say that the flow's call is somebody's already."""
    if not isinstance(flow.metadata, dict):
        flow.metadata = {}  # a file may have anything there
    flow.metadata.setdefault(KEY, {})


def is_claimed(flow: http.HTTPFlow) -> bool:
    """Whether a bridge has, or had, the flow's call."""
    return isinstance(flow.metadata, dict) and KEY in flow.metadata


def leave(flow: http.HTTPFlow, entry: Entry, comment: str, asked: Sequence[str] = ()) -> None:
    """Mark the flow and comment it, unless somebody else has, and note the call.

    `asked` is what Docker's hosts were asked for it.
    """
    mark = MARKS[entry.outcome]
    claim(flow)
    before = flow.metadata[KEY]
    known: dict[str, Any] = before if isinstance(before, dict) else {}
    if flow.marked in ("", known.get("mark")):
        flow.marked = mark
    if flow.comment in ("", known.get("comment")):
        flow.comment = comment
    flow.metadata[KEY] = {
        "mark": mark,
        "comment": comment,
        "call": msgspec.to_builtins(entry),
        "asked": [bounded(each) for each in asked[:_MOST_ASKED]],
    }


def noted(flow: http.HTTPFlow) -> Entry | None:
    """The call as a bridge noted it; None where there is no note, or one that cannot be true."""
    note = _note(flow)
    if not note:
        return None
    call = note.get("call")
    try:
        entry = msgspec.convert(call, Entry)
        if not _is_sound(entry, call):
            return None
        return replace(entry, id=str(UUID(entry.id)))
    except (msgspec.ValidationError, ValueError):
        return None


def asked_upstream(flow: Flow) -> Sequence[str]:
    """What Docker's hosts were asked for the flow's call, as far as a bridge noted it."""
    asked = _note(flow).get("asked")
    if not isinstance(asked, list) or len(asked) > _MOST_ASKED:
        return ()
    return [bounded(each) for each in asked if isinstance(each, str)]


def call_of(entry: Entry) -> Call:
    """The call that an entry is about."""
    repository = repository_or_none(entry.namespace, entry.repository)
    return Call(route_named(entry.route), repository, entry.tag or None)


def _note(flow: Flow) -> dict[str, Any]:
    """What a bridge left, or somebody who made the file; empty where that is no note."""
    note = flow.metadata.get(KEY) if isinstance(flow.metadata, dict) else None
    return note if isinstance(note, dict) else {}


def _is_sound(entry: Entry, call: Any) -> bool:  # noqa: ANN401  # what it was converted from
    """Whether a bridge may have noted it: what had to be bounded, none has."""
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


def _names_are_possible(entry: Entry) -> bool:
    is_named = bool(entry.namespace or entry.repository)
    repository = repository_or_none(entry.namespace, entry.repository)
    return (repository is not None or not is_named) and (not entry.tag or is_tag(entry.tag))
