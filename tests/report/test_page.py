"""The page in a real Chromium, opened from a file."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from hubv1.api.routes import Outcome
from hubv1.report.model import Report, Team
from report.conftest import Open, written
from report.large import large_report
from report.made import report_of
from samples import make_entry

TAGS = "GET /v1/repositories/{namespace}/{name}/tags"


@pytest.fixture(scope="module")
def report() -> Report:
    """Forty callers over ninety days."""
    return large_report(callers=40)


def callers(page: Page) -> list[str]:
    """The names that are shown, from above."""
    rows = page.locator("#rows-callers tr:visible th")
    return [text.split("\n")[0] for text in rows.all_inner_texts()]


def shown_calls(page: Page) -> list[int]:
    return [int(each) for each in page.locator("#rows-callers td:nth-child(3)").all_inner_texts()]


def section(page: Page, heading: str) -> Locator:
    return page.get_by_role("region", name=heading).first


class TestSorting:
    def test_a_heading_sorts_by_its_figures_the_greatest_first_and_then_the_other_way(
        self, open_page: Open, report: Report
    ) -> None:
        page = open_page(report)
        button = page.get_by_role("button", name="Calls", exact=True)
        button.click()
        assert shown_calls(page) == sorted((use.calls for use in report.callers), reverse=True)
        head = page.locator("th:has(button:text-is('Calls'))")
        expect(head).to_have_attribute("aria-sort", "descending")
        button.click()
        expect(head).to_have_attribute("aria-sort", "ascending")
        assert shown_calls(page) == sorted(use.calls for use in report.callers)

    def test_names_are_sorted_as_people_count(self, open_page: Open) -> None:
        entries = [make_entry(caller=f"job-{number}") for number in (10, 9, 1)]
        page = open_page(report_of(*entries))
        page.get_by_role("button", name="Caller", exact=True).click()
        assert callers(page) == ["job-1", "job-9", "job-10"]

    def test_standings_are_sorted_by_who_needs_most_help(
        self, open_page: Open, report: Report
    ) -> None:
        page = open_page(report)
        page.get_by_role("button", name="Standing", exact=True).click()
        found = page.locator("#rows-callers td:nth-child(2)").all_inner_texts()
        first = [text.split("\n")[0] for text in found]
        order = ["not bridged", "needs credentials", "needs paging", "ready", "quiet"]
        assert first == sorted(first, key=order.index)
        assert len(set(first)) > 2

    def test_the_keyboard_alone_is_enough(self, open_page: Open, report: Report) -> None:
        page = open_page(report)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="To the report")).to_be_focused()
        page.keyboard.press("Enter")
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent") == "This hour":
                break
        page.keyboard.press("Enter")
        head = page.locator("th:has(button:text-is('This hour'))")
        expect(head).to_have_attribute("aria-sort", "descending")
        expect(page.locator("#said")).to_have_text("Sorted by This hour, descending")


class TestFiltering:
    def test_all_words_have_to_be_somewhere_in_the_row(self, open_page: Open) -> None:
        entries = [
            make_entry(caller="one", namespace="acme", repository="tool"),
            make_entry(caller="two", namespace="acme", repository="base"),
            make_entry(caller="three", repository="tool"),
        ]
        page = open_page(report_of(*entries))
        part = section(page, "Callers")
        part.get_by_label("Filter").fill("TOOL acme")
        assert callers(page) == ["one"]
        expect(part.locator("output")).to_have_text("1 of 3 callers")
        part.get_by_label("Filter").fill("")
        assert len(callers(page)) == 3

    def test_a_standing_shows_its_callers_alone(self, open_page: Open, report: Report) -> None:
        page = open_page(report)
        section(page, "Callers").get_by_label("Standing").select_option("quiet")
        assert callers(page) == [use.caller for use in report.callers if use.standing == "quiet"]

    def test_what_is_sorted_stays_filtered(self, open_page: Open, report: Report) -> None:
        page = open_page(report)
        section(page, "Callers").get_by_label("Filter").fill("curl")
        page.get_by_role("button", name="Calls", exact=True).click()
        shown = [use for use in report.callers if "curl" in use.user_agent]
        assert sorted(callers(page)) == sorted(use.caller for use in shown)

    def test_messages_are_found_by_their_callers(self, open_page: Open, report: Report) -> None:
        page = open_page(report)
        part = section(page, "Messages to send")
        name = report.callers[7].caller
        part.get_by_label("Filter").fill(name)
        part.get_by_text(name, exact=True).click()
        expect(part.locator("details[open] code")).to_contain_text(f"{name} still calls Docker Hub")

    def test_a_mail_to_the_team_is_one_click_away_and_stays_short(self, open_page: Open) -> None:
        many = report_of(*(make_entry(repository=f"r{at}") for at in range(50)))
        [name] = (use.caller for use in many.callers)
        team = Team("platform", "them@example.com", "", (name,))
        part = section(open_page(replace(many, teams=(team,))), "Messages to send")
        part.get_by_text("platform", exact=True).click()
        link = part.get_by_role("link", name="Write a mail").get_attribute("href") or ""
        url = urlsplit(link)
        fields = parse_qs(url.query)
        assert (url.scheme, unquote(url.path)) == ("mailto", "them@example.com")
        assert fields["subject"] == [f"{name} still calls the retired Docker Hub API v1"]
        assert fields["body"][0].startswith(f"{name} still calls Docker Hub API v1")
        assert fields["body"][0].endswith("\n…")
        assert len(link) <= 2_000


class TestCopying:
    @pytest.mark.parametrize("is_permitted", [True, False])
    def test_a_snippet_is_copied_as_it_is(self, open_page: Open, *, is_permitted: bool) -> None:
        page = open_page(report_of(make_entry(route=TAGS)))
        if is_permitted:
            page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        else:
            page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
        page.get_by_text("Python 3").click()
        code = page.locator("details[open] code")
        page.locator("details[open]").get_by_role("button", name="Copy").click()
        expect(page.locator("#said")).to_have_text("Copied")
        assert pasted(page) == code.text_content()
        assert pasted(page).startswith("import json\nimport sys\n")


def pasted(page: Page) -> str:
    """What the clipboard has, put where a person would put it."""
    page.evaluate("document.body.append(document.createElement('textarea'))")
    page.locator("textarea").last.press("Control+v")
    return page.locator("textarea").last.input_value()


class TestLook:
    def test_it_is_dark_where_that_is_wished(self, open_page: Open, report: Report) -> None:
        light = open_page(report, color_scheme="light")
        dark = open_page(report, color_scheme="dark")
        assert brightness(light) > 200
        assert brightness(dark) < 50
        expect(dark.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")

    def test_the_button_changes_that_for_good(self, open_page: Open, report: Report) -> None:
        page = open_page(report, color_scheme="light")
        page.get_by_role("button", name="Dark").click()
        assert brightness(page) < 50
        page.reload()
        assert brightness(page) < 50
        expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")

    def test_on_paper_it_is_light(self, open_page: Open, report: Report) -> None:
        page = open_page(report, color_scheme="dark")
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
        expect(page.locator(".tools:visible")).to_have_count(0)

    @pytest.mark.parametrize("width", [360, 1280])
    def test_nothing_is_wider_than_the_window(
        self, open_page: Open, report: Report, width: int
    ) -> None:
        page = open_page(report, viewport={"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == width


def brightness(page: Page) -> float:
    color = page.evaluate("getComputedStyle(document.body).backgroundColor")
    red, green, blue = (int(part) for part in color[4:-1].split(","))
    return (red + green + blue) / 3


class TestWithoutScripts:
    def test_everything_can_be_read(self, open_page: Open, report: Report) -> None:
        page = open_page(report, java_script_enabled=False)
        assert callers(page) == [use.caller for use in report.callers]
        for chart in page.locator("svg.chart").all():
            expect(chart).to_be_visible()
        expect(page.locator(".tools:visible")).to_have_count(0)
        shown = page.locator("article").first
        shown.get_by_text("Python 3").click()
        expect(shown.get_by_text("urlopen(request, timeout=60)")).to_be_visible()
        page.locator("#messages summary").first.click()
        expect(page.locator("#messages code").first).to_be_visible()


class TestSafety:
    def test_what_clients_sent_is_shown_as_text(self, open_page: Open) -> None:
        hostile = (
            "</th></table><img src=x onerror=alert(1)><script>alert(1)</script>\x1b\u202e\n<b>"
        )
        shown = hostile.replace("\x1b\u202e\n", r"\x1b\u202e\n")
        entry = make_entry(
            caller=hostile,
            user_agent_original=hostile,
            repository=hostile,
            server_address=hostile,
            outcome=Outcome.FAILED,
        )
        page = open_page(report_of(entry))
        assert callers(page) == [shown]
        expect(page.locator("#rows-unbridged th")).to_have_text(shown)
        expect(page.locator("#messages summary")).to_have_text(shown)
        expect(page.locator("img, #rows-callers b")).to_have_count(0)

    def test_the_policy_lets_nothing_in_that_is_not_on_the_page(
        self, chromium: Browser, report: Report, tmp_path: Path
    ) -> None:
        page = chromium.new_page()
        page.goto(written(report, tmp_path))
        blocked = page.evaluate(
            """() => new Promise((tell) => {
              const blocked = [];
              addEventListener("securitypolicyviolation", (event) => {
                if (blocked.push(event.effectiveDirective) === 5) tell(blocked);
              });
              const add = (name, more) => document.body.append(
                Object.assign(document.createElement(name), more));
              add("script", { textContent: "window.isIn = true" });
              add("style", { textContent: "body{display:none}" });
              add("img", { src: "http://127.0.0.1:9/x.png" });
              add("iframe", { src: "http://127.0.0.1:9/" });
              fetch("http://127.0.0.1:9/").catch(() => {});
            })"""
        )
        assert sorted(blocked) == [
            "connect-src",
            "frame-src",
            "img-src",
            "script-src-elem",
            "style-src-elem",
        ]
        assert page.evaluate("window.isIn") is None
