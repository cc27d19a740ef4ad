"""A real Chromium for the tests of the page."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.clients import tool
from hubv1.report.html import as_html
from hubv1.report.model import Report

if TYPE_CHECKING:  # most tests beside this file need no browser, and it takes long to load
    from playwright.sync_api import Browser, Page

Open = Callable[..., "Page"]


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    """For one file of tests: while it runs there can be no other event loop beside its own."""
    from playwright.sync_api import sync_playwright

    program = tool("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--disable-quic", "--disable-sync"]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: "Browser", tmp_path: Path) -> Iterator[Open]:
    """Opens a report that was written to a file, or a URL; settings are those of a context.

    With `installs_clock` its time goes by as the test says. Whatever a page complains of on its
    console fails the test, and so does any request but for itself.
    """
    complaints: list[str] = []
    asked: set[str] = set()
    opened_urls: set[str] = set()

    def opened(shown: Report | str, *, installs_clock: bool = False, **settings: object) -> "Page":
        url = shown if isinstance(shown, str) else written(shown, tmp_path)
        context = chromium.new_context(**{"timezone_id": "UTC"} | settings)  # type: ignore[arg-type]
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.add(request.url))
        if installs_clock:
            page.clock.install()
        page.goto(url)
        opened_urls.add(page.url)
        return page

    yield opened
    for context in chromium.contexts:
        context.close()
    assert complaints == []
    assert asked <= opened_urls


def written(report: Report, folder: Path) -> str:
    """The URL of a file with that report."""
    file = folder / "report.html"
    file.write_text(as_html(report), encoding="utf-8")
    return file.as_uri()
