"""A real container engine, podman, with images, volumes and a network of its own.

It works in namespaces: what a test leaves behind goes with them. The base image is made of Debian's
packages and of the Python of the tests, under the name that the Containerfile gives.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from e2e.bridges import PATIENCE, ROOT
from e2e.clients import clean_environment, lacking, tool

CONTAINERFILE = (ROOT / "Containerfile").read_text(encoding="utf-8")
OUTSIDE = "10.99.0.1"
"""The address of the machine on which the containers run: a stand-in listens there."""

PACKAGES = (
    "ca-certificates,curl,dbus,libbz2-1.0,libexpat1,libffi8,liblzma5,libncursesw6,libreadline8,"
    "libsqlite3-0,libssl3,libuuid1,systemd,zlib1g"
)
OWN_AUTHORITIES = Path("/usr/local/share/ca-certificates")
"""Of this machine: what pip meets on its way out, it also meets in a container."""

_NAMESPACE = f"""\
set -e
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns
ip link set lo up
ip address add {OUTSIDE}/24 dev lo
PYTHONPATH=$1 $2 -m standin --host {OUTSIDE} --hub-port 8001 --registry-port 8002 \\
    --auth-port 8003 >/dev/null 2>&1 &
until curl -s -o /dev/null http://{OUTSIDE}:8001/; do sleep 0.1; done
cd "$3"
eval "$4"
"""

_BOOT = """
mount --make-rprivate /
image=$(podman image mount hub-v1-bridge)
cd {machine}
mkdir upper work root
mount -t overlay -o lowerdir="$image",upperdir=upper,workdir=work overlay root
for each in sysfs:sys tmpfs:run tmpfs:tmp tmpfs:sys/fs/cgroup; do
    mount -t "${{each%:*}}" "${{each%:*}}" "root/${{each#*:}}"
done
mount --bind /dev root/dev
mkdir root/sys/fs/cgroup/systemd
mount -t cgroup -o none,name=systemd cgroup root/sys/fs/cgroup/systemd
cp typed root/typed
cp typed.service root/etc/systemd/system
unshare --pid --fork --mount-proc=root/proc env -i container=test \\
    /usr/sbin/chroot root /lib/systemd/systemd --unit=typed.service >systemd.log 2>&1 &
until [ -s upper/ended ] || ! kill -0 $!; do sleep 0.1; done
"""
_TYPED = """\
[Service]
Type=oneshot
WorkingDirectory=/tmp
ExecStart=/bin/bash -e /typed
ExecStopPost=/bin/sh -c 'echo $EXIT_STATUS >/ended'
TimeoutStartSec=infinity
StandardOutput=file:/printed
StandardError=inherit
"""
_OWN_MOUNTS = ("unshare", "--mount")
"""podman leaves its images mounted."""


@dataclass(frozen=True)
class Engine:
    """podman as a user of its own would have it; `folder` keeps images and volumes."""

    folder: Path

    def run(self, script: str) -> str:
        """What a script prints that calls podman, on a machine where Hub's stand-in is up."""
        done = subprocess.run(
            [
                *(tool("unshare"), "--mount", "--net", "--pid", "--kill-child", "--mount-proc"),
                *(tool("bash"), "-c", _NAMESPACE, "engine", ROOT / "tests", sys.executable),
                *(ROOT, f"set -o pipefail; {script}"),
            ],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=4 * PATIENCE,
            check=False,
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout

    def boot(self, machine: Path, script: str) -> str:
        """What root's script prints on a machine that systemd has started from the image."""
        (machine / "typed").write_text(script)
        (machine / "typed.service").write_text(_TYPED)
        self.run(_BOOT.format(machine=machine))
        printed = (machine / "upper" / "printed").read_text()
        assert (machine / "upper" / "ended").read_text() == "0\n", printed
        return printed

    def build(self, line: str) -> None:
        """Run the line that builds the image, where the package registry can be reached."""
        done = subprocess.run(
            [*_OWN_MOUNTS, "bash", "-c", line],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=10 * PATIENCE,
            check=False,
        )
        if re.search("connection broken|Max retries|No matching distribution", done.stderr):
            lacking(f"no network to get packages from: {done.stderr}")
        assert done.returncode == 0, done.stderr[-2000:]

    def podman(self, *arguments: object) -> None:
        subprocess.run(
            [*_OWN_MOUNTS, "podman", *map(str, arguments)],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=4 * PATIENCE,
            check=True,
        )

    @property
    def _environment(self) -> dict[str, str]:
        return clean_environment(
            self.folder,
            CONTAINERS_CONF=str(self.folder / "containers.conf"),
            BUILDAH_ISOLATION="chroot",  # with the network of this machine
            CONTAINERS_STORAGE_CONF=str(self.folder / "storage.conf"),
            PATH=f"{os.environ['PATH']}:/usr/sbin:/sbin",
        )


def an_engine(folder: Path) -> Engine:
    """Skipped where there can be none."""
    if os.geteuid() != 0:
        lacking("a container engine with a network of its own needs root")
    for program in ("podman", "runc", "catatonit", "debootstrap", "unshare", "ip", "curl"):
        tool(program, f"{os.environ['PATH']}:/usr/sbin:/sbin")
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/run"\n'
    )
    # No systemd and no cgroups of version 2 are needed, nor limits that this user may not set.
    (folder / "containers.conf").write_text(
        '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n'
        '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n'
        f'tmp_dir = "{folder}/tmp"\nvolume_path = "{folder}/volumes"\n'  # noqa: S108  # its own
        f'[network]\nnetwork_config_dir = "{folder}/networks"\nnetwork_backend = "netavark"\n'
    )
    return Engine(folder)


def import_base(engine: Engine) -> None:
    """Make the image that the Containerfile builds on."""
    (name,) = re.findall(r"^FROM (\S+)$", CONTAINERFILE, re.MULTILINE)
    root = engine.folder / "base"
    _debootstrap(root)
    _install_python(root)
    archive = engine.folder / "base.tar"
    subprocess.run([tool("tar"), "-C", root, "-cf", archive, "."], check=True)
    engine.podman(
        "import", "--change", "ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", archive, name
    )
    archive.unlink()
    shutil.rmtree(root)


def _debootstrap(root: Path) -> None:
    done = subprocess.run(
        [
            *("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm"),
            *(root, "http://deb.debian.org/debian"),
        ],
        env=clean_environment(root.parent, PATH=f"{os.environ['PATH']}:/usr/sbin:/sbin"),
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE,
        check=False,
    )
    if done.returncode:
        lacking(f"no base image: {done.stdout[-1000:]}{done.stderr[-1000:]}")


def _install_python(root: Path) -> None:
    """Put the Python of the tests into /usr/local, where the image of that name has it."""
    source, target = Path(sys.base_prefix), root / "usr" / "local"
    version = "python{}.{}".format(*sys.version_info)
    unneeded = shutil.ignore_patterns("test", "site-packages", "__pycache__", "*.a", "tkinter")
    library = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(library, target / "lib" / version, symlinks=True, ignore=unneeded)
    for each in (source / "lib").glob("libpython*"):
        shutil.copy(each, target / "lib", follow_symlinks=False)
    shutil.copy(source / "bin" / version, target / "bin" / version)
    if OWN_AUTHORITIES.is_dir():
        shutil.copytree(
            OWN_AUTHORITIES, root / OWN_AUTHORITIES.relative_to("/"), dirs_exist_ok=True
        )
    script = f"""
    set -e
    ldconfig
    update-ca-certificates
    cd /usr/local/bin
    {version} -m ensurepip
    ln -sf {version} python
    ln -sf pip3 pip
    """
    subprocess.run(
        ["/usr/sbin/chroot", root, "sh", "-c", script],
        env={"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        check=True,
    )
