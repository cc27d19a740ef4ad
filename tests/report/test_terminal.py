"""The report as people read it on a terminal or in a log: its parts, and nothing left out."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hubv1.api.routes import Outcome, Verdict
from hubv1.journal import Gap, Rejection, Seen
from hubv1.report.changes import replacement_of
from hubv1.report.model import Comparison, IgnoredCaller, Report
from hubv1.report.output import Look
from hubv1.report.terminal import as_text
from report.made import report_of
from samples import make_entry

URL = "https://registry-1.docker.io/v2/library/debian/tags/list"
BLOCK = "\N{FULL BLOCK}"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def shown(report: Report, width: int | None = None) -> str:
    return as_text(report, Look(width=width))


def part(report: Report, title: str, width: int) -> list[str]:
    """The lines below that title, up to the next."""
    lines = shown(report, width).splitlines()
    rest = lines[lines.index(title) + 1 :]
    ends = [at for at, line in enumerate(rest) if line and not line.startswith(" ")]
    return rest[: min(ends, default=None)]


def test_the_first_line_says_how_it_stands() -> None:
    calls = [make_entry() for _ in range(2)]
    days_later = AT.replace(day=4)
    last = make_entry(outcome=Outcome.GONE, caller="b", repository="a", started_at=days_later)
    first = shown(report_of(*calls, last), width=200).splitlines()[0]
    assert first == (
        "3 legacy calls by 2 callers to 2 repositories, 2026-03-01 to 2026-03-04: "
        "2 answered or redirected, 1 not (1 gone)."
    )


@pytest.mark.parametrize("outcome", [Outcome.TRANSLATED, Outcome.REDIRECTED])
def test_calls_that_were_all_answered_are_said_to_be(outcome: Outcome) -> None:
    calls = [make_entry(outcome=outcome), make_entry()]
    assert "all answered or redirected." in shown(report_of(*calls), width=200).splitlines()[0]


@pytest.mark.parametrize("flows", [1, 7])
def test_no_legacy_call_is_said_together_with_what_was_seen(flows: int) -> None:
    text = shown(report_of(seen=Seen(flows=flows, still_served=1)))
    count = "1 flow" if flows == 1 else "7 flows"
    assert text.splitlines()[0] == f"No legacy call in {count}."
    assert f"  flows    {flows}, of which 0 legacy calls\n" in text
    assert "  searches 1, which Hub still serves\n" in text


def test_nothing_seen_is_said_not_to_be_clean() -> None:
    text = shown(report_of())
    assert "No traffic recorded yet" in text
    assert "does not mean that v1 is unused" in text
    assert "No legacy call" not in text


def test_gaps_and_rejected_certificates_are_shown() -> None:
    gaps = (Gap(AT, AT, 3, "full"), Gap(AT, AT, 4, "full"))
    text = shown(report_of(seen=Seen(flows=1, rejected_tls=2), gaps=gaps), width=300)
    for calls in (3, 4):
        told = (
            f"  gap      2026-03-01 12:00 to 2026-03-01 12:00 UTC: {calls} calls not recorded, full"
        )
        assert told in text
    assert "2 times a client did not trust the bridge's certificate" in text
    quiet = shown(report_of(seen=Seen(flows=1)), width=300)
    assert "  gap" not in quiet
    assert "certificate" not in quiet


def test_its_parts_come_in_the_order_in_which_people_act_on_them() -> None:
    lines = shown(report_of(make_entry())).splitlines()
    titles = (
        "Callers left, and calls a day",
        "Callers",
        "What to change",
        "What was not bridged",
        "What was seen",
    )
    places = [lines.index(title) for title in titles]
    assert places == sorted(places)


class TestCallsADay:
    def test_each_day_has_a_bar_by_outcome_to_the_day_of_the_report(self) -> None:
        calls = [make_entry(started_at=AT - timedelta(16)) for _ in range(30)]
        calls += [make_entry(started_at=AT - timedelta(16), outcome=Outcome.GONE)] * 10
        calls += [make_entry(started_at=AT - timedelta(2), caller="b")] * 10
        lines = part(
            report_of(*calls), "Callers left, and calls in 7 days, from the one that is named", 120
        )
        drawn, last = lines[1].rstrip(), lines[3].rstrip()
        assert drawn.startswith(f"  2026-02-13 0 {' ' * 12} 40 {BLOCK * 29}{'-' * 9} ")
        assert drawn.endswith("curl/8.1 at 10.0.0.7 moved")
        assert last.startswith(f"  2026-02-27 1 {BLOCK * 12} 10 {BLOCK}")

    def test_a_single_call_among_thousands_is_seen(self) -> None:
        calls = [make_entry()] * 2_000
        lines = part(
            report_of(*calls, make_entry(outcome=Outcome.FAILED)),
            "Callers left, and calls a day",
            120,
        )
        assert lines[1].endswith(f"{BLOCK}x")

    def test_a_year_is_drawn_in_a_few_lines(self) -> None:
        calls = [make_entry(started_at=AT - timedelta(days)) for days in range(365)]
        text = shown(report_of(*calls))
        assert "Callers left, and calls in 28 days, from the one that is named\n" in text
        assert len(re.findall(r"^  \d{4}-\d\d-\d\d +\d", text, re.MULTILINE)) == 14

    def test_where_there_are_no_blocks_ascii_does(self) -> None:
        report = report_of(make_entry(), make_entry(outcome=Outcome.OBSERVED))
        text = as_text(report, Look(in_ascii=True))
        assert text.isascii()
        assert "# translated  : observed\n" in text


class TestCallers:
    def test_each_is_shown_with_its_standing_since_when_and_how_often(self) -> None:
        calls = [make_entry(), make_entry(started_at=AT - timedelta(2))]
        calls.append(make_entry(started_at=AT.replace(hour=13)))
        line = part(report_of(*calls), "Callers", 150)[3]
        assert re.split(r"\s{2,}", line.strip()) == [
            "curl/8.1 at 10.0.0.7",
            "ready to move",
            "3",
            "1",
            "2026-03-01 13:00",
            "2026-02-27",
            "library/debian /tags",
        ]

    def test_a_narrow_terminal_has_the_same_as_a_paragraph(self) -> None:
        assert part(report_of(make_entry()), "Callers", 80) == [
            "  curl/8.1 at 10.0.0.7",
            "    ready to move",
            "    1 call since 2026-03-01, 0 this hour, the last 2026-03-01 12:30",
            "    library/debian /tags",
            "",
        ]

    def test_the_latest_come_first_and_of_these_the_busiest(self) -> None:
        calls = [
            make_entry(caller="early", started_at=AT - timedelta(1)),
            make_entry(caller="late"),
            *[make_entry(caller="busy")] * 2,
        ]
        lines = part(report_of(*calls), "Callers", 80)
        assert [line.strip() for line in lines[::4]][:3] == ["busy", "late", "early"]

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"credentials": "basic"}, "needs credentials"),
            ({"outcome": Outcome.FAILED}, "not bridged: 1 of 1 call failed"),
            ({"started_at": AT - timedelta(30)}, "quiet since 2026-01-30"),
        ],
    )
    def test_the_standing_is_said_in_words(self, changes: dict[str, Any], told: str) -> None:
        assert f"    {told}\n" in shown(report_of(make_entry(**changes)), 80)

    @pytest.mark.parametrize("width", [80, 200])
    def test_the_first_twenty_are_shown_and_how_to_see_the_rest(self, width: int) -> None:
        report = report_of(*(make_entry(caller=f"job-{number:02}") for number in range(23)))
        lines = part(report, "Callers", width)
        assert sum("job-" in line for line in lines) == 20
        assert any(
            line.startswith("  3 more rows: --format csv and -o report.html have all")
            for line in lines
        )

    def test_many_repositories_are_counted(self) -> None:
        report = report_of(*(make_entry(repository=f"r{number}") for number in range(7)))
        assert "library/r4 /tags and 2 more" in shown(report, width=300)


class TestWhatToChange:
    def test_a_route_has_both_calls_the_shortest_replacement_and_what_is_lost(self) -> None:
        lines = part(report_of(make_entry(), make_entry(caller="b")), "What to change", 300)
        assert "layer is lost" in lines[6]
        assert lines[:6] == [
            "  GET /v1/repositories/{name}/tags  2 calls, bridged",
            "    Nothing is lost: every name comes back, and v1's layers were empty for years.",
            "    now     https://index.docker.io/v1/repositories/debian/tags",
            f"    instead {URL}",
            "    Take the names from the registry's list: all in one call, signed in or not.",
            "      skopeo list-tags docker://docker.io/library/debian",
        ]

    def test_both_forms_of_a_route_are_one(self) -> None:
        names = ("GET /v1/repositories/{name}/tags", "GET /v1/repositories/{namespace}/{name}/tags")
        report = report_of(*(make_entry(route=name) for name in names))
        lines = part(report, "What to change", 300)
        assert lines[0] == "  GET /v1/repositories/[{namespace}/]{name}/tags  2 calls, bridged"
        assert f"    2 calls by 1 caller  library/debian  ->  {URL}" in lines
        assert sum("2 calls, bridged" in line for line in lines) == 1

    def test_a_replacement_of_several_lines_is_not_wrapped(self) -> None:
        report = report_of(make_entry(route="GET /v1/repositories/{name}/images"))
        [snippet, *_] = replacement_of(report.findings[0]).snippets
        indented = "".join(f"      {line}".rstrip() + "\n" for line in snippet.code.splitlines())
        assert indented in shown(report, width=40)

    def test_each_repository_has_its_own_url(self) -> None:
        report = report_of(*(make_entry(repository=f"r{number}") for number in range(7)))
        for number in range(7):
            url = URL.replace("debian", f"r{number}")
            told = f"    1 call by 1 caller  library/r{number}  ->  {url}\n"
            assert told in shown(report, width=40)


class TestWhatWasNotBridged:
    @pytest.mark.parametrize("width", [60, 200])
    def test_it_is_named_with_how_it_ended(self, width: int) -> None:
        lost = make_entry(outcome=Outcome.REFUSED, repository="lost")
        text = "\n".join(part(report_of(make_entry(), lost), "What was not bridged", width))
        told = ("curl/8.1 at 10.0.0.7", "library/lost", "/tags", "1 refused", "2026-03-01 12:30")
        assert all(each in text for each in told)
        assert "library/debian" not in text

    def test_that_all_was_bridged_is_said(self) -> None:
        assert "Every call was answered or redirected." in shown(report_of(make_entry()))


def test_chosen_columns_are_one_table_that_is_never_folded_in_a_log() -> None:
    report = report_of(make_entry(user_agent_original="x" * 200))
    text = as_text(report, Look(columns=("user_agent", "calls")))
    assert f" {'x' * 200}  1\n" in text
    assert "What to change" not in text
    assert "What was seen" in text


@pytest.mark.parametrize("calls", [0, 1])
def test_clients_that_reject_the_certificate_are_named(calls: int) -> None:
    rejections = (Rejection("10.0.0.9\x1b[31m", "hub.docker.com", 3, AT),)
    report = report_of(*[make_entry()] * calls, rejections=rejections)
    title = "Clients that did not trust the bridge's certificate"
    shown_row = part(report, title, 120)[3].split()
    assert shown_row == ["10.0.0.9\\x1b[31m", "hub.docker.com", "3", "2026-03-01", "12:00"]


def test_a_route_of_another_version_is_shown_by_its_name() -> None:
    text = shown(report_of(make_entry(route="BREW /v1/tea", verdict=Verdict.DEAD)))
    assert "  BREW /v1/tea  1 call, dead\n" in text
    assert "This version does not know the route." in text


def test_callers_of_an_earlier_report_and_accepted_ones_are_listed() -> None:
    made = replace(
        report_of(make_entry()),
        baseline=Comparison(AT, new=("a",), still=("\x1b[31mb",), gone=("c",)),
        ignored=(IgnoredCaller("d", 3, AT, "until then", AT.date()),),
    )
    compared = part(made, "Since the report of 2026-03-01 12:00 UTC", 120)
    rows = [line.split(maxsplit=1) for line in compared[3:]]
    assert rows[:3] == [["a", "new"], ["c", "gone"], ["\\x1b[31mb", "still there"]]
    accepted = part(made, "Callers that are accepted, and left out above", 120)
    assert accepted[3].split() == ["d", "3", "2026-03-01", "12:00", "2026-03-01", "until", "then"]


def test_a_repository_asked_for_with_and_without_its_namespace_is_named_once() -> None:
    forms = ("GET /v1/repositories/{name}/tags", "GET /v1/repositories/{namespace}/{name}/tags")
    report = report_of(*(make_entry(route=form, repository="debian") for form in forms))
    rows = part(report, "Callers", 200)
    assert sum(line.count("/debian /tags") for line in rows) == 1
    assert not any("more" in line for line in rows)
