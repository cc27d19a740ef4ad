"""The command within the process of the tests: for many arguments, where processes take long."""

import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

from hubv1.report.__main__ import main
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
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
    check_if_report(out.getvalue())
    return Done(code, out.getvalue(), err.getvalue())


def told(*arguments: object, code: int | None = None) -> dict[str, Any]:
    """The JSON report with these arguments; `code` is what the command has to answer."""
    done = report(*arguments, "--format", "json")
    assert code in (None, done.returncode), done
    body: dict[str, Any] = json.loads(done.stdout)
    return body
