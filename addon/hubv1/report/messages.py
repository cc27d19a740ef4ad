"""What to write to whoever runs a caller, or to a team: what it calls, and what to call instead."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote as shell_quoted

from hubv1.replacements import SIGNED_NOTE
from hubv1.report.markdown import code_block, code_span
from hubv1.report.model import CallerUse, Finding, Report, Standing, Team
from hubv1.report.prose import minute, report_command
from hubv1.report.sections import by_caller, replacement_of
from hubv1.text import number, printable

Words = Callable[[Sequence[CallerUse], Mapping[str, Sequence[Finding]], Team | None], str]
"""A team's own words: make the message about callers with these findings."""

PAGE = "https://docs.docker.com/reference/api/hub/deprecated/"
_CONTACT = "Answer this message if something is unclear."
_RULE = "\n---\n\n"


class MessageTemplateError(Exception):
    """A template of messages that cannot be used; the message is a sentence."""


def messages_to_callers(report: Report, *, markdown: bool, words: Words | None = None) -> str:
    """A message for each caller of the report, with a rule between them; with owners, for each
    team.

    Quiet callers have none, unless they were asked for by name, or nobody else was.
    """
    asked = [
        use
        for use in report.callers
        if use.standing is not Standing.QUIET or use.caller in report.filter.callers
    ]
    findings = by_caller(report, [use.caller for use in report.callers])
    uses = {use.caller: use for use in asked or report.callers}
    nobody = Team("", "", "", ())
    groups = [
        (team, [uses[name] for name in team.callers if name in uses])
        for team in report.teams
        if team.team
    ]
    owned = {use.caller for _, those in groups for use in those}
    groups += [(nobody, [use]) for name, use in uses.items() if name not in owned]
    return _RULE.join(
        message_to(those, findings, markdown=markdown, team=team, words=words)
        for team, those in groups
        if those
    )


def message_to(
    uses: CallerUse | Sequence[CallerUse],
    findings: Mapping[str, Sequence[Finding]] | Sequence[Finding],
    *,
    markdown: bool = False,
    team: Team | None = None,
    words: Words | None = None,
) -> str:
    """The message for the people behind callers with these findings, as plain text or Markdown."""
    if isinstance(uses, CallerUse):
        uses = [uses]
    if not isinstance(findings, Mapping):
        findings = {uses[0].caller: findings}
    if words is not None:
        return words(uses, findings, team)
    style = _Style(markdown)
    subject = subject_of(uses, team)
    parts = [f"Subject: {code_span(subject) if markdown else subject}"]
    for use in uses:
        parts += _about(use, findings[use.caller], style)
    parts += [
        *(f"Write to {style.name(where)}." for where in _addresses(team)),
        f"Docker's page on the end of v1: {PAGE}\n{_CONTACT}\n",
    ]
    return "\n\n".join(filter(None, parts))


def subject_of(uses: Sequence[CallerUse], team: Team | None = None) -> str:
    """The subject line of a message about these callers."""
    who = printable(uses[0].caller) if len(uses) == 1 else number(len(uses), "caller")
    of_team = f" of {printable(team.team)}" if team and team.team and len(uses) > 1 else ""
    if all(use.standing is Standing.QUIET for use in uses):
        verb = "has" if len(uses) == 1 else "have"
        return f"{who}{of_team} {verb} stopped calling Docker Hub API v1?"
    verb = "calls" if len(uses) == 1 else "call"
    return f"{who}{of_team} still {verb} the retired Docker Hub API v1"


def proof_of(use: CallerUse) -> str:
    """The command that ends with 0 once the caller makes no more calls."""
    name = shell_quoted(printable(use.caller))
    return f"{report_command()} --caller {name} --since 24h --fail-on any"


def _addresses(team: Team | None) -> Iterable[str]:
    return filter(None, (team.mail, team.link)) if team else ()


@dataclass(frozen=True, slots=True)
class _Style:
    is_markdown: bool

    def block(self, lines: Iterable[str]) -> str:
        if self.is_markdown:
            return code_block(lines)
        return "\n".join(f"    {printable(line)}" for line in lines)

    def name(self, text: str) -> str:
        return code_span(text) if self.is_markdown else printable(text)


def _about(use: CallerUse, findings: Sequence[Finding], style: _Style) -> Iterable[str]:
    if use.standing is Standing.QUIET:
        yield (
            f"{style.name(use.caller)} has not called Docker Hub API v1, which Docker ended in "
            f"2022, since {use.last_seen:%Y-%m-%d at %H:%M} UTC. If it was changed, there is "
            "nothing left to do. If it only waits for its next run, this is what it called, and "
            "what to call instead."
        )
    else:
        yield (
            f"{style.name(use.caller)} still calls Docker Hub API v1, which Docker ended in 2022: "
            f"{number(use.calls, 'call')} since {use.first_seen:%Y-%m-%d}, the last on "
            f"{use.last_seen:%Y-%m-%d at %H:%M} UTC."
        )
    notes: list[str] = []
    for finding in findings:
        found = replacement_of(finding)
        yield f"{number(finding.calls, 'time').capitalize()}, the last {minute(finding.last_seen)}:"
        yield style.block([found.old])
        yield found.instead if found.shortest else f"{found.lost} {found.instead}"
        yield style.block(found.shortest.splitlines()) if found.shortest else ""
        notes += [SIGNED_NOTE] if SIGNED_NOTE in found.notes else []
    yield notes[0] if notes else ""
    yield (
        "To prove the change, run it once with both calls and compare what they print; then, at "
        "the bridge, this ends with 0 a day later:"
    )
    yield style.block([proof_of(use)])
