"""A network of containers on the lab's gateway, by podman. Its files are in the lab's own folder:
nothing of it is in the machine's other images, containers and networks."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import rules
from .hosts import Lab, LabError, run

NETWORK = "lab"
_OWN_LEASES = """\
mkdir -p "$1" /run/containers
mount --bind "$1" /run/containers
shift
exec "$@"
"""
"""Where podman remembers which address it gave to whom."""


@dataclass(frozen=True)
class Containers:
    """Those of a lab."""

    lab: Lab

    def build(self, firewall: str) -> None:
        """The network, and the rules for it; LabError says why there can be none."""
        if not shutil.which("podman"):
            raise LabError("podman is not installed (apt-get install podman)")
        subnets = ["--subnet=10.77.3.0/24"]
        subnets += ["--ipv6", "--subnet=fd77:3::/64"] * self.lab.has_ipv6
        try:
            run(*self._podman, "network", "create", "--disable-dns", *subnets, NETWORK)
            run(*self.command(["true"]))
        except LabError as error:
            raise LabError(f"podman runs none here: {str(error).splitlines()[-1]}") from error
        lines = rules.CONTAINERS_NFTABLES
        if firewall == "iptables":
            lines = rules.CONTAINERS_IPTABLES
            lines += rules.for_ipv6(lines) * self.lab.has_ipv6
        run(*self.lab.inside("bridge"), "sh", "-e", "-c", lines)
        self._sign.touch()

    @property
    def are_there(self) -> bool:
        return self._sign.exists()

    def command(self, command: Sequence[str]) -> list[str]:
        """What runs a command in a container that has this machine's programs."""
        terminal = ["--interactive", *["--tty"] * sys.stdin.isatty()]
        names = [line.split() for line in self.lab.names("client").splitlines()[1:]]
        hosts = [f"--add-host={name}:{address}" for address, *each in names for name in each]
        trust = self.lab.trust
        mounts = [f"--volume={file}:{trust}:ro" for file in self.lab.trusted()]
        variables = [f"--env={name}={value}" for name, value in self.lab.environment().items()]
        return [
            *(*self._podman, "run", "--rm", f"--network={NETWORK}", *terminal),
            *(*hosts, *mounts, *variables, "--rootfs", "/:O", *command),
        ]

    def remove(self) -> None:
        """All containers, and the network."""
        if self.lab.folder.exists() and shutil.which("podman"):
            run(*self._podman, "network", "rm", "--force", NETWORK)

    @property
    def _sign(self) -> Path:
        return self.lab.folder / "containers"

    @property
    def _podman(self) -> list[str]:
        """In the gateway's network, with this machine's cgroups; its mounts end with it."""
        folder = self.lab.folder / "podman"
        return [
            *("nsenter", f"--net=/run/netns/{self.lab.name}-bridge", "unshare", "--mount"),
            *("sh", "-e", "-c", _OWN_LEASES, "sh", str(folder / "leases")),
            *("podman", f"--root={folder}/storage", f"--runroot={folder}/run"),
            *(f"--tmpdir={folder}/state", f"--network-config-dir={folder}/networks"),
        ]
