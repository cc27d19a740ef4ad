"""The report as one page that needs nothing else: no network, no scripts to be read, no fonts.

Sorting and filtering are a script of our own: the libraries for it are ten times its size, a third
of what a page of 2,000 callers may have, and would build that table once more before it is seen.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hubv1 import __version__
from hubv1.api.names import repository_or_none
from hubv1.report.chart import HEIGHT, MOST_BARS, burn_down
from hubv1.report.messages import message_to
from hubv1.report.model import Finding, Report, Standing
from hubv1.report.prose import label, minute, report_command, sentence, what_was_seen
from hubv1.report.sections import (
    by_caller,
    changes,
    ignored_table,
    rejecting_table,
    teams_table,
    unbridged,
    unbridged_table,
)
from hubv1.report.standing import QUIET_DAYS
from hubv1.text import number, printable

_SCRIPTS = (("page.js",), ("page.js", "live.js"))
"""Those of a page, and of a live one."""
_FOLDER = Path(__file__).with_name("page")
_CLASSES = {
    Standing.NOT_BRIDGED: "b",
    Standing.NEEDS_CREDENTIALS: "c",
    Standing.NEEDS_PAGING: "p",
    Standing.READY: "r",
    Standing.QUIET: "q",
}
"""Whoever needs most help first; short, since each caller has one."""

_CALLERS = 10_000
"""Rows that a browser still sorts and filters at once."""
_ROWS = 2_000
_FEWEST = 15
_EACH = 20
_LINES = 3_000
"""Findings in the row of a caller, and in all rows: so many can be read, and sent."""
_MOST_NAMES = 100
_MOST_REPOSITORIES = 50


def as_html(report: Report, every: float = 0) -> str:
    """The report as an HTML page, to be kept or sent.

    With `every` it asks the server that it came from for a newer one, every so many seconds.
    """
    return _page("page.html", _of_report(report), every)


def error_html(message: str, every: float = 0) -> str:
    """A page for when there is no report, or not for whoever asks, with a sentence that says why;
    it may ask for one too."""
    return _page("error.html", {"sentence": message}, every)


@cache
def policy_of(*, is_live: bool) -> str:
    """The Content-Security-Policy of a page: its scripts, its style, and nothing else."""
    parts = [
        "default-src 'none'",
        f"style-src {_hash('style.css')}",
        f"script-src {' '.join(map(_hash, _SCRIPTS[is_live]))}",
        "img-src data:",  # no icon, said in a way that keeps browsers from asking for one
        "form-action 'none'",
        "base-uri 'none'",
        *(["connect-src 'self'"] if is_live else []),
    ]
    return "; ".join(parts)


def _page(template: str, content: dict[str, Any], every: float) -> str:
    is_live = every > 0
    around = {
        "policy": Markup(policy_of(is_live=is_live)),  # noqa: S704  # ours; its quotes are no markup
        "scripts": [*map(_text, _SCRIPTS[is_live])],
        "every": every,
    }
    return _environment().get_template(template).render(content | around)


def _of_report(report: Report) -> dict[str, Any]:
    state, dot, rest = sentence(report).partition(". ")
    return {
        "report": report,
        "sentence": state + dot,
        "rest": rest,
        "rejecting": rejecting_table(report),
        "ignored": ignored_table(report),
        "teams": teams_table(report),
        "facts": what_was_seen(report),
    } | (_of_callers(report) if report.callers else {})


def _of_callers(report: Report) -> dict[str, Any]:
    callers = report.callers[:_CALLERS]
    findings = by_caller(report, [use.caller for use in callers])
    missed = unbridged(report)
    # The more callers there are, the fewer rows beside theirs fit.
    most = max(_FEWEST, (_ROWS - len(report.callers)) // 5)
    return {
        "chart": burn_down(report, MOST_BARS),
        "callers": [(use, findings[use.caller]) for use in callers],
        "most_each": max(1, min(_EACH, _LINES // len(callers))),
        "standings": Counter(use.standing for use in report.callers),
        "changes": [part for change in changes(report) for part in change.by_credentials()],
        "letters": [
            (use.caller, message_to(use, findings[use.caller]))
            for use in callers[:most]
            if use.standing is not Standing.QUIET
        ],
        "missed": unbridged_table(missed[:most]),
        "missed_lines": len(missed),
        "missed_calls": sum(sum(finding.unanswered.values()) for finding in missed),
    }


def _sound_names(findings: Sequence[Finding]) -> Sequence[str]:
    """Repositories that a replacement may name, the one with the most calls first."""
    named = dict.fromkeys(finding.repository.partition("/") for finding in findings)
    sound = (repository_or_none(namespace, name) for namespace, _, name in named)
    return [*map(str, islice(filter(None, sound), _MOST_REPOSITORIES))]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals |= {
        "number": "{:,}".format,
        "counted": number,
        "label": label,
        "sound_names": _sound_names,
        "minute": minute,
        "classes": _CLASSES,
        "code": _code,
        "chart_height": HEIGHT,
        "quiet_days": QUIET_DAYS,
        "most_names": _MOST_NAMES,
        "program": report_command(),
        "style": _text("style.css"),
        "version": __version__,
    }
    return environment


def _shown(value: object) -> object:
    """Every text on the page comes by here, so none can hide what it is."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _code(text: str, repository: str = "") -> Markup:
    """The same for a text of several lines, with a repository whose names may be exchanged."""
    code = Markup("\n").join(map(printable, text.rstrip("\n").split("\n")))
    if repository:
        for place, name in zip(("NAMESPACE", "REPOSITORY"), repository.split("/"), strict=True):
            code = code.replace(place, Markup("<var class={}>{}</var>").format(place.lower(), name))
    return code


@cache
def _text(name: str) -> Markup:
    return Markup((_FOLDER / name).read_text(encoding="utf-8"))  # noqa: S704  # our own file


def _hash(name: str) -> str:
    digest = hashlib.sha256(_text(name).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
