"""The three hosts of docs/transparent.md, built as that page says, under names of their own.

Nothing of it is in the network of this machine, so that tests side by side cannot meet. What a test
leaves behind that was killed, the next one removes.
"""

import itertools
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from addresses import Address
from e2e.bridges import ADDON, PATIENCE, ROOT, Mitmdump, eventually, running_mitmdump
from e2e.clients import clean_environment, lacking, output, tool

SETTINGS = Path("/etc/netns")
"""Where `ip netns exec` looks for the files that a namespace has in place of those in /etc."""

_numbers = itertools.count()


@dataclass(frozen=True)
class Network:
    """Three hosts: `client`, `bridge` and `hub`."""

    prefix: str
    """What stands for the page's `lab-`."""
    folder: Path

    def script(self, heading: str) -> str:
        """The commands under a heading of the page, for these hosts."""
        found = "\n".join(blocks("transparent.md", heading))
        return found.replace("/tmp/lab-", f"{self.folder}/").replace("lab-", self.prefix)  # noqa: S108  # the page's

    def run(self, heading: str) -> str:
        """What these commands print; none of them may fail."""
        return output(f"set -e; {self.script(heading)}", clean_environment(self.folder))

    def words(self, heading: str) -> list[str]:
        """The last command under a heading, which the page starts in the background."""
        command = self.script(heading).replace("\\\n", " ").strip().splitlines()[-1]
        return shlex.split(command.removesuffix("&"))

    def inside(self, host: str) -> list[str]:
        """What has to stand in front of a command, for it to run on a host."""
        return [tool("ip"), "netns", "exec", self.prefix + host]

    def on(self, host: str, line: str) -> str:
        """What a command prints on a host."""
        return output(f"{shlex.join(self.inside(host))} {line}", clean_environment(self.folder))


def section(page: str, heading: str) -> str:
    """What is under a heading of a page in docs/."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def blocks(page: str, heading: str) -> list[str]:
    """The blocks of commands there."""
    found = re.findall(r"```sh\n(.*?)```", section(page, heading), re.DOTALL)
    assert found, f"no commands under {heading} in {page}"
    return found


@contextmanager
def network(folder: Path) -> Iterator[Network]:
    """Three hosts that know each other; gone afterwards."""
    for program in ("ip", "iptables"):
        tool(program)
    if os.geteuid() != 0:
        lacking("network namespaces need root")
    _remove_what_is_left()
    made = Network(f"hub-v1-{os.getpid()}-{next(_numbers)}-", folder)
    _try_out(made.prefix)
    try:
        for heading in ("1. A network", "3. The redirect", "4. The names"):
            made.run(heading)
        yield made
    finally:
        for name in _ours():
            if name.startswith(made.prefix):
                _end_all_in(name)
        made.run("8. Undoing it")
    assert not [name for name in _ours() if name.startswith(made.prefix)]
    assert not list(SETTINGS.glob(f"{made.prefix}*"))


def standin(lab: Network) -> AbstractContextManager[None]:
    """The stand-in for Docker Hub, as the page starts it."""
    script = lab.script("2. A stand-in for the internet").removesuffix("&\n")
    script = script.replace(".venv/bin/python", sys.executable)
    script = script.replace("PYTHONPATH=tests", "PYTHONPATH=tests exec")
    return running(lab, "standin", ["bash", "-c", script], "10.77.2.2:8443")


@contextmanager
def running(lab: Network, name: str, command: Sequence[str], sign: str) -> Iterator[None]:
    """A process from the project's folder, for as long as it is needed; `sign` says it is up."""
    log = lab.folder / f"{name}.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            command, env=clean_environment(lab.folder), cwd=ROOT, stdout=said, stderr=said
        )
    try:
        eventually(lambda: process.poll() is not None or sign in log.read_text(), f"{name} is up")
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def as_if_run(
    confdir: Path, under: Sequence[str], arguments: Sequence[str], port: int = 0
) -> AbstractContextManager[Mitmdump]:
    """What `scripts/run` with these arguments would start."""
    defaults = ("connection_strategy=lazy", f"hub_journal={confdir / 'journal.sqlite3'}")
    settings = [word for setting in defaults for word in ("--set", setting)]
    everything = ["-s", str(ADDON), *settings, *arguments]
    return running_mitmdump(confdir, *everything, at=Address("127.0.0.1", port), under=under)


def _try_out(prefix: str) -> None:
    """See whether this machine may have such a network at all."""
    name = f"{prefix}trial"
    tried = f"ip netns add {name} && ip netns exec {name} iptables -t nat -S && ip netns del {name}"
    done = subprocess.run(["bash", "-c", tried], capture_output=True, text=True, check=False)
    if done.returncode:
        _remove(name)
        lacking(f"no network namespaces with NAT here: {done.stderr.strip()}")


def _ours() -> list[str]:
    listed = subprocess.run([tool("ip"), "netns"], capture_output=True, text=True, check=True)
    return re.findall(r"^(hub-v1-\d+-\S+)", listed.stdout, re.MULTILINE)


def _remove_what_is_left() -> None:
    for name in _ours():
        maker = int(name.split("-")[2])
        if not Path(f"/proc/{maker}").exists():
            _remove(name)


def _remove(name: str) -> None:
    """A namespace with all that runs in it."""
    _end_all_in(name)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    shutil.rmtree(SETTINGS / name, ignore_errors=True)


def _end_all_in(name: str) -> None:
    found = subprocess.run(
        ["ip", "netns", "pids", name], capture_output=True, text=True, check=False
    )
    for pid in found.stdout.split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
