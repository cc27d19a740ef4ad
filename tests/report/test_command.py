"""The command as a process: its exit codes, and data alone on standard output."""

import json
from pathlib import Path

import pytest
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow

from hubv1.api.routes import Outcome
from hubv1.journal import Seen
from report.made import write_journal
from report.processes import complaint, report, without_times
from report.recordings import recorded, written
from samples import make_entry

RED = "\x1b[31m"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return write_journal(tmp_path / "journal.sqlite3", make_entry(), seen=Seen(flows=3))


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    return write_journal(tmp_path / "empty.sqlite3")


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """One v1 call and one other flow."""
    flow = tflow.tflow(resp=True)
    flow.request.host, flow.request.path = "index.docker.io", "/v1/repositories/acme/tool/tags"
    with (tmp_path / "flows").open("wb") as file:
        writer = FlowWriter(file)  # type: ignore[no-untyped-call]
        writer.add(flow)
        writer.add(tflow.tflow(resp=True))
    return tmp_path / "flows"


class TestExitCode:
    def test_0_is_for_traffic_without_a_legacy_call(self, tmp_path: Path) -> None:
        seen = Seen(flows=4, still_served=1)
        done = report("--journal", write_journal(tmp_path / "journal", seen=seen))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("No legacy call in 4 flows.\n")

    def test_1_is_for_having_seen_nothing(self, empty: Path) -> None:
        done = report("--journal", empty)
        assert done.returncode == 1
        assert done.stdout.startswith("No traffic recorded yet")

    def test_0_is_for_calls_that_were_all_answered(self, journal: Path) -> None:
        done = report("--journal", journal)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("1 legacy call by 1 caller to 1 repository")

    @pytest.mark.parametrize(
        ("outcome", "route"),
        [("gone", "GET /v1/repositories/{name}/tags"), ("translated", "* /v1/_ping")],
    )
    def test_0_is_for_calls_that_were_not_since_nobody_asked_for_a_gate(
        self, tmp_path: Path, outcome: str, route: str
    ) -> None:
        lost = make_entry(outcome=Outcome(outcome), route=route)
        path = write_journal(tmp_path / "journal", lost, make_entry())
        assert report("--journal", path).returncode == 0

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--fromat", "json"),
            ("--format", "xml"),
            ("--journal",),
            (f"--{RED}x\nforged",),
            ("--serve", "8090", "-"),
        ],
        ids=str,
    )
    def test_2_is_for_wrong_arguments(self, arguments: tuple[str, ...]) -> None:
        done = report(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("Usage: scripts/report")
        assert done.stderr.splitlines()[-1].startswith("scripts/report: ")
        assert "\nforged" not in done.stderr
        assert RED not in done.stderr

    def test_help_tells_all_of_them_and_is_no_failure(self) -> None:
        done = report("--help")
        assert (done.returncode, done.stderr) == (0, "")
        assert "Exit codes: 0 the report is written" in done.stdout


class TestSources:
    def test_a_recording_alone_is_enough(self, recording: Path) -> None:
        done = report(recording, "--format", "json")
        body = json.loads(done.stdout)
        assert done.returncode == 0
        assert (body["seen"]["flows"], body["totals"]["observed"]) == (2, 1)

    def test_journals_and_recordings_are_told_as_one(
        self, journal: Path, recording: Path, tmp_path: Path
    ) -> None:
        other = write_journal(tmp_path / "other", make_entry(), seen=Seen(flows=5, rejected_tls=2))
        done = report("--journal", journal, "--journal", other, recording, "--format", "json")
        body = json.loads(done.stdout)
        assert done.returncode == 0
        seen = body["seen"]
        assert (seen["flows"], seen["legacy"], seen["rejected_tls"]) == (10, 3, 2)
        assert {one["repository"]: one["calls"] for one in body["findings"]} == {
            "library/debian": 2,
            "acme/tool": 1,
        }

    def test_a_recording_may_come_from_standard_input(self, recording: Path) -> None:
        with recording.open("rb") as file:
            done = report("-", "--format", "json", stdin=file)
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["seen"]["flows"] == 2

    def test_an_empty_recording_is_refused(self, journal: Path, tmp_path: Path) -> None:
        (tmp_path / "empty").touch()
        said = complaint(report("--journal", journal, tmp_path / "empty"))
        assert said.endswith(f"The recording {tmp_path / 'empty'} cannot be read: it is empty.\n")

    def test_where_nothing_matched_one_hears_why(self, tmp_path: Path) -> None:
        path = written(tmp_path / "flows", recorded(host="mirror.example"), recorded("/v2/"))
        done = report(path)
        assert done.returncode == 0
        assert " ".join(done.stdout.split()).startswith(
            "No legacy call in 2 flows. 1 call with a path of v1 went to mirror.example: name with "
            "--host what stands for Docker Hub."
        )
        done = report(path, "--format", "csv")
        assert done.stdout.count("\n") == 1
        assert "went to mirror.example" in done.stderr


class TestOutput:
    def test_json_is_alone_on_standard_output(self, journal: Path) -> None:
        done = report("--journal", journal, "--format", "json")
        assert json.loads(done.stdout)["schema"] == "hub-v1-report/1"
        assert (done.returncode, done.stderr) == (0, "")

    def test_json_is_alone_there_also_when_empty(self, empty: Path) -> None:
        done = report("--journal", empty, "--format", "json")
        assert json.loads(done.stdout)["totals"]["calls"] == 0
        assert done.returncode == 1
        assert done.stderr.startswith("scripts/report: No traffic recorded yet")
        assert done.stderr.count("\n") == 1

    @pytest.mark.parametrize("form", ["terminal", "html", "json"])
    def test_a_file_gets_what_standard_output_would(
        self, journal: Path, tmp_path: Path, form: str
    ) -> None:
        file = tmp_path / "report"
        file.write_text("an older and longer report " * 1_000)
        done = report("--journal", journal, "--format", form, "-o", file)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        shown = report("--journal", journal, "--format", form).stdout
        assert without_times(file.read_text("utf-8")) == without_times(shown)

    @pytest.mark.parametrize(
        ("name", "start"),
        [("r.html", "<!doctype html>"), ("R.HTML", "<!doctype html>"), ("r.json", '{\n  "schema"')],
    )
    def test_the_name_of_the_file_says_what_it_becomes(
        self, journal: Path, tmp_path: Path, name: str, start: str
    ) -> None:
        assert report("--journal", journal, "-o", tmp_path / name).returncode == 0
        assert (tmp_path / name).read_text("utf-8").startswith(start)

    @pytest.mark.parametrize("form", ["terminal", "html", "json"])
    def test_a_file_does_not_keep_a_person_from_hearing_that_nothing_was_seen(
        self, empty: Path, tmp_path: Path, form: str
    ) -> None:
        said = complaint(report("--journal", empty, "--format", form, "-o", tmp_path / "report"))
        assert "No traffic recorded yet" in said
        assert (tmp_path / "report").stat().st_size

    @pytest.mark.parametrize("where", ["no-such-folder/report", "."])
    def test_a_file_that_cannot_be_written_is_named(
        self, journal: Path, tmp_path: Path, where: str
    ) -> None:
        said = complaint(report("--journal", journal, "-o", tmp_path / where))
        assert str(tmp_path / where) in said

    def test_no_escape_code_goes_to_a_pipe_whatever_the_environment(self, tmp_path: Path) -> None:
        hostile = make_entry(caller="\x1b[31mred\x1b[0m\r\n[bold]x", server_address="\x07\u202e")
        path = write_journal(tmp_path / "journal", hostile)
        done = report("--journal", path, env={"FORCE_COLOR": "1", "TERM": "xterm"})
        assert [line for line in done.stdout.split("\n") if not line.isprintable()] == []
        assert "\\x1b[31mred\\x1b[0m\\r\\n[bold]x" in done.stdout
