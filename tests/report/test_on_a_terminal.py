"""The command as people meet it: on a terminal, wide or narrow, new or old."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

import pytest

from report.made import write_journal
from report.processes import COMMAND, environment, report, without_times
from samples import make_entry

URL = "https://registry-1.docker.io/v2/library/debian/tags/list"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return write_journal(tmp_path / "journal.sqlite3", make_entry())


def on_terminal(columns: int, *arguments: object, **env: str | None) -> tuple[int, str]:
    """Exit code and output of the command on a terminal of so many columns."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    surroundings = environment({"COLUMNS": None, "NO_COLOR": None, "TERM": "xterm"} | env)
    command = (*COMMAND, *map(str, arguments))
    with subprocess.Popen(command, stdout=its, stderr=its, env=surroundings) as process:
        os.close(its)
        shown = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    return process.returncode, shown.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # how Linux says that nobody writes any more
        return b""


def test_forty_columns_are_kept_to_but_for_urls(journal: Path) -> None:
    code, shown = on_terminal(40, "--journal", journal)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()
    assert code == 0
    assert [line for line in lines if len(line) > 40 and "/debian" not in line] == []
    assert any(line.endswith(URL) for line in lines)
    assert max(len(line) for line in lines if "/debian" not in line) > 30


def test_it_is_coloured(journal: Path) -> None:
    assert "\x1b[32mbridged" in on_terminal(120, "--journal", journal)[1]


def test_no_color_is_heeded(journal: Path) -> None:
    assert "\x1b[32m" not in on_terminal(120, "--journal", journal, NO_COLOR="1")[1]


def test_a_terminal_that_knows_no_escapes_gets_none_and_is_no_wider(journal: Path) -> None:
    _, shown = on_terminal(40, "--journal", journal, TERM="dumb")
    assert "\x1b" not in shown
    assert [line for line in shown.splitlines() if len(line) > 40 and "/debian" not in line] == []


def test_a_file_gets_no_colour_even_when_started_from_one(journal: Path, tmp_path: Path) -> None:
    code, shown = on_terminal(40, "--journal", journal, "-o", tmp_path / "report")
    assert (code, shown) == (0, "")
    plain = report("--journal", journal).stdout
    assert without_times((tmp_path / "report").read_text()) == without_times(plain)


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1"])
def test_what_an_old_terminal_cannot_show_is_replaced(tmp_path: Path, encoding: str) -> None:
    path = write_journal(tmp_path / "journal", make_entry(caller="\N{OCTOPUS} at 10.0.0.7"))
    done = report("--journal", path, env={"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, "")
    assert " ? at 10.0.0.7" in done.stdout
    assert "  # translated\n" in done.stdout
    assert URL in done.stdout
