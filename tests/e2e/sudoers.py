"""A machine of its own for a user who may call sudo: /etc, ports and home are nobody else's.

It is made of namespaces, so nothing of it is left on this machine, and nothing of this machine's
users is touched.
"""

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from e2e.bridges import PATIENCE
from e2e.clients import lacking, tool

NAME, UID = "ann", 4242
LEGACY = "index.docker.io registry.hub.docker.com"

_MACHINE = """\
set -e
ip link set lo up
for file in passwd group shadow sudoers hosts; do
    mount --bind "$1/$file" "/etc/$file"
done
# What she needs may lie in folders that are root's alone: it is put into others of the same name.
hidden=$2 shown=$3
mount -t tmpfs none /mnt
number=0
for each in $shown; do
    mkdir "/mnt/$((++number))"
    mount --rbind "$each" "/mnt/$number"
done
for each in $hidden; do
    mount -t tmpfs -o mode=755 none "$each"
done
number=0
for each in $shown; do
    mkdir -p "$each"
    mount --move "/mnt/$((++number))" "$each"
done
mkdir -p /root && cd "$4"
# As root: what stands for the internet.
eval "$5"
exec setpriv --reuid="$6" --regid="$6" --clear-groups \\
    env -i HOME="$4" PATH="$7" LANG=C.UTF-8 bash -c "$8"
"""


@dataclass(frozen=True)
class Machine:
    """Where she works; `home` is hers."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def run(
        self, script: str, *, as_root: str = "", shown: Sequence[Path] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Runs the script as her, in her home, and before that `as_root` as root."""
        for each in (self.home, *self.home.rglob("*")):
            os.chown(each, UID, UID, follow_symlinks=False)
        needed = [self.home, Path(sys.base_prefix), Path(sysconfig.get_path("purelib")), *shown]
        paths = [*dict.fromkeys(each.resolve() for each in needed)]
        hidden = {_hidden_in(each) for each in paths} - {None}
        words = [" ".join(map(str, each)) for each in (sorted(map(str, hidden)), paths)]
        assert not any(re.search(r"\s", str(each)) for each in paths)
        return subprocess.run(
            [
                *(tool("unshare"), "--mount", "--net", "--pid", "--fork", "--mount-proc"),
                *("bash", "-c", _MACHINE, "machine", str(self.folder), *words, str(self.home)),
                *(as_root, str(UID), f"{Path(sys.base_prefix) / 'bin'}:/usr/bin:/bin", script),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=4 * PATIENCE,
            check=False,
        )


def a_machine(folder: Path) -> Machine:
    """Skipped where there can be none."""
    if os.geteuid() != 0:
        lacking("a machine of one's own needs root")
    for program in ("unshare", "setpriv", "sudo", "ip", "mount"):
        tool(program)
    made = Machine(folder)
    made.home.mkdir()
    secure = f"{Path(sys.base_prefix) / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin"
    entries = {
        "passwd": f"{NAME}:x:{UID}:{UID}::{made.home}:/bin/bash",
        "group": f"{NAME}:x:{UID}:",
        "shadow": f"{NAME}:*:19000:0:99999:7:::",
    }
    for name, line in entries.items():
        (folder / name).write_text(f"{Path('/etc', name).read_text()}{line}\n")
    (folder / "hosts").write_text(f"127.0.0.1 localhost {platform.node()} {LEGACY}\n")
    rules = ["Defaults env_reset", f'Defaults secure_path="{secure}"', f"{NAME} ALL=NOPASSWD: ALL"]
    (folder / "sudoers").write_text("\n".join(rules) + "\n")
    (folder / "sudoers").chmod(0o440)
    (folder / "shadow").chmod(0o600)
    tried = made.run("sudo true")
    if tried.returncode:
        lacking(f"no machine of one's own here: {tried.stderr.strip()}")
    return made


def _hidden_in(path: Path) -> Path | None:
    """The outermost folder around it that only its owner gets into."""
    around = [each for each in reversed(path.parents) if not each.stat().st_mode & 0o001]
    return around[0] if around else None


def give_environment(checkout: Path) -> None:
    """A ready `.venv` for a checkout, made of the packages of the tests."""
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(Path(sys.executable).resolve())
    (checkout / ".venv" / "pyvenv.cfg").write_text(f"home = {Path(sys.base_prefix) / 'bin'}\n")
    version = "python{}.{}".format(*sys.version_info)
    packages = checkout / ".venv" / "lib" / version / "site-packages"
    packages.mkdir(parents=True)
    (packages / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    source = shlex.quote(str(checkout / "scripts" / "lib" / "setup.sh"))
    made_for = subprocess.check_output(
        [shutil.which("bash") or "bash", "-c", f"source {source}; _purpose requirements.txt"]
    )
    (checkout / ".venv" / "made-for").write_bytes(made_for.rstrip(b"\n"))
