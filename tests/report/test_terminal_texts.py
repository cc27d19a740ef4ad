"""What a terminal is given: lines that fit, colours where they are wanted, nothing to act on."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubv1.journal import Gap
from hubv1.report.model import Report
from hubv1.report.output import Look
from hubv1.report.terminal import as_text
from report.made import report_of
from samples import make_entry

URL = "https://registry-1.docker.io/v2/library/debian/tags/list"
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
    return as_text(report, Look(width=width))


def without_colors(colored: str) -> str:
    bare = re.sub(r"\x1b\[[0-9;]*m", "", colored)
    return "".join(line.rstrip() + "\n" for line in bare.splitlines())


def test_forty_columns_are_enough_for_all_but_urls() -> None:
    report = report_of(make_entry(caller="a-very-long-name-of-a-job/that-fits-nowhere at 10.0.0.7"))
    text = shown(report, width=40)
    assert [line for line in text.splitlines() if len(line) > 40 and "/debian" not in line] == []
    assert any(line.endswith(URL) for line in text.splitlines())
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
    colored = as_text(report, Look(width=100, color=True))
    assert "\x1b[32mbridged" in colored
    assert without_colors(colored) == shown(report, 100)


def test_no_color_is_heeded_on_a_terminal_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    colors = re.compile(r"\x1b\[(?:\d+;)*(?:3|4|9)\d")
    assert not colors.search(as_text(report_of(make_entry()), Look(width=100, color=True)))


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
    assert any(line.endswith(f"1 call by 1 caller  library/debian  ->  {URL}") for line in lines)


@given(HOSTILE)
def test_a_colored_report_has_no_escapes_but_its_own(text: str) -> None:
    report = report_of(make_entry(caller=text, server_address=text))
    assert without_colors(as_text(report, Look(width=80, color=True))) == shown(report, 80)
