"""An old host that keeps what reaches it, for tests that compare it with what was sent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER = b'{"answer": "of the origin"}'


@dataclass(frozen=True)
class Arrival:
    """One request as it came; names of headers are as written."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass
class Origin:
    """Answers everything with `body`; as the parent of a proxy it answers for all hosts."""

    url: str
    arrivals: list[Arrival] = field(default_factory=list)
    body: bytes = ANSWER


@contextmanager
def running_origin() -> Iterator[Origin]:
    """An origin on a free port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.origin = Origin(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.origin  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def __getattr__(self, name: str) -> Any:
        # The base class looks up do_GET, do_PUT and so on: all methods are answered alike.
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        origin: Origin = self.server.origin  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = tuple(self.headers.items())
        origin.arrivals.append(Arrival(self.command, self.path, headers, body))
        self.send_response(200)
        self.send_header("Content-Length", str(len(origin.body)))
        self.send_header("X-Origin", "here")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(origin.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Say nothing."""
