"""The report as one page that needs no network, fonts or other files.

Sorting and filtering have a script of their own: the libraries for them are ten times its size, a
third of what a page of 2,000 callers may have, and would build the table again before it is seen.
"""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from hubv1 import __version__
from hubv1.api.routes import ANSWERED
from hubv1.report.chart import HEIGHT
from hubv1.report.model import Report, Standing
from hubv1.report.page_content import MOST_LINKED, change_anchor, content_of, repository_names
from hubv1.report.prose import EXPLAINED, label, minute, report_command, standing_details
from hubv1.report.standing import MOVED_AFTER, QUIET_DAYS
from hubv1.text import number, printable

_SCRIPTS = (("page.js",), ("page.js", "live.js"))
"""The scripts of a page, and of a live page."""
_FOLDER = Path(__file__).with_name("page")
_CLASSES = {
    Standing.NOT_BRIDGED: "b",
    Standing.NEEDS_CREDENTIALS: "c",
    Standing.NEEDS_PAGING: "p",
    Standing.READY: "r",
    Standing.QUIET: "q",
}
"""The class of each standing, the one that needs most help first; short, since each row has it."""

_MOST_NAMES = 100
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d)(?: UTC)?")


def as_html(report: Report, every: float = 0) -> str:
    """The report as an HTML page, which can be kept or sent.

    With `every` the page asks its server for a newer one every so many seconds.
    """
    return _page("page.html", content_of(report), every)


def error_html(message: str, every: float = 0) -> str:
    """A page that says why there is no report; with `every` it asks for one, too."""
    return _page("error.html", {"sentence": message}, every)


@cache
def policy_of(*, is_live: bool) -> str:
    """The Content-Security-Policy of a page, which allows its own scripts and style alone."""
    parts = [
        "default-src 'none'",
        f"style-src {_hash('style.css')}",
        f"script-src {' '.join(map(_hash, _SCRIPTS[is_live]))}",
        "img-src data:",  # an empty icon, so that browsers do not ask for one
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


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_escape_controls,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals |= {
        "number": "{:,}".format,
        "counted": number,
        "label": label,
        "explained": EXPLAINED,
        "answered": ANSWERED,
        "standing_details": standing_details,
        "moved_days": MOVED_AFTER.days,
        "change_anchor": change_anchor,
        "most_linked": MOST_LINKED,
        "repository_names": repository_names,
        "minute": minute,
        "classes": _CLASSES,
        "code": _mark_code,
        "timed": _mark_times,
        "chart_height": HEIGHT,
        "quiet_days": QUIET_DAYS,
        "most_names": _MOST_NAMES,
        "program": report_command(),
        "style": _text("style.css"),
        "version": __version__,
    }
    return environment


def _escape_controls(value: object) -> object:
    """Escape control characters in every text that a template puts into the page."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _mark_times(text: str) -> Markup:
    """A text with its times in UTC marked, so that the page can show the reader's own zone."""
    return Markup(_MOMENT.sub(r"<time>\1</time>", str(escape(printable(text)))))  # noqa: S704  # escaped


def _mark_code(text: str, repository: str = "") -> Markup:
    """A script or message as markup; `repository` fills its placeholders, and can be exchanged."""
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
