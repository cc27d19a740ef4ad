"""Who has moved, who is left, and how that went over time."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from hubv1.api.routes import Outcome
from hubv1.journal import CallRecord, Seen
from hubv1.report.model import Progress, Report
from hubv1.report.progress import callers_by_day, expected_end, progress_counts, progress_in_words
from report.inside import told
from report.made import NOW, report_of, write_journal
from samples import make_entry

DAY = timedelta(days=1)
TODAY = NOW.date()


def called(*days: float, caller: str = "c") -> list[CallRecord]:
    """A call so many days ago, each."""
    return [make_entry(started_at=NOW - day * DAY, caller=caller) for day in days]


def progress(*days: float) -> Progress:
    [use] = report_of(*called(*days)).callers
    return use.progress


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ((0, 1, 2), Progress.LEFT),
        ((13.9, 15, 16), Progress.LEFT),
        ((14, 15, 16), Progress.MOVED),
        ((20, 20, 20), Progress.MOVED),
        ((20, 27, 34, 41), Progress.LEFT),
        ((21, 28, 35, 42), Progress.MOVED),
        ((89, 119, 149), Progress.LEFT),
        ((90, 120, 150), Progress.MOVED),
        ((21, 28, 35, 36, 42, 120), Progress.MOVED),
    ],
    ids=str,
)
def test_a_caller_has_moved_after_14_days_and_three_of_its_median_intervals(
    days: tuple[float, ...], expected: Progress
) -> None:
    assert progress(*days) is expected


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ((0,), Progress.TOO_EARLY),
        ((29.9, 29.9), Progress.TOO_EARLY),
        ((30,), Progress.MOVED),
        ((30, 31), Progress.MOVED),
    ],
    ids=str,
)
def test_with_fewer_than_three_calls_it_is_too_early_for_30_days(
    days: tuple[float, ...], expected: Progress
) -> None:
    assert progress(*days) is expected


def three() -> list[CallRecord]:
    """One that moved, one that is left, and one of whom it is too early to tell."""
    moved = called(30, 31, 32, 33, caller="moved")
    return [*moved, *called(0, 1, 40, caller="left"), *called(3, caller="early")]


def test_the_counts_add_up() -> None:
    counts = progress_counts(report_of(*three()))
    assert (counts.callers, counts.moved, counts.left, counts.too_early) == (3, 1, 1, 1)


def test_it_is_said_first() -> None:
    said = progress_in_words(report_of(*three()))
    assert said == "1 of 3 callers has moved, 1 is left, and of 1 it is too early to tell."


def test_it_is_said_of_one_caller() -> None:
    said = progress_in_words(report_of(*called(0, 1, 40)))
    assert said == "0 of 1 caller has moved, 1 is left."


def test_who_is_active_is_not_on_its_way_out() -> None:
    days = dict(callers_by_day(report_of(*three())))
    assert min(days) == TODAY - 40 * DAY
    assert max(days) == TODAY
    assert [days[TODAY - at * DAY] for at in (40, 34, 33, 30, 29, 4, 3, 0)] == [
        *(1, 1, 2, 2, 1, 1, 2, 2),
    ]


def test_nobody_is_a_report_without_progress() -> None:
    assert list(callers_by_day(report_of())) == []
    assert progress_counts(report_of()).callers == 0


class TestTheEnd:
    def report(self, callers: int, moved: int, *, days: int = 60) -> Report:
        calls = [
            call
            for at in range(callers)
            for call in called(
                *(days, days - 0.1, days - 0.2, *(() if at < moved else (0,))), caller=f"c{at}"
            )
        ]
        return report_of(*calls)

    def test_is_the_rate_until_now_gone_on_with(self) -> None:
        report = self.report(9, 6)
        assert expected_end(report) == TODAY + 30 * DAY
        assert "At this rate the last will have moved by 2026-03-31." in progress_in_words(report)

    @pytest.mark.parametrize(
        ("callers", "moved", "days"), [(4, 2, 60), (9, 6, 13), (9, 0, 60), (9, 9, 60)]
    )
    def test_is_not_guessed_from_too_little(self, callers: int, moved: int, days: int) -> None:
        assert expected_end(self.report(callers, moved, days=days)) is None


def test_a_journal_tells_the_same_whatever_was_asked_for(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    calls = [
        make_entry(caller=each.caller, started_at=now - (NOW - each.started_at))
        for each in three() + called(40, 50, 60, caller="weekly")
    ]
    path = write_journal(tmp_path / "journal", *calls, seen=Seen(flows=99))
    for asked in ((), ("--outcome", Outcome.TRANSLATED), ("--since", "90d")):
        body = told("--journal", path, *asked)
        progress = {use["caller"]: use["progress"] for use in body["callers"]}
        assert progress == {
            "left": "left",
            "early": "too_early",
            "moved": "moved",
            "weekly": "moved",
        }
        assert body["progress"] == {"callers": 4, "moved": 2, "left": 1, "too_early": 1}
        burn_down = {date.fromisoformat(each["day"]): each["callers"] for each in body["burn_down"]}
        assert burn_down[now.date()] == 2
