"""What docs/modes.md shows can be typed as it stands there.

Each section is played on a host of its own, where the ports of the page are free, /etc/hosts may be
written to, and a stand-in for Docker Hub can be reached.
"""

import os
import platform
import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

from e2e.bridges import PATIENCE, Mitmdump, Row, eventually, running_mitmdump, with_authority
from e2e.clients import clean_environment, output, tool
from e2e.networks import Network, as_if_run, blocks, network

PAGE = "modes.md"
INDEX, REGISTRY = "index.docker.io", "registry.hub.docker.com"
LOCAL_SINCE = (11, 1)
"""The version of mitmproxy from which its local mode knows Linux."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with network(tmp_path_factory.mktemp("modes")) as made:
        yield made


@pytest.fixture
def home(tmp_path: Path, authority: Path) -> Path:
    """The folder of a user who has run mitmproxy before."""
    with_authority(tmp_path / ".mitmproxy", authority)
    return tmp_path


@pytest.fixture
def desk(lab: Network, home: Path) -> "Desk":
    return Desk(lab, home)


@dataclass(frozen=True)
class Desk:
    """Where somebody types what the page shows."""

    lab: Network
    home: Path

    @contextmanager
    def bridge(self, command: str, *more: str, under: Sequence[str] = ()) -> Iterator[Mitmdump]:
        """The bridge that a line starts, led to the stand-in."""
        _, *arguments = shlex.split(command.removesuffix("&").removeprefix("sudo "))
        trust = f"ssl_verify_upstream_trusted_ca={self.lab.lab.hub_authority}"
        everything = [*arguments, "--set", trust, *more]
        on_host = [*self.lab.inside("bridge"), *under]
        with as_if_run(self.home / ".mitmproxy", on_host, everything, port=8080) as bridge:
            yield bridge

    def type(self, script: str, *, host: str = "bridge") -> str:
        """What lines for clients print; none may fail."""
        typed = f"set -e; cd {self.home}\n{script}"
        line = f"{shlex.join(self.lab.inside(host))} bash -c {shlex.quote(typed)}"
        return output(line, clean_environment(self.home))

    def play(self, block: str) -> list[Row]:
        """The rows of a block: each of its calls has to be answered."""
        before, start, calls = _parts(block)
        if before:
            self.type(before)
        with self.bridge(start) as bridge:
            printed = self.type(calls)
            assert printed.count('[{"layer": "", "name": "latest"}') == _calls(calls)
            return bridge.new_rows()


def _parts(block: str) -> list[str]:
    """What comes before the bridge, the command that starts it, and what comes after."""
    return re.split(r"^((?:sudo )?scripts/run .*&)\n", block, maxsplit=1, flags=re.MULTILINE)


def _calls(lines: str) -> int:
    return len(re.findall(r"^(?:\S+=\S+ )?(?:curl|wget) ", lines, re.MULTILINE))


def _seen(rows: list[Row]) -> list[tuple[str, str, str]]:
    assert {row["outcome"] for row in rows} == {"translated"}
    return [(row["proxy_mode"], row["server_address"], row["url_scheme"]) for row in rows]


@pytest.mark.parametrize(
    ("heading", "number", "expected"),
    [
        ("Forward proxy", 0, [("regular", INDEX, "https"), ("regular", REGISTRY, "https")]),
        ("Reverse proxy", 0, [("reverse", INDEX, "http")]),
        ("Reverse proxy", 1, [("reverse", INDEX, "https")]),
        (
            "Hosts file",
            0,
            [("reverse", INDEX, "https"), ("reverse", "registry-1.docker.io", "http")],
        ),
        ("SOCKS", 0, [("socks5", INDEX, "https")]),
        ("Several at once", 0, [("reverse", INDEX, "http"), ("socks5", INDEX, "http")]),
    ],
)
def test_the_lines_of_a_section_work(
    desk: Desk, heading: str, number: int, expected: list[tuple[str, str, str]]
) -> None:
    assert _seen(desk.play(blocks(PAGE, heading)[number])) == expected


def test_the_lines_about_a_parent_proxy_work(desk: Desk, authority: Path) -> None:
    lab = desk.lab
    desk.type("echo '10.77.2.2 proxy.example' >> /etc/hosts")
    confdir = with_authority(desk.home / "parent", authority)
    # It only tunnels, as most of them do.
    settings = ["proxyauth=joe:secret", "ignore_hosts=.*", "connection_strategy=lazy"]
    arguments = [word for setting in settings for word in ("--set", setting)]
    mode = ("--mode", "regular@10.77.2.2:3128")
    with running_mitmdump(confdir, *mode, *arguments, under=lab.inside("hub")) as parent:
        [block] = blocks(PAGE, "Parent proxy")
        assert _seen(desk.play(block)) == [("upstream", INDEX, "https")]
        assert "10.77.2.1" in parent.log


def test_the_lines_about_wireguard_work(desk: Desk) -> None:
    tool("wg")
    start, calls = blocks(PAGE, "WireGuard")
    with desk.bridge(start.strip()) as bridge:
        eventually(lambda: bridge.log.count("-" * 60) == 2, "the configuration is printed")
        lines = bridge.log.split("-" * 60)[1].strip().splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith(("Address", "DNS"))]
        (desk.home / "bridge.conf").write_text("".join(kept))
        # wireguard-go has a socket under the name of its interface, which the host's own hides.
        alone = "mkdir -p /run/wireguard; mount -t tmpfs none /run/wireguard"
        script = f"{alone}\n{calls}\nip link delete wg-bridge"
        assert '"name": "latest"' in desk.type(script, host="client")
        row = bridge.new_row()
    assert _seen([row]) == [("wireguard", REGISTRY, "https")]
    assert row["client_address"] == "10.0.0.1"


@pytest.mark.skipif(
    tuple(map(int, version("mitmproxy").split(".")[:2])) < LOCAL_SINCE,
    reason="before version 11.1 mitmproxy has no local mode on Linux",
)
def test_the_lines_about_the_local_mode_work(desk: Desk) -> None:
    tool("sudo")
    _, start, calls = _parts(*blocks(PAGE, "Local"))
    # The mode finds programs of that name on the whole machine, and other tests have a curl too.
    name = f"curl-{os.getpid()}"
    shutil.copy(tool("curl"), desk.home / name)
    start, calls = start.replace("local:curl", f"local:{name}"), calls.replace("curl", f"./{name}")
    # sudo looks for the name of the machine.
    names = f"192.0.2.1 {REGISTRY}\n127.0.1.1 {platform.node()}"
    desk.type(f"ip route add default via 10.77.2.2; echo '{names}' >> /etc/hosts")
    mounted = ["sh", "-c", 'mount -t cgroup2 none /sys/fs/cgroup && exec "$@"', "sh"]
    with desk.bridge(start, "-m", "regular@8081", under=mounted) as bridge:
        eventually(lambda: "Local redirector started" in bridge.log, "the local mode")
        assert '"name": "latest"' in desk.type(calls)
        assert _seen(bridge.new_rows()) == [("local", REGISTRY, "https")]
        # Now and then mitmproxy's own helper crashes it at the very end: the code may be anything.
        bridge.process.terminate()
        bridge.process.wait(PATIENCE)
