"""`scripts/report --serve` in a real Chromium: the page while it is open."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from e2e.bridges import eventually
from report.conftest import Open
from report.made import write_journal
from report.served import Served, serving
from report.test_page import callers
from report.test_page_access import objections
from samples import make_entry


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    entries = (make_entry(caller="busy"), make_entry(caller="busy"), make_entry(caller="calm"))
    return write_journal(tmp_path / "journal.sqlite3", *entries)


@pytest.fixture
def served(journal: Path) -> Iterator[Served]:
    with serving("--journal", journal) as running:
        yield running


def wait_for(page: Page, text: str) -> None:
    """Lets the page's own time go by until it says so."""

    def says_so() -> bool:
        page.clock.fast_forward(5_000)
        page.wait_for_timeout(100)
        return text in page.locator("body").inner_text()

    eventually(says_so, f"{text!r} on the page")


def test_it_shows_what_was_written_down_meanwhile_and_keeps_what_was_chosen(
    open_page: Open, served: Served, journal: Path
) -> None:
    page = open_page(served.url, installs_clock=True)
    assert callers(page) == ["busy", "calm"]
    page.get_by_role("button", name="Caller", exact=True).click()
    page.get_by_role("button", name="Caller", exact=True).click()
    page.get_by_label("Filter").first.fill("ne")
    page.get_by_text("Python 3").click()
    write_journal(journal, make_entry(caller="new", repository="node"), make_entry(caller="newer"))
    wait_for(page, "All 4 callers have moved.")
    assert callers(page) == ["newer", "new"]
    expect(page.get_by_label("Filter").first).to_have_value("ne")
    expect(page.locator("article details[open] summary")).to_have_text("Python 3")
    expect(page.locator("article details[open] .do-copy")).to_have_count(1)
    assert objections(page) == []


def test_the_repository_that_was_chosen_for_the_replacements_stays(
    open_page: Open, served: Served, journal: Path
) -> None:
    write_journal(journal, make_entry(caller="other", repository="node"))
    page = open_page(served.url, installs_clock=True)
    page.get_by_label("Repository").select_option("library/node")
    page.locator("h1").click()
    page.evaluate("document.activeElement.blur()")
    write_journal(journal, make_entry(caller="new"))
    wait_for(page, "All 4 callers have moved.")
    expect(page.get_by_label("Repository")).to_have_value("library/node")
    expect(page.locator("pre.old")).to_contain_text("/repositories/node/tags")


def test_what_somebody_has_selected_stays_as_it_is(
    open_page: Open, served: Served, journal: Path
) -> None:
    page = open_page(served.url, installs_clock=True)
    page.locator("#rows-callers th").first.select_text()
    write_journal(journal, make_entry(caller="new"))
    wait_for(page, "All 3 callers have moved.")
    assert callers(page) == ["busy", "calm"]
    page.evaluate("getSelection().removeAllRanges()")
    page.clock.fast_forward(5_000)
    expect(page.locator("#rows-callers th")).to_have_count(3)


def test_trouble_is_said_above_the_last_report_and_goes_away(
    chromium: Browser, served: Served, journal: Path
) -> None:
    page = chromium.new_page()
    page.clock.install()
    page.goto(served.url)
    aside = journal.rename(journal.with_name("aside"))
    wait_for(page, "There is no journal at")
    expect(page.get_by_role("alert")).to_contain_text("There is no journal at")
    assert callers(page) == ["busy", "calm"]
    aside.rename(journal)
    write_journal(journal, make_entry(caller="new"))
    wait_for(page, "All 3 callers have moved.")
    expect(page.locator("#trouble")).to_be_empty()
    served.end()
    wait_for(page, "Nothing answers any more; this is how things stood.")
    page.context.close()


def test_a_page_without_a_journal_becomes_the_report_by_itself(
    chromium: Browser, tmp_path: Path
) -> None:
    journal = tmp_path / "later"
    with serving("--journal", journal) as served:
        page = chromium.new_page()
        page.clock.install()
        page.goto(served.url)
        expect(page.locator(".lead")).to_contain_text("There is no journal at")
        assert objections(page) == []
        write_journal(journal, make_entry(caller="first"))
        wait_for(page, "The only caller has moved.")
        assert callers(page) == ["first"]
        page.get_by_role("button", name="Calls", exact=True).click()
        page.context.close()


def test_the_url_with_the_token_opens_it_and_leaves_no_trace_in_the_address(
    chromium: Browser, journal: Path
) -> None:
    with serving("--journal", journal, at="0.0.0.0:0") as served:
        page = chromium.new_page()
        page.goto(f"http://127.0.0.1:{served.port}/?{served.url.partition('?')[2]}")
        assert page.url == f"http://127.0.0.1:{served.port}/"
        assert callers(page) == ["busy", "calm"]
        page.reload()
        assert callers(page) == ["busy", "calm"]
        page.context.close()
        stranger = chromium.new_page()
        stranger.goto(f"http://127.0.0.1:{served.port}/")
        expect(stranger.locator(".lead")).to_contain_text("the whole URL")
        stranger.context.close()
