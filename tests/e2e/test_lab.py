"""`scripts/lab`: a network for transparent interception in one command, and nothing of it left."""

import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from checkouts import copy_checkout, link_packages, start
from e2e.clients import lacking, tool
from lab.__main__ import main
from lab.containers import Containers
from lab.hosts import SETTINGS, Lab, LabError, run

CONTAINERS = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
"""
"""For machines without systemd and control groups of version 2."""
TAGS = '[{"layer": "", "name": "latest"}, {"layer": "", "name": "linux"}'
_numbers = itertools.count(1)

Script = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for program in ("ip", "iptables", "nft", "nsenter"):
        tool(program)
    if os.geteuid() != 0:
        lacking("network namespaces need root")
    made = copy_checkout(tmp_path_factory.mktemp("lab") / "hub bridge")
    (made / "requirements.txt").write_text(link_packages(made))
    return made


@pytest.fixture
def lab() -> Iterator[Lab]:
    """One that nobody else has."""
    one = Lab(f"hub-v1-{os.getpid()}-{9000 + next(_numbers)}")
    try:
        yield one
    finally:
        with suppress(LabError):
            Containers(one).remove()
        one.remove()


@pytest.fixture
def script(checkout: Path, lab: Lab, tmp_path: Path) -> Script:
    """`scripts/lab` for that lab."""
    settings = tmp_path / "containers.conf"
    settings.write_text(CONTAINERS)
    environment = {**os.environ, "CONTAINERS_CONF": str(settings)}

    def typed(command: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        named = (command, "--name", lab.name, *arguments)
        return start(checkout / "scripts" / "lab", *named, env=environment)

    return typed


def _traces(lab: Lab) -> list[str]:
    """What there is of a lab on this machine."""
    found = re.findall(rf"{lab.name}\S*", run("ip", "netns", "list"))
    found += [str(each) for each in (*SETTINGS.glob(f"{lab.name}*"), lab.folder) if each.exists()]
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        found += [word for word in words if lab.name in word and process.pid != os.getpid()]
    return found + re.findall(rf"\S*{lab.name}\S*", Path("/proc/self/mountinfo").read_text())


def _network() -> set[str]:
    """The interfaces and the rules of this machine itself."""
    links = run("ip", "-oneline", "-brief", "link").splitlines()
    return {line.split()[0] for line in links} | {
        *run("nft", "--stateless", "list", "ruleset").splitlines()
    }


@pytest.mark.parametrize("firewall", ["iptables", "nftables"])
def test_a_lab_stands_does_what_it_says_and_leaves_no_trace(
    script: Script, lab: Lab, firewall: str
) -> None:
    for program in ("podman", "runc", "curl"):
        tool(program)
    before = _network()
    up = script("up", "--with", firewall)
    assert up.returncode == 0, up.stderr
    assert up.stdout.startswith(f"{lab.name} is up: client, bridge, hub, with {firewall}, IPv4")
    assert "has no containers" not in up.stdout
    shown = re.findall(r"^  sudo scripts/lab enter --name \S+ (.*)$", up.stdout, re.MULTILINE)
    assert [line.split()[0] for line in shown] == ["client", "container"]
    for line in shown:
        assert script("enter", *line.split()).stdout.startswith(TAGS), line
    search = "https://index.docker.io/v1/search?q=hello"
    for host, version in (("client", "-4"), ("container", "-6")):
        assert '"hello-world"' in script("enter", host, "curl", version, "-sS", search).stdout
    journal = lab.confdir / "hub-journal.sqlite3"
    rows = subprocess.run(
        [tool("sqlite3"), journal, "SELECT client_address, url_scheme, outcome FROM calls"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert rows[0] == "10.77.1.2|https|translated"
    assert re.fullmatch(r"10\.77\.3\.\d+\|http\|translated", rows[1])
    assert _network() <= before
    assert script("down").stdout == f"{lab.name} is gone.\n"
    assert _traces(lab) == []


def test_a_lab_that_stands_is_not_built_again_and_one_that_is_gone_stays_so(
    script: Script, lab: Lab
) -> None:
    assert script("up", "--no-bridge").returncode == 0
    again = script("up", "--no-bridge")
    assert (again.returncode, again.stdout) == (1, "")
    down = f"sudo scripts/lab down --name {lab.name}"
    assert again.stderr == f"scripts/lab: {lab.name} is up already. Type: {down}\n"
    assert script("enter", "client", "sh", "-c", "exit 7").returncode == 7
    assert script("down").returncode == 0
    gone = script("down")
    assert (gone.returncode, gone.stdout) == (0, f"There is no {lab.name}.\n")
    entered = script("enter", "client", "true")
    up = f"sudo scripts/lab up --name {lab.name}"
    assert (entered.returncode, entered.stderr) == (
        1,
        f"scripts/lab: There is no {lab.name}. Type: {up}\n",
    )


def test_what_a_crash_has_left_is_removed_by_the_next_start(script: Script, lab: Lab) -> None:
    assert script("up", "--no-bridge").returncode == 0
    for pid in run("ip", "netns", "pids", f"{lab.name}-hub").split():
        os.kill(int(pid), signal.SIGKILL)
    run("ip", "netns", "delete", f"{lab.name}-client")
    up = script("up", "--no-bridge")
    assert up.returncode == 0, up.stderr
    assert "removing what was left of an earlier lab" in up.stderr
    hub = script("enter", "client", "curl", "-4", "-sS", "http://index.docker.io/v1/search?q=hello")
    assert hub.returncode == 7  # the gateway hands it to a bridge that nobody has started
    assert script("down").returncode == 0
    assert _traces(lab) == []


def test_a_bridge_that_does_not_start_says_why_and_nothing_is_left(
    script: Script, lab: Lab
) -> None:
    up = script("up", "--", "--set", "hub_mode=nonsense")
    assert up.returncode == 1
    assert up.stderr.startswith("scripts/lab: bridge did not start. It said:\n")
    assert "hub_mode" in up.stderr
    assert _traces(lab) == []


def test_who_is_not_root_is_told_what_to_type(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["lab", "up", "--with", "nftables"])
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit, match="1"):
        main()
    typed = "sudo scripts/lab up --with nftables"
    assert capsys.readouterr().err == f"scripts/lab: Network namespaces need root. Type: {typed}\n"


def test_missing_programs_are_named_with_their_packages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["lab", "up", "--with", "nftables"])
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: None if name in ("ip", "nft") else name)
    with pytest.raises(SystemExit, match="1"):
        main()
    assert "sudo apt-get install iproute2 nftables\n" in capsys.readouterr().err


def test_without_podman_there_are_no_containers(monkeypatch: pytest.MonkeyPatch, lab: Lab) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(LabError, match=r"podman is not installed \(apt-get install podman\)"):
        Containers(lab).build("iptables")
