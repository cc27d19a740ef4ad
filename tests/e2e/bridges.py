"""A mitmdump with the bridge, as users start it: a process of its own, watched through its log."""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from addresses import Address
from e2e.clients import clean_environment
from e2e.forked import Process, fork_server

ROOT = Path(__file__).resolve().parents[2]
ADDON = ROOT / "addon" / "bridge.py"
MITMDUMP = Path(sys.executable).parent / "mitmdump"
PATIENCE = 60
"""Seconds after which a test gives up; far more than anything here takes on a slow machine."""

ANYWHERE = Address("127.0.0.1", 0)
"""A free port, which the log names."""

NO_HUB = "http://127.0.0.1:1"
"""A port that nothing listens on."""

_LISTENING = re.compile(r"listening at (?:\S+ and )?(127\.\S+|10\.\S+):(\d+)\.")

Row = dict[str, Any]
Finished = subprocess.CompletedProcess[str]


@dataclass
class Mitmdump:
    """A running mitmdump."""

    process: Process
    confdir: Path
    log_file: Path
    journal: Path
    host: str = "127.0.0.1"
    port: int = 0
    _rows_told: int = field(default=0, repr=False)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def authority(self) -> Path:
        """The certificate that clients have to trust."""
        return self.confdir / "mitmproxy-ca-cert.pem"

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8")

    def rows(self) -> list[Row]:
        """The journal's rows, in the order of their writing."""
        return query(self.journal, "SELECT * FROM calls ORDER BY rowid")

    def new_rows(self) -> list[Row]:
        """The rows since this was last asked."""
        rows = self.rows()
        new, self._rows_told = rows[self._rows_told :], len(rows)
        return new

    def new_row(self) -> Row:
        """The one new row; it fails where there is none, or more."""
        (row,) = self.new_rows()
        return row

    def end(self) -> None:
        """Ask it to end and see that it does so in good order."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE)
        assert code == 0, self.log
        # Python 3.11 itself logs a traceback for each connection that is cut at the end.
        assert not re.search(r'Addon error|File ".*hubv1', self.log), self.log


@contextmanager
def running_mitmdump(
    confdir: Path,
    *arguments: str,
    at: Address = ANYWHERE,
    under: Sequence[str] = (),
    program: Path = MITMDUMP,
) -> Iterator[Mitmdump]:
    """A mitmdump that listens there; checked to end well, unless the test itself ended it.

    `under` is a command line that runs another, and becomes it.
    """
    line = command(confdir, *arguments, at=at, program=program)
    with running(confdir, [*under, *line]) as started:
        yield started


@contextmanager
def running(confdir: Path, command_line: Sequence[str]) -> Iterator[Mitmdump]:
    """The same for a command line of the test's own, with its journal in the confdir."""
    confdir.mkdir(parents=True, exist_ok=True)
    (log := confdir / "log").write_bytes(b"")
    process = _started(command_line, clean_environment(confdir), log)
    started = Mitmdump(process, confdir, log, confdir / "journal.sqlite3")
    try:
        started.host, started.port = _listening_at(started)
        yield started
        if process.poll() is None:
            started.end()
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE)


@contextmanager
def running_bridge(
    confdir: Path, *arguments: str, at: Address = ANYWHERE, under: Sequence[str] = (), **given: str
) -> Iterator[Mitmdump]:
    """A mitmdump with the bridge; `given` is for `bridge_arguments`."""
    everything = [*bridge_arguments(confdir, **given), *arguments]
    with running_mitmdump(confdir, *everything, at=at, under=under) as bridge:
        yield bridge


def command(
    confdir: Path, *arguments: str, at: Address = ANYWHERE, program: Path = MITMDUMP
) -> list[str]:
    """The command line of a mitmdump that listens there."""
    settings = [f"confdir={confdir}", f"listen_host={at.host}", f"listen_port={at.port}"]
    settings.append("flow_detail=0")  # what is in the log then comes from the bridge
    return [str(program), *(each for one in settings for each in ("--set", one)), *arguments]


def bridge_arguments(
    confdir: Path,
    *,
    hub_url: str = NO_HUB,
    registry_url: str = "",
    strategy: str = "lazy",
    journal: str = "",
    addon: str = str(ADDON),
) -> list[str]:
    """The arguments that load the bridge; without others, nobody is behind it."""
    settings = [
        f"connection_strategy={strategy}",
        f"hub_url={hub_url}",
        f"hub_registry_url={registry_url}",
        f"hub_journal={journal or confdir / 'journal.sqlite3'}",
    ]
    return ["-s", addon, *(each for one in settings for each in ("--set", one))]


def finished(confdir: Path, *arguments: str, **environment: str) -> Finished:
    """A mitmdump that ends by itself, with everything that it said."""
    confdir.mkdir(parents=True, exist_ok=True)
    (log := confdir / "said").write_bytes(b"")
    line = command(confdir, *arguments)
    process = _started(line, clean_environment(confdir, **environment), log)
    try:
        code = process.wait(PATIENCE)
    finally:
        process.kill()
    return Finished(line, code, log.read_text(encoding="utf-8"))


def _started(command_line: Sequence[str], environment: Mapping[str, str], log: Path) -> Process:
    """A process that writes to the log; where it is a plain mitmdump, it is forked."""
    if command_line[0] == str(MITMDUMP) and "PYTHONPATH" not in environment:
        return fork_server().start(command_line, environment, log)
    with log.open("ab") as out:
        return subprocess.Popen(
            command_line,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
        )


def with_authority(confdir: Path, authority: Path) -> Path:
    """A confdir with a CA that exists already, since making one takes its time."""
    return Path(shutil.copytree(authority, confdir, dirs_exist_ok=True))


def query(journal: Path, statement: str) -> list[Row]:
    """What another process finds in the journal now."""
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True, timeout=30)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(statement)]


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"still not: {what}"
        time.sleep(0.02)


def _listening_at(started: Mitmdump) -> tuple[str, int]:
    def listening() -> bool:
        assert started.process.poll() is None, f"mitmdump ended:\n{started.log}"
        return _LISTENING.search(started.log) is not None

    eventually(listening, f"listening ({os.fspath(started.log_file)})")
    found = _LISTENING.search(started.log)
    assert found
    return found[1], int(found[2])
