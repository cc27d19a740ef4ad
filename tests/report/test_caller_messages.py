"""`--caller NAME`: the message to send to the people behind a caller."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hubv1.journal import Seen
from report.made import message, report_of, write_journal
from report.processes import complaint, report
from samples import make_entry

CALLER = "curl/8.1 at 10.0.0.7"
NOW = datetime.now(UTC)
AT = NOW - timedelta(minutes=1)
OTHER = make_entry(started_at=AT, caller="Wget/1.21 at 10.0.0.8", repository="nginx")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return write_journal(tmp_path / "journal", make_entry(started_at=AT), OTHER, seen=Seen(flows=9))


@pytest.mark.parametrize(("form", "markdown"), [("terminal", False), ("md", True)])
def test_it_is_printed_as_text_or_markdown(journal: Path, form: str, *, markdown: bool) -> None:
    done = report("--journal", journal, "--format", form, "--caller", CALLER)
    assert (done.returncode, done.stderr) == (0, "")
    entry = make_entry(started_at=AT)
    assert done.stdout == message(report_of(entry, now=NOW), CALLER, markdown=markdown)


def test_a_pattern_gives_one_for_each_caller_that_it_matches(journal: Path) -> None:
    done = report("--journal", journal, "--caller", "*10.0.0.*")
    one, two = done.stdout.split("\n---\n")
    assert {text.split()[1] for text in (one.strip(), two)} == {"curl/8.1", "Wget/1.21"}


def test_it_goes_to_a_file_too(journal: Path, tmp_path: Path) -> None:
    done = report("--journal", journal, "--caller", CALLER, "-o", tmp_path / "to.md")
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "to.md").read_text().startswith(f"Subject: `{CALLER} still calls the")


@pytest.mark.parametrize("arguments", [("--format", "json"), ("--columns", "caller")])
def test_elsewhere_it_picks_the_calls(journal: Path, arguments: tuple[str, ...]) -> None:
    done = report("--journal", journal, "--caller", CALLER, *arguments)
    assert done.returncode == 0
    assert CALLER in done.stdout
    assert "Wget" not in done.stdout
    if "json" in arguments:
        assert json.loads(done.stdout)["totals"]["calls"] == 1


@pytest.mark.parametrize("name", ["CURL", "curl/8.1 at 10.0.0.9", "*Curl*"])
def test_a_name_that_nobody_has_is_an_error_that_tells_who_might_be_meant(
    journal: Path, name: str
) -> None:
    said = complaint(report("--journal", journal, "--caller", name), code=2)
    assert f"There is no caller '{name}'. Near it: {CALLER}" in said


def test_a_caller_without_a_call_that_was_asked_for_is_told_from_one_that_there_is_not(
    journal: Path,
) -> None:
    done = report("--journal", journal, "--caller", CALLER, "--outcome", "gone")
    assert done.stdout.startswith("No such legacy call")
    said = done.stderr
    assert f"among those asked for: the last of {CALLER} was {AT:%Y-%m-%d %H:%M} UTC." in said


def test_a_gate_is_passed_by_a_caller_that_is_gone(journal: Path) -> None:
    gate = ("--fail-on", "any")
    later = (*gate, "--outcome", "gone")
    assert report("--journal", journal, "--caller", CALLER, *later).returncode == 0
    assert report("--journal", journal, "--caller", "xyz", *gate).returncode == 2
    assert report("--journal", journal, "--caller", CALLER, *gate).returncode == 4


def test_a_name_that_is_near_to_none_is_an_error_too(journal: Path) -> None:
    said = complaint(report("--journal", journal, "--caller", "xyz"), code=2)
    assert "There is no caller 'xyz'. The report has the names." in said


def test_where_nobody_calls_the_state_is_said_instead(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "clean", seen=Seen(flows=9))
    said = complaint(report("--journal", path, "--caller", "xyz"), code=2)
    assert said == "scripts/report: No legacy call in 9 flows.\n"


def test_a_hostile_caller_among_those_that_might_be_meant_forges_no_line(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "journal", make_entry(caller="job\n\x1b[31mforged"))
    said = complaint(report("--journal", path, "--caller", "JOB"), code=2)
    assert "job\\n\\x1b[31mforged" in said


class TestQuietCallers:
    @pytest.fixture
    def journal(self, tmp_path: Path) -> Path:
        quiet = make_entry(caller="nightly-old"), make_entry(caller="nightly-older")
        calls = make_entry(caller="nightly", started_at=AT), *quiet
        return write_journal(tmp_path / "quiet", *calls, seen=Seen(flows=9))

    def test_have_no_message_unless_asked_for_by_name(self, journal: Path) -> None:
        def subjects(name: str) -> list[str]:
            lines = report("--journal", journal, "--caller", name).stdout.splitlines()
            return [line.split()[1] for line in lines if line.startswith("Subject: ")]

        assert subjects("nightly*") == ["nightly"]
        assert subjects("nightly-old") == ["nightly-old"]
        assert sorted(subjects("old")) == ["nightly-old", "nightly-older"]


class TestOwnWords:
    def words(self, journal: Path, tmp_path: Path, text: str, code: int = 0) -> str:
        file = tmp_path / "words.j2"
        file.write_text(text)
        done = report("--journal", journal, "--caller", CALLER, "--message-template", file)
        assert done.returncode == code, done
        return done.stderr if code else done.stdout

    def test_are_a_template_that_has_all_that_the_message_has(
        self, journal: Path, tmp_path: Path
    ) -> None:
        text = (
            "{{ subject }}\n{% for c in callers %}{{ c.name }} {{ c.standing }} {{ c.calls }}\n"
            "{% for i in c['items'] %}{{ i.old }} -> {{ i.script }}\n{% endfor %}{{ c.proof }}\n"
            "{% endfor %}"
        )
        assert self.words(journal, tmp_path, text).splitlines() == [
            f"{CALLER} still calls the retired Docker Hub API v1",
            f"{CALLER} ready 1",
            (
                "https://index.docker.io/v1/repositories/debian/tags -> "
                "skopeo list-tags docker://docker.io/library/debian"
            ),
            f"scripts/report --caller '{CALLER}' --since 24h --fail-on any",
        ]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("one\n{% for %}", "line 2: "),
            ("{{ nobody }}", "'nobody' is undefined"),
            ("{{ ''.__class__.__mro__ }}", "unsafe"),
            ("{{ callers.append(1) }}", "unsafe"),
            ("{% include '/etc/passwd' %}", "cannot be used"),
            ("{{ 1 / 0 }}", "division by zero"),
            ("{{ range(10000000) | list }}", "Range too big"),
        ],
    )
    def test_reach_nothing_else_and_a_mistake_is_a_sentence(
        self, journal: Path, tmp_path: Path, text: str, said: str
    ) -> None:
        complained = self.words(journal, tmp_path, text, code=1)
        assert said in complained
        assert re.search(r"The template .*words.j2 cannot be (read|used): ", complained)
        assert "Traceback" not in complained

    def test_need_messages(self, journal: Path, tmp_path: Path) -> None:
        done = report("--journal", journal, "--message-template", tmp_path)
        assert done.returncode == 2
        assert (
            "--message-template is for the messages that --caller and --messages write"
            in done.stderr
        )
