"""What the story is played on: Docker Hub as it is today, and the bridge in front of it.

"Today" is a mitmdump without the addon that leads the legacy hosts to the stand-in, which answers
v1 with 410 as Docker Hub does. The bridge has it as its way to the internet.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
START_SECONDS = 60
STOP_SECONDS = 10
LISTENING = re.compile(r"listening at \S*:(\d+)")


class StageError(Exception):
    """The demo cannot be set up; the text is for people."""


@dataclass(frozen=True)
class Stage:
    """Where clients find today's internet, and the bridge."""

    folder: Path
    today: str
    bridge: str
    bridge_process: subprocess.Popen[bytes]
    journal: Path

    def environment(self, proxy: str) -> dict[str, str]:
        """An environment in which every client goes through `proxy`, with nothing changed in it."""
        ca = str(self.folder / "mitmproxy-ca-cert.pem")
        names = ("CURL_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
        steered = dict.fromkeys(names, ca) | {
            "http_proxy": proxy,
            "https_proxy": proxy,
            "WGETRC": str(self.folder / "wgetrc"),
            "CURL_HOME": str(self.folder),
            "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "LC_ALL": "C.UTF-8",
        }
        return _plain_environment() | steered


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Everything running; ended when the block is left. `folder` is an empty one for its files."""
    (folder / "wgetrc").write_text(f"ca_certificate = {folder / 'mitmproxy-ca-cert.pem'}\n")
    (folder / ".curlrc").touch()
    journal = folder / "journal.sqlite3"
    with _process(folder, "standin", [sys.executable, "-m", "standin"]) as standin:
        urls = json.loads(_said(standin, re.compile(r"({.*})\n")))
        hosts = {r"(registry\.)?hub\.docker\.com": "hub", r"index\.docker\.io": "registry"}
        maps = [f"|^https?://{host}/|{urls[name]}/" for host, name in hosts.items()]
        with _mitmdump(folder, "today", [f"--map-remote={each}" for each in maps]) as today:
            proxy = f"http://127.0.0.1:{_said(today, LISTENING)}"
            settings = {
                "hub_url": urls["hub"],
                "hub_registry_url": urls["registry"],
                "hub_journal": journal,
                "ssl_verify_upstream_trusted_ca": folder / "mitmproxy-ca-cert.pem",
            }
            addon = [f"--scripts={ROOT / 'addon' / 'bridge.py'}", f"--mode=upstream:{proxy}"]
            addon += [f"--set={name}={value}" for name, value in settings.items()]
            with _mitmdump(folder, "bridge", addon) as bridge:
                address = f"http://127.0.0.1:{_said(bridge, LISTENING)}"
                yield Stage(folder, proxy, address, bridge.process, journal)


@dataclass(frozen=True)
class _Running:
    name: str
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def _mitmdump(folder: Path, name: str, arguments: Sequence[str]) -> Iterator[_Running]:
    settings = {
        "listen_host": "127.0.0.1",
        "listen_port": 0,
        "connection_strategy": "lazy",
        "confdir": folder,
        "flow_detail": 0,
    }
    given = [f"--set={option}={value}" for option, value in settings.items()]
    with _process(folder, name, [str(BIN / "mitmdump"), *given, *arguments]) as running:
        yield running


@contextmanager
def _process(folder: Path, name: str, command: Sequence[str]) -> Iterator[_Running]:
    log = folder / f"{name}.log"
    environment = _plain_environment() | {
        "PYTHONPATH": str(ROOT / "tests"),
        "PYTHONUNBUFFERED": "1",
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        yield _Running(name, process, log)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _said(running: _Running, pattern: re.Pattern[str]) -> str:
    """What the process says in its log that matches, as soon as it does."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        has_ended = running.process.poll() is not None
        log = running.log.read_text(errors="replace")
        if found := pattern.search(log):
            return found[1]
        if has_ended:
            raise StageError(f"{running.name} did not start. It said:\n{log}")
        time.sleep(0.05)
    raise StageError(f"{running.name} is not ready after {START_SECONDS} s. It said:\n{log}")


def _plain_environment() -> dict[str, str]:
    """The environment without the user's own proxy and module path."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy") and name not in ("PYTHONPATH", "SSL_CERT_DIR")
    }
