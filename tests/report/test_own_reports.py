"""Reports that the bridge makes itself: by a process beside it, in a bounded time."""

import asyncio
import json
import logging
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hubv1 import reporting
from hubv1.api.routes import Outcome
from hubv1.journal import OTHERS, Location, Seen
from hubv1.reporting import Reporter
from report.made import write_journal
from report.schemas import checked
from samples import make_entry

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CALLERS = 9
FAILING = """\
#!{python}
import os, sys
from hubv1 import reporting
nice, journal, token, path = sys.argv[4:]
assert nice == "0"
reporting.write_report(journal, token, [path], 4)
os.abort()
"""


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Callers that called one after the other, each for a repository of its own."""
    calls = [
        make_entry(
            caller=f"caller-{at}",
            repository=f"tool-{at}",
            started_at=NOON + timedelta(minutes=at),
            outcome=Outcome.FAILED if at == 0 else Outcome.TRANSLATED,
        )
        for at in range(CALLERS)
    ]
    return write_journal(tmp_path / "journal.sqlite3", *calls, seen=Seen(flows=99))


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def end(journal: Path, *paths: Path) -> None:
    asyncio.run(Reporter().end(Location(str(journal)), 3, paths))


class TestAtTheEnd:
    def test_the_latest_callers_are_told_and_how_many_more_there_are(
        self, journal: Path, log: pytest.LogCaptureFixture
    ) -> None:
        end(journal)
        assert log.messages[0] == f"hub v1: 3 flows in this run. The journal {journal} has:"
        assert log.messages[1].startswith(
            "hub v1: 9 legacy calls by 9 callers to 9 repositories, 2026-03-01 between 12:00 and "
            "12:08 UTC: 8 answered or redirected, 1 not (1 failed)."
        )
        named = [line.partition(":")[2].split(":")[0].strip() for line in log.messages[2:7]]
        assert named == [f"caller-{at}" for at in (8, 7, 6, 5, 4)]
        assert log.messages[7:] == ["hub v1:   and 4 callers more"]

    def test_several_files_are_written_by_one_process_and_nothing_is_left_beside_them(
        self, journal: Path, tmp_path: Path, log: pytest.LogCaptureFixture
    ) -> None:
        folder = tmp_path / "reports"
        folder.mkdir()
        files = [folder / f"out.{suffix}" for suffix in ("html", "md", "json", "csv", "txt")]
        end(journal, *files)
        assert sorted(folder.iterdir()) == sorted(files)
        for file in files:
            assert "caller-0" in file.read_text("utf-8")
            assert f"hub v1: the report is in {file}" in log.messages

    def test_what_cannot_be_made_in_time_is_said_and_what_was_there_stays(
        self,
        journal: Path,
        tmp_path: Path,
        log: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        folder = tmp_path / "reports"
        folder.mkdir()
        (folder / "out.json").write_text("the old one")
        monkeypatch.setattr(reporting, "END_SECONDS_WITH_FILES", 0.0)
        end(journal, folder / "out.json")
        assert [file.read_text() for file in folder.iterdir()] == ["the old one"]
        assert (
            f"hub v1: there is no report: {folder / 'out.json'} was not written, since 0 seconds "
            f"were not enough. scripts/report --journal {journal} -o {folder / 'out.json'} writes "
            "it."
        ) in log.messages

    def test_a_process_that_is_killed_leaves_no_half_a_file(
        self,
        journal: Path,
        tmp_path: Path,
        log: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The pipe that is to be written to has no reader, so the process waits for one."""
        monkeypatch.setattr(reporting, "END_SECONDS_WITH_FILES", 600.0)
        folder = tmp_path / "reports"
        folder.mkdir()
        os.mkfifo(folder / "out.csv")
        first = folder / "out.json"

        async def ending() -> None:
            task = asyncio.ensure_future(
                Reporter().end(Location(str(journal)), 3, [first, folder / "out.csv"])
            )
            while not (first.exists() or task.done()):
                await asyncio.to_thread(time.sleep, 0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(ending())
        assert sorted(file.name for file in folder.iterdir()) == ["out.csv", "out.json"]
        assert checked(first.read_text())["totals"]["calls"] == CALLERS
        assert any(
            "out.csv was not written, since the bridge ended" in each for each in log.messages
        )

    def test_a_journal_that_is_gone_is_one_sentence(
        self, tmp_path: Path, log: pytest.LogCaptureFixture
    ) -> None:
        end(tmp_path / "none", tmp_path / "out.json")
        assert {record.levelno for record in log.records} == {logging.ERROR}
        assert all("There is no journal at" in message for message in log.messages)
        assert not (tmp_path / "out.json").exists()


class TestOnDemand:
    def test_reports_that_are_asked_for_at_once_are_made_one_after_the_other(
        self, journal: Path, tmp_path: Path, log: pytest.LogCaptureFixture
    ) -> None:
        files = [tmp_path / f"{at}.json" for at in range(3)]

        def written() -> list[str]:
            return [each for each in log.messages if "the report is in" in each]

        async def asking() -> None:
            asked = Reporter()
            for file in files:
                asked.write(Location(str(journal)), file)
            asked.summarise(Location(str(journal)))
            while len(written()) < len(files):
                await asyncio.to_thread(time.sleep, 0.01)

        asyncio.run(asking())
        for file in files:
            assert checked(file.read_text())["totals"]["calls"] == CALLERS
        assert written() == [f"hub v1: the report is in {file}" for file in files]


class TestManyCallers:
    """Where there is little time the latest have a name, and the rest are counted together."""

    def told(self, journal: Path, tmp_path: Path, suffix: str, named: int = 4) -> str:
        file = tmp_path / f"out.{suffix}"
        assert reporting.write_report(str(journal), "token", [str(file)], named) is False
        return file.read_text("utf-8")

    def test_all_figures_are_those_of_all_callers(
        self, journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        body = checked(self.told(journal, tmp_path, "json"))
        assert [use["caller"] for use in body["callers"]] == [
            *(f"caller-{at}" for at in (8, 7, 6, 5)),
            OTHERS,
        ]
        whole = tmp_path / "whole.json"
        assert reporting.write_report(str(journal), "token", [str(whole)]) is True
        expected = checked(whole.read_text("utf-8"))
        for part in ("window", "seen", "totals", "routes", "days"):
            assert body[part] == expected[part]
        assert sum(finding["calls"] for finding in body["findings"]) == CALLERS
        outcomes = [finding["outcomes"]["failed"] for finding in body["findings"]]
        assert sum(outcomes) == 1
        missing = "the 4 latest callers by name, the 5 others together"
        said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert said == [[0, missing, ""], [0, "", ""]]

    @pytest.mark.parametrize(
        ("suffix", "of_all"),
        [("html", "of 9 callers"), ("md", "by 9 callers to 9"), ("txt", "by 9 callers to 9")],
    )
    def test_who_reads_it_is_told(
        self, journal: Path, tmp_path: Path, suffix: str, of_all: str
    ) -> None:
        text = self.told(journal, tmp_path, suffix)
        assert of_all in text
        assert "the 4 latest callers by name, the 5 others together" in text

    def test_as_many_as_have_a_name_are_all(self, journal: Path, tmp_path: Path) -> None:
        file = tmp_path / "out.json"
        assert reporting.write_report(str(journal), "token", [str(file)], CALLERS) is True
        assert len(checked(file.read_text())["callers"]) == CALLERS

    def test_the_bridge_says_which_report_names_the_latest_alone(
        self,
        journal: Path,
        tmp_path: Path,
        log: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The whole report would follow, but its process fails as soon as the first stands."""
        failing = tmp_path / "python"
        failing.write_text(FAILING.format(python=sys.executable), encoding="utf-8")
        failing.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(failing))
        file = tmp_path / "out.json"
        end(journal, file)
        assert (
            f"hub v1: the report is in {file}; it has the 4 latest callers by name, the 5 others "
            "together, since the process that makes it failed. "
            f"scripts/report --journal {journal} -o {file} names all."
        ) in log.messages
        assert len(checked(file.read_text())["callers"]) == 5
