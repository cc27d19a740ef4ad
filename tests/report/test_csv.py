"""The findings as CSV: a table that programs can read and spreadsheets cannot be harmed by."""

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubv1.api.routes import Outcome
from hubv1.report.data import COLUMNS, as_csv, read_columns
from hubv1.report.model import Report
from hubv1.report.prose import rfc3339
from hubv1.text import printable
from report.made import report_of, write_journal
from report.processes import report
from samples import make_entry

FORMULAS = [
    '=HYPERLINK("https://evil.example","click")',
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1+1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1+1",
]
SEPARATORS = [",", ";", "|", ":", "\t"]
"""Those that spreadsheets guess, some by where they are used."""


def rows(made: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO("".join(as_csv(made)), newline="")))


def test_a_finding_is_a_row_with_what_json_has_and_the_standing_of_its_caller() -> None:
    later = datetime(2026, 3, 1, 13, tzinfo=UTC)
    [row] = rows(report_of(make_entry(), make_entry(outcome=Outcome.GONE, started_at=later)))
    assert "page_size=100" in row.pop("change")
    assert row == dict.fromkeys(Outcome, "0") | {
        "caller": "curl/8.1 at 10.0.0.7",
        "address": "10.0.0.7",
        "user_agent": "curl/8.1",
        "standing": "not_bridged",
        "reason": "1 of 2 calls got 410, since v1 was ended for this caller",
        "route": "GET /v1/repositories/{name}/tags",
        "repository": "library/debian",
        "calls": "2",
        "translated": "1",
        "gone": "1",
        "signed": "0",
        "paged": "0",
        "last_seen": "2026-03-01T13:00:00Z",
        "old": "https://index.docker.io/v1/repositories/debian/tags",
        "successor": "https://hub.docker.com/v2/namespaces/library/repositories/debian/tags",
        "state": "",
        "proof": "",
        "team": "",
    }


def test_the_header_is_there_also_where_there_is_no_finding() -> None:
    assert "".join(as_csv(report_of())) == ",".join(COLUMNS) + "\r\n"


def test_it_is_written_as_rfc_4180_says() -> None:
    text = "".join(as_csv(report_of(make_entry(caller='say "a, b"')), ("caller", "calls")))
    assert text == 'caller,calls\r\n"say ""a, b""",1\r\n'


@pytest.mark.parametrize("formula", FORMULAS, ids=repr)
def test_no_text_is_a_formula(formula: str) -> None:
    [row] = rows(report_of(make_entry(caller=formula)))
    assert row["caller"] == f"'{printable(formula)}"


@pytest.mark.parametrize("separator", SEPARATORS, ids=repr)
@pytest.mark.parametrize(
    "text",
    [
        "ci;=2+5;b",
        "ci|@SUM(1)|b",
        "ci, +1,b",
        'ci;"=2+5";b',
        'ci; " =2+5',
        "ci;\t=2+5",
        " =2+5",
        '"=2+5"',
        "\n =2+5",
        "ci:-2",
        "ci;\uff1d2+5",
        "ci;;;=2+5",
    ],
    ids=repr,
)
def test_no_text_is_a_formula_whatever_a_spreadsheet_takes_for_the_separator(
    text: str, separator: str
) -> None:
    assert formulas(report_of(make_entry(caller=text, user_agent_original=text)), separator) == []


@given(
    st.text("=+-@\uff1d\uff0b\uff0d\uff20,;|:\t\r\n \"'a1(", min_size=1, max_size=12),
    st.sampled_from(SEPARATORS),
)
def test_no_text_can_be_made_one(text: str, separator: str) -> None:
    entry = make_entry(caller=text, server_address=text, route=text, repository=text)
    assert formulas(report_of(entry), separator) == []


def formulas(made: Report, separator: str) -> list[str]:
    """Cells that a spreadsheet would compute, however it treats quotes and spaces."""
    text = "".join(as_csv(made))
    read = csv.reader(StringIO(text, newline=""), delimiter=separator)
    cells = [cell for row in read for cell in row]
    cells += [cell for line in text.split("\r\n") for cell in line.split(separator)]
    return [cell for cell in cells if cell.strip(' \t"')[:1] in {*"=+-@\uff1d\uff0b\uff0d\uff20"}]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0'"), max_size=99))
def test_a_text_stays_as_it_is_but_for_control_characters_and_formulas(text: str) -> None:
    [row] = rows(report_of(make_entry(caller=text)))
    assert row["caller"].replace("'", "") == printable(text)


def test_a_file_of_it_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    journal = write_journal(tmp_path / "j", make_entry(), make_entry(caller='"b",\n1'))
    assert report("--journal", journal, "-o", path).returncode == 0
    with path.open(encoding="utf-8", newline="") as file:
        found = {row["caller"]: row["calls"] for row in csv.DictReader(file)}
    assert found == {'"b",\\n1': "1", "curl/8.1 at 10.0.0.7": "1"}


LATER = make_entry().started_at + timedelta(days=1)


class TestColumns:
    def test_they_come_in_the_order_they_are_asked_for(self, tmp_path: Path) -> None:
        journal = write_journal(tmp_path / "journal", make_entry())
        chosen = ("--format", "csv", "--columns", "calls, repository")
        done = report("--journal", journal, *chosen)
        assert (done.returncode, done.stdout) == (0, "calls,repository\n1,library/debian\n")

    def test_what_does_not_differ_in_them_is_one_row(self, tmp_path: Path) -> None:
        calls = [make_entry(repository=name) for name in ("a", "b", "b")]
        calls += [make_entry(caller="other", started_at=LATER)]
        calls += [make_entry(caller="other", repository="a") for _ in range(3)]
        journal = write_journal(tmp_path / "journal", *calls)
        chosen = ("--journal", journal, "--format", "csv", "--columns")
        assert report(*chosen, "caller,calls,last_seen").stdout.splitlines() == [
            "caller,calls,last_seen",
            f"other,4,{rfc3339(LATER)}",
            f"curl/8.1 at 10.0.0.7,3,{rfc3339(make_entry().started_at)}",
        ]
        assert report(*chosen, "repository").stdout.splitlines() == [
            "repository",
            "library/a",
            "library/b",
            "library/debian",
        ]

    @pytest.mark.parametrize("text", ["callers", "", "caller,", "x"])
    def test_one_that_there_is_not_is_an_error_that_lists_those_that_there_are(
        self, text: str
    ) -> None:
        with pytest.raises(ValueError, match="there is no column") as caught:
            read_columns(text)
        for name in COLUMNS:
            assert name in str(caught.value)

    def test_a_slip_is_recognised(self) -> None:
        with pytest.raises(ValueError, match="Did you mean repository"):
            read_columns("caller,repositry")

    def test_the_command_says_so_before_it_reads_anything(self) -> None:
        done = report("--journal", "/no/such", "--format", "csv", "--columns", "nme")
        assert (done.returncode, done.stdout) == (2, "")
        last = done.stderr.splitlines()[-1]
        assert last.startswith(
            "scripts/report: Invalid value for '--columns': there is no column 'nme'"
        )

    @pytest.mark.parametrize("form", ["json", "html"])
    def test_a_format_that_has_none_says_so(self, form: str) -> None:
        done = report("--journal", "/no/such", "--format", form, "--columns", "calls")
        assert (done.returncode, done.stdout) == (2, "")
        assert f"not for {form}" in done.stderr
