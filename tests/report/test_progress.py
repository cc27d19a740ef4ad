"""Long work shows a bar to whoever waits for it, beside the data and never among them."""

import json
import os
import pty
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from report.processes import COMMAND, SECONDS, environment
from report.recordings import TRAFFIC, written

BAR = b"Reading"


@contextmanager
def waiting_for(
    recording: Path, **env: str | None
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The command while it reads the recording, and the terminal that its standard error is."""
    ours, its = pty.openpty()
    surroundings = environment({"TERM": "xterm", **env})
    command = (*COMMAND, str(recording), "--format", "json")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=its, env=surroundings) as process:
        os.close(its)
        try:
            yield process, ours
        finally:
            process.kill()
            os.close(ours)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A recording that comes when the test writes it."""
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    return written(tmp_path / "flows", *TRAFFIC).read_bytes()


def test_a_recording_that_takes_long_has_a_bar(pipe: Path, content: bytes) -> None:
    with waiting_for(pipe) as (process, terminal):
        with pipe.open("wb", buffering=0) as recording:
            recording.write(content[:100])
            shown = b""
            while BAR not in shown:
                assert select.select([terminal], [], [], SECONDS)[0], "no bar"
                shown += os.read(terminal, 65_536)
            recording.write(content[100:])
        output, _ = process.communicate(timeout=SECONDS)
    assert json.loads(output)["seen"]["flows"] == 5
    assert process.returncode == 0
