"""HAR as browsers and other proxies write it."""

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from captures.hars import AGENT, CHARLES, CHROME, FIREFOX, URL
from hubv1.api.routes import LEGACY_HOSTS, Outcome
from hubv1.captures import Capture, CaptureError, read_capture
from hubv1.journal import CallRecord, History, Seen, Selection

STARTED = datetime(2026, 3, 1, 12, 30, 15, 123000, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALL = pytest.mark.parametrize(
    "form", [CHROME, FIREFOX, CHARLES], ids=["Chrome", "Firefox", "Charles"]
)


def har(*entries: Any) -> bytes:
    return json.dumps({"log": {"version": "1.2", "pages": [], "entries": entries}}).encode()


def at_url(form: dict[str, Any], url: str) -> dict[str, Any]:
    changed = copy.deepcopy(form)
    changed["request"]["url"] = url
    return changed


def later(form: dict[str, Any]) -> dict[str, Any]:
    """The same call an hour later."""
    return form | {"startedDateTime": (STARTED + HOUR).isoformat()}


def history_of(path: Path, content: bytes) -> tuple[History, list[CallRecord]]:
    path.write_bytes(content)
    history = read_capture(Capture(path, LEGACY_HOSTS))
    return history, list(history.entries)


def read(path: Path, content: bytes) -> tuple[list[CallRecord], Seen]:
    history, entries = history_of(path, content)
    return entries, history.seen


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recording.har"


@ALL
class TestEachForm:
    def test_a_call_is_read_as_it_was(self, path: Path, form: dict[str, Any]) -> None:
        [entry], seen = read(path, har(form))
        assert seen == Seen(flows=1)
        assert entry.full_repository == "library/debian"
        assert entry.started_at == datetime(2026, 3, 1, 12, 30, 15, 123000, tzinfo=UTC)
        assert entry.duration_ms == 41.5
        assert entry.http_response_status_code == 410
        assert entry.user_agent_original == AGENT
        assert entry.server_address == "index.docker.io"
        assert entry.outcome is Outcome.OBSERVED

    def test_search_and_other_traffic_are_counted(self, path: Path, form: dict[str, Any]) -> None:
        search = at_url(form, "https://index.docker.io/v1/search?q=debian")
        other = at_url(form, "https://registry.hub.docker.com/v2/")
        entries, seen = read(path, har(search, other, form))
        assert (len(entries), seen) == (1, Seen(flows=3, still_served=1))

    def test_a_byte_order_mark_is_no_trouble(self, path: Path, form: dict[str, Any]) -> None:
        entries, _ = read(path, b"\xef\xbb\xbf" + har(form))
        assert len(entries) == 1

    def test_credentials_in_a_url_are_left_out(self, path: Path, form: dict[str, Any]) -> None:
        url = URL.replace("//", "//user:geheim@") + "?password=geheim"
        entries, _ = read(path, har(at_url(form, url)))
        assert len(entries) == 1
        assert "geheim" not in repr(entries)

    def test_an_odd_entry_costs_no_other_and_is_a_gap(
        self, path: Path, form: dict[str, Any]
    ) -> None:
        history, entries = history_of(path, har(form, {"request": {}}, 7, later(form)))
        assert [entry.full_repository for entry in entries] == 2 * ["library/debian"]
        assert history.seen == Seen(flows=2)
        [gap] = history.gaps
        assert (gap.started_at, gap.ended_at, gap.calls) == (STARTED, STARTED + HOUR, 2)
        assert "cannot be read; the first: entry 2: " in gap.reason

    def test_the_same_entry_in_another_file_is_the_same_call(
        self, tmp_path: Path, form: dict[str, Any]
    ) -> None:
        seen_ids: set[str] = set()
        calls = []
        for name, content in ("a", har(form)), ("b", har(form, form, later(form))):
            (tmp_path / name).write_bytes(content)
            capture = Capture(tmp_path / name, LEGACY_HOSTS, seen_ids=seen_ids)
            calls.append(len(list(read_capture(capture).entries)))
        assert calls == [1, 2]

    def test_nobody_knows_whose_call_it_was(self, path: Path, form: dict[str, Any]) -> None:
        [entry], _ = read(path, har(form))
        assert entry.caller == "Mozilla/5.0 at unknown address"


def test_a_blocked_request_is_a_call(path: Path) -> None:
    blocked = copy.deepcopy(CHROME)
    blocked["response"] = {"status": 0, "httpVersion": "", "headers": [], "content": {}}
    entries, _ = read(path, har(blocked))
    assert [entry.outcome for entry in entries] == [Outcome.OBSERVED]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (har(), "it is empty"),
        (har({}), "its only entry is not HTTP traffic: entry 1: "),
        (har(at_url(CHROME, "data:,x")), "its only entry is not HTTP traffic."),
    ],
)
def test_what_has_no_traffic_in_it_is_refused(path: Path, content: bytes, said: str) -> None:
    with pytest.raises(CaptureError, match=f"The recording {path} cannot be read: {said}"):
        read(path, content)


@pytest.mark.parametrize("url", ["data:,v1", "blob:https://index.docker.io/1", "about:blank", ""])
def test_what_never_was_on_the_wire_is_no_traffic(path: Path, url: str) -> None:
    _, seen = read(path, har(CHROME, at_url(CHROME, url)))
    assert seen == Seen(flows=1)


def test_a_websocket_is_traffic(path: Path) -> None:
    _, seen = read(path, har(CHROME, at_url(CHROME, "wss://example.org/live")))
    assert seen == Seen(flows=2)


def test_the_least_that_an_entry_needs_is_a_time_a_method_and_a_url(path: Path) -> None:
    least = {"startedDateTime": "2026-03-01", "request": {"method": "GET", "url": URL}}
    [entry], _ = read(path, har(least))
    assert (entry.full_repository, entry.http_response_status_code) == ("library/debian", None)
    assert entry.caller == "unknown client at unknown address"


@pytest.mark.parametrize(
    "change",
    [
        {"request": CHROME["request"] | {"headers": {"Host": "x"}}},
        {"request": CHROME["request"] | {"headers": [1, {"name": 2}, ["User-Agent"], None]}},
        {"response": None},
        {"response": {"status": "410", "headers": 1, "content": []}},
        {"response": {"status": 10**20}},
        {"time": None},
        {"time": "soon"},
        {"time": -7},
    ],
    ids=str,
)
def test_what_is_odd_beside_them_is_left_out(path: Path, change: dict[str, Any]) -> None:
    [entry], _ = read(path, har(CHROME | change))
    assert (entry.full_repository, entry.started_at) == ("library/debian", STARTED)
    assert entry.duration_ms >= 0


def test_a_call_to_an_address_is_one_to_the_host_of_its_header(path: Path) -> None:
    [entry], _ = read(path, har(at_url(FIREFOX, URL.replace("index.docker.io", "10.0.0.7"))))
    assert (entry.server_address, entry.url_scheme) == ("index.docker.io", "https")


def test_headers_may_be_pairs(path: Path) -> None:
    request = CHROME["request"] | {"headers": [["User-Agent", "slack/4"]]}
    [entry], _ = read(path, har(CHROME | {"request": request}))
    assert entry.user_agent_original == "slack/4"


def test_other_traffic_needs_no_time(path: Path) -> None:
    other = at_url(CHROME, "https://example.org/") | {"startedDateTime": "yesterday"}
    history, _ = history_of(path, har(CHROME, other))
    assert (history.seen, history.gaps) == (Seen(flows=2), [])


def test_a_gap_is_as_long_as_the_times_that_are_known(path: Path) -> None:
    other = at_url(CHROME, "https://example.org/") | {"startedDateTime": "yesterday"}
    history, _ = history_of(path, har(other, 7, CHROME, later(CHROME)))
    assert [(gap.started_at, gap.ended_at) for gap in history.gaps] == [(STARTED, STARTED + HOUR)]


@pytest.mark.parametrize(("hours", "gaps"), [(0, 1), (1, 1), (2, 0)])
def test_it_is_none_of_a_period_after_it(path: Path, hours: int, gaps: int) -> None:
    path.write_bytes(har(CHROME, 7, later(CHROME)))
    selection = Selection(since=STARTED + hours * HOUR)
    history = read_capture(Capture(path, LEGACY_HOSTS, selection))
    list(history.entries)
    assert len(history.gaps) == gaps


def test_no_reason_tells_a_secret(path: Path) -> None:
    odd = at_url(CHROME, "https://[index.docker.io/v1/x?secret=geheim")
    history, _ = history_of(path, har(CHROME, odd))
    assert "its method or its URL cannot be read" in history.gaps[0].reason
    assert "geheim" not in history.gaps[0].reason


def test_a_long_hostile_user_agent_is_cut(path: Path) -> None:
    hostile = copy.deepcopy(FIREFOX)
    headers = [{"name": "User-Agent", "value": "\x1b[31m" + "x" * 10_000}]
    hostile["request"] = {**FIREFOX["request"], "headers": headers}
    [entry], _ = read(path, har(hostile))
    assert len(entry.user_agent_original) == len(entry.caller) == 256


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59-12:00", "yesterday", "", None, 7])
def test_a_call_at_an_impossible_time_is_a_gap(path: Path, time: Any) -> None:
    history, entries = history_of(path, har(CHROME, CHROME | {"startedDateTime": time}))
    assert len(entries) == 1
    assert [gap.calls for gap in history.gaps] == [1]
    assert "its time cannot be read" in history.gaps[0].reason
