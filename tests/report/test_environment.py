"""Arguments may stand in the environment; the command line goes before them."""

from pathlib import Path

import pytest

from hubv1.journal import FILE_NAME, Seen
from report import processes
from report.inside import report, told
from report.made import write_journal
from report.recordings import recorded, written
from samples import make_entry


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    calls = [make_entry(caller=caller) for caller in ("a b", "c", "d")]
    return write_journal(tmp_path / "journal", *calls, seen=Seen(flows=9))


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch, journal: Path) -> pytest.MonkeyPatch:
    """An environment that names a journal."""
    monkeypatch.setenv("HUB_REPORT_JOURNAL", str(journal))
    return monkeypatch


def callers(*arguments: object) -> set[str]:
    return {use["caller"] for use in told(*arguments)["callers"]}


def test_a_journal_there_is_the_usual_one(env: pytest.MonkeyPatch) -> None:
    assert callers() == {"a b", "c", "d"}


def test_it_is_not_read_beside_a_recording_or_another(
    env: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert callers(written(tmp_path / "flows", recorded())) == {"curl/8.1 at 10.0.0.7"}
    other = write_journal(tmp_path / FILE_NAME, make_entry(caller="e"))
    assert callers("--journal", other) == {"e"}


def test_several_values_stand_on_lines_of_their_own(env: pytest.MonkeyPatch) -> None:
    env.setenv("HUB_REPORT_CALLER", "a b\n c\n")
    assert callers() == {"a b", "c"}


def test_the_command_line_takes_their_place(env: pytest.MonkeyPatch) -> None:
    env.setenv("HUB_REPORT_CALLER", "c")
    env.setenv("HUB_REPORT_FORMAT", "csv")
    assert callers("--caller", "d") == {"d"}


def test_all_others_can_stand_there_too(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    env.setenv("HUB_REPORT_FAIL_ON", "any")
    env.setenv("HUB_REPORT_OUTPUT", str(tmp_path / "report.csv"))
    env.setenv("HUB_REPORT_COLUMNS", "caller,calls")
    env.setenv("HUB_REPORT_SINCE", "2026-01-01")
    assert report().returncode == 4
    assert (tmp_path / "report.csv").read_text().splitlines()[0] == "caller,calls"


def test_an_empty_one_is_none(env: pytest.MonkeyPatch) -> None:
    env.setenv("HUB_REPORT_CALLER", "")
    env.setenv("HUB_REPORT_FORMAT", " ")
    assert callers() == {"a b", "c", "d"}


@pytest.mark.parametrize(
    ("variable", "value"), [("FORMAT", "xml"), ("OUTCOME", "lost"), ("HOST", "a b")]
)
def test_a_wrong_one_is_named(env: pytest.MonkeyPatch, variable: str, value: str) -> None:
    env.setenv(f"HUB_REPORT_{variable}", value)
    done = report()
    assert (done.returncode, done.stdout) == (2, "")
    said = done.stderr.splitlines()[-1]
    assert said.startswith(
        f"scripts/report: HUB_REPORT_{variable} in the environment: Invalid value for "
    )
    assert value in said


def test_a_process_reads_them(env: pytest.MonkeyPatch) -> None:
    env.setenv("HUB_REPORT_CALLER", "c")
    assert processes.report("--format", "csv").stdout.count("\n") == 2
