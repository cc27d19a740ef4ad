"""The report in a few lines, for a log."""

from collections.abc import Iterator

from hubv1.report.model import CallerUse, Report
from hubv1.report.moments import minute
from hubv1.report.sentence import number, sentence
from hubv1.report.standing import standing_in_words

_MOST_CALLERS = 5


def summary(report: Report) -> Iterator[str]:
    """The state, and the latest of the callers. Texts from outside are as they are."""
    yield sentence(report)
    for use in report.callers[:_MOST_CALLERS]:
        yield _line(use)
    more = len(report.callers) - _MOST_CALLERS
    if more > 0:
        yield f"and {number(more, 'caller')} more"


def _line(use: CallerUse) -> str:
    calls = f"{number(use.calls, 'call')}, the last {minute(use.last_seen)} UTC"
    return f"{use.caller}: {calls}, {standing_in_words(use)}"
