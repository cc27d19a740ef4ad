"""The programs that call v1, started with an environment that has nothing but what a test sets."""

import http.client
import os
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

import pytest

PATIENCE = 60


class Proxy(Protocol):
    """What clients need to know of a bridge."""

    host: str
    port: int

    @property
    def url(self) -> str: ...
    @property
    def authority(self) -> Path: ...


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def tool(name: str, path: str | None = None) -> str:
    """The path of a program in PATH, or in `path`; without it the test is skipped, and fails in
    CI."""
    return shutil.which(name, path=path) or lacking(f"{name} is not installed")


def lacking(what: str) -> NoReturn:
    """Skip the test for what this machine lacks, and fail in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """An environment without the proxies, authorities and settings of this machine's user."""
    base = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
    return {**base, "PYTHONUNBUFFERED": "1", **more}


def behind(proxy: Proxy) -> dict[str, str]:
    """The environment of a client that has the bridge as its proxy, and trusts it."""
    home = proxy.authority.parent
    trust = str(proxy.authority)
    wgetrc = home / "wgetrc"
    wgetrc.write_text(f"ca_certificate = {trust}\n", encoding="utf-8")
    return clean_environment(
        home,
        http_proxy=proxy.url,
        https_proxy=proxy.url,
        CURL_CA_BUNDLE=trust,
        SSL_CERT_FILE=trust,
        WGETRC=str(wgetrc),
    )


def shell(line: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
    """A line of somebody's script, run by bash; the programs in it have to be there."""
    for name in _programs(line):
        tool(name)
    return subprocess.run(
        [tool("bash"), "-c", line],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )


def output(line: str, environment: Mapping[str, str]) -> str:
    """What such a line prints, where nothing in it may fail."""
    done = shell(f"set -o pipefail; {line}", environment)
    assert done.returncode == 0, done
    return done.stdout.decode()


def curl(proxy: Proxy, *arguments: str) -> str:
    """What curl prints, with the bridge as its proxy."""
    return output(f"curl -sS {shlex.join(arguments)}", behind(proxy))


def ask(
    proxy: Proxy,
    target: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One request as written, on a connection of its own: a URL for a forward proxy, a path for
    a reverse proxy. Follows nothing and raises for no status."""
    with closing(http.client.HTTPConnection(proxy.host, proxy.port, timeout=PATIENCE)) as to:
        return ask_on(to, target, method, body, headers)


def ask_on(
    connection: http.client.HTTPConnection,
    target: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """The same on a connection that is there already."""
    connection.request(method, target, body, dict(headers or {}))
    response = connection.getresponse()
    found = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, found, response.read())


@contextmanager
def connected(proxy: Proxy) -> Iterator[socket.socket]:
    """A bare connection, for requests that no library would send."""
    with closing(socket.create_connection((proxy.host, proxy.port), PATIENCE)) as connection:
        yield connection


def raw(proxy: Proxy, request: bytes) -> Answer:
    """The answer to these bytes; they should ask for the connection to be closed."""
    with connected(proxy) as connection:
        connection.sendall(request)
        response = http.client.HTTPResponse(connection)
        with closing(response):
            response.begin()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())


def _programs(line: str) -> list[str]:
    known = ("curl", "wget", "jq", "grep", "sed", "tr", "awk", "cmp", "perl", "python3", "tail")
    words = line.replace("|", " ").replace(";", " ").replace("(", " ").split()
    return [name for name in known if name in words]
