"""Callers of every sort, side by side and for as long as it takes: over TLS and without, with one
connection and with many, with credentials, impatient ones, and some who do not call v1 at all."""

import base64
import http.client
import itertools
import math
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from e2e.bridges import Mitmdump
from e2e.clients import PATIENCE

HEADER = "X-Soak"
"""What names a caller."""
IMPATIENT = "impatient"
DIRECT = "direct"
"""Who calls Hub itself."""
LEGACY_HOST = "index.docker.io"
LONG_LIST = 15_000
RULES = (f"soak/long={LONG_LIST}", "soak/=120")
"""For the stand-in: how many tags its repositories have."""
_WORKERS = 12
"""Enough to keep up the rate while some wait for what hangs."""
_ENOUGH = 100
"""Answers of which one in a hundred can be told."""
_IMPATIENCE = 0.5
_LOGIN = "Basic " + base64.b64encode(b"acme:secret").decode()
_NEW = 300
"""Repositories that are asked for in turns: each has left the cache when its turn comes again."""

Answered = tuple[str, str, int]
"""Caller, path and status."""


@dataclass(frozen=True)
class _Caller:
    """One sort of caller."""

    name: str
    path: Callable[[int], str]
    """Of its call with that number."""
    often: int
    """How many of some two hundred calls are of this sort."""
    is_secure: bool = False
    stays_connected: bool = False
    login: str = ""


_CALLERS = (
    _Caller("nightly", lambda number: f"/v1/repositories/soak/r{number % 20}/tags", 60),
    _Caller(
        "pipeline",
        lambda number: f"/v1/repositories/soak/n{number % _NEW}/tags",
        40,
        is_secure=True,
        stays_connected=True,
    ),
    _Caller(
        "exists",
        lambda number: f"/v1/repositories/soak/n{number % _NEW}/tags/t{number % 7}",
        40,
        stays_connected=True,
    ),
    _Caller("tls", lambda number: f"/v1/repositories/soak/r{number % 20}/tags", 20, is_secure=True),
    _Caller("images", lambda number: f"/v1/repositories/soak/i{number % 10}/images", 20),
    _Caller("member", lambda _number: "/v1/repositories/acme/app/tags", 16, login=_LOGIN),
    _Caller("nobody", lambda number: f"/v1/repositories/none/x{number % _NEW}/tags", 16),
    _Caller("long", lambda _number: "/v1/repositories/soak/long/tags", 1),
    _Caller(DIRECT, lambda number: f"/v2/namespaces/soak/repositories/d{number % 20}/tags", 60),
    _Caller(IMPATIENT, lambda number: f"/v1/repositories/soak/n{number % _NEW}/tags", 8),
)


@dataclass
class Callers:
    """Those who call a bridge, `rate` times a second together."""

    bridge: Mitmdump
    hub: str
    """The URL of what stands in for Docker Hub, called without the bridge too."""
    rate: float
    answered: Counter[Answered] = field(default_factory=Counter)
    unanswered: list[str] = field(default_factory=list)
    _seconds: list[float] = field(default_factory=list)
    _seconds_without: list[float] = field(default_factory=list)
    _timed_from: float = field(default=math.inf)
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self._trust = ssl.create_default_context(cafile=self.bridge.authority)
        self._order = [caller for caller in _CALLERS for _ in range(caller.often)]

    def begin(self) -> None:
        """Call until the end."""
        self._ended.clear()
        self._threads = [threading.Thread(target=self._work) for _ in range(_WORKERS)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Wait for the last answers, with all connections closed."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def begin_timing(self) -> None:
        """Time the calls that begin from now on."""
        self._seconds, self._seconds_without = [], []
        self._timed_from = time.monotonic()

    def end_timing(self) -> tuple[float, float]:
        """The milliseconds within which 99 of 100 answers came, from the bridge and from Hub
        itself; 0 where they were too few to tell."""
        self._timed_from = math.inf
        return _slowest(self._seconds), _slowest(self._seconds_without)

    def _work(self) -> None:
        kept: dict[str, http.client.HTTPConnection] = {}
        due = time.monotonic()
        while not self._ended.is_set():
            number = next(self._numbers)
            # Neighbours in the list are of one sort; with this step they come mixed.
            caller = self._order[number * 37 % len(self._order)]
            self._call(caller, number, kept)
            due = max(due + _WORKERS / self.rate, time.monotonic() - 1)
            self._ended.wait(due - time.monotonic())
        for connection in kept.values():
            connection.close()

    def _call(
        self, caller: _Caller, number: int, kept: dict[str, http.client.HTTPConnection]
    ) -> None:
        path = caller.path(number)
        if caller.name == IMPATIENT:
            self._leave(path)
            self._pass()
            return
        if caller.name == DIRECT:
            self._time_hub(path)
            return
        connection = kept.pop(caller.name, None) or self._connection(caller)
        target = path if caller.is_secure else f"http://{LEGACY_HOST}{path}"
        headers = {HEADER: caller.name} | ({"Authorization": caller.login} if caller.login else {})
        began = time.monotonic()
        try:
            connection.request("GET", target, headers=headers)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            self.unanswered.append(f"{caller.name} {path}: {error!r}")
            connection.close()
            return
        if began >= self._timed_from:
            self._seconds.append(time.monotonic() - began)
        self.answered.update([(caller.name, path, response.status)])
        if caller.stays_connected:
            kept[caller.name] = connection
        else:
            connection.close()

    def _connection(self, caller: _Caller) -> http.client.HTTPConnection:
        host, port = self.bridge.host, self.bridge.port
        if not caller.is_secure:
            return http.client.HTTPConnection(host, port, timeout=PATIENCE)
        secure = http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=self._trust)
        secure.set_tunnel(LEGACY_HOST, 443)
        return secure

    def _leave(self, path: str) -> None:
        """Call, and go without waiting for the answer."""
        to = self.bridge.host, self.bridge.port
        with closing(socket.create_connection(to, PATIENCE)) as connection:
            connection.sendall(
                f"GET http://{LEGACY_HOST}{path} HTTP/1.1\r\nHost: {LEGACY_HOST}\r\n"
                f"{HEADER}: {IMPATIENT}\r\n\r\n".encode()
            )

    def _pass(self) -> None:
        """Call what is not the bridge's business, and do not wait for a Hub that hangs."""
        url = f"{self.hub}/v2/"
        to = self.bridge.host, self.bridge.port
        connection = http.client.HTTPConnection(*to, timeout=_IMPATIENCE)
        with closing(connection), suppress(OSError, http.client.HTTPException):
            connection.request("GET", url, headers={"Host": urlsplit(url).netloc})
            connection.getresponse().read()

    def _time_hub(self, path: str) -> None:
        """How long a machine as busy as this takes without the bridge, while Hub is well."""
        began = time.monotonic()
        if began < self._timed_from:
            return
        connection = http.client.HTTPConnection(urlsplit(self.hub).netloc, timeout=PATIENCE)
        with closing(connection):
            connection.request("GET", path)
            connection.getresponse().read()
        self._seconds_without.append(time.monotonic() - began)


def _slowest(seconds: list[float]) -> float:
    return 1e3 * sorted(seconds)[len(seconds) * 99 // 100] if len(seconds) >= _ENOUGH else 0.0
