"""What the bridge leaves in a flow, and what it takes from one that anybody may have made."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.io import tnetstring

from hubv1.api.routes import Outcome, Verdict
from hubv1.journal import id_of
from hubv1.mitm.flows import (
    KEY,
    annotate,
    call_of,
    claim,
    is_claimed,
    is_upstream_flow,
    saved_record,
    saved_upstream_requests,
)
from onstage import make_flow, state_of
from samples import make_entry, recognised


def test_a_call_that_was_noted_is_read_as_it_was() -> None:
    flow, entry = make_flow(), make_entry(http_response_status_code=None, tag="1.0")
    annotate(flow, entry, "a comment")
    assert saved_record(flow) == entry


def test_a_flow_is_claimed_once_a_bridge_takes_care_of_it() -> None:
    flow = make_flow()
    assert not is_claimed(flow)
    claim(flow)
    assert is_claimed(flow)


def test_a_flow_with_a_note_can_be_saved() -> None:
    flow, entry = make_flow(), make_entry()
    annotate(flow, entry, "a comment")
    saved = tnetstring.loads(tnetstring.dumps(state_of(flow)))
    assert isinstance(saved, dict)
    assert (saved["comment"], saved["marked"]) == ("a comment", ":recycle:")
    assert saved["metadata"] == flow.metadata


def test_the_call_of_a_note_is_the_call_that_was_made() -> None:
    assert call_of(make_entry()) == recognised("/v1/repositories/debian/tags")


def test_a_mark_and_a_comment_of_the_users_own_stay() -> None:
    flow = make_flow()
    flow.marked, flow.comment = ":fire:", "ask Joe"
    annotate(flow, make_entry(), "a comment")
    annotate(flow, make_entry(outcome=Outcome.FAILED), "another")
    assert (flow.marked, flow.comment) == (":fire:", "ask Joe")


def test_a_comment_that_the_user_went_on_writing_stays() -> None:
    flow = make_flow()
    annotate(flow, make_entry(), "a comment")
    flow.comment += ", ask Joe"
    annotate(flow, make_entry(outcome=Outcome.FAILED), "another")
    assert (flow.marked, flow.comment) == (":x:", "a comment, ask Joe")


def test_the_bridges_own_mark_and_comment_are_renewed() -> None:
    flow = make_flow()
    annotate(flow, make_entry(), "a comment")
    annotate(flow, make_entry(outcome=Outcome.GONE), "another")
    assert (flow.marked, flow.comment) == (":no_entry:", "another")


def test_times_of_other_zones_are_taken_as_utc() -> None:
    flow, entry = make_flow(), make_entry()
    elsewhere = entry.started_at.astimezone(timezone(timedelta(hours=2)))
    annotate(flow, replace(entry, started_at=elsewhere), "")
    read = saved_record(flow)
    assert read
    assert read.started_at == entry.started_at
    assert read.started_at.tzinfo is UTC


def _with(**changes: Any) -> Any:
    """A note of which some values are not those that a bridge would write."""
    flow = make_flow()
    annotate(flow, make_entry(), "")
    flow.metadata[KEY]["call"].update(changes)
    return flow


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": "celebrated"},
        {"outcome": None},
        {"verdict": "served"},
        {"route": "GET /v1/else"},
        {"id": "'; DROP TABLE calls; --"},
        {"id": 7},
        {"started_at": "yesterday"},
        {"started_at": "9999-12-31T23:59:59-14:00"},
        {"started_at": 1e300},
        {"duration_ms": float("nan")},
        {"duration_ms": -1},
        {"upstream_calls": 10**12},
        {"upstream_calls": 10**400},
        {"duration_ms": float("inf")},
        {"upstream_calls": "1"},
        {"http_response_status_code": "200"},
        {"caller": "x" * 10_000},
        {"caller": "x\0y"},
        {"caller": b"x"},
        {"caller": {"x": "y"}},
        {"namespace": "../..", "repository": "x"},
        {"repository": "<script>"},
        {"namespace": ""},
        {"tag": "a b"},
    ],
    ids=str,
)
def test_a_note_that_cannot_be_true_is_none(changes: dict[str, Any]) -> None:
    assert saved_record(_with(**changes)) is None


@pytest.mark.parametrize("note", [None, "", [], {}, 7, {"call": None}, {"call": {}}, {"call": []}])
def test_what_is_no_note_is_none(note: Any) -> None:
    flow = make_flow()
    flow.metadata[KEY] = note
    assert saved_record(flow) is None


@pytest.mark.parametrize("metadata", [None, 7, "hub_v1", ["hub_v1"], True], ids=repr)
def test_metadata_that_are_none_are_no_trouble(metadata: Any) -> None:
    flow = make_flow()
    flow.metadata = metadata
    assert saved_record(flow) is None
    assert not is_claimed(flow)
    assert not is_upstream_flow(flow)
    assert saved_upstream_requests(flow) == ()
    annotate(flow, entry := make_entry(), "a comment")
    assert saved_record(flow) == entry


def test_a_flow_whose_note_is_junk_can_be_saved_record() -> None:
    flow = make_flow()
    flow.metadata[KEY] = "junk"
    annotate(flow, entry := make_entry(), "a comment")
    assert saved_record(flow) == entry
    assert flow.comment == "a comment"


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_FIELDS = sorted(_with().metadata[KEY]["call"])


@given(st.dictionaries(st.sampled_from(_FIELDS), _JUNK, min_size=1, max_size=4))
def test_whatever_a_note_holds_it_is_sound_or_none(changes: dict[str, Any]) -> None:
    read = saved_record(_with(**changes))
    if read is not None:
        assert read.outcome in Outcome
        assert read.verdict in Verdict
        assert isinstance(read.started_at, datetime)
        assert all(len(value) <= 256 for value in read.row() if isinstance(value, str))


def test_the_id_of_a_recorded_call_is_the_same_whenever_it_is_read_and_sorts_by_time() -> None:
    assert id_of("a", 1_700_000_000.123) == id_of("a", 1_700_000_000.123)
    assert id_of("a", 1_700_000_000.0) != id_of("b", 1_700_000_000.0)
    assert id_of("b", 1_700_000_000.0) < id_of("a", 1_700_000_001.0)
    assert UUID(id_of("a", 1_700_000_000.0)).version == 7
    assert UUID(id_of("a", 1_700_000_000.0)).variant == RFC_4122
    assert id_of("a", -1.0)
