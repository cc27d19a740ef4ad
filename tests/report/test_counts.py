"""A report is made of counts: it outlives the rows, and counts no journal twice."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hubv1.api.routes import LEGACY_HOSTS, Outcome
from hubv1.captures import Capture, read_capture
from hubv1.journal import Seen
from hubv1.mitm.flows import annotate
from report.made import report_of, write_journal
from report.processes import report
from report.recordings import recorded, written
from samples import make_entry


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    calls = [make_entry(repository=f"r{number % 3}") for number in range(10)]
    return write_journal(tmp_path / "journal.sqlite3", *calls, seen=Seen(flows=30))


def told(*arguments: object) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(report(*arguments, "--format", "json").stdout)
    del body["generated_at"]
    return body


def test_it_stays_the_same_when_the_rows_are_gone(journal: Path) -> None:
    before = told("--journal", journal)
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("DELETE FROM calls")
    assert told("--journal", journal) == before
    assert before["totals"]["calls"] == 10


@pytest.mark.parametrize(
    ("changes", "signed", "paged"),
    [
        ({"credentials": "basic"}, 1, 0),
        ({"credentials": "bearer"}, 1, 0),
        ({"credentials": "token", "tags_listed": 100}, 0, 0),
        ({"tags_listed": 101}, 0, 1),
        ({"tags_listed": None}, 0, 0),
    ],
    ids=str,
)
def test_calls_with_credentials_and_for_long_lists_are_told_from_others(
    tmp_path: Path, changes: dict[str, object], signed: int, paged: int
) -> None:
    calls = [make_entry(), make_entry(**changes)]
    body = told("--journal", write_journal(tmp_path / "journal", *calls))
    [finding] = body["findings"]
    assert (finding["calls"], finding["signed"], finding["paged"]) == (2, signed, paged)
    assert report_of(*calls).findings[0].paged == paged


def test_a_journal_given_twice_is_counted_once(journal: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(journal)
    (tmp_path / "hard").hardlink_to(journal)
    names = (journal, f"sqlite:///{journal}", tmp_path / "link", tmp_path / "hard")
    arguments = [part for name in names for part in ("--journal", name)]
    assert told(*arguments) == told("--journal", journal)


def test_calls_of_others_have_no_repository_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hubv1.journal.counts.NAMES_A_DAY", 1)
    calls = [make_entry(caller=f"c{n}", repository=f"r{n}", outcome=Outcome.GONE) for n in range(3)]
    body = told("--journal", write_journal(tmp_path / "journal", *calls))
    assert [(use["caller"], use["address"], use["calls"]) for use in body["callers"]] == [
        ("(others)", "", 2),
        ("c0", "10.0.0.7", 1),
    ]
    [others, _] = body["findings"]
    assert others["repository"] == "(others)"
    assert "{namespace}" in others["successor"]


def test_a_copy_of_a_journal_is_counted_once_and_that_is_said(
    journal: Path, tmp_path: Path
) -> None:
    copy = shutil.copy(journal, tmp_path / "copy")
    assert told("--journal", journal, "--journal", copy) == told("--journal", journal)
    done = report("--journal", journal, "--journal", copy)
    assert done.stderr == (
        f"scripts/report: All calls in {copy} are in {journal} too, and are counted once.\n"
    )


def test_a_call_that_a_saved_flow_and_a_journal_tell_of_is_counted_once(tmp_path: Path) -> None:
    known, other = make_entry(flow_id="a"), make_entry(flow_id="b")
    flows = []
    for entry in known, other:
        flow = recorded()
        annotate(flow, entry, "")
        flows.append(flow)
    path = write_journal(tmp_path / "journal", known, seen=Seen(flows=5))
    body = told("--journal", path, written(tmp_path / "flows", *flows))
    assert (body["totals"]["calls"], body["seen"]["flows"]) == (2, 6)


def test_a_recording_that_was_read_into_the_journal_is_counted_once(tmp_path: Path) -> None:
    flows = [recorded(), recorded("/v1/repositories/acme/tool/tags")]
    first, second = written(tmp_path / "first", flows[0]), written(tmp_path / "both", *flows)
    entries = list(read_capture(Capture(first, LEGACY_HOSTS)).entries)
    path = write_journal(tmp_path / "journal", *entries, seen=Seen(flows=1))
    assert told("--journal", path, second)["totals"]["calls"] == 2
