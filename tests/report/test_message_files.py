"""`--messages FOLDER`: a file with the message to each team or caller."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hubv1.journal import CallRecord, Seen
from report.inside import report
from report.made import write_journal
from samples import make_entry

NOW = datetime.now(UTC)
AT = NOW - timedelta(minutes=1)
CURL = "curl/8.1 at 10.0.0.7"
CURL_FILE = "curl-8.1-at-10.0.0.7.txt"
LIST = ".hub-v1-messages.json"


def called(*callers: str, **more: object) -> list[CallRecord]:
    return [make_entry(caller=caller, **{"started_at": AT} | more) for caller in callers]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    quiet = called("quiet", started_at=NOW - timedelta(days=20))
    calls = (*called(CURL, "nightly-1"), *quiet)
    return write_journal(tmp_path / "journal", *calls, seen=Seen(flows=9))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "messages"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != LIST)


def test_each_caller_that_is_not_quiet_has_a_file_beside_the_report(
    journal: Path, folder: Path, tmp_path: Path
) -> None:
    done = report("--journal", journal, "--messages", folder, "-o", tmp_path / "report.html")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"scripts/report: 2 messages written to {folder}.\n"
    assert names(folder) == [CURL_FILE, "nightly-1.txt"]
    subject, nothing, text, *_ = (folder / CURL_FILE).read_text().splitlines()
    assert subject == f"Subject: {CURL} still calls the retired Docker Hub API v1"
    assert (nothing, text.startswith(f"{CURL} still calls")) == ("", True)
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


def test_a_caller_that_is_asked_for_has_one_even_if_it_is_quiet(
    journal: Path, folder: Path
) -> None:
    done = report("--journal", journal, "--messages", folder, "--caller", "quiet")
    assert names(folder) == ["quiet.txt"]
    assert "has stopped calling" in (folder / "quiet.txt").read_text()
    assert done.stdout.startswith("1 legacy call by 1 caller")  # the report itself


def test_a_team_has_one_for_all_its_callers(journal: Path, folder: Path, tmp_path: Path) -> None:
    owners = tmp_path / "owners.toml"
    owners.write_text('[[owner]]\nteam = "Web & Co"\ncallers = ["curl/*", "nightly-*"]\n')
    report("--journal", journal, "--messages", folder, "--owners", owners)
    [name] = names(folder)
    assert name == "Web-Co.txt"
    assert "Subject: 2 callers of Web & Co still call" in (folder / name).read_text()


def test_with_markdown_they_are_markdown(journal: Path, folder: Path, tmp_path: Path) -> None:
    report("--journal", journal, "--messages", folder, "-o", tmp_path / "report.md")
    assert names(folder) == ["curl-8.1-at-10.0.0.7.md", "nightly-1.md"]
    text = (folder / "nightly-1.md").read_text()
    assert text.startswith("Subject: `nightly-1 still calls")
    assert "```text\n" in text


def test_own_words_are_below_a_subject_line(journal: Path, folder: Path, tmp_path: Path) -> None:
    words = tmp_path / "words.j2"
    words.write_text("Dear {{ callers[0].name }}!")
    report("--journal", journal, "--messages", folder, "--message-template", words)
    assert (folder / "nightly-1.txt").read_text() == (
        "Subject: nightly-1 still calls the retired Docker Hub API v1\n\nDear nightly-1!"
    )
    words.write_text("Subject: About {{ callers[0].name }}\n\nHello")
    report("--journal", journal, "--messages", folder, "--message-template", words)
    assert (folder / "nightly-1.txt").read_text() == "Subject: About nightly-1\n\nHello"


@pytest.mark.parametrize(
    "name",
    [
        "../../up",
        "/etc/passwd",
        "..",
        ".",
        "CON",
        "a\nb\0",
        "日本",
        "x" * 256,
        "--help",
        "%2e%2e/",
        " ",
    ],
)
def test_a_file_is_in_the_folder_whatever_a_caller_calls_itself(
    tmp_path: Path, folder: Path, name: str
) -> None:
    journal = write_journal(tmp_path / "journal", *called(name), seen=Seen(flows=9))
    before = sorted(tmp_path.iterdir())
    assert report("--journal", journal, "--messages", folder).returncode == 0
    [file] = names(folder)
    assert sorted(tmp_path.iterdir()) == sorted([*before, folder])
    assert len(file) <= 100
    assert file.isascii()
    assert file[0].isalnum()
    assert not file.lower().startswith("con.")


def test_names_that_a_system_may_take_for_one_are_told_apart(tmp_path: Path, folder: Path) -> None:
    callers = ("a/b", "a b", "A b", "c")
    journal = write_journal(tmp_path / "journal", *called(*callers), seen=Seen(flows=9))
    for _ in range(2):  # and are the same the next time
        report("--journal", journal, "--messages", folder)
    found = names(folder)
    assert len({name.lower() for name in found}) == len(found) == len(callers)
    assert "c.txt" in found


class TestWhatIsThere:
    def written(self, journal: Path, folder: Path, code: int = 0) -> str:
        done = report("--journal", journal, "--messages", folder, "--format", "json")
        assert done.returncode == code
        assert bool(done.stdout) is (code == 0)
        return done.stderr

    def test_a_later_report_replaces_what_an_earlier_one_wrote(
        self, journal: Path, folder: Path
    ) -> None:
        self.written(journal, folder)
        write_journal(journal, *called(CURL, CURL))
        self.written(journal, folder)
        assert "3 calls since" in (folder / CURL_FILE).read_text()

    @pytest.mark.parametrize("is_changed", [False, True])
    def test_a_file_that_it_did_not_write_stays_and_so_do_all_others(
        self, journal: Path, folder: Path, *, is_changed: bool
    ) -> None:
        folder.mkdir()
        if is_changed:
            self.written(journal, folder)
        (folder / CURL_FILE).write_text("mine")
        before = {path: path.read_text() for path in folder.iterdir()}
        said = self.written(journal, folder, code=1)
        assert f"No message is written to {folder}, since {CURL_FILE} is not what" in said
        assert {path: path.read_text() for path in folder.iterdir()} == before

    def test_a_link_is_not_followed(self, journal: Path, folder: Path, tmp_path: Path) -> None:
        folder.mkdir()
        (folder / CURL_FILE).symlink_to(tmp_path / "elsewhere")
        assert CURL_FILE in self.written(journal, folder, code=1)
        assert not (tmp_path / "elsewhere").exists()

    def test_messages_of_earlier_reports_stay_and_are_told(
        self, journal: Path, folder: Path
    ) -> None:
        self.written(journal, folder)
        done = report("--journal", journal, "--messages", folder, "--caller", "nightly")
        assert "1 message written" in done.stderr
        assert ", beside 1 message of earlier reports." in done.stderr
        assert names(folder) == [CURL_FILE, "nightly-1.txt"]

    def test_what_was_interrupted_goes_on(
        self, journal: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.written(journal, folder)
        write_journal(journal, *called(CURL, "nightly-1"))
        replace, done = Path.replace, []

        def fail_later(path: Path, target: Path) -> Path:
            done.append(target)
            if len(done) > 2:
                raise OSError(28, "No space left on device")
            return replace(path, target)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", fail_later)
            assert "No space left on device" in self.written(journal, folder, code=1)
        self.written(journal, folder)
        assert all("2 calls since" in (folder / name).read_text() for name in names(folder))

    def test_a_folder_of_which_nothing_can_be_made_is_an_error(
        self, journal: Path, tmp_path: Path
    ) -> None:
        file = tmp_path / "file"
        file.write_text("mine")
        assert "cannot be written to" in self.written(journal, file, code=1)
        missing = tmp_path / "no" / "such"
        said = self.written(journal, missing, code=1)
        assert f"cannot be written to {missing}: there is no such folder to make it in." in said

    def test_a_folder_that_may_not_be_written_is_an_error(
        self, journal: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder.mkdir()
        may = os.access  # root may write everywhere
        monkeypatch.setattr(os, "access", lambda path, *how: path != folder and may(path, *how))
        said = self.written(journal, folder, code=1)
        assert f"The messages cannot be written to {folder}: Permission denied." in said
        assert list(folder.iterdir()) == []

    def test_a_list_that_is_damaged_is_an_error(self, journal: Path, folder: Path) -> None:
        self.written(journal, folder)
        (folder / LIST).write_text("{")
        assert f"The list of messages {folder / LIST} cannot be read" in self.written(
            journal, folder, code=1
        )


@pytest.mark.parametrize("other", [("--serve", "0"), ("--owners-template",)])
def test_it_does_not_go_with_what_writes_no_report(
    journal: Path, folder: Path, other: tuple[str, ...]
) -> None:
    done = report("--journal", journal, "--messages", folder, *other)
    assert done.returncode == 2
    assert "--messages writes files" in done.stderr
    assert not folder.exists()
