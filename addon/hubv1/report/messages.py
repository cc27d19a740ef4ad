"""What to write to whoever runs a caller: what it calls, and what to call instead."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice

from hubv1.journal import is_named
from hubv1.replacements import SIGNED_NOTE
from hubv1.report.escaping import code_block, code_span
from hubv1.report.model import CallerUse, Finding, Report
from hubv1.report.prose import minute, sentence
from hubv1.report.sections import by_caller, replacement_of
from hubv1.text import number, printable

ANYBODY = "Answer this message if something is unclear."
"""Who to ask, where nobody is named."""

MARKDOWN_BY_FORMAT = {"terminal": False, "md": True}
"""Formats in which a message can be written, and whether as Markdown."""

_PAGE = "https://docs.docker.com/reference/api/hub/deprecated/"
_INDENT = "    "
_MOST_NEAR = 3
_MOST_COMPARED = 5_000
"""Names that are held against a misspelt one: each takes a while."""


class UnknownCaller(Exception):
    """No caller has the name that was given; the message says who might be meant."""


def messages_to_callers(report: Report, *, markdown: bool) -> str:
    """A message for each caller of the report, with a rule between them."""
    findings = by_caller(report, [use.caller for use in report.callers])
    rule = "\n---\n\n"
    return rule.join(
        message_to(use, findings[use.caller], markdown=markdown) for use in report.callers
    )


def message_to(
    use: CallerUse, findings: Sequence[Finding], *, markdown: bool = False, contact: str = ANYBODY
) -> str:
    """The message for the people behind a caller with these findings, as plain text or Markdown.

    `contact` is a sentence of the sender's own that says who to ask, and is not escaped.
    """
    form = _Form(markdown)
    parts = [_greeting(use, form), _example(findings, form), _instead(findings[0], form)]
    return "\n\n".join([*parts, f"Docker's page on the end of v1: {_PAGE}\n{contact}"]) + "\n"


def nobody_named(wanted: Sequence[str], report: Report) -> UnknownCaller:
    """What to say where no such caller made a call that was asked for; `report` has all calls."""
    for use in report.callers:
        if is_named(use.caller, wanted):
            last = f"the last of {use.caller} was {minute(use.last_seen)} UTC"
            return UnknownCaller(f"No call of that caller is among those asked for: {last}.")
    if not report.callers:
        return UnknownCaller(sentence(report))
    names = [use.caller for use in report.callers]
    near = dict.fromkeys(each for name in wanted for each in _near(name, names))
    hint = f"Near it: {'; '.join([*near][:_MOST_NEAR])}" if near else "The report has the names"
    return UnknownCaller(f"There is no caller {' or '.join(map(repr, wanted))}. {hint}.")


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


def _greeting(use: CallerUse, form: _Form) -> str:
    return (
        f"{form.name(use.caller)} still calls Docker Hub API v1, which Docker ended in 2022: "
        f"{number(use.calls, 'call')} since {use.first_seen:%Y-%m-%d}, the last on "
        f"{use.last_seen:%Y-%m-%d at %H:%M} UTC."
    )


def _example(findings: Sequence[Finding], form: _Form) -> str:
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


def _near(name: str, names: Sequence[str]) -> list[str]:
    bare = name.strip("*?").lower()
    holding = (each for each in names if bare and bare in each.lower())
    first = [*islice(holding, _MOST_NEAR)]
    return first or get_close_matches(name, names[:_MOST_COMPARED], _MOST_NEAR, 0.5)
