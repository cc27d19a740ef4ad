"""`hub-v1-bridge run` as a process: mitmdump, mitmweb and the console, and starts that fail."""

import fcntl
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from addresses import Address, own_address
from e2e.bridges import (
    PATIENCE,
    ROOT,
    Mitmdump,
    eventually,
    running,
    with_authority,
)
from e2e.clients import ask, clean_environment, output
from standin import Standin

RUN = [sys.executable, "-P", str(ROOT / "scripts" / "lib" / "cli.py"), "run"]
CALL = "http://index.docker.io/v1/repositories/library/tiny/tags"
TINY = b'[{"layer": "", "name": "latest"}, '
BANNER = "The Hub v1 bridge is running; Ctrl-C ends it."


@pytest.fixture
def confdir(tmp_path: Path, authority: Path) -> Path:
    return with_authority(tmp_path / "conf", authority)


def settings_for(confdir: Path, hub: Standin) -> list[str]:
    values = {
        "confdir": confdir,
        "hub_url": hub.url,
        "hub_journal": confdir / "journal.sqlite3",
        "hub_registry_url": "",
    }
    return [word for name, value in values.items() for word in ("--set", f"{name}={value}")]


def refused(confdir: Path, *arguments: str) -> str:
    """What a start says that fails: one line, and not how to call what does not run."""
    done = subprocess.run(
        [*RUN, "--set", f"confdir={confdir}", *arguments],
        env=clean_environment(confdir),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_the_curl_line_of_the_banner_works_as_it_stands(confdir: Path, hub: Standin) -> None:
    with running(confdir, [*RUN, *settings_for(confdir, hub), "-p", "0"]) as bridge:
        eventually(lambda: "sudo scripts/run -m" in bridge.log, "the banner")
        (curl,) = re.findall(
            r"^  (curl --proxy .*?debian/tags)$", bridge.log, re.MULTILINE | re.DOTALL
        )
        assert f"http://127.0.0.1:{bridge.port} " in curl
        got = output(f"{curl} -sS", clean_environment(confdir))
        assert got.encode().startswith(TINY)


@pytest.mark.parametrize("detail", [None, 1])
def test_a_legacy_call_has_one_line_beside_which_flows_and_connections_can_be_shown(
    confdir: Path, hub: Standin, detail: int | None
) -> None:
    more = ["--set", f"flow_detail={detail}"] if detail else []
    with running(confdir, [*RUN, *settings_for(confdir, hub), "-p", "0", *more]) as bridge:
        eventually(lambda: "sudo scripts/run -m" in bridge.log, "the banner")
        banner = len(bridge.log.splitlines())
        ask(bridge, CALL)
        ask(bridge, CALL.replace("tags", "images"))
        eventually(lambda: "tiny/images" in bridge.log, "the line of the last call")
        lines = bridge.log.splitlines()[banner:]
        assert len([line for line in lines if "hub v1" in line or "Docker Hub API v1" in line]) == 2
        assert any("client connect" in line for line in lines) is bool(detail)
        assert any("<< 200" in line for line in lines) is bool(detail)
        assert detail or len(lines) == 2


def test_mitmweb_bridges_too(confdir: Path, hub: Standin) -> None:
    pages = own_address()
    web = [
        "--web",
        "--no-web-open-browser",
        "--web-host",
        pages.host,
        "--web-port",
        str(pages.port),
    ]
    with running(confdir, [*RUN, *web, *settings_for(confdir, hub), "-p", "0"]) as bridge:
        eventually(lambda: BANNER in bridge.log, "the banner")
        assert "Web server listening at" in bridge.log
        assert ask(bridge, CALL).body.startswith(TINY)


def test_the_console_bridges_too(confdir: Path, hub: Standin) -> None:
    at = own_address()
    where = ["--listen-host", at.host, "-p", str(at.port)]
    with on_a_terminal(
        confdir, [*RUN, "--console", *settings_for(confdir, hub), *where]
    ) as console:
        files = confdir / "log", confdir / "journal.sqlite3"
        bridge = Mitmdump(console, confdir, *files, host=at.host, port=at.port)
        eventually(lambda: _is_open(at), "the console listens")
        assert ask(bridge, CALL).body.startswith(TINY)
        console.send_signal(signal.SIGTERM)
        assert console.wait(PATIENCE) == 0
        assert [row["outcome"] for row in bridge.rows()] == ["translated"]


def test_the_console_without_a_terminal_says_that_it_needs_one(confdir: Path) -> None:
    assert "the console needs a terminal" in refused(confdir, "--console", "-p", "0")


class TestAStartThatFails:
    @pytest.fixture
    def taken(self) -> Iterator[str]:
        with socket.create_server(("127.0.0.1", 0)) as other:
            yield str(other.getsockname()[1])

    def test_says_that_another_program_has_the_port(self, confdir: Path, taken: str) -> None:
        said = refused(confdir, "-p", taken)
        assert said.startswith(f"scripts/run: 127.0.0.1:{taken} is taken: another program listens")
        assert "-p" in said.partition("listens")[2]

    def test_says_so_of_each_of_several_listeners(self, confdir: Path, taken: str) -> None:
        said = refused(confdir, "-m", "regular@0", "-m", f"socks5@{taken}")
        assert f"127.0.0.1:{taken} is taken" in said

    def test_says_so_of_the_pages_of_mitmweb(self, confdir: Path, taken: str) -> None:
        said = refused(confdir, "--web", "-p", "0", "--web-port", taken)
        assert f"127.0.0.1:{taken} is taken" in said
        assert "--web-port" in said

    def test_says_so_of_the_metrics(self, confdir: Path, taken: str) -> None:
        said = refused(confdir, "-p", "0", "--set", f"hub_metrics=127.0.0.1:{taken}")
        assert f"127.0.0.1:{taken} is taken" in said
        assert "--set hub_metrics=" in said

    def test_says_that_an_address_is_none_of_this_machine(self, confdir: Path) -> None:
        said = refused(confdir, "--listen-host", "192.0.2.1")
        assert "192.0.2.1 is not an address of this machine." in said

    def test_that_mitmproxy_finds_out_says_nothing_of_calling_either(self, confdir: Path) -> None:
        done = subprocess.run(
            [*RUN, "--set", f"confdir={confdir}", "--set", f"hub_journal={confdir}", "-p", "0"],
            env=clean_environment(confdir),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 1
        assert str(confdir) in done.stdout
        assert BANNER not in done.stdout + done.stderr


@contextmanager
def on_a_terminal(home: Path, command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program that has a terminal of the usual size, whose output is read and forgotten."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = clean_environment(home, TERM="xterm", LC_ALL="C.UTF-8")
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    os.set_blocking(ours, True)
    reader = subprocess.Popen(["cat"], stdin=ours, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)
        os.close(ours)
        reader.kill()
        reader.wait(PATIENCE)


def _is_open(at: Address) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((at.host, at.port)) == 0
