"""`scripts/report --serve` as a process, and requests to it."""

import http.client
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.message import Message

from report.processes import COMMAND, SECONDS, environment

_URL = re.compile(r"the report is at (http://\S+) until Ctrl-C")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    text: str


@dataclass
class Served:
    """The process; `url` is what it said, token included."""

    process: subprocess.Popen[str]
    url: str

    @property
    def port(self) -> int:
        return int(re.findall(r":(\d+)/", self.url)[0])

    def get(
        self, path: str = "/", method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> Answer:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)) as to:
            to.request(method, path, headers={**(headers or {})})
            answer = to.getresponse()
            return Answer(answer.status, answer.headers, answer.read().decode())

    def eventually(self, fits: Callable[[Answer], bool]) -> Answer:
        """The first answer that is as wanted."""
        until = time.monotonic() + SECONDS
        while not fits(answer := self.get()):
            assert time.monotonic() < until, answer
            time.sleep(0.2)
        return answer

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Its exit code after that signal, and what else it had said."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, said


@contextmanager
def serving(*arguments: object, at: str = "127.0.0.1:0") -> Iterator[Served]:
    process = subprocess.Popen(
        (*COMMAND, "--serve", at, *map(str, arguments)),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    with process:
        try:
            assert process.stderr
            said = process.stderr.readline()
            found = _URL.search(said)
            assert found, said
            yield Served(process, found[1])
        finally:
            process.kill()
