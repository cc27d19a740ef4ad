"""Every format, by its name or by the suffix of a file; files appear whole."""

import json
import os
import resource
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hubv1.report.output import FORMATS, write_whole
from hubv1.reporting import format_of
from report.made import write_journal
from report.processes import report
from samples import make_entry

BEGINNINGS = {
    "md": "# who still",
    "html": "<!doctype html>",
    "json": "{",
    "csv": "caller,",
    "terminal": "1 legacy call",
    "summary": "# who still",
    "junit": "<?xml",
}


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return write_journal(tmp_path / "journal.sqlite3", make_entry())


@pytest.fixture
def common_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("form", FORMATS)
def test_each_is_alone_on_standard_output(journal: Path, form: str) -> None:
    done = report("--journal", journal, "--format", form)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.lower().startswith(BEGINNINGS[form])


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "terminal"])
def test_one_that_is_empty_is_whole_and_the_reason_is_beside_it(tmp_path: Path, form: str) -> None:
    done = report("--journal", write_journal(tmp_path / "empty"), "--format", form)
    assert done.returncode == 1
    assert done.stdout.lower().startswith(BEGINNINGS[form])
    assert done.stderr.startswith("scripts/report: No traffic recorded yet")


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("out.html", "html"),
        ("OUT.JSON", "json"),
        ("out.csv", "csv"),
        ("out.md", "md"),
        ("out.txt", "terminal"),
        ("json", "terminal"),
    ],
)
def test_the_suffix_of_a_file_says_the_format(
    journal: Path, tmp_path: Path, name: str, form: str
) -> None:
    assert report("--journal", journal, "-o", tmp_path / name).returncode == 0
    assert (tmp_path / name).read_text("utf-8").lower().startswith(BEGINNINGS[form])


@pytest.mark.parametrize("name", ["out.docx", "out.log", "out.json.bak"])
def test_a_suffix_that_says_nothing_is_refused_with_those_that_do(
    journal: Path, tmp_path: Path, name: str
) -> None:
    done = report("--journal", journal, "-o", tmp_path / name)
    assert (done.returncode, done.stdout) == (2, "")
    for known in (".html", ".md", ".json", ".csv", ".txt", "--format"):
        assert known in done.stderr
    assert list(tmp_path.glob("out*")) == []
    assert report("--journal", journal, "-o", tmp_path / name, "--format", "md").returncode == 0


def test_the_format_that_is_named_counts_more(journal: Path, tmp_path: Path) -> None:
    report("--journal", journal, "--format", "json", "-o", tmp_path / "out.html")
    assert json.loads((tmp_path / "out.html").read_text("utf-8"))


@pytest.mark.parametrize("name", ["out", "out.docx", ".html"])
def test_a_suffix_that_stands_for_none_is_an_error_that_lists_those_that_do(name: str) -> None:
    with pytest.raises(ValueError, match=r"\.html, .*\.json, .*\.csv.*, unlike"):
        format_of(Path(name))


@pytest.mark.usefixtures("common_umask")
class TestFiles:
    def test_a_new_one_has_the_mode_that_the_umask_says_and_nothing_is_left_beside_it(
        self, tmp_path: Path
    ) -> None:
        write_whole(["x"], tmp_path / "out.json")
        assert [(file.name, mode(file)) for file in tmp_path.iterdir()] == [("out.json", 0o644)]

    def test_one_that_was_there_keeps_its_mode(self, tmp_path: Path) -> None:
        path = tmp_path / "out"
        path.touch(0o640)
        write_whole(["x"], path)
        assert (path.read_text(), mode(path)) == ("x", 0o640)

    def test_a_reader_of_the_old_one_reads_on_in_that(self, tmp_path: Path) -> None:
        path = tmp_path / "out"
        path.write_text("the old one")
        with path.open() as reading:
            write_whole(["the new one"], path)
            assert reading.read() == "the old one"
        assert path.read_text() == "the new one"

    def test_a_link_goes_on_pointing_to_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("file")
        for text in ("one", "two"):
            write_whole([text], tmp_path / "link")
            assert (tmp_path / "file").read_text() == text
        assert (tmp_path / "link").is_symlink()

    def test_a_pipe_is_written_to(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE) as reader:
            write_whole(["through"], tmp_path / "pipe")
            assert reader.communicate()[0] == b"through"
        assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)

    def test_one_that_cannot_be_written_to_its_end_leaves_the_old_one(self, tmp_path: Path) -> None:
        path = tmp_path / "out"
        path.write_text("the old one")
        with files_of_at_most(100), pytest.raises(OSError, match="File too large"):
            write_whole(["the new one" * 100], path)
        assert path.read_text() == "the old one"
        assert list(tmp_path.iterdir()) == [path]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """While it lasts a longer one cannot be written, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
