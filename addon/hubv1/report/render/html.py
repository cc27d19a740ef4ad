"""The report as one page that needs nothing else: no network, no scripts to be read, no fonts.

Sorting and filtering are a script of our own: the libraries for it are ten times its size, a third
of what a page of 2,000 callers may have, and would build that table once more before it is seen.
"""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hubv1 import __version__
from hubv1.report.build import QUIET_DAYS
from hubv1.report.model import Report
from hubv1.report.page import rows
from hubv1.report.page.chart import FOOT, HEIGHT, chart_of
from hubv1.report.prose import (
    label,
    minute,
    refused_unrecorded,
    report_command,
    sentence,
    told_together,
)
from hubv1.report.sections import ROWS, proofs_table
from hubv1.text import printable

LIVE_SCRIPTS = ("page.js", "live.js")
_MOST_NAMES = 100
_FOLDER = Path(__file__).parents[1] / "page"


def as_html(report: Report) -> str:
    """The report as an HTML page, to be kept or sent."""
    return _page("page.html", _of_report(report), "page.js")


def as_live_html(report: Report, every: float) -> str:
    """The page for a server: it asks that server for a newer one `every` so many seconds."""
    return _page("page.html", _of_report(report), *LIVE_SCRIPTS, every=every)


def live_error_html(message: str, every: float) -> str:
    """A page for when there is no report, with a sentence that says why; it asks again too."""
    return _page("error.html", {"sentence": message}, *LIVE_SCRIPTS, every=every)


def error_html(message: str) -> str:
    """A page for who may not have the report, with a sentence that says why."""
    return _page("error.html", {"sentence": message}, "page.js")


@cache
def policy_of(*scripts: str) -> str:
    """The Content-Security-Policy of a page with these scripts: them, its style, and nothing."""
    hashes = " ".join(map(_hash, scripts))
    parts = [
        "default-src 'none'",
        f"style-src {_hash('style.css')}",
        f"script-src {hashes}",
        "img-src data:",  # no icon, said in a way that keeps browsers from asking for one
        "form-action 'none'",
        "base-uri 'none'",
    ]
    if "live.js" in scripts:
        parts.append("connect-src 'self'")
    return "; ".join(parts)


def _page(template: str, content: dict[str, Any], *scripts: str, every: float = 0) -> str:
    around = {
        "policy": Markup(policy_of(*scripts)),  # noqa: S704  # ours, and quotes in it are no markup
        "scripts": [*map(_text, scripts)],
        "every": every,
    }
    return _environment().get_template(template).render(content | around)


def _of_report(report: Report) -> dict[str, Any]:
    state, dot, rest = sentence(report).partition(". ")
    content: dict[str, Any] = {
        "report": report,
        "sentence": state + dot,
        "rest": rest,
        "order": rows.STANDINGS,
    }
    if report.callers:
        callers, proofs = rows.caller_rows(report), proofs_table(report)
        content |= {
            "chart": chart_of(report),
            "callers": callers,
            "most_each": rows.most_each(callers),
            "this_hour": sum(use.this_hour for use in report.callers),
            "standings": rows.standings(report),
            "examples": [*rows.examples(report)],
            "heard": rows.heard(report),
            "letters": rows.letters(report),
            "unbridged": rows.shown_unbridged(report),
            "proofs": proofs,
            # The names of a table are no plain texts, and these have to be.
            "proof_rows": [[*map(str, row)] for row in proofs.rows],
        }
    return content


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
        "label": label,
        "minute": minute,
        "words": rows.words,
        "classes": rows.CLASSES,
        "refused_unrecorded": refused_unrecorded,
        "told_together": told_together,
        "code": _code,
        "chart_height": HEIGHT,
        "chart_foot": FOOT,
        "quiet_days": QUIET_DAYS,
        "most_names": _MOST_NAMES,
        "most_proofs": ROWS,
        "program": report_command(),
        "style": _text("style.css"),
        "version": __version__,
    }
    return environment


def _shown(value: object) -> object:
    """Every text on the page comes by here, so none can hide what it is."""
    return printable(value) if type(value) is str else value


def _code(text: str, names: Mapping[str, str] | None = None) -> Markup:
    """The same for a text of several lines, with names that may be exchanged in it."""
    code = Markup("\n").join(map(printable, text.rstrip("\n").split("\n")))
    for place, name in (names or {}).items():
        code = code.replace(place, Markup("<var class={}>{}</var>").format(place.lower(), name))
    return code


@cache
def _text(name: str) -> Markup:
    return Markup((_FOLDER / name).read_text(encoding="utf-8"))  # noqa: S704  # our own file


def _hash(name: str) -> str:
    digest = hashlib.sha256(_text(name).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
