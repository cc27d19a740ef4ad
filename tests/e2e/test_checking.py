"""`scripts/run --check` and `hub.check`, as users run them."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from addresses import own_address
from e2e.bridges import PATIENCE, ROOT, eventually
from e2e.clients import clean_environment, lacking, shell, tool
from e2e.conftest import StartBridge
from standin import Standin, faults

SCRIPT = ROOT / "scripts" / "lib" / "cli.py"
NO_REGISTRY = ("--set", "hub_registry_url=")
COMMANDER = """\
from mitmproxy import ctx

def running():
    ctx.master.commands.execute("hub.check")
"""


def checked(
    home: Path, *arguments: str, under: Sequence[str] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """What `scripts/run --check` says; the wrapper in bash only finds the environment. `under` is
    a command that runs another one."""
    return subprocess.run(
        [*under, sys.executable, "-P", str(SCRIPT), "run", "--check", *arguments],
        env=clean_environment(home, **environment),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def before(hub: Standin) -> list[str]:
    return ["--set", f"hub_url={hub.url}", "--set", f"hub_registry_url={hub.registry_url}"]


def test_a_sound_set_up_is_told_in_a_line_for_each_check_with_exit_code_0(
    hub: Standin, tmp_path: Path
) -> None:
    at = own_address()
    done = checked(tmp_path, *before(hub), "--listen-host", at.host, "-p", str(at.port))
    assert (done.returncode, done.stderr) == (0, "")
    standings = re.findall(r"^(ok|wrong|skipped) +[\w ]+: \S.*\.$", done.stdout, re.MULTILINE)
    assert standings.count("ok") == 9
    assert standings.count("skipped") == 2
    assert f"curl -sS --proxy http://{at} https://index.docker.io/v1/" in done.stdout
    assert done.stdout.endswith("No problem found.\n")
    assert list(tmp_path.iterdir()) == []


def test_without_hub_it_says_so_and_what_to_do_with_exit_code_1(tmp_path: Path) -> None:
    done = checked(tmp_path, "--set", "hub_url=https://hub.invalid", *NO_REGISTRY)
    assert done.returncode == 1
    assert re.search(
        r"^wrong +Docker Hub: https://hub\.invalid cannot be used\. The name hub\.invalid does not "
        r"resolve\. Check this machine's DNS",
        done.stdout,
        re.MULTILINE,
    )
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "hub_ulr=https://x"], "Did you mean hub_url?"),
        (["--set", "hub_deadline=soon"], "hub_deadline takes a whole number, not 'soon'."),
        (["--set", "hub_deadline=0"], "hub_deadline takes 1 to 3600 seconds, not 0."),
        (["--set", "hub_journal=sqlite://"], "hub_journal takes the path of an SQLite file"),
        (["--set", "listen_port=high"], "ot an integer: high"),
    ],
)
def test_options_that_would_end_a_start_are_told_the_same_way(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = checked(tmp_path, *arguments)
    assert done.returncode == 1
    assert done.stdout.startswith("wrong    options: ")
    assert said in done.stdout
    assert done.stderr == ""


def test_it_looks_at_what_config_yaml_says_and_at_every_argument(
    hub: Standin, tmp_path: Path
) -> None:
    config = tmp_path / "conf" / "config.yaml"
    config.parent.mkdir()
    config.write_text(f"connection_strategy: eager\nhub_url: {hub.url}\nhub_registry_url: ''\n")
    arguments = ["--set", f"confdir={config.parent}", "--listen-host", "0.0.0.0"]
    done = checked(tmp_path, *arguments, "--proxyauth", "ann:secret")
    assert re.search(r"^wrong +connection strategy: It is eager", done.stdout, re.MULTILINE)
    assert "at *:8080 without allow_hosts:" in done.stdout
    assert re.search(r"^ok +Docker Hub: ", done.stdout, re.MULTILINE)
    assert "2 of 11 checks found a problem." in done.stdout
    assert "secret" not in done.stdout


def test_the_account_is_signed_in_with_the_secret_of_the_environment(
    hub: Standin, tmp_path: Path
) -> None:
    given = [*before(hub), "--set", "hub_username=joe"]
    assert "lets joe in" in checked(tmp_path, *given, HUB_SECRET="geheimnis").stdout
    done = checked(tmp_path, *given, HUB_SECRET="falsch")
    assert done.returncode == 1
    assert "does not let joe in" in done.stdout
    assert "falsch" not in done.stdout


def test_it_overwrites_no_recording_and_takes_no_port(hub: Standin, tmp_path: Path) -> None:
    recording = tmp_path / "traffic.flow"
    recording.write_bytes(b"precious")
    done = checked(tmp_path, *before(hub), "-w", str(recording), "--set", "hub_metrics=127.0.0.1:1")
    assert done.returncode == 0
    assert recording.read_bytes() == b"precious"


def test_a_proxy_of_the_environment_is_named_without_its_password(tmp_path: Path) -> None:
    proxy = "http://joe:geheim@proxy.example:3128"
    lost = ("--set", "hub_url=https://hub.invalid", *NO_REGISTRY)
    done = checked(tmp_path, *lost, https_proxy=proxy)
    assert "-m upstream:http://proxy.example:3128." in done.stdout
    assert "geheim" not in done.stdout


def test_it_goes_through_the_parent_proxy_with_its_password_and_not_without(
    start_mitmdump: StartBridge, hub: Standin, tmp_path: Path
) -> None:
    with start_mitmdump("--proxyauth", "joe:geheim") as parent:
        given = [*before(hub), "-m", f"upstream:{parent.url}"]
        refused = checked(tmp_path, *given)
        let_in = checked(tmp_path, *given, "--set", "upstream_auth=joe:geheim")
    assert refused.returncode == 1
    assert refused.stdout.count("wants a user name and password, or other ones (407)") == 2
    assert let_in.returncode == 0, let_in.stdout
    assert f"answers, by way of {parent.url}." in let_in.stdout
    assert "geheim" not in let_in.stdout


HOSTS = "127.0.0.1 localhost index.docker.io registry.hub.docker.com\n"
IN_PLACE = ("-m", "reverse:https://registry-1.docker.io@443")


@pytest.mark.parametrize(
    ("hosts", "arguments", "said"),
    [
        (HOSTS, IN_PLACE, "ok +legacy hosts: index.docker.io, registry.hub.docker.com lead to th"),
        (HOSTS, (), "wrong +legacy hosts: .* lead to this machine, but the bridge is no reverse"),
        (
            HOSTS + "127.0.0.1 hub.docker.com\n",
            IN_PLACE,
            r"wrong +loop: hub_url https://hub\.docker\.com leads back to this bridge\. Take hub",
        ),
    ],
)
def test_it_follows_the_hosts_file(
    tmp_path: Path, hosts: str, arguments: tuple[str, ...], said: str
) -> None:
    file = tmp_path / "hosts"
    file.write_text(hosts)
    done = checked(tmp_path, *arguments, *NO_REGISTRY, under=with_hosts(file))
    assert re.search(f"^{said}", done.stdout, re.MULTILINE), done


def with_hosts(file: Path) -> list[str]:
    """Runs a command to which /etc/hosts is that file."""
    if os.geteuid() != 0:
        lacking("a hosts file of one's own needs root")
    bound = f'{tool("mount")} --bind "$0" /etc/hosts && exec "$@"'
    return [tool("unshare"), "--mount", "sh", "-c", bound, str(file)]


class TestTheCommand:
    @pytest.fixture
    def commander(self, tmp_path: Path) -> list[str]:
        """Arguments for a mitmdump that runs `hub.check` once it is running."""
        script = tmp_path / "commander.py"
        script.write_text(COMMANDER)
        return ["-s", str(script)]

    def test_logs_what_it_finds_of_a_running_bridge(
        self, start_bridge: StartBridge, commander: list[str], hub: Standin
    ) -> None:
        urls = {"hub_url": hub.url, "registry_url": hub.registry_url}
        with start_bridge(*commander, **urls) as bridge:
            eventually(lambda: "No problem found." in bridge.log, "found")
            assert "hub.check: ok: journal: It has " in bridge.log
            assert str(bridge.journal) in bridge.log

    def test_warns_of_what_is_wrong(self, start_bridge: StartBridge, commander: list[str]) -> None:
        with start_bridge(*commander, hub_url="https://hub.invalid") as bridge:
            eventually(lambda: "1 of 11 checks found a problem." in bridge.log, "found")
            assert "hub.check: wrong: Docker Hub: https://hub.invalid cannot be" in bridge.log

    def test_is_given_up_at_the_end(
        self, start_bridge: StartBridge, commander: list[str], hub: Standin
    ) -> None:
        hub.faults.add("/v2/namespaces", faults.hang())
        with start_bridge(*commander, hub_url=hub.url) as bridge:
            eventually(lambda: bool(hub.calls), "asked")
            bridge.end()
            assert "hub.check:" not in bridge.log

    def test_prints_a_line_for_clients_that_tells_whether_they_trust_the_ca(
        self, start_bridge: StartBridge, commander: list[str], hub: Standin
    ) -> None:
        with start_bridge(*commander, hub_url=hub.url) as bridge:
            eventually(lambda: "trusts the CA: curl" in bridge.log, "a line")
            (line,) = re.findall(r"trusts the CA: (curl .*)", bridge.log)
            line = line.replace("127.0.0.1:0", f"127.0.0.1:{bridge.port}")
            home = clean_environment(bridge.confdir)
            assert shell(line, home).returncode == 60
            trusting = shell(line, home | {"CURL_CA_BUNDLE": str(bridge.authority)})
            assert trusting.stdout.startswith(b'[{"pk": ')
