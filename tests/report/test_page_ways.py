"""Finding one's way on a page of 200 callers: contents, links, folds, paper, keyboard."""

import os
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from hubv1.report.model import Report
from report.conftest import Open
from report.large import large_report
from report.test_page import callers, section

DESK: ViewportSize = {"width": 1280, "height": 800}
TELEPHONE: ViewportSize = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def report() -> Report:
    return large_report(callers=200)


def top_of(page: Page, selector: str) -> float:
    """Pixels from the top of the page."""
    return float(
        page.locator(selector).first.evaluate("each => each.getBoundingClientRect().top + scrollY")
    )


def is_in_sight(page: Page, selector: str) -> bool:
    """Whether the beginning of the element is on the screen now."""
    return bool(
        page.locator(selector).first.evaluate(
            """each => {
              const { top, left } = each.getBoundingClientRect();
              return top >= 0 && top < innerHeight && left >= 0 && left < innerWidth;
            }"""
        )
    )


def sheets(printed: bytes) -> int:
    """How many pages a PDF has."""
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", printed))


def streams(printed: bytes) -> Iterator[bytes]:
    """What a PDF draws, page by page, and whatever else is compressed in it."""
    for found in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", printed, re.DOTALL):
        with suppress(zlib.error):
            yield zlib.decompress(found[1])


class TestContents:
    def test_they_lead_to_each_section_from_wherever_one_is(
        self, open_page: Open, report: Report
    ) -> None:
        page = open_page(report, viewport=DESK)
        headings = page.eval_on_selector_all("h2", "all => all.map(each => each.id)")
        contents = page.get_by_role("navigation", name="Contents")
        links = contents.get_by_role("link").all()
        assert [link.get_attribute("href") for link in links] == [f"#{name}" for name in headings]
        for name, link in zip(reversed(headings), reversed(links), strict=True):
            link.click()
            assert is_in_sight(page, f"#{name}")
            assert is_in_sight(page, "#contents")

    def test_what_a_person_needs_first_is_within_two_screens(
        self, open_page: Open, report: Report
    ) -> None:
        page = open_page(report, viewport=DESK)
        for needed in (".lead", ".far", "#contents", ".chart", "#rows-callers tr", "#h-change"):
            assert top_of(page, needed) < 2 * DESK["height"], needed


class TestLinks:
    def test_a_caller_leads_to_its_message_and_to_its_change_and_both_lead_back(
        self, open_page: Open, report: Report
    ) -> None:
        page = open_page(report, viewport=DESK)
        name = report.callers[3].caller
        row = page.locator("#rows-callers tr").nth(3)
        row.get_by_role("link", name="Message").click()
        message = page.locator("#messages details[open]")
        expect(message.locator("summary")).to_have_text(name)
        message.get_by_role("link", name="The caller").click()
        expect(page.locator("#rows-callers tr:target th")).to_contain_text(name)
        row.get_by_role("link", name="/", exact=False).first.click()
        article = page.locator("article:has(:target)")
        expect(article).to_have_count(1)
        article.locator(".by a").first.click()
        expect(page.locator("#rows-callers tr:target")).to_be_visible()

    def test_every_link_leads_somewhere(self, open_page: Open, report: Report) -> None:
        page = open_page(report)
        lost = page.eval_on_selector_all(
            "a[href^='#']",
            "all => all.map(each => each.hash.slice(1)).filter(id => !document.getElementById(id))",
        )
        assert lost == []
        names = page.eval_on_selector_all("[id]", "all => all.map(each => each.id)")
        assert len(names) == len({*names})

    def test_a_row_that_is_folded_or_filtered_away_is_shown_to_whom_a_link_leads_there(
        self, open_page: Open, report: Report
    ) -> None:
        page = open_page(report)
        part = section(page, "Callers")
        part.get_by_label("Filter").fill("no such caller")
        expect(part.locator("#rows-callers tr:visible")).to_have_count(0)
        messages = section(page, "Messages to send")
        messages.get_by_label("Filter").fill(report.callers[150].caller)
        messages.locator("summary:visible").first.click()
        messages.get_by_role("link", name="The caller").locator("visible=true").click()
        expect(page.locator("#rows-callers tr:target")).to_be_visible()


class TestFolds:
    def test_fifty_rows_are_shown_until_all_are_asked_for(
        self, open_page: Open, report: Report
    ) -> None:
        page = open_page(report)
        part = section(page, "Callers")
        assert callers(page) == [use.caller for use in report.callers[:50]]
        expect(part.locator("output")).to_have_text("200 callers")
        expect(part.locator(".rest")).to_contain_text("150 more callers")
        part.get_by_role("button", name="Show all 200").click()
        assert len(callers(page)) == 200
        expect(part.locator(".rest")).to_be_hidden()

    def test_a_filter_looks_at_folded_rows_too(self, open_page: Open, report: Report) -> None:
        page = open_page(report)
        name = report.callers[199].caller
        section(page, "Callers").get_by_label("Filter").fill(name)
        assert name in callers(page)


class TestPaper:
    @pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
    def test_it_takes_ten_sheets_at_most(self, open_page: Open, report: Report, zone: str) -> None:
        page = open_page(report, viewport=DESK, timezone_id=zone)
        assert 1 < sheets(page.pdf(prefer_css_page_size=True)) <= 10

    def test_every_sheet_of_a_table_has_its_heads(self, open_page: Open, report: Report) -> None:
        page = open_page(report, viewport=DESK, bypass_csp=True)
        section(page, "Callers").get_by_role("button", name="Show all 200").click()
        others = "body > *:not(main), main > :not([aria-labelledby=h-callers])"
        page.add_style_tag(
            content=f"{others}, #standings, .note {{ display: none !important }}"
            "thead th { color: #f0f !important; print-color-adjust: exact }"
        )
        printed = page.pdf(prefer_css_page_size=True)
        # The text of heads is the only one of that colour, and is drawn anew on each sheet.
        of_heads = [text for text in streams(printed) if re.search(rb"\b1 0 1 rg", text)]
        assert sheets(printed) > 3
        assert len(of_heads) == sheets(printed)

    def test_the_labels_of_days_are_whole(self, open_page: Open, report: Report) -> None:
        page = open_page(report, viewport={"width": 1031, "height": 703})
        page.emulate_media(media="print")
        cut = page.eval_on_selector_all(
            "svg .x",
            """all => all.filter(each => {
              const { left, right } = each.getBoundingClientRect();
              return left < 0 || right > innerWidth || each.textContent.length < 10;
            }).length""",
        )
        assert page.locator("svg .x").count() > 2
        assert cut == 0


def test_on_a_telephone_the_standing_is_in_sight(open_page: Open, report: Report) -> None:
    page = open_page(report, viewport=TELEPHONE)
    cell = page.locator("#rows-callers td:nth-child(2)").first
    cell.scroll_into_view_if_needed()
    box = cell.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= TELEPHONE["width"]


def test_every_control_is_reached_and_used_by_the_keyboard_alone(open_page: Open) -> None:
    page = open_page(large_report(callers=12), viewport=DESK)
    wanted = page.eval_on_selector_all(
        "a[href], button, input, select, summary, [tabindex='0']",
        "all => all.filter(each => each.checkVisibility()).map((each, at) => each.dataset.at = at)",
    )
    reached = []
    for _ in range(2 * len(wanted)):
        page.keyboard.press("Tab")
        at = page.evaluate("document.activeElement.dataset.at ?? null")
        if at is not None:
            reached.append(int(at))
        if len({*reached}) == len(wanted):
            break
    assert {*reached} == {*range(len(wanted))}
    page.locator("#messages summary").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#messages details").first).to_have_attribute("open", "")


LOOKS: dict[str, dict[str, object]] = {
    "light": {"viewport": DESK, "color_scheme": "light"},
    "dark": {"viewport": DESK, "color_scheme": "dark"},
    "print": {"viewport": {"width": 1031, "height": 703}},
    "phone": {"viewport": TELEPHONE},
}


@pytest.mark.parametrize("look", LOOKS)
def test_its_looks_are_pictures_that_people_can_see(
    open_page: Open, report: Report, tmp_path: Path, look: str
) -> None:
    page = open_page(report, **LOOKS[look])
    folder = Path(os.environ.get("HUB_TEST_PICTURES") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    if look == "print":
        page.pdf(path=folder / "report-print.pdf", prefer_css_page_size=True)
        page.emulate_media(media="print")
    picture = folder / f"report-{look}.png"
    page.screenshot(path=picture, full_page=True)
    assert picture.read_bytes().startswith(b"\x89PNG")
