"""A team's own words for the messages to callers: a Jinja2 template that sees nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from hubv1.report.changes import replacement_of
from hubv1.report.messages import PAGE, Addressee, Findings, MessageTemplateError, proof_of
from hubv1.report.model import CallerUse, Finding, Standing
from hubv1.text import plainly, printable, read_text

_TROUBLES = (
    *(TemplateError, ArithmeticError, AttributeError, LookupError, MemoryError),
    *(RecursionError, TypeError, ValueError),
)
"""What the expressions of a template may raise."""


@dataclass(frozen=True)
class MessageTemplate:
    """A file with a team's own words, in Jinja2 without access to anything but the message."""

    path: Path

    @cached_property
    def _template(self) -> Template:
        environment = ImmutableSandboxedEnvironment(
            undefined=StrictUndefined, keep_trailing_newline=True, finalize=_shown
        )
        try:
            return environment.from_string(read_text(self.path))
        except TemplateSyntaxError as error:
            raise self._error(f"line {error.lineno}: {error.message}") from error
        except (OSError, ValueError) as error:
            raise self._error(plainly(error)) from error

    def check(self) -> None:
        """Raises MessageTemplateError if the file cannot be read or is no template."""
        _ = self._template

    def __call__(self, addressee: Addressee, findings: Findings) -> str:
        """The message; raises MessageTemplateError."""
        team = addressee.team
        content = {
            "subject": addressee.subject,
            "team": team.team if team else "",
            "mail": team.mail if team else "",
            "link": team.link if team else "",
            "callers": [_for_template(use, findings[use.caller]) for use in addressee.callers],
            "page": PAGE,
        }
        try:
            return self._template.render(content)
        except _TROUBLES as error:
            raise self._error(plainly(error)) from error

    def _error(self, reason: str) -> MessageTemplateError:
        return MessageTemplateError(f"The template {self.path} cannot be used: {reason}.")


def _shown(value: object) -> object:
    """Texts from outside hide nothing; those of the template have line breaks of their own."""
    if isinstance(value, str):
        return "\n".join(map(printable, value.split("\n")))
    return value


def _for_template(use: CallerUse, findings: Sequence[Finding]) -> dict[str, Any]:
    calls = []
    for finding in findings:
        found = replacement_of(finding)
        calls.append(
            {
                "old": printable(found.old),
                "instead": found.instead,
                "lost": found.lost,
                "script": found.shortest,
                "new": found.new,
                "notes": [*found.notes],
                "repository": printable(finding.repository),
                "route": printable(finding.route),
                "calls": finding.calls,
                "last_seen": finding.last_seen,
            }
        )
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
        "items": calls,
        "proof": proof_of(use),
    }
