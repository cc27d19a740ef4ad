"""The messages to the callers that `--caller` names; where it names none, who might be meant."""

from collections.abc import Sequence
from difflib import get_close_matches

from hubv1.journal.selection import is_named
from hubv1.report.message import message
from hubv1.report.model import Report
from hubv1.report.moments import minute
from hubv1.report.sentence import sentence

MARKDOWN_BY_FORMAT = {"terminal": False, "md": True}
"""Formats in which a message can be written, and whether as Markdown."""

_MOST = 3


class UnknownCaller(Exception):
    """No caller has the name that was given; the message says who might be meant."""


def messages(report: Report, *, markdown: bool) -> str:
    """A message for each caller of the report, with a rule between them."""
    rule = "\n---\n\n"
    return rule.join(message(report, use.caller, markdown=markdown) for use in report.callers)


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
    hint = f"Near it: {'; '.join([*near][:_MOST])}" if near else "The report has the names"
    return UnknownCaller(f"There is no caller {' or '.join(map(repr, wanted))}. {hint}.")


def _near(name: str, names: Sequence[str]) -> list[str]:
    bare = name.strip("*?").lower()
    holding = [each for each in names if bare and bare in each.lower()]
    return [*holding, *get_close_matches(name, names, _MOST, 0.5)]
