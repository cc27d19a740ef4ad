"""`scan` as people and pipelines call it."""

import json
import os
import resource
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from hubv1.cli.main import main
from hubv1.cli.scan import FORMATS, GATES
from hubv1.source import rendering, scanning, tree
from report.made import write_journal
from samples import make_entry

CALL = "curl -s https://index.docker.io/v1/repositories/acme/app/tags | jq -r '.[].name'\n"
SHOWN = "curl -s https://index.docker.io/v1/repositories/acme/app/tags\n"
SCHEMA = Draft202012Validator(
    json.loads((Path(__file__).parents[2] / "docs" / "scan.schema.json").read_text())
)

Scan = Callable[..., tuple[int, str, str]]


@pytest.fixture
def scan(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Scan:
    """Calls `scan` in an empty folder; gives the exit code and what it printed."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        code = main(["scan", *map(str, arguments)])
        printed, said = capsysbinary.readouterr()
        return code, printed.decode("utf-8", "backslashreplace"), said.decode()

    return call


def as_json(scan: Scan, *arguments: object) -> dict[str, Any]:
    code, printed, _ = scan(*arguments, "--format", "json")
    assert code == 0
    body: dict[str, Any] = json.loads(printed)
    SCHEMA.validate(body)
    return body


def as_xml(scan: Scan) -> ET.Element:
    return ET.fromstring(scan("a.sh", "--format", "junit")[1])  # noqa: S314  # our own


class TestFormats:
    def test_the_command_has_those_that_there_are(self) -> None:
        assert tuple(rendering.FORMATS) == FORMATS
        assert tuple(map(str, scanning.Gate)) == GATES

    def test_the_terminal_shows_the_line_and_its_neighbours(self, scan: Scan) -> None:
        Path("a.sh").write_text(f"one\n{CALL}three\n")
        _, printed, _ = scan(".")
        assert "a.sh:2  GET /v1/repositories/{namespace}/{name}/tags  acme/app\n" in printed
        assert "      1 | one\n  >     2 | curl -s https://" in printed
        assert "      3 | three\n" in printed
        assert "Looked at 1 file of" in printed

    def test_nothing_found_is_said_with_what_was_looked_at(self, scan: Scan) -> None:
        Path("a.sh").write_text("echo\n")
        code, printed, _ = scan(".")
        assert code == 0
        assert printed.startswith("Nothing found")
        assert "Looked at 1 file of 5 bytes for " in printed

    def test_json_is_as_the_schema_says(self, scan: Scan) -> None:
        Path("a.sh").write_text(CALL + SHOWN)
        body = as_json(scan, ".")
        first, second = body["findings"]
        assert (first["line"], first["does"], first["fix"]["idiom"]) == (
            1,
            "lists names",
            "list-jq-name",
        )
        assert (second["line"], second["does"], second["fix"]) == (2, "shows", None)
        assert first["calls"] is body["not_found"] is None

    def test_sarif_has_a_location_for_each_result_and_no_empty_fixes(self, scan: Scan) -> None:
        Path("odd name.sh").write_text(CALL + SHOWN)
        _, printed, _ = scan(".", "--format", "sarif")
        log = json.loads(printed)
        assert log["version"] == "2.1.0"
        [run] = log["runs"]
        rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
        fixed, plain = run["results"]
        for number, result in enumerate((fixed, plain), 1):
            [location] = result["locations"]
            place = location["physicalLocation"]
            assert place["artifactLocation"] == {"uri": "odd%20name.sh"}
            assert place["region"]["startLine"] == number
            assert result["ruleId"] in rules
            assert "partialFingerprints" not in result
        assert "fixes" not in plain
        [change] = fixed["fixes"][0]["artifactChanges"][0]["replacements"]
        region = change["deletedRegion"]
        assert (region["startLine"], region["endLine"]) == (1, 2)
        assert change["insertedContent"]["text"].endswith('sort_by(. != "latest", .)[]\'\n')

    def test_junit_has_a_failure_for_each_call_and_a_case_where_there_is_none(
        self, scan: Scan
    ) -> None:
        Path("a.sh").write_text(CALL)
        suite = as_xml(scan)
        assert suite.get("failures") == "1"
        assert suite.find("testcase/failure") is not None
        Path("a.sh").write_text("echo\n")
        suite = as_xml(scan)
        assert (suite.get("tests"), suite.get("failures")) == ("1", "0")

    def test_the_suffix_of_the_file_tells_the_format(self, scan: Scan) -> None:
        Path("a.sh").write_text(CALL)
        for name, start in {"a.md": "# Calls", "a.diff": "--- a/a.sh\n", "a.sarif": "{"}.items():
            code, printed, said = scan("a.sh", "-o", name)
            assert (code, printed) == (0, "")
            assert "Looked at 1 file" in said
            assert Path(name).read_text().startswith(start)
        assert scan("a.sh", "-o", "a.exe")[0] == 2


class TestExitCodes:
    def test_nothing_to_read_is_a_failure(self, scan: Scan) -> None:
        assert scan("nowhere")[0] == 1
        assert scan(".")[0] == 1

    def test_a_gate_is_met_or_not(self, scan: Scan) -> None:
        Path("a.sh").write_text(CALL)
        assert scan(".", "--fail-on", "any")[0] == 4
        assert scan(".", "--fail-on", "unfixed")[0] == 0
        Path("b.sh").write_text(SHOWN)
        assert scan(".", "--fail-on", "unfixed")[0] == 4
        assert scan(".")[0] == 0

    def test_new_is_what_the_baseline_has_not_wherever_it_moved(self, scan: Scan) -> None:
        Path("a.sh").write_text(CALL)
        scan("a.sh", "-o", "base.json")
        Path("a.sh").write_text(f"\n\n{CALL}")
        assert scan("a.sh", "--fail-on", "new", "--baseline", "base.json")[0] == 0
        Path("a.sh").write_text(CALL + CALL)
        assert scan("a.sh", "--fail-on", "new", "--baseline", "base.json")[0] == 4
        assert scan("a.sh", "--fail-on", "new")[0] == 2
        later = Path("base.json").read_text().replace("hub-v1-scan/1", "hub-v1-scan/10")
        for other in (later, "{}"):
            Path("base.json").write_text(other)
            code, _, said = scan("a.sh", "--fail-on", "new", "--baseline", "base.json")
            assert (code, said.count("\n")) == (1, 1)

    def test_without_the_parsers_one_sentence_says_what_to_install(
        self, scan: Scan, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(name: str) -> None:
            raise ModuleNotFoundError(name, name="tree_sitter")

        monkeypatch.setattr("hubv1.cli.scan.import_module", fail)
        code, _, said = scan(".")
        assert code == 1
        assert said == (
            "hub-v1-bridge scan: scan needs the Python package tree_sitter: install "
            "hub-v1-bridge[scan], or the packages of requirements.txt.\n"
        )


class TestWhatIsLeftOut:
    def test_gitignore_is_heeded_in_every_folder(self, scan: Scan) -> None:
        for name in ("a.sh", "out/b.sh", "sub/c.sh", "sub/d.sh"):
            Path(name).parent.mkdir(exist_ok=True)
            Path(name).write_text(CALL)
        Path(".git").mkdir()
        Path(".gitignore").write_text("/out/\n*.sh\n!/a.sh\n")
        Path("sub/.gitignore").write_text("!d.sh\n")
        body = as_json(scan, "sub", ".")
        assert [each["file"] for each in body["findings"]] == ["sub/d.sh", "a.sh"]

    def test_excluded_files_are_not_looked_at(self, scan: Scan) -> None:
        for name in ("a.sh", "vendor/b.sh"):
            Path(name).parent.mkdir(exist_ok=True)
            Path(name).write_text(CALL)
        body = as_json(scan, ".", "--exclude", "vendor/")
        assert [each["file"] for each in body["findings"]] == ["a.sh"]
        assert body["looked"]["skipped"] == {"folders that --exclude names": 1}

    def test_a_comment_needs_a_reason(self, scan: Scan) -> None:
        Path("a.sh").write_text(f"# hub-v1: ignore\n{CALL}# hub-v1: ignore for the museum\n{CALL}")
        body = as_json(scan, ".")
        assert [each["line"] for each in body["findings"]] == [2]
        assert (body["looked"]["ignored"], body["looked"]["unexplained"]) == (1, ["a.sh:1"])

    def test_a_comment_behind_a_call_is_about_that_alone(self, scan: Scan) -> None:
        Path("a.sh").write_text(f"{SHOWN.rstrip()}  # hub-v1: ignore for show\n{SHOWN}")
        assert [each["line"] for each in as_json(scan, ".")["findings"]] == [2]


class TestSeveralPaths:
    def test_files_of_one_name_are_told_apart_and_each_gets_its_own_fix(self, scan: Scan) -> None:
        for name, before in (("one", "# jq\n"), ("two", "# jq, and more\n\n")):
            Path(name, ".git").mkdir(parents=True)
            Path(name, "a.sh").write_text(before + CALL.replace("acme/app", f"acme/{name}"))
        body = as_json(scan, "one", "two/a.sh")
        assert [each["file"] for each in body["findings"]] == ["one/a.sh", "two/a.sh"]
        assert scan("one", "two/a.sh", "--fix")[0] == 0
        for name, before in (("one", "# jq\n"), ("two", "# jq, and more\n\n")):
            fixed = Path(name, "a.sh").read_text()
            assert fixed.startswith(f"{before}curl -fsSi ")
            assert f"/v2/acme/{name}/tags/list" in fixed


class TestOwnOutput:
    def test_a_baseline_beside_the_sources_is_no_source(self, scan: Scan) -> None:
        Path("a.sh").write_text(CALL)
        assert scan(".", "-o", "scan.json")[0] == 0
        assert scan(".", "--baseline", "scan.json", "--fail-on", "new")[0] == 0

    def test_an_earlier_scan_stays_where_the_disk_is_full(self, scan: Scan) -> None:
        Path("a.sh").write_text(CALL)
        assert scan(".", "-o", "scan.json")[0] == 0
        before = Path("scan.json").read_bytes()
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))  # bytes of any file
        try:
            code, _, said = scan(".", "-o", "scan.json")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (code, "scan.json cannot be written" in said) == (1, True)
        assert Path("scan.json").read_bytes() == before

    @pytest.mark.parametrize("form", ["json", "md", "sarif", "xml"])
    def test_a_scan_is_none(self, scan: Scan, form: str) -> None:
        Path("a.sh").write_text(CALL)
        assert scan(".", "-o", f"scan.{form}")[0] == 0
        body = as_json(scan, ".")
        assert [each["file"] for each in body["findings"]] == ["a.sh"]
        assert body["looked"]["skipped"] == {"reports and scans of this program": 1}

    @pytest.mark.parametrize("form", ["json", "md", "html", "xml", "csv"])
    def test_a_report_is_none(self, scan: Scan, tmp_path: Path, form: str) -> None:
        journal = write_journal(tmp_path / "journal.sqlite3", make_entry())
        assert main(["report", "--journal", str(journal), "-o", f"report.{form}"]) == 0
        assert as_json(scan, f"report.{form}")["findings"] == []


class TestHostileTrees:
    def test_what_is_no_source_is_left_out_and_said(
        self, scan: Scan, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tree, "LARGEST", 1 << 20)
        Path("a.bin").write_bytes(b"\0" + CALL.encode())
        with Path("large.sh").open("wb") as file:
            file.truncate(2 << 30)
        Path("loop").symlink_to(".")
        os.mkfifo("pipe")
        Path("good.sh").write_text(CALL)
        body = as_json(scan, ".")
        assert [each["file"] for each in body["findings"]] == ["good.sh"]
        assert body["looked"]["skipped"] == {
            "binary files": 1,
            "devices and pipes": 1,
            "files larger than 1 MiB": 1,
            "links": 1,
        }

    def test_names_and_lines_are_shown_escaped(self, scan: Scan) -> None:
        name = b"a\x1b[31m\n\xff.sh"
        Path(os.fsdecode(name)).write_bytes(b"\x1b]0;x\x07 \xff\n" + CALL.encode())
        for form in FORMATS:
            code, printed, said = scan(".", "--format", form)
            assert code == 0
            # git has to find the line as it is, but not the name.
            lines = [line for line in printed.splitlines() if not line.startswith(" ")]
            assert "\x1b" not in "".join(lines if form == "diff" else printed) + said

    def test_every_encoding_is_read(self, scan: Scan) -> None:
        Path("wide.ps1").write_text(SHOWN, encoding="utf-16")
        Path("latin.sh").write_bytes(b"# \xe4\n" + CALL.encode())
        Path("mark.sh").write_bytes(b"\xef\xbb\xbf" + CALL.encode())
        body = as_json(scan, ".")
        assert [(each["file"], each["line"]) for each in body["findings"]] == [
            ("latin.sh", 2),
            ("mark.sh", 1),
            ("wide.ps1", 1),
        ]

    def test_a_fix_leaves_all_other_bytes_alone(self, scan: Scan) -> None:
        Path("a.sh").write_bytes(b"# \xe4\r\n" + CALL.encode() + b"echo \xff")
        assert scan("a.sh", "--fix")[0] == 0
        fixed = Path("a.sh").read_bytes()
        assert fixed.startswith(b"# \xe4\r\ncurl -fsSi")
        assert fixed.endswith(b"[]'\necho \xff")

    @pytest.mark.parametrize(
        ("name", "text", "line"),
        [
            ("a.yml", "run: |\n  set -e\n  if {call} > tags; then\n    echo\n  fi\n", 3),
            ("b.yml", "a:\n  - run: {call}\n", 2),
            ("a.sh", "cat <<END\nx\nEND\n{call} \\\n  > tags\n", 4),
            ("Makefile", "x:\n\t{call} \\\n\t  > tags\n", 2),
        ],
    )
    def test_lines_that_end_as_on_windows_are_read_and_left_alone(
        self, scan: Scan, name: str, text: str, line: int
    ) -> None:
        content = text.format(call=CALL.strip()).replace("\n", "\r\n").encode()
        Path(name).write_bytes(content)
        [finding] = as_json(scan, name)["findings"]
        assert (finding["line"], finding["does"]) == (line, "lists names")
        assert scan(name, "--fix")[0] == 0
        assert Path(name).read_bytes() == content

    def test_broken_shell_and_yaml_are_survived(self, scan: Scan) -> None:
        for name in ("a.sh", "a.yml", "Makefile", "Dockerfile", "Jenkinsfile", "a.md", "a.py"):
            for cut in range(1, len(CALL), 7):
                Path(name).write_text(f"x: |\n  if ( $(( \"${{ '\n\t{CALL[:cut]}\n- {CALL}\n")
                assert scan(".", "--format", "diff")[0] == 0


class TestJoin:
    @pytest.fixture
    def journal(self, tmp_path: Path) -> Path:
        app = make_entry(namespace="acme", repository="app", caller="curl/8.1 at 10.0.0.1")
        other = make_entry(namespace="acme", repository="other")
        return write_journal(tmp_path / "journal.sqlite3", app, other)

    def test_a_call_is_found_never_called_or_in_no_file(self, scan: Scan, journal: Path) -> None:
        Path("a.sh").write_text(CALL + CALL.replace("acme/app", "acme/unused"))
        body = as_json(scan, "a.sh", "--journal", journal)
        called, unused = body["findings"]
        assert (called["calls"], called["callers"]) == (1, ["curl/8.1 at 10.0.0.1"])
        assert datetime.fromisoformat(called["last_seen"]).tzinfo == UTC
        assert (unused["calls"], unused["callers"], unused["last_seen"]) == (0, [], None)
        assert [each["repository"] for each in body["not_found"]] == ["acme/other"]
        printed = scan("a.sh", "--journal", journal)[1]
        assert "called and found here: 1 call by curl/8.1 at 10.0.0.1, last " in printed
        assert "found, never called" in printed
        assert "called, but in no file that was given: GET /v1/repositories" in printed

    def test_a_variable_stands_for_what_no_other_line_names(
        self, scan: Scan, journal: Path
    ) -> None:
        Path("a.sh").write_text(CALL + CALL.replace("acme/app", "$1"))
        body = as_json(scan, "a.sh", "--journal", journal)
        assert [each["calls"] for each in body["findings"]] == [1, 1]
        assert body["not_found"] == []

    def test_calls_of_what_is_retired_next_are_joined_too(self, scan: Scan, tmp_path: Path) -> None:
        route = "GET /v2/repositories/{namespace}/{name}"
        entry = make_entry(namespace="acme", repository="app", route=route)
        journal = write_journal(tmp_path / "journal.sqlite3", entry)
        Path("a.sh").write_text("curl -s https://hub.docker.com/v2/repositories/acme/app/\n")
        body = as_json(scan, "a.sh", "--journal", journal)
        [finding] = body["findings"]
        assert (finding["kind"], finding["route"], finding["calls"]) == ("retiring", route, 1)
        assert body["not_found"] == []

    def test_a_json_report_does_as_well(self, scan: Scan, journal: Path) -> None:
        assert main(["report", "--journal", str(journal), "-o", "report.json"]) == 0
        Path("a.sh").write_text(CALL)
        [finding] = as_json(scan, "a.sh", "--report", "report.json")["findings"]
        assert finding["calls"] == 1
        assert scan("a.sh", "--report", "a.sh")[0] == 1
        assert scan("a.sh", "--report", "report.json", "--journal", journal)[0] == 2


def test_skopeo_is_used_where_it_is_preferred(scan: Scan) -> None:
    Path("a.sh").write_text(CALL)
    printed = scan("a.sh", "--format", "diff", "--prefer", "skopeo")[1]
    new = "+skopeo list-tags docker://docker.io/acme/app |\n+  jq -r '.Tags | sort_by("
    assert new in printed
