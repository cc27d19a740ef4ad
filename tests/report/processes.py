"""The command that scripts/report starts: within the process of the tests, or as one of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import IO

from hubv1.cli.main import execute
from hubv1.cli.report import report as command
from report.schemas import check_if_report

PROGRAM = Path(__file__).parents[2] / "scripts" / "lib" / "cli.py"
COMMAND = (sys.executable, "-P", str(PROGRAM), "report")
SECONDS = 60
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?")


def environment(changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """The environment of the tests with `changes`; None takes a variable away."""
    # Python that does not buffer may write a part of a text and forget the rest.
    changed = {**os.environ, "PYTHONUNBUFFERED": None, **(changes or {})}
    return {name: value for name, value in changed.items() if value is not None}


def report(
    *arguments: object,
    env: Mapping[str, str | None] | None = None,
    cwd: Path | None = None,
    before: tuple[str, ...] = (),
    stdin: IO[bytes] | None = None,
) -> subprocess.CompletedProcess[str]:
    """The command run to its end; `before` is a program that starts it.

    A process takes a second to start. It is one only where its surroundings are not those of the
    tests.
    """
    words = [str(argument) for argument in arguments]
    if env or cwd or before or stdin:
        done = _as_process(words, env, cwd, before, stdin)
    else:
        done = _within(words)
    check_if_report(done.stdout)
    return done


def _within(words: list[str]) -> subprocess.CompletedProcess[str]:
    out, err = (TextIOWrapper(BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        code = execute(command, "scripts/report", words)
    return subprocess.CompletedProcess(words, code, _read(out), _read(err))


def _read(stream: TextIOWrapper) -> str:
    """What was written, with the line ends that subprocess makes of it."""
    stream.seek(0)
    return TextIOWrapper(stream.detach(), "utf-8").read()


def _as_process(
    words: list[str],
    env: Mapping[str, str | None] | None,
    cwd: Path | None,
    before: tuple[str, ...],
    stdin: IO[bytes] | None,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (*before, *COMMAND, *words),
        env=environment(env),
        cwd=cwd,
        stdin=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )


def without_times(text: str) -> str:
    """Reports that are made one after the other are of different moments, though hardly ever."""
    return _MOMENT.sub("", text)


def complaint(done: subprocess.CompletedProcess[str], code: int = 1) -> str:
    """What a failed command said: one sentence, and nothing where data belongs."""
    assert done.returncode == code, done
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("scripts/report: ")
    assert done.stderr.count("\n") == 1
    return done.stderr
