"""The report as the process that scripts/report starts."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

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
    """The command run to its end; `before` is a program that starts it."""
    done = subprocess.run(
        (*before, *COMMAND, *map(str, arguments)),
        env=environment(env),
        cwd=cwd,
        stdin=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    check_if_report(done.stdout)
    return done


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
