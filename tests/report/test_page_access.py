"""The page for everybody: axe-core finds nothing to object to."""

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it is
from playwright.sync_api import Page

from report.conftest import Open
from report.large import large_report
from report.made import report_of
from samples import make_entry


def objections(page: Page) -> list[str]:
    """What axe-core finds, a line for each element."""
    return [
        f"{each['id']}: {node['html'][:120]} {node['failureSummary']}"
        for each in Axe().run(page).response["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_there_is_none_with_everything_open(open_page: Open, scheme: str) -> None:
    page = open_page(large_report(callers=40), color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.name = ''; })")
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert objections(page) == []


def test_there_is_none_where_not_all_rows_have_room(open_page: Open) -> None:
    page = open_page(large_report(callers=600), color_scheme="dark")
    assert "more callers than a page" in page.inner_text("section[aria-labelledby=h-messages]")
    assert objections(page) == []


def test_there_is_none_on_a_telephone(open_page: Open) -> None:
    report = large_report(callers=10)
    assert objections(open_page(report, viewport={"width": 360, "height": 640})) == []


def test_there_is_none_without_a_call(open_page: Open) -> None:
    assert objections(open_page(report_of())) == []


def test_it_would_see_what_is_wrong(open_page: Open) -> None:
    page = open_page(report_of(make_entry()))
    page.evaluate("document.querySelector('html').removeAttribute('lang')")
    assert any("html-has-lang" in each for each in objections(page))
