"""What README says to type where a hosts file leads clients to ports that are for root,
typed by a user who may call sudo."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from checkouts import PROBE, copy_checkout
from e2e.bridges import ROOT
from e2e.clients import tool
from e2e.installed import install
from e2e.sudoers import UID, Machine, a_machine, give_environment

INTERNET = f"""
PYTHONPATH={ROOT}/tests {sys.executable} -m standin --host 127.0.0.1 \\
    --hub-port 8001 --registry-port 8002 --auth-port 8003 >/dev/null 2>&1 &
until curl -s -o /dev/null http://127.0.0.1:8001/; do sleep 0.1; done
"""
HUB = "--set hub_url=http://127.0.0.1:8001 --set hub_registry_url="
CALL = "https://index.docker.io/v1/repositories/debian/tags"

SHE_TYPES = """
{bridge} {hub} >run.log 2>&1 &
# Not "kill -0": sudo is root's until it is the bridge.
until grep -q 'Ctrl-C ends it' run.log; do [ -n "$(jobs -pr)" ] || break; sleep 0.1; done
cat run.log
curl -fsS --cacert ~/.mitmproxy/mitmproxy-ca-cert.pem {call} | head -c 34; echo
grep -h '^CapEff' $(grep -lsP '^Uid:(\t{uid}){{4}}' /proc/[0-9]*/status) | sort -u
sudo kill $!
wait $!
{report} | head -n 1
find ~ ! -user {uid} | sed 's/^/not hers: /'
sudo find /root -name .mitmproxy | sed 's/^/of root: /'
"""
HER_RIGHTS = {"CapEff:\t0000000000000000", "CapEff:\t0000000000000400"}
"""None, and for the bridge CAP_NET_BIND_SERVICE."""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    tool("curl")
    return a_machine(tmp_path)


def line_of(page: str, pattern: str) -> str:
    """What a page says to type."""
    (line,) = re.findall(pattern, (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    return str(line)


def check_that_all_is_hers(done: subprocess.CompletedProcess[str]) -> None:
    assert '[{"layer": "", "name": "latest"}, ' in done.stdout, done
    assert "1 legacy call by 1 caller to 1 repository" in done.stdout, done
    assert set(re.findall(r"^CapEff.*$", done.stdout, re.MULTILINE)) == HER_RIGHTS
    assert "not hers: " not in done.stdout
    assert "of root: " not in done.stdout
    assert "running as ann" in done.stdout


def test_the_line_for_a_checkout_works(machine: Machine) -> None:
    checkout = copy_checkout(machine.home / "bridge")
    give_environment(checkout)
    line = line_of("README.md", r"^\| \[hosts file\].*? \| `(.*?)` \|")
    script = SHE_TYPES.format(bridge=line, hub=HUB, call=CALL, uid=UID, report="scripts/report")
    check_that_all_is_hers(machine.run(f"cd bridge\n{script}", as_root=INTERNET))


def test_the_line_for_an_installed_bridge_works(machine: Machine) -> None:
    programs = install(machine.home)
    line = line_of("docs/modes.md", r"`(sudo \"\$\(command -v hub-v1-bridge\)\" run .*?)`")
    line = line.replace("…", "-m reverse:https://registry-1.docker.io@443")
    script = SHE_TYPES.format(
        bridge=line, hub=HUB, call=CALL, uid=UID, report="hub-v1-bridge report"
    )
    done = machine.run(f"PATH={programs}:$PATH\n{script}", as_root=INTERNET)
    check_that_all_is_hers(done)


def test_without_sudo_the_line_that_works_is_said(machine: Machine) -> None:
    programs = install(machine.home)
    arguments = "-m reverse:https://registry-1.docker.io@443"
    done = machine.run(f"PATH={programs}:$PATH; hub-v1-bridge run {arguments}; echo $?")
    assert done.stdout == "1\n"
    said = "hub-v1-bridge run: 127.0.0.1:443 is for root: this user may not listen on ports that"
    assert done.stderr.startswith(said)
    assert done.stderr.endswith(f" Start it with: sudo {programs}/hub-v1-bridge run …\n")


@pytest.mark.parametrize(
    ("sudo", "code", "said"),
    [("", 1, "wrong    listening: 127.0.0.1:443 is for root"), ("sudo ", 0, "ok  ")],
)
def test_check_tells_whether_the_ports_can_be_had(
    machine: Machine, sudo: str, code: int, said: str
) -> None:
    checkout = copy_checkout(machine.home / "bridge")
    give_environment(checkout)
    arguments = f"-m reverse:https://registry-1.docker.io@443 {HUB}"
    done = machine.run(
        f"{sudo}bridge/scripts/run --check {arguments}; echo $?; ls -A", as_root=INTERNET
    )
    assert f"\n{code}\nbridge\n" in done.stdout, done
    assert said in done.stdout


def test_an_environment_that_is_made_under_sudo_is_the_users(machine: Machine) -> None:
    copy_checkout(machine.home / "bridge", requirements="# nothing\n")
    done = machine.run(f"sudo bridge/{PROBE}; find ~ ! -user {UID}; bridge/{PROBE}")
    assert done.stderr.count("\n") == 1, done
    assert done.stderr.startswith("scripts/probe: making .venv with Python 3.")
    assert done.stdout == f"{machine.home}/bridge/.venv\n" * 2


def test_a_report_under_sudo_is_of_the_users_own_journal(machine: Machine) -> None:
    checkout = copy_checkout(machine.home / "bridge")
    give_environment(checkout)
    done = machine.run("sudo bridge/scripts/report")
    assert f"There is no journal at {machine.home}/.mitmproxy/" in done.stderr
