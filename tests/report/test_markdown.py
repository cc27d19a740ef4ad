"""The report as Markdown, as GitHub's own parser reads it, in the summary of a job."""

import re
import subprocess
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e.clients import tool
from hubv1.api.routes import Outcome, Verdict
from hubv1.journal import Gap, Rejection, Seen, Selection
from hubv1.report.data import COLUMNS
from hubv1.report.markdown import LARGEST, as_markdown, code_block, code_cell, code_span, table
from hubv1.report.model import Comparison, IgnoredCaller, Report
from hubv1.text import printable
from report.large import large_report
from report.made import NOW, report_of, write_journal
from report.processes import report
from samples import make_entry

IMAGES = "GET /v1/repositories/{name}/images"
HOSTILE = [
    "a|b",
    "a\\|b\\",
    "|",
    "\\",
    "`",
    "`` ` ```",
    "<script>alert(1)</script>",
    "</td></table><img src=x onerror=alert(1)>",
    "[here](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "https://evil.example www.evil.example me@evil.example",
    "@everyone #1 GH-1",
    "# title\n\n- [x] done\n",
    "$x^2$ :skull: ~~no~~ **bold** _it_",
    "\x1b[31m\u202e\r\n",
    "&lt;b&gt;&amp;",
]


def as_github(markdown: str) -> str:
    """The HTML that GitHub's parser makes of it, raw HTML included."""
    extensions = ("table", "autolink", "strikethrough", "tasklist")
    wanted = [part for name in extensions for part in ("--extension", name)]
    command = [tool("cmark-gfm"), "--unsafe", *wanted]
    return subprocess.run(
        command, input=markdown.encode(), capture_output=True, check=True
    ).stdout.decode()


def without_code(html: str) -> str:
    return re.sub(r"<code.*?</code>", "", html, flags=re.DOTALL)


def sections(made: Report) -> dict[str, str]:
    parts = re.split(r"^## (.*)$", as_markdown(made), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows_of(html: str) -> list[list[str]]:
    """The cells of every row, without tags."""
    rows = re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
    cells = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL) for row in rows]
    return [[unescape(re.sub(r"<[^>]*>", "", cell)) for cell in row] for row in cells]


def test_its_parts_come_in_the_order_in_which_people_act_on_them() -> None:
    text = as_markdown(report_of(make_entry(), make_entry(outcome=Outcome.GONE)))
    assert text.splitlines()[2].startswith("**2 legacy calls by 1 caller to 1 repository, ")
    assert list(sections(report_of(make_entry()))) == [
        "Progress",
        "Callers left, and calls a day",
        "Callers",
        "What to change",
        "What was not bridged",
        "What was seen",
    ]


def test_a_caller_is_shown_with_its_standing_since_when_and_how_often() -> None:
    at = make_entry().started_at
    calls = [make_entry(), make_entry(started_at=NOW), make_entry(started_at=at - timedelta(9))]
    html = as_github(sections(report_of(*calls))["Callers"])
    assert rows_of(html)[1] == [
        "curl/8.1 at 10.0.0.7",
        "ready to move",
        "3",
        "1",
        "2026-03-01 13:05",
        "2026-02-20",
        "library/debian /tags",
    ]


def test_each_route_has_the_call_as_it_is_and_a_whole_replacement_in_a_block() -> None:
    text = sections(report_of(make_entry(), make_entry(route=IMAGES)))["What to change"]
    assert "| now | `https://index.docker.io/v1/repositories/debian/tags` |" in text
    assert "```bash\nskopeo list-tags docker://docker.io/library/debian\n```" in text
    assert "`layer` is lost" in text
    [block] = re.findall(r"```bash\n(#!.*?)```", text.split("images`\n")[1], re.DOTALL)[:1]
    assert "page_size=100" in block
    assert text.count(block) == 1


def test_a_route_has_a_table_of_the_repositories_that_its_calls_name_if_they_do() -> None:
    named, unnamed = make_entry(), make_entry(namespace="", repository="")
    shown = sections(report_of(named, unnamed))["What to change"]
    assert rows_of(as_github(shown))[-2:] == [
        ["Repository", "Calls", "Callers"],
        ["library/debian", "1", "1"],
    ]
    assert "| Repository |" not in as_markdown(report_of(unnamed)).split("## What was not")[0]


def test_what_was_not_bridged_is_named_and_so_is_that_all_was() -> None:
    lost = make_entry(outcome=Outcome.FAILED, repository="lost")
    shown = sections(report_of(make_entry(), lost))["What was not bridged"]
    assert rows_of(as_github(shown))[1:] == [
        ["curl/8.1 at 10.0.0.7", "/tags", "library/lost", "1 failed", "2026-03-01 12:30", ""]
    ]
    assert "Every call was answered" in sections(report_of(make_entry()))["What was not bridged"]


def test_what_to_do_about_a_call_that_was_passed_on_is_said() -> None:
    asked = make_entry(outcome=Outcome.PASSED, verdict=Verdict.DEAD, route="* /v1/_ping")
    shown = sections(report_of(asked))["What was not bridged"]
    assert rows_of(as_github(shown))[1][-1].startswith("A client asks whether ")


@pytest.mark.parametrize("calls", [0, 1])
def test_clients_that_reject_the_certificate_are_named(calls: int) -> None:
    rejections = (Rejection("10.0.0.9", "a|b", 3, NOW),)
    made = report_of(*[make_entry()] * calls, rejections=rejections)
    shown = sections(made)["Clients that did not trust the bridge's certificate"]
    assert rows_of(as_github(shown))[1:] == [["10.0.0.9", "a|b", "3", "2026-03-01 13:05"]]


def test_no_legacy_call_and_nothing_seen_are_said_with_what_was_seen() -> None:
    clean = as_markdown(report_of(seen=Seen(flows=7)))
    assert "**No legacy call in 7 flows.**" in clean
    assert "| flows | 7, of which 0 legacy calls |" in clean
    assert "**No traffic recorded yet" in as_markdown(report_of())


def test_gaps_are_shown_with_their_reason() -> None:
    gap = Gap(NOW, NOW, 3, "disk | full")
    shown = as_github(sections(report_of(make_entry(), gaps=(gap,)))["What was seen"])
    assert "3 calls not recorded, disk | full" in rows_of(shown)[-1][1]


class TestWhatIsFromOutside:
    @pytest.mark.parametrize("text", HOSTILE, ids=repr)
    def test_it_is_code_in_a_line_a_cell_and_a_block(self, text: str) -> None:
        in_line = as_github(f"x {code_span(text)} y")
        assert unescape(in_line) == f"<p>x <code>{printable(text)}</code> y</p>\n"
        in_cell = rows_of(as_github(table(("a", "b"), [(code_cell(text), "2")], 1, 10_000)))
        assert in_cell == [["a", "b"], [printable(text), "2"]]
        in_block = re.findall(r"(?s)<code[^>]*>(.*)</code>", as_github(code_block([text, "x"])))
        assert unescape(in_block[0]) == f"{printable(text)}\nx\n"

    @pytest.mark.parametrize("text", HOSTILE, ids=repr)
    def test_it_is_nothing_else_anywhere_in_the_report(self, text: str) -> None:
        entry = make_entry(caller=text, server_address=text, user_agent_original=text)
        odd = make_entry(caller=text, route=text, repository="", verdict=Verdict.DEAD)
        gaps = (Gap(NOW, NOW, 1, text),)
        usual = report_of(make_entry(), make_entry(route="x", repository=""), gaps=gaps)
        for columns in ((), COLUMNS):
            html = as_github(as_markdown(report_of(entry, odd, gaps=gaps), columns))
            plain = as_github(as_markdown(usual, columns))
            tags = [sorted(re.findall(r"<[^>]*>", without_code(each))) for each in (html, plain)]
            assert set(tags[0]) == set(tags[1])
            assert "evil" not in without_code(html)
            assert "everyone" not in without_code(html)

    @given(st.text(min_size=1))
    def test_it_never_ends_a_row(self, text: str) -> None:
        made = table(("a",), [(code_cell(text),)], 1, 10_000)
        assert len(made.split("\n")) == 3


class TestSize:
    def test_two_thousand_callers_fit_and_what_is_left_out_is_counted(self) -> None:
        text = as_markdown(large_report())
        assert len(text.encode()) < LARGEST
        assert "1,800 more are in the JSON report." in text

    def test_the_longest_names_there_can_be_fit_too(self) -> None:
        name = "\U000e0001|`" * 85
        calls = [
            make_entry(
                caller=f"{at}{name}",
                server_address=name,
                route=f"{at}{name}"[:250] if at % 2 else IMAGES,
                namespace="n" * 200,
                repository=f"r{at}",
                outcome=Outcome.FAILED,
                started_at=NOW - timedelta(days=at),
            )
            for at in range(400)
        ]
        made = report_of(*calls, gaps=(Gap(NOW, NOW, 1, name),) * 99)
        for columns in ((), COLUMNS):
            text = as_markdown(made, columns)
            assert LARGEST // 4 < len(text.encode()) < LARGEST
            assert re.search(r"^\d+ more are in the JSON report\.$", text, re.MULTILINE)


def test_columns_can_be_chosen(tmp_path: Path) -> None:
    journal = write_journal(tmp_path / "journal", make_entry(caller="a|b"))
    chosen = ("--format", "md", "--columns", "caller,calls")
    done = report("--journal", journal, *chosen)
    assert done.returncode == 0
    assert rows_of(as_github(done.stdout))[:2] == [["caller", "calls"], ["a|b", "1"]]
    assert "## What was seen" in done.stdout


def test_callers_of_an_earlier_report_and_accepted_ones_are_listed() -> None:
    made = replace(
        report_of(make_entry()),
        baseline=Comparison(NOW, new=("a|b",), still=(), gone=("c",)),
        ignored=(IgnoredCaller("d", 3, NOW, "until | then", NOW.date()),),
    )
    parts = sections(made)
    assert rows_of(as_github(parts["Since the report of 2026-03-01 13:05 UTC"]))[1:] == [
        ["a|b", "new"],
        ["c", "gone"],
    ]
    assert rows_of(as_github(parts["Callers that are accepted, and left out above"]))[1:] == [
        ["d", "3", "2026-03-01 13:05", "2026-03-01", "until | then"]
    ]


def test_what_was_asked_for_is_no_markup() -> None:
    made = replace(report_of(make_entry()), filter=Selection(callers=("*a* <b> [x](y) `z`",)))
    html = as_github(as_markdown(made)).split("\n")[1]
    assert unescape(html).endswith("caller *a* <b> [x](y) `z`.</strong></p>")
