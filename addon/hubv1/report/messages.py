"""What to write to whoever runs a caller: what it calls, and what to call instead."""

from collections.abc import Iterable, Sequence

from hubv1.replacements import SIGNED_NOTE
from hubv1.report.markdown import code_block, code_span
from hubv1.report.model import CallerUse, Finding, Report
from hubv1.report.sections import by_caller, replacement_of
from hubv1.text import number, printable

_PAGE = "https://docs.docker.com/reference/api/hub/deprecated/"
_CONTACT = "Answer this message if something is unclear."


def messages_to_callers(report: Report, *, markdown: bool) -> str:
    """A message for each caller of the report, with a rule between them."""
    findings = by_caller(report, [use.caller for use in report.callers])
    rule = "\n---\n\n"
    return rule.join(
        message_to(use, findings[use.caller], markdown=markdown) for use in report.callers
    )


def message_to(use: CallerUse, findings: Sequence[Finding], *, markdown: bool = False) -> str:
    """The message for the people behind a caller with these findings, as plain text or Markdown."""
    block, name = (code_block, code_span) if markdown else (_indented, printable)
    first, others = findings[0], len(findings) - 1
    found = replacement_of(first)
    more = f", and {number(others, 'other')} like it or on other routes" if others else ""
    greeting = (
        f"{name(use.caller)} still calls Docker Hub API v1, which Docker ended in 2022: "
        f"{number(use.calls, 'call')} since {use.first_seen:%Y-%m-%d}, the last on "
        f"{use.last_seen:%Y-%m-%d at %H:%M} UTC."
    )
    parts = [
        greeting,
        f"For example, {number(first.calls, 'time')}{more}:",
        block([found.old]),
        found.instead if found.shortest else f"{found.lost} {found.instead}",
        block(found.shortest.splitlines()) if found.shortest else "",
        SIGNED_NOTE if SIGNED_NOTE in found.notes else "",
        f"Docker's page on the end of v1: {_PAGE}\n{_CONTACT}\n",
    ]
    return "\n\n".join(filter(None, parts))


def _indented(lines: Iterable[str]) -> str:
    return "\n".join(f"    {printable(line)}" for line in lines)
