"""The report as people read it: nothing left out, nothing that a terminal would act on."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubv1.journal import Gap, Seen
from hubv1.outcome import Outcome
from hubv1.report.model import Report
from hubv1.report.terminal import as_text
from hubv1.routes import Verdict
from report.made import report_of
from samples import make_entry

URL = "https://hub.docker.com/v2/namespaces/library/repositories/debian/tags"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)

HOSTILE = st.one_of(
    st.text(),
    st.sampled_from(
        [
            "\x1b[31mred\x1b[0m",
            "\x1b]0;title\x07",
            "\x9b2J",
            "[bold]x[/bold]",
            "[/]",
            "[link=https://evil.example]here[/link]",
            ":skull:",
            "\u202egnp.exe",
            "\u200f\u2066",
            "a\nb\r\n\vc\f\x1c\x85\u2028d",
            "\N{WAVING HAND SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-6}" * 40,
            "\N{CJK UNIFIED IDEOGRAPH-6F22}" * 300,
            "a\u0301" * 200,
            "x" * 10_000,
            "[" * 10_000,
            "\0\t\b\x7f",
        ]
    ),
)


def shown(report: Report, width: int | None = None) -> str:
    return as_text(report, width=width, color=False)


def without_colors(colored: str) -> str:
    bare = re.sub(r"\x1b\[[0-9;]*m", "", colored)
    return "".join(line.rstrip() + "\n" for line in bare.splitlines())


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
    assert f"Seen: {count}; 0 legacy calls; 1 search, which Hub still serves" in text


def test_nothing_seen_is_said_not_to_be_clean() -> None:
    text = shown(report_of())
    assert "Nothing was seen at all" in text
    assert "does not say that v1 is unused" in text
    assert "No legacy call" not in text


def test_gaps_and_rejected_certificates_are_shown() -> None:
    gaps = (Gap(AT, AT, 3, "full"), Gap(AT, AT, 4, "full"))
    text = shown(report_of(seen=Seen(flows=1, rejected_tls=2), gaps=gaps), width=300)
    assert "7 calls not recorded, in 2 gaps" in text
    assert "rejected the bridge's certificate 2 times" in text
    quiet = shown(report_of(seen=Seen(flows=1)), width=300)
    assert "gap" not in quiet
    assert "certificate" not in quiet


def test_a_caller_is_shown_with_its_calls_verdict_and_repositories() -> None:
    calls = [make_entry(verdict=Verdict.LOSSY) for _ in range(2)]
    calls.append(make_entry(verdict=Verdict.LOSSY, started_at=AT.replace(hour=13)))
    [line] = [
        line for line in shown(report_of(*calls)).splitlines() if line.startswith(" curl/8.1 at")
    ]
    assert re.split(r"\s{2,}", line.strip()) == [
        "curl/8.1 at 10.0.0.7",
        "3",
        "1",
        "2026-03-01 13:00",
        "lossy",
        "library/debian",
    ]


def test_many_repositories_are_counted_and_each_has_its_own_url() -> None:
    report = report_of(*(make_entry(repository=f"r{number}") for number in range(7)))
    text = shown(report, width=300)
    assert ", library/r4 and 2 more" in text
    for number in range(7):
        assert f"1 call  library/r{number}  ->  {URL.replace('debian', f'r{number}')}\n" in text


def test_a_sentence_for_several_repositories_is_said_once_for_each_caller() -> None:
    calls = [
        make_entry(repository=name, caller=caller) for name in ("a", "b") for caller in ("x", "y")
    ]
    assert shown(report_of(*calls), width=300).count("page_size=100") == 2


def test_a_route_of_another_version_is_shown_by_its_name() -> None:
    text = shown(report_of(make_entry(route="BREW /v1/tea", verdict=Verdict.DEAD)))
    assert text.count("BREW /v1/tea") == 2
    assert "This version does not know the route." in text


def test_forty_columns_are_enough_for_all_but_urls() -> None:
    report = report_of(make_entry(caller="a-very-long-name-of-a-job/that-fits-nowhere at 10.0.0.7"))
    text = shown(report, width=40)
    assert [line for line in text.splitlines() if len(line) > 40 and URL not in line] == []
    assert any(line.endswith(URL) for line in text.splitlines())
    assert "…" not in text
    squeezed = re.sub(r"\s", "", text)
    for part in ("a-very-long-name-of-a-job/that-fits-nowhereat10.0.0.7", "library/debian"):
        assert part in squeezed


def test_without_a_terminal_lines_are_of_one_width_whatever_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = report_of(make_entry())
    plain = shown(report)
    assert any(80 < len(line) <= 120 for line in plain.splitlines())
    for name, value in (("COLUMNS", "30"), ("FORCE_COLOR", "1"), ("TTY_COMPATIBLE", "1")):
        monkeypatch.setenv(name, value)
    assert shown(report) == plain


def test_colour_is_there_when_asked_for_and_changes_no_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    report = report_of(make_entry())
    colored = as_text(report, width=100, color=True)
    assert "\x1b[32mbridged" in colored
    assert without_colors(colored) == shown(report, 100)


def test_no_color_is_heeded_on_a_terminal_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    colors = re.compile(r"\x1b\[(?:\d+;)*(?:3|4|9)\d")
    assert not colors.search(as_text(report_of(make_entry()), width=100, color=True))


@pytest.mark.parametrize("text", ["[bold]x[/bold]", ":skull:", "[link=https://e.example]y[/link]"])
def test_markup_of_others_is_text(text: str) -> None:
    assert text in shown(report_of(make_entry(caller=text)), width=200)


@given(HOSTILE, HOSTILE, HOSTILE, st.sampled_from([None, 20, 40, 200]))
def test_nothing_from_outside_reaches_the_terminal_as_it_is(
    one: str, two: str, three: str, width: int | None
) -> None:
    report = report_of(
        make_entry(caller=one, server_address=two, route=three, repository=""),
        make_entry(caller=one, user_agent_original=two, client_address=two),
        make_entry(caller="a forged row", namespace=one, repository=two or "x"),
        gaps=(Gap(AT, AT, 1, two),),
    )
    lines = shown(report, width).split("\n")
    assert [line for line in lines if not line.isprintable()] == []
    assert any(line.endswith(f"1 call  library/debian  ->  {URL}") for line in lines)


@given(HOSTILE)
def test_a_colored_report_has_no_escapes_but_its_own(text: str) -> None:
    report = report_of(make_entry(caller=text, server_address=text))
    assert without_colors(as_text(report, width=80, color=True)) == shown(report, 80)
