"""The command within the process of the tests: for many arguments, where processes take long."""

import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

from hubv1.cli.main import execute
from hubv1.cli.report import report as command
from report.schemas import check_if_report


@dataclass(frozen=True, slots=True)
class Done:
    """What it answered and said."""

    returncode: int
    stdout: str
    stderr: str


def report(*arguments: object) -> Done:
    """The command with these arguments, run to its end."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = execute(command, "scripts/report", [str(argument) for argument in arguments])
    check_if_report(out.getvalue())
    return Done(code, out.getvalue(), err.getvalue())


def told(*arguments: object, code: int | None = None) -> dict[str, Any]:
    """The JSON report with these arguments; `code` is what the command has to answer."""
    done = report(*arguments, "--format", "json")
    assert code in (None, done.returncode), done
    body: dict[str, Any] = json.loads(done.stdout)
    return body
