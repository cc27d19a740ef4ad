"""Messages to the people behind callers: what they call, and what to call instead."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote as shell_quoted

from hubv1.journal import OTHERS
from hubv1.replacements import SIGNED_NOTE
from hubv1.report.changes import by_caller, replacement_of
from hubv1.report.markdown import code_block, code_span
from hubv1.report.model import CallerUse, Finding, Report, Standing, Team
from hubv1.report.prose import minute, report_command
from hubv1.text import number, printable

PAGE = "https://docs.docker.com/reference/api/hub/deprecated/"
_V1 = "Docker Hub API v1"
_CONTACT = "Answer this message if something is unclear."
_RULE = "\n---\n\n"


@dataclass(frozen=True, slots=True)
class Addressee:
    """Who gets a message: a team, or the people behind one caller without an owner."""

    callers: Sequence[CallerUse]
    team: Team | None = None

    @property
    def name(self) -> str:
        """The name of the team, or of the caller."""
        return self.team.team if self.team else self.callers[0].caller

    @property
    def subject(self) -> str:
        """The subject line of the message."""
        is_one = len(self.callers) == 1
        who = printable(self.callers[0].caller) if is_one else number(len(self.callers), "caller")
        of_team = f" of {printable(self.team.team)}" if self.team and not is_one else ""
        if all(use.standing is Standing.QUIET for use in self.callers):
            return f"{who}{of_team} {'has' if is_one else 'have'} stopped calling {_V1}?"
        return f"{who}{of_team} still {'calls' if is_one else 'call'} the retired {_V1}"


Findings = Mapping[str, Sequence[Finding]]
"""The findings of each caller, the busiest first."""
Words = Callable[[Addressee, Findings], str]
"""Makes a message in a team's own words."""


def addressees(report: Report) -> Sequence[Addressee]:
    """Each team, if owners are known, and the people behind each other caller.

    Quiet callers get no message unless a filter names them, or names quiet callers alone.
    """
    named = [use for use in report.callers if use.caller != OTHERS]
    asked = report.filter.callers
    chosen = [use for use in named if use.standing is not Standing.QUIET or use.caller in asked]
    uses = {use.caller: use for use in chosen or (named if asked else ())}
    teams = [
        Addressee([uses[name] for name in team.callers if name in uses], team)
        for team in report.teams
        if team.team and not uses.keys().isdisjoint(team.callers)
    ]
    owned = {use.caller for each in teams for use in each.callers}
    return [*teams, *(Addressee([use]) for name, use in uses.items() if name not in owned)]


def messages_to_callers(report: Report, *, markdown: bool, words: Words | None) -> str:
    """The message to each addressee, with a rule between them."""
    findings = by_caller(report)
    return _RULE.join(
        message_to(each, findings, markdown=markdown, words=words) for each in addressees(report)
    )


def message_to(
    addressee: Addressee,
    findings: Findings,
    *,
    markdown: bool = False,
    words: Words | None = None,
) -> str:
    """The message for the people behind callers with these findings, as plain text or Markdown."""
    if words is not None:
        return words(addressee, findings)
    show = code_span if markdown else printable
    parts = [subject_line(addressee, markdown=markdown)]
    for use in addressee.callers:
        parts += _about(use, findings[use.caller], show, code_block if markdown else _indented)
    team = addressee.team
    ways = filter(None, (team.mail, team.link)) if team else ()
    parts += [
        *(f"Write to {show(way)}." for way in ways),
        f"Docker's page on the end of v1: {PAGE}\n{_CONTACT}\n",
    ]
    return "\n\n".join(filter(None, parts))


def subject_line(addressee: Addressee, *, markdown: bool) -> str:
    """The first line of a message."""
    return f"Subject: {code_span(addressee.subject) if markdown else addressee.subject}"


def proof_of(use: CallerUse) -> str:
    """The command that ends with 0 once the caller makes no more calls."""
    name = shell_quoted(printable(use.caller))
    return f"{report_command()} --caller {name} --since 24h --fail-on any"


def _indented(lines: Iterable[str]) -> str:
    return "\n".join(f"    {printable(line)}" for line in lines)


def _about(
    use: CallerUse,
    findings: Sequence[Finding],
    show: Callable[[str], str],
    show_block: Callable[[Iterable[str]], str],
) -> Iterator[str]:
    if use.standing is Standing.QUIET:
        yield (
            f"{show(use.caller)} has not called Docker Hub API v1, which Docker ended in "
            f"2022, since {use.last_seen:%Y-%m-%d at %H:%M} UTC. If it was changed, there is "
            "nothing left to do. If it only waits for its next run, this is what it called, and "
            "what to call instead."
        )
    else:
        yield (
            f"{show(use.caller)} still calls Docker Hub API v1, which Docker ended in 2022: "
            f"{number(use.calls, 'call')} since {use.first_seen:%Y-%m-%d}, the last on "
            f"{use.last_seen:%Y-%m-%d at %H:%M} UTC."
        )
    notes: list[str] = []
    for finding in findings:
        found = replacement_of(finding)
        yield f"{number(finding.calls, 'time').capitalize()}, the last {minute(finding.last_seen)}:"
        yield show_block([found.old])
        yield found.instead if found.shortest else f"{found.lost} {found.instead}"
        yield show_block(found.shortest.splitlines()) if found.shortest else ""
        notes += [SIGNED_NOTE] if SIGNED_NOTE in found.notes else []
    yield notes[0] if notes else ""
    yield (
        "To prove the change, run it once with both calls and compare what they print; then, at "
        "the bridge, this ends with 0 a day later:"
    )
    yield show_block([proof_of(use)])
