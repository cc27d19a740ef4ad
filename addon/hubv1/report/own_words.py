"""A team's own words for the messages to callers: a Jinja2 template that sees nothing else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from hubv1.report.changes import replacement_of
from hubv1.report.input_file import ReportError, read_input
from hubv1.report.messages import PAGE, Addressee, Findings, Words, proof_of
from hubv1.report.model import CallerUse, Finding, Standing
from hubv1.text import plainly, printable

_TROUBLES = (
    *(TemplateError, ArithmeticError, AttributeError, LookupError, MemoryError),
    *(RecursionError, TypeError, ValueError),
)
"""What the expressions of a template may raise."""


def read_template(path: Path) -> Words:
    """The template in that file, as what makes a message of it; both raise ReportError."""
    template = read_input(path, "template", _decode)

    def make(addressee: Addressee, findings: Findings) -> str:
        try:
            return template.render(_content(addressee, findings))
        except _TROUBLES as error:
            raise ReportError(f"The template {path} cannot be used: {plainly(error)}.") from error

    return make


def _decode(text: str) -> Template:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, keep_trailing_newline=True, finalize=_escape_lines
    )
    try:
        return environment.from_string(text)
    except TemplateSyntaxError as error:
        raise ValueError(f"line {error.lineno}: {error.message}") from error


def _escape_lines(value: object) -> object:
    """A text whose lines are printable, so that nothing from outside is hidden in a message."""
    if isinstance(value, str):
        return "\n".join(map(printable, value.split("\n")))
    return value


def _content(addressee: Addressee, findings: Findings) -> dict[str, Any]:
    team = addressee.team
    return {
        "subject": addressee.subject,
        "team": team.team if team else "",
        "mail": team.mail if team else "",
        "link": team.link if team else "",
        "callers": [_caller(use, findings[use.caller]) for use in addressee.callers],
        "page": PAGE,
    }


def _caller(use: CallerUse, findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "name": printable(use.caller),
        "address": printable(use.address),
        "user_agent": printable(use.user_agent),
        "calls": use.calls,
        "first_seen": use.first_seen,
        "last_seen": use.last_seen,
        "standing": use.standing.value,
        "is_quiet": use.standing is Standing.QUIET,
        "needs": [need.value for need in use.needs],
        "items": [*map(_call, findings)],
        "proof": proof_of(use),
    }


def _call(finding: Finding) -> dict[str, Any]:
    made = replacement_of(finding)
    return {
        "old": printable(made.old),
        "instead": made.instead,
        "lost": made.lost,
        "script": made.shortest,
        "new": made.new,
        "notes": [*made.notes],
        "repository": printable(finding.repository),
        "route": printable(finding.route),
        "calls": finding.calls,
        "last_seen": finding.last_seen,
    }
