"""The report as a page, as text: what it says and that nothing in it can act."""

import re
from dataclasses import replace

from hubv1.api.routes import Outcome
from hubv1.report.html import as_html
from hubv1.report.model import Standing, Team
from report.large import large_report
from report.made import report_of
from samples import make_entry

TAGS = "GET /v1/repositories/{namespace}/{name}/tags"


def test_a_route_is_shown_with_a_replacement_for_the_callers_own_repository() -> None:
    page = as_html(report_of(make_entry(route=TAGS, namespace="acme", repository="tool")))
    shown = re.sub(r"</?var.*?>", "", page)
    assert "https://index.docker.io/v1/repositories/acme/tool/tags" in shown
    assert "repository=acme/tool\n" in shown
    assert "skopeo list-tags docker://docker.io/acme/tool" in shown
    assert "urlopen" in shown


def test_what_clients_sent_is_text_on_the_page() -> None:
    hostile = "<script>alert(1)</script>\x1b[31m\u202e\n'\""
    entry = make_entry(
        caller=hostile, user_agent_original=hostile, repository=hostile, outcome=Outcome.FAILED
    )
    page = as_html(report_of(entry))
    assert page.count("<script>") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[31m\\u202e\\n&#39;&#34;" in page
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_2000_callers_fit_into_400_kilobytes() -> None:
    report = large_report()
    page = as_html(report)
    assert len(page.encode()) < 400_000
    assert all(use.caller in page for use in report.callers)
    assert "--messages FOLDER</code> writes each into a file of its own" in page


def test_every_caller_that_is_not_quiet_has_its_message_where_they_are_few() -> None:
    report = large_report(callers=300)
    page = as_html(report)
    calling = sum(use.standing is not Standing.QUIET for use in report.callers)
    assert 0 < calling < 300
    assert page.count("still calls Docker Hub API v1, which Docker ended in 2022") == calling
    assert page.count("<a href=#m-") == calling
    assert "has not called Docker Hub API v1" not in page


def test_a_team_has_one_message_to_which_its_callers_lead() -> None:
    report = report_of(*(make_entry(caller=name) for name in ("one", "two", "other")))
    team = Team("<Web>", "web@example.com", "", ("one", "two"))
    page = as_html(replace(report, teams=(Team("", "", "", ("other",)), team)))
    messages = page[page.index("id=h-messages") :]
    assert re.findall(r"<summary>(.*?)</summary>", messages) == ["&lt;Web&gt;", "other"]
    assert "2 callers of &lt;Web&gt; still call" in messages
    [anchor] = re.findall(r"<details id=(t-\w+)>", messages)
    assert page.count(f"<a href=#{anchor}>Message</a>") == 2


def test_2000_callers_that_do_much_fit_too() -> None:
    entries = [
        make_entry(caller=f"curl/8.5.0 at 10.0.{at // 250}.{at % 250}", repository=f"tool-{each}")
        for at in range(2_000)
        for each in range(4)
    ]
    page = as_html(report_of(*entries))
    assert len(page.encode()) < 400_000
    assert "library/tool-0 /tags \N{MULTIPLICATION SIGN}1 and 3 more" in page


def test_a_caller_of_many_repositories_does_not_fill_the_page() -> None:
    page = as_html(report_of(*(make_entry(repository=f"tool-{at}") for at in range(30))))
    assert " and 10 more" in page
    assert "<code>scripts/report --caller NAME</code> has it." in page
