"""What the page says, and in which order; in a real Chromium."""

from dataclasses import replace
from datetime import timedelta

from playwright.sync_api import expect

from hubv1.api.routes import Outcome
from hubv1.journal import Rejection, Seen
from hubv1.report.model import Comparison, IgnoredCaller, Team
from report.conftest import Open
from report.large import large_report
from report.made import NOW, report_of
from report.test_page_access import objections
from samples import make_entry


class TestExamples:
    def test_another_repository_is_put_into_every_replacement(self, open_page: Open) -> None:
        names = ("debian", "debian", "node")
        page = open_page(report_of(*(make_entry(repository=name) for name in names)))
        article = page.locator("article")
        article.get_by_label("Repository").select_option("library/node")
        expect(article.locator("pre.old")).to_have_text(
            "https://index.docker.io/v1/repositories/node/tags"
        )
        codes = article.locator("code.copy").all_text_contents()
        assert "https://registry-1.docker.io/v2/library/node/tags/list" in codes
        assert "crane ls docker.io/library/node" in codes
        assert not [code for code in codes if "debian" in code]
        assert objections(page) == []

    def test_who_signs_in_has_replacements_of_its_own(self, open_page: Open) -> None:
        signed = make_entry(credentials="basic", repository="secret", caller="signs")
        page = open_page(report_of(make_entry(), signed))
        titles = page.locator("article h3").all_inner_texts()
        route = "GET /v1/repositories/{name}/tags"
        assert titles == [route, f"{route}, with credentials"]
        first, second = page.locator("article").all()
        expect(first.locator("details[open] code")).not_to_contain_text("DOCKER_TOKEN")
        expect(second.locator("details[open] code")).to_contain_text("DOCKER_TOKEN")
        expect(second.locator("pre.old")).to_contain_text("/secret/")

    def test_both_forms_of_a_route_have_one_replacement(self, open_page: Open) -> None:
        forms = ("{name}/tags", "{namespace}/{name}/tags")
        calls = [make_entry(route=f"GET /v1/repositories/{form}") for form in forms]
        page = open_page(report_of(*calls, make_entry(namespace="acme", route=calls[1].route)))
        route = "GET /v1/repositories/[{namespace}/]{name}/tags"
        assert page.locator("article h3").all_inner_texts() == [route]
        article = page.locator("article")
        expect(article.locator("> .note").first).to_contain_text("3 calls")
        article.get_by_label("Repository").select_option("acme/debian")
        expect(article.locator("pre.old")).to_have_text(
            "https://index.docker.io/v1/repositories/acme/debian/tags"
        )
        assert page.locator("#rows-callers td:last-child").inner_text().split("\n") == [
            "library/debian /tags \N{MULTIPLICATION SIGN}2",
            "acme/debian /tags \N{MULTIPLICATION SIGN}1",
        ]

    def test_a_name_that_docker_does_not_allow_is_in_no_replacement(self, open_page: Open) -> None:
        page = open_page(report_of(make_entry(namespace="acme", repository="$(reboot)")))
        expect(page.locator("article details[open] code")).to_contain_text("NAMESPACE/REPOSITORY")
        expect(page.locator("article")).not_to_contain_text("reboot")


class TestContent:
    def test_the_parts_come_in_the_order_in_which_they_are_needed(self, open_page: Open) -> None:
        page = open_page(large_report(callers=40))
        assert page.locator("h2").all_inner_texts() == [
            "Progress",
            "Callers",
            "What to change",
            "Messages to send",
            "What was not bridged",
            "Clients that did not trust the bridge\N{RIGHT SINGLE QUOTATION MARK}s certificate",
            "What was seen",
        ]
        assert "of 40 callers" in page.locator(".lead").inner_text()

    def test_a_day_tells_how_many_callers_were_left_and_its_calls(self, open_page: Open) -> None:
        gone = make_entry(caller="gone", started_at=NOW - timedelta(days=32))
        here = make_entry(caller="here", started_at=NOW - timedelta(days=31))
        page = open_page(report_of(gone, here, make_entry(caller="here", started_at=NOW)))
        callers, calls = (
            plot.locator("rect title").all_text_contents() for plot in page.locator(".chart").all()
        )
        assert callers[:2] == [
            "2026-01-28: 1 caller left; the last of gone",
            "2026-01-29: 1 caller left",
        ]
        assert calls[:3] == [
            "2026-01-28: 1 translated",
            "2026-01-29: 1 translated",
            "2026-01-30: no call",
        ]
        page.get_by_text("As a table", exact=True).click()
        assert page.locator("#days tbody tr").all_inner_texts() == [
            "2026-03-01\t1\t1\t1",
            "2026-01-29\t1\t1\t1",
            "2026-01-28\t1\t1\t1",
        ]

    def test_progress_comes_first_in_a_short_sentence_and_in_figures_that_explain_themselves(
        self, open_page: Open
    ) -> None:
        times = [NOW - timedelta(days=days) for days in (40, 39, 38)]
        gone = [make_entry(caller="gone", started_at=at) for at in times]
        calls = [make_entry(caller="here", started_at=NOW) for _ in range(1_234)]
        once = make_entry(caller="once", started_at=NOW, outcome=Outcome.REFUSED)
        page = open_page(report_of(*gone, *calls, once))
        expect(page.locator(".lead")).to_have_text("1 of 3 callers has moved.")
        far, calls_of = page.locator(".figures").all()
        assert far.locator("div").all_inner_texts() == [
            "Callers\n3\nthat called API v1 at least once",
            "Moved\n1\nquiet for 14 days, and for three of their usual intervals",
            "Left\n1\nstill call, or may call again",
            "Too early to tell\n1\nfewer than 3 calls, and not yet quiet for 30 days",
        ]
        assert calls_of.locator("div").all_inner_texts()[:3] == [
            (
                "Calls\n1,238\nto 1 repository; 1,235 in this hour, which drops to 0 soon after a "
                "fix that works"
            ),
            "Bridged\n1,237\ncalls that were translated or redirected",
            "Not bridged\n1\n1 refused",
        ]
        assert page.locator(".legend li").all_inner_texts() == [
            "translated 1,237\nanswered as v1 would have",
            "refused 1\nan impossible name, too many requests, or a list that cannot be whole",
        ]
        row = page.locator("#rows-callers tr:has-text('here') td").all_inner_texts()
        assert row[1:3] == ["1,234", "1,234"]

    def test_a_term_is_explained_to_whom_the_keyboard_brings_there(self, open_page: Open) -> None:
        page = open_page(report_of(make_entry(outcome=Outcome.PASSED)))
        term = page.locator("abbr")
        term.focus()
        shown = term.evaluate("each => getComputedStyle(each, '::after').content")
        assert shown == '"a route that nothing replaces, passed on to Docker"'
        assert objections(page) == []

    def test_beside_the_standing_is_what_a_caller_needs_and_what_went_wrong_before(
        self, open_page: Open
    ) -> None:
        days = [NOW - timedelta(days=day) for day in range(10)]
        failed = make_entry(started_at=days[9], outcome=Outcome.FAILED)
        calls = [make_entry(started_at=at, credentials="basic", tags_listed=300) for at in days]
        page = open_page(report_of(failed, *calls))
        assert page.locator("#rows-callers td").first.inner_text().split("\n") == [
            "needs credentials",
            "needs credentials and complete paging",
            "1 of 11 calls failed, last on 2026-02-20",
        ]

    def test_teams_are_in_the_contents_and_beside_their_callers(self, open_page: Open) -> None:
        team = Team("platform", "them@example.com", "", ("curl/8.1 at 10.0.0.7",))
        page = open_page(replace(report_of(make_entry()), teams=(team,)))
        links = page.get_by_role("navigation", name="Contents").get_by_role("link")
        assert [each.inner_text() for each in links.all()][:3] == [
            "Progress",
            "Teams 1",
            "Callers 1",
        ]
        expect(page.locator("#rows-callers th")).to_contain_text("platform")
        assert objections(page) == []

    def test_times_are_those_of_the_reader_with_utc_beside_them(self, open_page: Open) -> None:
        late = make_entry(started_at=NOW.replace(hour=20))
        page = open_page(report_of(late), timezone_id="Asia/Kolkata")
        cell = page.locator("#rows-callers td:nth-child(5)")
        expect(cell).to_have_text("2026-03-02 01:35 (2026-03-01 20:05 UTC)")
        expect(page.locator("#made time")).to_have_text("2026-03-01 18:35 (13:05 UTC)")
        expect(page.locator("#zone")).to_contain_text("with UTC beside them")
        seen = page.locator("#seen div:has-text('Period') dd")
        moment = "2026-03-02 01:35 (2026-03-01 20:05 UTC)"
        expect(seen).to_have_text(f"{moment} to {moment}")
        unzoned = open_page(report_of(late))
        expect(unzoned.locator("#rows-callers td:nth-child(5)")).to_have_text("2026-03-01 20:05")
        expect(unzoned.locator("#zone")).to_have_text("All times are UTC.")

    def test_having_seen_nothing_is_said_and_not_mistaken_for_clean(self, open_page: Open) -> None:
        page = open_page(report_of())
        expect(page.locator(".lead")).to_contain_text("No traffic recorded yet")
        assert page.locator("h2").all_inner_texts() == ["What was seen"]

    def test_clients_that_reject_the_certificate_are_named(self, open_page: Open) -> None:
        client = Rejection("10.0.0.<7>", "index.docker.io", 3, NOW)
        seen = Seen(flows=9, rejected_tls=3)
        page = open_page(report_of(seen=seen, rejections=(client,)))
        row = page.locator("#rows-rejected").inner_text()
        assert row == "10.0.0.<7>\tindex.docker.io\t3\t2026-03-01 13:05"
        assert objections(page) == []

    def test_who_is_new_who_is_gone_and_who_is_accepted_is_told_apart(
        self, open_page: Open
    ) -> None:
        earlier = Comparison(NOW - timedelta(days=7), ("new",), ("old", "older"), ("<gone>",))
        known = IgnoredCaller("known", 3, NOW, "moves in May", NOW.date())
        page = open_page(replace(report_of(), baseline=earlier, ignored=(known,)))
        assert page.locator("#compared div").all_inner_texts() == [
            "new\n1\nnew",
            "still there\n2\nold\nolder",
            "gone\n1\n<gone>",
        ]
        row = page.locator("#rows-ignored").inner_text()
        assert row == "known\t3\t2026-03-01 13:05\t2026-03-01\tmoves in May"
        assert objections(page) == []
