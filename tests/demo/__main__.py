"""`scripts/demo`: plays every client without and with the bridge, checks, shows the report."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from standin import Catalog

from .clients import Client, all_clients
from .show import Teller
from .stage import ROOT, Stage, StageError, stage

CLIENT_SECONDS = 60
INTRODUCTION = """\
A stand-in for Docker Hub runs on this machine. Like the real one it answers API v1 with 410 Gone.
Each client below is called twice, unchanged: once with Docker Hub as it is today, and once with
the bridge on the way. Only the environment differs (https_proxy, and the CA to trust)."""


@dataclass(frozen=True)
class Played:
    """What a client printed, and how it ended."""

    output: str
    complaint: str
    status: int


def main() -> int:
    """Tell the story; 0 if it went as told."""
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, lambda number, _: sys.exit(128 + number))
    tell = Teller(sys.stdout)
    folder = Path(tempfile.mkdtemp(prefix="hub-v1-demo-"))
    try:
        return _story(tell, folder)
    except StageError as error:
        sys.stderr.write(f"scripts/demo: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _story(tell: Teller, folder: Path) -> int:
    began = time.monotonic()
    tell.title("Docker Hub API v1: without and with the bridge")
    tell.text(INTRODUCTION)
    with stage(folder) as scene:
        clients, missing = _playable(scene)
        failures = [client.title for client in clients if not _play(tell, client, scene)]
        tell.title("The bridge is killed with kill -9; what it answered is on disk. The report:")
        scene.bridge_process.kill()
        scene.bridge_process.wait()
        failures += _report(tell, scene, sum(client.is_legacy for client in clients))
    if missing:
        tell.text(f"Left out, since they are not installed: {', '.join(sorted(missing))}.")
    if failures:
        tell.bad("Not as it should be: " + "; ".join(failures) + ".")
        return 1
    seconds = time.monotonic() - began
    tell.good(
        f"All {len(clients)} clients got from the bridge what v1 gave them ({seconds:.0f} s)."
    )
    return 0


def _playable(scene: Stage) -> tuple[Sequence[Client], set[str]]:
    """The clients that can be played here, and the programs that the others miss."""
    clients = all_clients(Catalog.default())
    needs = {client.needs for client in clients}
    missing = {each for each in needs if _run(each.test, scene, scene.today).status != 0}
    playable = [client for client in clients if client.needs not in missing]
    return playable, {each.program for each in missing}


def _play(tell: Teller, client: Client, scene: Stage) -> bool:
    """Whether the client got what it should, and did not without the bridge."""
    tell.client(client.title, client.command)
    without = _run(client.command, scene, scene.today)
    tell.result("today", without.output, without.complaint, good=without.output == client.expected)
    bridged = _run(client.command, scene, scene.bridge)
    is_right = bridged.output == client.expected
    tell.result("bridged", bridged.output, bridged.complaint, good=is_right)
    if not is_right:
        tell.bad(f"expected: {client.expected}")
    was_same = without.output == client.expected
    if was_same is not client.same_without:
        tell.bad("without the bridge it should be " + ("the same" if not was_same else "different"))
    return is_right and was_same is client.same_without


def _run(command: str, scene: Stage, proxy: str) -> Played:
    try:
        done = subprocess.run(
            ["bash", "-c", command],
            env=scene.environment(proxy),
            cwd=scene.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=CLIENT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Played("", f"no end after {CLIENT_SECONDS} s", -1)
    output = done.stdout.decode(errors="replace").strip()
    return Played(output, _gist(done.stderr.decode(errors="replace")), done.returncode)


def _gist(errors: str) -> str:
    """The one line of a traceback or of messages that says what went wrong."""
    lines = errors.strip().splitlines() or [""]
    return next((line for line in reversed(lines) if "error" in line.lower()), lines[-1])


def _report(tell: Teller, scene: Stage, calls: int) -> list[str]:
    """Shows the report; what is wrong with it."""
    command = [str(ROOT / "scripts" / "report"), "--journal", str(scene.journal)]
    tell.flush()
    shown = subprocess.run(command, check=False)
    as_json = subprocess.run([*command, "--format", "json"], stdout=subprocess.PIPE, check=False)
    wrong = []
    if shown.returncode != 0:
        wrong.append(f"scripts/report answered {shown.returncode} rather than 0")
    translated = json.loads(as_json.stdout or b"{}").get("totals", {}).get("translated")
    if translated != calls:
        wrong.append(f"of {calls} legacy calls the report has {translated} as answered")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
