"""The hosts of the lab: network namespaces with addresses, names and files of their own.

Nothing of it is in the network of this machine, so that several labs can stand side by side, and
the addresses may be in use elsewhere.
"""

import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from . import rules

ROOT = Path(__file__).resolve().parents[2]
HOSTS = ("client", "bridge", "hub")
SETTINGS = Path("/etc/netns")
"""Where `ip netns exec` looks for the files that a namespace has in place of those in /etc."""
PATIENCE = 60
"""Seconds in which a process has to be up."""
_GRACE = 10
"""Seconds in which one has to end by itself."""

_NETWORK = """\
ip -n {0}-client link set lo up
ip -n {0}-bridge link set lo up
ip -n {0}-hub link set lo up
ip -n {0}-client link add eth0 type veth peer name clients netns {0}-bridge
ip -n {0}-hub link add eth0 type veth peer name uplink netns {0}-bridge
ip -n {0}-client address add 10.77.1.2/24 dev eth0
ip -n {0}-bridge address add 10.77.1.1/24 dev clients
ip -n {0}-bridge address add 10.77.2.1/24 dev uplink
ip -n {0}-hub address add 10.77.2.2/24 dev eth0
ip -n {0}-hub address add 10.77.2.3/24 dev eth0
ip -n {0}-hub address add 10.77.2.4/24 dev eth0
ip -n {0}-client link set eth0 up
ip -n {0}-bridge link set clients up
ip -n {0}-bridge link set uplink up
ip -n {0}-hub link set eth0 up
ip -n {0}-client route add default via 10.77.1.1
ip -n {0}-hub route add default via 10.77.2.1
ip netns exec {0}-bridge sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
"""
_IPV6 = """\
ip -n {0}-client address add fd77:1::2/64 dev eth0 nodad
ip -n {0}-bridge address add fd77:1::1/64 dev clients nodad
ip -n {0}-bridge address add fd77:2::1/64 dev uplink nodad
ip -n {0}-hub address add fd77:2::2/64 dev eth0 nodad
ip -n {0}-hub address add fd77:2::3/64 dev eth0 nodad
ip -n {0}-hub address add fd77:2::4/64 dev eth0 nodad
ip -n {0}-client -6 route add default via fd77:1::1
ip -n {0}-hub -6 route add default via fd77:2::1
ip netns exec {0}-bridge sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
"""
_ROLES = {
    "hub": (2, "hub.docker.com registry.hub.docker.com"),
    "registry": (3, "registry-1.docker.io index.docker.io"),
    "auth": (4, "auth.docker.io"),
}
"""What the stand-in plays: the last part of its address, and its names, its own first."""
_NOWHERE = "192.0.2.1", "2001:db8::1"
"""Addresses that belong to nobody; the client has them for a name whose host is dead."""
_DEAD = "registry.hub.docker.com"
_STANDINS = {"https": (443, 8400), "http": (80, 8000)}
"""By scheme: the port that clients call, and what the ports where a stand-in listens begin with."""


_started: list[subprocess.Popen[bytes]] = []
"""By this program, which need not outlive them."""


class LabError(Exception):
    """The lab cannot be had; the text is for people."""


@dataclass(frozen=True)
class Lab:
    """A lab of that name, whether it stands or not."""

    name: str = "hub-v1-lab"

    @property
    def folder(self) -> Path:
        """What its processes write; gone at the next start of the machine, as the hosts are."""
        return Path("/run") / self.name

    @property
    def confdir(self) -> Path:
        """Where CA and journal of its bridge are."""
        return self.folder / "bridge"

    @property
    def hub_authority(self) -> Path:
        """The certificate that vouches for its stand-in for Docker Hub."""
        return self.folder / "tls" / "ca.pem"

    @property
    def trust(self) -> Path:
        """What clients in the lab trust, as they find it in their own /etc."""
        return Path("/etc/ssl/certs/ca-certificates.crt")

    @property
    def has_ipv6(self) -> bool:
        return Path("/proc/sys/net/ipv6").exists()

    def inside(self, host: str) -> list[str]:
        """What stands in front of a command, for it to run on a host."""
        return ["ip", "netns", "exec", self._namespace(host)]

    def left(self) -> list[str]:
        """Those of its hosts that there are, wholly or in part."""
        known = run("ip", "netns", "list").split()
        return [
            host
            for host in HOSTS
            if self._namespace(host) in known or self._settings(host).exists()
        ]

    def build(self, firewall: str) -> None:
        """The hosts, their network and their names, and the rules of the gateway."""
        for host in HOSTS:
            try:
                run("ip", "netns", "add", self._namespace(host))
            except LabError as error:
                raise LabError(
                    f"This machine allows no network namespaces: {error}. In a container, start it "
                    "with --privileged."
                ) from error
        for line in (_NETWORK + _IPV6 * self.has_ipv6).format(self.name).splitlines():
            run(*shlex.split(line))
        self._give_names()
        self._set_rules(firewall)

    def start_hub(self, python: str) -> None:
        """The stand-in for Docker Hub, with TLS and without."""
        program = ["env", f"PYTHONPATH={ROOT / 'tests'}", python, "-m", "standin"]
        for scheme, (_, ports) in _STANDINS.items():
            options = ["--host="]
            for role, (number, names) in _ROLES.items():
                options.append(f"--{role}-port={ports + number}")
                options.append(f"--{role}-announced=https://{names.split()[0]}")
            if scheme == "https":
                options.append(f"--tls={self.hub_authority.parent}")
            self.start("hub", scheme, [*program, *options], '"registry"')

    def start_bridge(self, arguments: Sequence[str]) -> None:
        """`scripts/run` on the gateway, with more arguments for mitmdump; clients trust it."""
        modes = ["10.77.1.1", *["fd77:1::1"] * self.has_ipv6]
        settings = {
            "confdir": self.confdir,
            "ssl_verify_upstream_trusted_ca": self.hub_authority,
        }
        command = [str(ROOT / "scripts" / "run")]
        command += [word for each in modes for word in ("-m", f"transparent@{each}:{rules.PORT}")]
        command += [f"--set={name}={value}" for name, value in settings.items()]
        self.start("bridge", "bridge", [*command, *arguments], "Ctrl-C ends it")
        self.trust_bridge(self.confdir / "mitmproxy-ca-cert.pem")

    def trust_bridge(self, authority: Path) -> None:
        """Let clients trust whom they meet: the bridge, or the stand-in if it is let through."""
        known = self.trust.read_text() if self.trust.exists() else ""
        both = authority.read_text() + self.hub_authority.read_text()
        self._trusted.parent.mkdir(parents=True)
        self._trusted.write_text(f"{known}\n{both}")

    def trusted(self) -> list[Path]:
        """The file that `trust` is for a client, if there is one."""
        return [each for each in (self._trusted,) if each.exists()]

    def environment(self) -> dict[str, str]:
        """Variables for clients that do not go by that file of their own accord."""
        names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE")
        return dict.fromkeys(names, str(self.trust)) if self.trusted() else {}

    def start(self, host: str, name: str, command: Sequence[str], sign: str) -> None:
        """A process that stays; `sign` is what its log says once it is up."""
        self.folder.mkdir(mode=0o755, exist_ok=True)
        log = self.folder / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*self.inside(host), *command],
                env=_environment(),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # Ctrl-C is not for it
            )
        _started.append(process)
        end = time.monotonic() + PATIENCE
        while sign not in log.read_text(errors="replace"):
            if process.poll() is not None or time.monotonic() > end:
                said = log.read_text(errors="replace").strip()
                raise LabError(f"{name} did not start. It said:\n{said}")
            time.sleep(0.05)

    def remove(self) -> None:
        """All of it, in whatever state it is: processes, hosts, names, files."""
        left = self.left()
        known = run("ip", "netns", "list").split()
        spaces = [each for host in left if (each := self._namespace(host)) in known]
        end_all(spaces)
        for each in spaces:
            run("ip", "netns", "delete", each)
        for host in left:
            shutil.rmtree(self._settings(host), ignore_errors=True)
        with suppress(OSError):  # it is there for others too
            SETTINGS.rmdir()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _trusted(self) -> Path:
        return self._settings("client") / "ssl" / "certs" / self.trust.name

    def _namespace(self, host: str) -> str:
        return f"{self.name}-{host}"

    def _settings(self, host: str) -> Path:
        return SETTINGS / self._namespace(host)

    def _give_names(self) -> None:
        """To each host its hosts file, and no resolver: names from outside fail at once."""
        for host in HOSTS:
            folder = self._settings(host)
            while not folder.exists():
                with suppress(FileNotFoundError):  # another lab took SETTINGS away in between
                    folder.mkdir(parents=True)
            (folder / "resolv.conf").write_text("# This host knows only the names in /etc/hosts.\n")
            (folder / "hosts").write_text(self.names(host))

    def names(self, host: str) -> str:
        """The hosts file of a host."""
        lines = ["127.0.0.1 localhost"]
        networks = ["10.77.2.", *["fd77:2::"] * self.has_ipv6]
        for number, names in _ROLES.values():
            # Only clients need the others: what the bridge passes on goes to an address.
            shown = names.replace(f" {_DEAD}", "") if host == "client" else names.split()[0]
            lines += [f"{network}{number} {shown}" for network in networks]
        if host == "client":
            lines += [f"{each} {_DEAD}" for each in _NOWHERE[: 1 + self.has_ipv6]]
        return "\n".join([*lines, ""])

    def _set_rules(self, firewall: str) -> None:
        """On the gateway those of the page; before the stand-in those that give its hosts ports."""
        on_bridge, on_hub = self._rules(firewall)
        for host, lines in (("bridge", on_bridge), ("hub", on_hub)):
            run(*self.inside(host), "sh", "-e", "-c", lines)

    def _rules(self, firewall: str) -> tuple[str, str]:
        ports = [
            (number, port, begin + number)
            for port, begin in _STANDINS.values()
            for number, _ in _ROLES.values()
        ]
        if firewall == "nftables":
            return _nft(rules.NFTABLES), _nft("".join(_nft_chains(ports)))
        lines = "".join(
            f"iptables -t nat -A {chain} -d 10.77.2.{number} -p tcp --dport {port} "
            f"-j REDIRECT --to-ports {to}\n"
            for chain in ("PREROUTING", "OUTPUT")
            for number, port, to in ports
        )
        if not self.has_ipv6:
            return rules.IPTABLES, lines
        both = lines.replace("10.77.2.", "fd77:2::").replace("iptables", "ip6tables")
        return rules.IPTABLES + rules.for_ipv6(rules.IPTABLES), lines + both


def run(*command: str) -> str:
    """What a command prints; LabError if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip() or f"it ended with {done.returncode}"
        raise LabError(f"'{shlex.join(command).splitlines()[0]}' failed: {said}")
    return done.stdout


def end_all(namespaces: Sequence[str]) -> None:
    """End everything that runs there: in good order if it does so soon, else at once."""
    asked_at = time.monotonic()
    _signal(signal.SIGTERM, running_in(namespaces))
    while left := running_in(namespaces):
        if time.monotonic() > asked_at + _GRACE:
            _signal(signal.SIGKILL, left)
        time.sleep(0.05)
    for process in [each for each in _started if each.poll() is not None]:
        _started.remove(process)


def running_in(namespaces: Sequence[str]) -> list[int]:
    """The processes there."""
    return [int(pid) for each in namespaces for pid in run("ip", "netns", "pids", each).split()]


def _signal(number: signal.Signals, pids: Sequence[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _nft_chains(ports: Sequence[tuple[int, int, int]]) -> Iterator[str]:
    for hook in ("prerouting", "output"):
        yield f"table inet lab {{\nchain {hook} {{\ntype nat hook {hook} priority -100\n"
        for number, port, to in ports:
            for address in (f"ip daddr 10.77.2.{number}", f"ip6 daddr fd77:2::{number}"):
                yield f"{address} tcp dport {port} redirect to :{to}\n"
        yield "}\n}\n"


def _nft(ruleset: str) -> str:
    return f"nft -f - <<'END'\n{ruleset}END\n"


def _environment() -> dict[str, str]:
    """Without the user's own proxy and module path."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy") and name not in ("PYTHONPATH", "SSL_CERT_FILE")
    }
    return kept | {"PYTHONUNBUFFERED": "1"}
