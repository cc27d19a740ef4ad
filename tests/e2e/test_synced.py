"""A call is on the disk, and not only with the kernel, before its answer goes to the client."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from e2e.clients import ask, tool
from e2e.conftest import StartBridge
from standin import Standin

CALLS = ("/v1/repositories/bench/tool/tags/latest", "/v1/repositories/acme/gone/tags/latest")
NUMBER = 20
PAGE = 4_096
TRACED = "trace=pwrite64,fsync,fdatasync,write,writev,sendto,sendmsg"


def strace(trace: Path) -> Sequence[str]:
    """What a program is to be started under; with -D it keeps its process id."""
    program = tool("strace")
    if subprocess.run((program, "-o", trace, "true"), check=False, capture_output=True).returncode:
        pytest.skip("strace may not trace here")  # a container may forbid it
    return (program, "-D", "-f", "-y", "-s", f"{PAGE}", "-e", TRACED, "-o", str(trace))


def marks(text: str) -> set[str]:
    return set(re.findall(r"mark-\d\d", text))


def synced_at_each_answer(trace: Path) -> list[set[str]]:
    """The marks of the calls that were on the disk when each answer was handed to the kernel."""
    written: set[str] = set()
    synced: set[str] = set()
    answers = []
    for line in trace.read_text(encoding="ascii").splitlines():
        if re.search(r"pwrite64\(\d+<[^>]*-wal>", line):
            written |= marks(line)
        elif re.search(r"f(data)?sync(\(\d+<[^>]*-wal>\)| resumed>.*) += 0$", line):
            synced |= written
        elif re.search(r"(write|writev|sendto|sendmsg)\(.*HTTP/1\.1 \d{3} ", line):
            answers.append(set(synced))
    return answers


def test_each_call_is_synced_to_the_disk_before_its_answer_is_sent(
    start_bridge: StartBridge, hub: Standin, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    ended = ("--set", "hub_rule=gone ~u /gone/")
    with start_bridge(*ended, hub_url=hub.url, under=strace(trace)) as bridge:
        for number in range(NUMBER):
            agent = {"User-Agent": f"mark-{number:02}"}
            answer = ask(bridge, f"http://index.docker.io{CALLS[number % 2]}", headers=agent)
            assert answer.status == (200, 410)[number % 2]
    answers = synced_at_each_answer(trace)
    assert len(answers) == NUMBER
    for number, synced in enumerate(answers):
        assert f"mark-{number:02}" in synced, f"answer {number} was sent before it was on the disk"
