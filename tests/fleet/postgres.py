"""A PostgreSQL server of the tests' own: made, started, frozen, killed, and asked."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import psycopg

from addresses import own_address
from e2e.clients import tool

PATIENCE = 60
USER, PASSWORD = "hub", "hush-hush"

_RULES = f"""
local all postgres trust
host all {USER} 127.0.0.0/8 scram-sha-256
"""
_SETTINGS = (
    "fsync=off",  # nobody pulls the plug here
    "max_connections=40",
    "shared_buffers=32MB",
    "log_min_messages=fatal",
    "password_encryption=scram-sha-256",
)


class Server:
    """A server with a folder and an address of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        address = own_address()
        self.host, self.port = address.host, address.port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def make(self) -> None:
        """Its files, from nothing."""
        subprocess.run(
            (
                *(_program("initdb"), f"--pgdata={self.data}", "--no-sync", "--auth=trust"),
                *("--username=postgres", "--encoding=UTF8", "--locale=C"),
            ),
            check=True,
            capture_output=True,
            cwd=self.folder,
            **_as_its_user(),
        )
        (self.data / "pg_hba.conf").write_text(_RULES)

    def start(self, *settings: str) -> None:
        """Start it and wait until it answers."""
        every = [*_SETTINGS, *settings, f"port={self.port}", f"listen_addresses={self.host}"]
        every.append(f"unix_socket_directories={self.folder}")
        options = [word for each in every for word in ("-c", each)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [_program("postgres"), "-D", str(self.data), *options],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
                **_as_its_user(),
            )
        end = time.monotonic() + PATIENCE
        while True:
            assert self._process.poll() is None, (self.folder / "log").read_text()
            with suppress(psycopg.OperationalError):
                self.ask("SELECT 1")
                return
            assert time.monotonic() < end, "PostgreSQL does not answer"
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it in good order, whoever is connected."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill it with all that belongs to it, as a power failure would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Have it stand still, with its connections open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on."""
        self._signal(signal.SIGCONT)

    def database(self, name: str) -> str:
        """Make a database; returns its URL."""
        self.ask(f"CREATE DATABASE {name} OWNER {USER}")
        return self.url(name)

    def url(self, name: str, password: str = PASSWORD) -> str:
        return f"postgresql+psycopg://{USER}:{password}@{self.host}:{self.port}/{name}"

    def own_url(self, database: str) -> str:
        """For its own administrator."""
        return f"host={self.folder} port={self.port} user=postgres dbname={database}"

    def ask(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """What it answers its own administrator."""
        with psycopg.connect(self.own_url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            parent = psutil.Process(self._process.pid)
            for each in (*parent.children(recursive=True), parent):
                with suppress(psutil.NoSuchProcess):
                    each.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        parent = psutil.Process(process.pid)
        if number == signal.SIGKILL:
            parent.suspend()  # it would begin others in place of those that are killed
        every = [*parent.children(recursive=True), parent]
        for each in every if number == signal.SIGKILL else [parent]:
            with suppress(psutil.NoSuchProcess):
                each.send_signal(number)
        process.wait(PATIENCE)
        # Its shared memory is in use until the last of them is gone.
        psutil.wait_procs(every, PATIENCE)
        self._process = None


@contextmanager
def a_server(parent: Path | None = None, settings: Sequence[str] = ()) -> Iterator[Server]:
    """A server that runs, with nothing in it; its files are in a new folder of `parent`."""
    folder = Path(tempfile.mkdtemp(prefix="hub-postgres-", dir=parent))
    if account := _as_its_user():
        os.chown(folder, account["user"], account["group"])
    server = Server(folder)
    try:
        server.make()
        server.start(*settings)
        server.ask(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")
        yield server
    finally:
        server.thaw()
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _as_its_user() -> dict[str, Any]:
    """For subprocess: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    try:
        account = pwd.getpwnam("postgres")
    except KeyError:
        account = pwd.getpwnam("nobody")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


@cache
def _program(name: str) -> str:
    """Debian keeps each version's programs in a folder of its own, beside PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return tool(name, os.pathsep.join([os.environ["PATH"], *map(str, reversed(folders))]))
