"""What a pipeline stops at: --fail-on, an earlier report, callers that are accepted."""

import gc
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hubv1.api.routes import Outcome
from hubv1.journal import Gap, Seen
from report.inside import Done, report, told
from report.made import NOW, write_journal
from samples import make_entry

TOMORROW = datetime.now(UTC).date() + timedelta(days=1)
YESTERDAY = TOMORROW - timedelta(days=2)
IGNORED = """
[[ignore]]
caller = "c?"
reason = "Rewritten in spring, see PLAT-17"
until = {until}
"""


def journal(path: Path, *callers: str, outcome: Outcome = Outcome.TRANSLATED) -> Path:
    calls = (make_entry(caller=caller, outcome=outcome) for caller in callers)
    return write_journal(path, *calls, seen=Seen(flows=9))


@pytest.fixture
def bridged(tmp_path: Path) -> Path:
    return journal(tmp_path / "bridged", "c1", "c2")


def earlier(path: Path, *arguments: object) -> Path:
    path.write_text(json.dumps(told(*arguments)))
    return path


class TestFailOn:
    @pytest.mark.parametrize(
        ("calls", "outcome", "codes"),
        [
            (0, Outcome.TRANSLATED, {"unbridged": 0, "any": 0, "never": 0}),
            (2, Outcome.TRANSLATED, {"unbridged": 0, "any": 4, "never": 0}),
            (2, Outcome.GONE, {"unbridged": 4, "any": 4, "never": 0}),
        ],
    )
    def test_it_answers_4_where_there_is_what_it_asks_for(
        self, tmp_path: Path, calls: int, outcome: Outcome, codes: dict[str, int]
    ) -> None:
        path = journal(tmp_path / "journal", *calls * ["c"], outcome=outcome)
        for fail_on, code in codes.items():
            done = report("--journal", path, "--fail-on", fail_on)
            assert done.returncode == code
            assert bool(done.stderr) == (code == 4)

    def test_lost_calls_were_not_bridged(self, tmp_path: Path) -> None:
        gap = Gap(NOW, NOW, 5, "disk full")
        path = write_journal(tmp_path / "journal", seen=Seen(flows=9), gaps=(gap,))
        assert report("--journal", path, "--fail-on", "unbridged").returncode == 4
        assert report("--journal", path, "--fail-on", "any").returncode == 4

    @pytest.mark.parametrize("fail_on", ["unbridged", "any", "never"])
    def test_having_seen_nothing_stays_trouble(self, tmp_path: Path, fail_on: str) -> None:
        path = write_journal(tmp_path / "journal")
        assert report("--journal", path, "--fail-on", fail_on).returncode == 1

    def test_what_was_found_is_said_beside_the_data(self, bridged: Path) -> None:
        done = report("--journal", bridged, "--fail-on", "any", "--format", "json")
        assert json.loads(done.stdout)["totals"]["calls"] == 2
        assert done.stderr == "scripts/report: --fail-on any: there are legacy calls.\n"

    def test_it_follows_the_filters(self, bridged: Path) -> None:
        done = report(
            "--journal", bridged, "--fail-on", "any", "--caller", "c1", "--outcome", "gone"
        )
        assert done.returncode == 0


class TestBaseline:
    def test_callers_are_new_or_still_there_or_gone(self, tmp_path: Path, bridged: Path) -> None:
        before = earlier(tmp_path / "before.json", "--journal", bridged)
        now = journal(tmp_path / "now", "c2", "c3")
        done = report("--journal", now, "--baseline", before, "--fail-on", "new", "--format=json")
        baseline = json.loads(done.stdout)["baseline"]
        assert baseline.pop("generated_at") == json.loads(before.read_text())["generated_at"]
        assert baseline == {"new": ["c3"], "still": ["c2"], "gone": ["c1"], "moved": []}
        assert done.returncode == 4
        assert done.stderr == "scripts/report: --fail-on new: 1 new caller: c3.\n"

    def test_nobody_new_is_fine_however_many_call(self, tmp_path: Path, bridged: Path) -> None:
        before = earlier(tmp_path / "before.json", "--journal", bridged)
        done = report("--journal", bridged, "--baseline", before, "--fail-on", "new")
        assert (done.returncode, done.stderr) == (0, "")

    def test_without_fail_on_the_exit_code_is_0_whoever_is_new(
        self, tmp_path: Path, bridged: Path
    ) -> None:
        before = earlier(tmp_path / "before.json", "--journal", journal(tmp_path / "none"))
        assert report("--journal", bridged, "--baseline", before).returncode == 0

    def test_who_was_ignored_then_is_not_new_and_who_is_now_is_not_gone(
        self, tmp_path: Path, bridged: Path
    ) -> None:
        (tmp_path / "ignore.toml").write_text(IGNORED.format(until=TOMORROW).replace("c?", "c1"))
        ignoring = ("--journal", bridged, "--ignore", tmp_path / "ignore.toml")
        with_it = earlier(tmp_path / "with.json", *ignoring)
        without = earlier(tmp_path / "without.json", "--journal", bridged)
        later = told("--journal", bridged, "--baseline", with_it)["baseline"]
        assert (later["new"], later["still"], later["gone"]) == ([], ["c1", "c2"], [])
        later = told(*ignoring, "--baseline", without)["baseline"]
        assert (later["new"], later["still"], later["gone"]) == ([], ["c2"], [])

    def test_a_table_of_findings_has_them_all(self, tmp_path: Path, bridged: Path) -> None:
        before = earlier(tmp_path / "before.json", "--journal", bridged)
        now = journal(tmp_path / "now", "c2", "c3")
        arguments = ("--journal", now, "--baseline", before, "--columns", "caller,calls,state,old")
        shown = report(*arguments, "--format", "csv").stdout.splitlines()
        old = "https://index.docker.io/v1/repositories/debian/tags"
        rows = [f"c2,1,still,{old}", f"c3,1,new,{old}"]
        assert shown == ["caller,calls,state,old", *rows, "c1,0,gone,"]
        assert report(*arguments, "--format", "md").stdout.count("gone") == 1

    def test_new_needs_an_earlier_report(self, bridged: Path) -> None:
        done = report("--journal", bridged, "--fail-on", "new")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.endswith("--fail-on new needs --baseline, to tell who is new\n")

    def test_reports_with_other_filters_are_not_compared(
        self, tmp_path: Path, bridged: Path
    ) -> None:
        before = earlier(tmp_path / "before.json", "--journal", bridged, "--caller", "c1")
        assert "other filters" in refused(report("--journal", bridged, "--baseline", before))
        same = ("--journal", bridged, "--baseline", before, "--caller", "c1")
        assert report(*same, "--since", "2026-01-01").returncode == 0

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "before.json cannot be read: "),
            (b"{", "before.json cannot be read: "),
            (b"[]", "before.json cannot be read: "),
            (b"\xff\xfe", "before.json cannot be read: "),
            (b'{"callers":' + b"[" * 100_000, "before.json cannot be read: "),
            (b'{"schema": "hub-v1-report/1"}', "before.json cannot be read: "),
            (b'{"schema": "hub-v1-report/2", "callers": {}}', "'hub-v1-report/2'"),
        ],
        ids=lambda text: repr(text[:30]),
    )
    def test_what_is_no_such_report_is_refused(
        self, tmp_path: Path, bridged: Path, content: bytes, said: str
    ) -> None:
        (tmp_path / "before.json").write_bytes(content)
        done = report("--journal", bridged, "--baseline", tmp_path / "before.json")
        assert said in refused(done)

    def test_one_that_is_not_there_is_named(self, tmp_path: Path, bridged: Path) -> None:
        done = report("--journal", bridged, "--baseline", tmp_path / "no-such")
        path = tmp_path / "no-such"
        sentence = f"The earlier JSON report {path} cannot be read: No such file or directory."
        assert sentence in refused(done)


class TestIgnore:
    def ignoring(self, tmp_path: Path, text: str, journal: Path, *more: object) -> Done:
        (tmp_path / "ignore.toml").write_text(text)
        return report("--journal", journal, "--ignore", tmp_path / "ignore.toml", *more)

    def test_who_is_accepted_is_listed_apart_and_counts_for_nothing(self, tmp_path: Path) -> None:
        path = journal(tmp_path / "journal", "c1", "c1", "c2", outcome=Outcome.GONE)
        text = IGNORED.format(until=TOMORROW)
        done = self.ignoring(tmp_path, text, path, "--format", "json")
        body: dict[str, Any] = json.loads(done.stdout)
        assert (done.returncode, done.stderr) == (0, "")
        assert [(one["caller"], one["calls"]) for one in body["ignored"]] == [("c1", 2), ("c2", 1)]
        assert {one["reason"] for one in body["ignored"]} == {"Rewritten in spring, see PLAT-17"}
        assert {one["until"] for one in body["ignored"]} == {str(TOMORROW)}
        assert (body["totals"]["calls"], body["callers"], body["days"]) == (0, [], [])
        assert body["filter"]["accepted"] == ["c?"]
        assert self.ignoring(tmp_path, text, path, "--fail-on", "any").returncode == 0
        shown = self.ignoring(tmp_path, text, path).stdout
        assert shown.startswith("No other legacy call in 9 flows. Left out: 3 calls by 2 callers")

    def test_all_others_count_as_ever(self, tmp_path: Path) -> None:
        path = journal(tmp_path / "journal", "c1", "curl/8", "curl/8")
        done = self.ignoring(tmp_path, IGNORED.format(until=TOMORROW), path, "--format", "json")
        body = json.loads(done.stdout)
        assert [(use["caller"], use["calls"]) for use in body["callers"]] == [("curl/8", 2)]
        assert [day["calls"] for day in body["days"]] == [2]
        assert done.returncode == 0

    def test_past_its_end_date_an_entry_counts_no_more(self, tmp_path: Path, bridged: Path) -> None:
        done = self.ignoring(tmp_path, IGNORED.format(until=YESTERDAY), bridged)
        assert done.returncode == 0
        assert f"'c?' was accepted until {YESTERDAY}, and counts again." in done.stderr

    def test_an_entry_that_is_nobody_is_said(self, tmp_path: Path, bridged: Path) -> None:
        text = IGNORED.format(until=TOMORROW).replace("c?", "wget*")
        done = self.ignoring(tmp_path, text, bridged)
        assert done.returncode == 0
        assert done.stderr.endswith("no caller is 'wget*', so its entry can go.\n")

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("[[ignore]]\ncaller =\n", "line 2"),
            ('[[ignore]]\ncaller = "c1"\nuntil = 2026-06-30', "line 1, Object missing required"),
            (f"{IGNORED.format(until=TOMORROW)}\n[[ignore]]\nowner = 'x'", "the entry of line 7,"),
            (IGNORED.format(until='"soon"'), "line 2,"),
            (
                IGNORED.format(until=TOMORROW).replace("Rewritten in spring, see PLAT-17", " "),
                "line 2",
            ),
            ("[[ignored]]", "ignored"),
            ("", "`ignore`"),
            ("\0", "cannot be read"),
            ("ignore = " + "[" * 100_000, "cannot be read"),
        ],
        ids=lambda text: repr(text[:30]),
    )
    def test_what_is_no_such_file_is_refused_with_the_line(
        self, tmp_path: Path, bridged: Path, text: str, said: str
    ) -> None:
        gc.disable()  # what other tests left would complain of a deep recursion when collected
        try:
            message = refused(self.ignoring(tmp_path, text, bridged))
        finally:
            gc.enable()
        assert message.startswith("scripts/report: The file of ignored callers")
        assert said in message

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path, bridged: Path) -> None:
        done = report("--journal", bridged, "--ignore", tmp_path / "no-such")
        assert str(tmp_path / "no-such") in refused(done)


def refused(done: Done) -> str:
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    return done.stderr
