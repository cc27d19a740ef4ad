"""What to write to whoever runs a caller: what it calls, and what to call instead."""

from collections.abc import Sequence
from dataclasses import dataclass

from hubv1.report.markdown import code_block, code_span
from hubv1.report.model import CallerUse, Finding, Report
from hubv1.report.sentence import number
from hubv1.report.snippets import SIGNED_NOTE, replacement_of
from hubv1.texts import printable

ANYBODY = "Answer this message if something is unclear."
"""Who to ask, where nobody is named."""

_PAGE = "https://docs.docker.com/reference/api/hub/deprecated/"
_INDENT = "    "


@dataclass(frozen=True, slots=True)
class _Form:
    """How names and code are set apart from the text around them."""

    markdown: bool

    def name(self, text: str) -> str:
        return code_span(text) if self.markdown else printable(text)

    def block(self, lines: Sequence[str]) -> str:
        if self.markdown:
            return code_block(lines)
        return "\n".join(_INDENT + printable(line) for line in lines)


def message(report: Report, caller: str, *, markdown: bool = False, contact: str = ANYBODY) -> str:
    """The message for the people behind `caller`, as plain text or Markdown.

    `contact` is a sentence that says who to ask, and is text of the sender's own: it stands as it
    is. Raises KeyError where the report knows no such caller.
    """
    form = _Form(markdown)
    use = next((use for use in report.callers if use.caller == caller), None)
    findings = [finding for finding in report.findings if finding.caller == caller]
    if use is None or not findings:
        raise KeyError(caller)
    parts = [_greeting(use, form), _example(findings, form), _instead(findings[0], form)]
    return "\n\n".join([*parts, f"Docker's page on the end of v1: {_PAGE}\n{contact}"]) + "\n"


def _greeting(use: CallerUse, form: _Form) -> str:
    return (
        f"{form.name(use.caller)} still calls Docker Hub API v1, which Docker ended in 2022: "
        f"{number(use.calls, 'call')} since {use.first_seen:%Y-%m-%d}, the last on "
        f"{use.last_seen:%Y-%m-%d at %H:%M} UTC."
    )


def _example(findings: list[Finding], form: _Form) -> str:
    first, others = findings[0], len(findings) - 1
    more = f", and {number(others, 'other')} like it or on other routes" if others else ""
    said = f"For example, {number(first.calls, 'time')}{more}:"
    return f"{said}\n\n{form.block([replacement_of(first).old])}"


def _instead(finding: Finding, form: _Form) -> str:
    found = replacement_of(finding)
    code = found.shortest
    if not code:
        return f"{found.lost} {found.instead}"
    token = f"\n\n{SIGNED_NOTE}" if SIGNED_NOTE in found.notes else ""
    return f"{found.instead}\n\n{form.block(code.splitlines())}{token}"
