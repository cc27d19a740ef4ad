"""The hosts of `scripts/lab`, under names of their own, for tests that bring their own bridges.

Nothing of it is in the network of this machine, so that tests side by side cannot meet. What a test
leaves behind that was killed, the next one removes.
"""

import itertools
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from addresses import Address
from e2e.bridges import ADDON, PATIENCE, ROOT, Mitmdump, eventually, running_mitmdump
from e2e.clients import clean_environment, lacking, output, tool
from lab.hosts import HOSTS, SETTINGS, Lab, LabError, run

_numbers = itertools.count()


@dataclass(frozen=True)
class Network:
    """Three hosts: `client`, `bridge` and `hub`, where the stand-in is up."""

    lab: Lab
    folder: Path

    def inside(self, host: str) -> list[str]:
        """What has to stand in front of a command, for it to run on a host."""
        return self.lab.inside(host)

    def on(self, host: str, line: str) -> str:
        """What a command prints on a host."""
        return output(f"{shlex.join(self.inside(host))} {line}", clean_environment(self.folder))

    def type(self, host: str, script: str) -> str:
        """What lines of a page print there; none may fail."""
        return self.on(host, f"bash -c {shlex.quote(f'set -e; {script}')}")

    @contextmanager
    def running(self, host: str, name: str, command: Sequence[str]) -> Iterator[None]:
        """A process there, for as long as it is needed and from the first thing that it says."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as said:
            process = subprocess.Popen(
                [*self.inside(host), *command],
                env=clean_environment(self.folder),
                stdout=said,
                stderr=said,
            )
        try:
            eventually(lambda: process.poll() is not None or log.read_text() != "", f"{name} is up")
            assert process.poll() is None, log.read_text()
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE)


def section(page: str, heading: str) -> str:
    """What is under a heading of a page in docs/."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def blocks(page: str, heading: str, kind: str = "sh") -> list[str]:
    """The blocks of commands there."""
    found = re.findall(rf"```{kind}\n(.*?)```", section(page, heading), re.DOTALL)
    assert found, f"no commands under {heading} in {page}"
    return found


@contextmanager
def network(folder: Path, firewall: str = "iptables") -> Iterator[Network]:
    """Three hosts that know each other; gone afterwards."""
    for program in ("ip", "iptables", "nft"):
        tool(program)
    if os.geteuid() != 0:
        lacking("network namespaces need root")
    _remove_what_is_left()
    lab = Lab(f"hub-v1-{os.getpid()}-{next(_numbers)}")
    try:
        try:
            lab.build(firewall)
        except LabError as error:
            lacking(str(error))
        lab.start_hub(sys.executable)
        yield Network(lab, folder)
    finally:
        lab.remove()
    assert not lab.left()
    assert not lab.folder.exists()


def as_if_run(
    confdir: Path, under: Sequence[str], arguments: Sequence[str], port: int = 0
) -> AbstractContextManager[Mitmdump]:
    """What `scripts/run` with these arguments would start."""
    defaults = ("connection_strategy=lazy", f"hub_journal={confdir / 'journal.sqlite3'}")
    settings = [word for setting in defaults for word in ("--set", setting)]
    everything = ["-s", str(ADDON), *settings, *arguments]
    return running_mitmdump(confdir, *everything, at=Address("127.0.0.1", port), under=under)


def _remove_what_is_left() -> None:
    listed = run("ip", "netns", "list") + "\n".join(map(os.fspath, SETTINGS.glob("hub-v1-*")))
    for name, maker in set(re.findall(r"\b(hub-v1-(\d+)-\d+)-(?:" + "|".join(HOSTS) + ")", listed)):
        if not Path(f"/proc/{maker}").exists():
            Lab(name).remove()
