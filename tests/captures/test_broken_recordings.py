"""What is no recording, or no longer a whole one, is refused in one sentence."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.io import tnetstring
from mitmproxy.test import tflow

from hubv1.api.routes import Outcome
from hubv1.captures import CaptureError
from report.recordings import TRAFFIC, complaint, read, recorded, written


def test_an_empty_file_is_no_recording(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert "it is empty" in complaint(tmp_path / "empty")


def test_one_without_traffic_of_http_is_said_to_be_such(tmp_path: Path) -> None:
    path = written(tmp_path / "flows", tflow.ttcpflow(), tflow.tdnsflow())
    assert "none of its 2 entries is HTTP traffic" in complaint(path)


@pytest.mark.parametrize("left", [1, 9, 30, -1])
def test_a_packed_file_cut_in_the_middle_is_not_taken_for_whole(tmp_path: Path, left: int) -> None:
    content = gzip.compress(written(tmp_path / "flows", *TRAFFIC).read_bytes())
    (tmp_path / "flows.gz").write_bytes(content[:left])
    complaint(tmp_path / "flows.gz")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "no-such"
    assert complaint(path) == f"The recording {path} cannot be read: No such file or directory."


def test_a_folder_is_no_recording(tmp_path: Path) -> None:
    assert "directory" in complaint(tmp_path)


@pytest.mark.parametrize("left", [1, 100, -1, -10])
def test_a_flow_file_cut_in_the_middle_is_not_taken_for_whole(tmp_path: Path, left: int) -> None:
    path = written(tmp_path / "flows", *TRAFFIC)
    path.write_bytes(path.read_bytes()[:left])
    complaint(path)


def test_junk_behind_sound_flows_is_not_left_unsaid(tmp_path: Path) -> None:
    path = written(tmp_path / "flows", *TRAFFIC)
    path.write_bytes(path.read_bytes() + b"\0\xff junk")
    complaint(path)


def test_a_flow_file_of_a_newer_mitmproxy_says_so(tmp_path: Path) -> None:
    state = {**recorded().get_state(), "version": 999}
    (tmp_path / "flows").write_bytes(tnetstring.dumps(state))
    assert "999" in complaint(tmp_path / "flows")


@pytest.mark.parametrize(
    "junk",
    [
        bytes(range(256)),
        b"\x1f\x8b\x08\0junk",
        b"PK\x03\x04",
        b"SQLite format 3\0",
        b"5:hello,",
        b"3:123#",
        b"0:~",
        b"0:}",
        b"0:]",
        b"99999999999:x",
        b"just a text\n",
        b"{",
        b"{}",
        b"[]",
        b'{"log": {}}',
        b'{"log": {"entries": [1]}}',
        b'{"log": {"entries": null}}',
        b"[" * 100_000,
        b'{"log":' + b"[" * 100_000,
    ],
    ids=lambda junk: repr(junk[:20]),
)
def test_what_is_no_recording_is_refused(tmp_path: Path, junk: bytes) -> None:
    (tmp_path / "junk").write_bytes(junk)
    complaint(tmp_path / "junk")


def test_what_is_neither_flow_file_nor_har_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "junk").write_bytes(b"just a text\n")
    assert "neither a flow file nor HAR" in complaint(tmp_path / "junk")


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=4))
def test_damage_anywhere_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: int, damage: bytes
) -> None:
    path = written(tmp_path_factory.getbasetemp() / "damaged", recorded())
    content = bytearray(path.read_bytes())
    place %= len(content)
    content[place : place + len(damage)] = damage
    path.write_bytes(content)
    try:
        entries, _ = read(path)
    except CaptureError:
        return
    assert all(entry.outcome is Outcome.OBSERVED for entry in entries)
