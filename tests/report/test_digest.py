"""What fits on one screen: the digest of a week, a CI job's summary, and its tests."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from hubv1.api.routes import Outcome
from hubv1.journal import CallRecord, Seen
from report.inside import report, told
from report.made import write_journal
from samples import make_entry

NOW = datetime.now(UTC)


def called(caller: str, *days: float, **more: object) -> list[CallRecord]:
    times = [NOW - timedelta(days=day, minutes=1) for day in days]
    return [make_entry(caller=caller, started_at=at, **more) for at in times]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    calls = (
        *called("came", 0, 1, 2),
        *called("moved", 15, 16, 17, 18),
        *called("moved long ago", 40, 41, 42),
        *called("still", 0, 5, 10, 15, 20),
        *called("failing", 0, 8, 9, outcome=Outcome.FAILED),
    )
    return write_journal(tmp_path / "journal", *calls, seen=Seen(flows=99))


@pytest.fixture
def last(tmp_path: Path, journal: Path) -> Path:
    """The report as it was a week ago."""
    file = tmp_path / "last.json"
    report("--journal", journal, "--until", "7d", "-o", file)
    body = json.loads(file.read_text())
    body["generated_at"] = f"{NOW - timedelta(days=7):%Y-%m-%dT%H:%M:%SZ}"
    file.write_text(json.dumps(body))
    return file


def test_a_week_is_ten_lines_who_came_who_moved_and_who_is_still_there(
    journal: Path, last: Path
) -> None:
    asked = ("--journal", journal, "--since", "7d", "--baseline", last)
    done = report(*asked, "--format", "md")
    lines = done.stdout.splitlines()
    assert len(lines) <= 10
    since = f"since {NOW - timedelta(days=7):%Y-%m-%d}"
    assert f"- Came {since}: 1: `came`" in lines
    assert f"- Moved {since}: 1: `moved`" in lines
    assert "- Still there: 2: `failing`, `still`" in lines
    assert "- Not bridged: 1: `failing`" in lines
    assert told(*asked)["baseline"]["moved"] == ["moved"]


def test_without_a_period_the_report_is_whole(journal: Path, last: Path) -> None:
    done = report("--journal", journal, "--baseline", last, "--format", "md")
    assert "## What to change" in done.stdout


def test_a_summary_is_one_screen_however_many_call(tmp_path: Path) -> None:
    calls = [call for at in range(100) for call in called(f"job-{at}", 0)]
    path = write_journal(tmp_path / "many", *calls, seen=Seen(flows=999))
    lines = report("--journal", path, "--format", "summary").stdout.splitlines()
    assert len(lines) <= 12
    assert max(map(len, lines)) < 300
    assert any(line.startswith("- They call: 100: ") and "and 92 more" in line for line in lines)
    assert "- For: 1: `library/debian`" in lines


def test_a_summary_says_what_changed_before_who_calls(journal: Path, last: Path) -> None:
    done = report("--journal", journal, "--baseline", last, "--format", "summary")
    lines = [line.partition(":")[0] for line in done.stdout.splitlines() if line[:1] == "-"]
    since = f"since {NOW - timedelta(days=7):%Y-%m-%d}"
    assert lines == [
        f"- Came {since}",
        f"- Moved {since}",
        "- Still there",
        "- They call",
        "- For",
        "- Not bridged",
    ]


class TestJunit:
    def cases(self, *arguments: object, code: int = 0) -> dict[str, str]:
        """Of each test, what became of it."""
        done = report(*arguments, "--format", "junit")
        assert done.returncode == code
        suite = ET.fromstring(done.stdout)  # noqa: S314  # our own
        assert int(suite.attrib["tests"]) == len(suite)
        for name, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[name]) == len(suite.findall(f"testcase/{kind}"))
        return {case.attrib["name"]: case[0].tag if len(case) else "passed" for case in suite}

    def test_what_the_gate_looks_for_fails(self, journal: Path) -> None:
        found = self.cases("--journal", journal, "--fail-on", "unbridged", code=4)
        assert found == {
            "came": "skipped",
            "failing": "failure",
            "still": "skipped",
            "moved": "passed",
            "moved long ago": "passed",
        }
        assert set(self.cases("--journal", journal, "--fail-on", "any", code=4).values()) == {
            "failure"
        }

    def test_who_is_new_fails_against_an_earlier_report(self, journal: Path, last: Path) -> None:
        asked = ("--journal", journal, "--baseline", last, "--fail-on", "new")
        found = self.cases(*asked, code=4)
        assert [name for name, became in found.items() if became == "failure"] == ["came"]

    def test_without_a_gate_nothing_does(self, journal: Path) -> None:
        assert "failure" not in self.cases("--journal", journal).values()

    def test_nothing_seen_is_an_error(self, tmp_path: Path) -> None:
        path = write_journal(tmp_path / "journal")
        assert self.cases("--journal", path, code=1) == {"something was seen": "error"}

    def test_nobody_is_a_test_that_passes(self, tmp_path: Path) -> None:
        path = write_journal(tmp_path / "journal", seen=Seen(flows=9))
        assert self.cases("--journal", path, "--fail-on", "any") == {"nobody calls": "passed"}

    def test_a_hostile_name_is_text(self, tmp_path: Path) -> None:
        name = "\x00</testcase><failure/>\x1b&\ud800"
        path = write_journal(tmp_path / "j", make_entry(caller=name), seen=Seen(flows=9))
        [shown] = self.cases("--journal", path)
        assert "</testcase><failure/>" in shown

    def test_a_suffix_stands_for_it(self, journal: Path, tmp_path: Path) -> None:
        report("--journal", journal, "-o", tmp_path / "out.xml")
        assert ET.parse(tmp_path / "out.xml").getroot().tag == "testsuite"  # noqa: S314  # our own
