"""mitmdump without the time that it takes to load: forked from a process that has loaded mitmproxy.

Loading mitmproxy and the libraries of the addon takes three quarters of a second of a processor,
and the tests start hundreds of mitmdumps. One server for each process of the tests loads them once;
each mitmdump is then a fork of it: a process of its own, with its own arguments, environment and
log, that runs mitmproxy's own main function and loads the addon from its files. Those that are
started under another program, or by pip's scripts, are not forked.
"""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

SERVER = Path(__file__).with_name("fork_server.py")


class Process(Protocol):
    """What tests need to know of a process, forked or not."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


class ForkServer:
    """Makes mitmdumps until it is closed."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-u", SERVER],
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def start(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> Process:
        """A mitmdump with that command line; its output goes to `log`."""
        pid = self.tell(start=command, environment=dict(environment), log=str(log))
        return Forked(self, pid)

    def tell(self, **request: Any) -> int:
        """What the server answers to a request."""
        with self._lock:
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


class Forked:
    """A fork, with the methods of subprocess.Popen."""

    def __init__(self, server: ForkServer, pid: int) -> None:
        self.pid = pid
        self._server = server
        self._code: int | None = None
        self._ended = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._code if self._code is not None else self._code_within(0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has one."""
        code = self.poll()
        if code is None:
            code = self._code_within(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"mitmdump {self.pid}", timeout or 0)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _code_within(self, seconds: float | None) -> int | None:
        ended, _, _ = select.select([self._ended], [], [], seconds)
        if ended:
            self._code = self._server.tell(wait=self.pid)
            os.close(self._ended)
        return self._code


_running: list[ForkServer] = []


def fork_server() -> ForkServer:
    """The one of this process, started when it is wanted for the first time."""
    if not _running:
        _running.append(ForkServer())
    return _running[0]


def close_fork_server() -> None:
    while _running:
        _running.pop().close()
