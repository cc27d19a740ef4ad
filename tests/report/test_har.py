"""HAR as browsers and other proxies write it."""

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hubv1.journal import Entry, Seen
from hubv1.mitm.captures import CaptureError, read_capture
from hubv1.options import LEGACY_HOSTS
from hubv1.outcome import Outcome
from report.hars import AGENT, CHARLES, CHROME, FIREFOX, URL

ALL = pytest.mark.parametrize(
    "form", [CHROME, FIREFOX, CHARLES], ids=["Chrome", "Firefox", "Charles"]
)


def har(*entries: Any) -> bytes:
    return json.dumps({"log": {"version": "1.2", "pages": [], "entries": entries}}).encode()


def at_url(form: dict[str, Any], url: str) -> dict[str, Any]:
    changed = copy.deepcopy(form)
    changed["request"]["url"] = url
    return changed


def read(path: Path, content: bytes) -> tuple[list[Entry], Seen]:
    path.write_bytes(content)
    history = read_capture(path, LEGACY_HOSTS)
    return list(history.entries), history.seen


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

    def test_a_broken_later_entry_is_not_left_unsaid(
        self, path: Path, form: dict[str, Any]
    ) -> None:
        path.write_bytes(har(form, {"request": {}}))
        entries = read_capture(path, LEGACY_HOSTS).entries
        assert next(entries).full_repository == "library/debian"
        with pytest.raises(CaptureError, match="cannot be read"):
            next(entries)


def test_a_blocked_request_is_a_call(path: Path) -> None:
    blocked = copy.deepcopy(CHROME)
    blocked["response"] = {"status": 0, "httpVersion": "", "headers": [], "content": {}}
    entries, _ = read(path, har(blocked))
    assert [entry.outcome for entry in entries] == [Outcome.OBSERVED]


def test_a_page_in_which_nothing_happened_has_nothing_in_it(path: Path) -> None:
    assert read(path, har()) == ([], Seen())


def test_a_long_hostile_user_agent_is_cut(path: Path) -> None:
    hostile = copy.deepcopy(FIREFOX)
    headers = [{"name": "User-Agent", "value": "\x1b[31m" + "x" * 10_000}]
    hostile["request"] = {**FIREFOX["request"], "headers": headers}
    [entry], _ = read(path, har(hostile))
    assert len(entry.user_agent_original) == len(entry.caller) == 256


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59-12:00", "yesterday", ""])
def test_an_impossible_time_is_refused_and_no_crash(path: Path, time: str) -> None:
    with pytest.raises(CaptureError, match="cannot be read"):
        read(path, har({**CHROME, "startedDateTime": time}))
