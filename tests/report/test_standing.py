"""How far a caller is: by what it did of late, not by what once went wrong."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hubv1.api.routes import Outcome, Verdict
from hubv1.journal import CallRecord, Seen
from hubv1.report.model import CallerUse, Need, Standing
from hubv1.report.prose import standing_in_words
from report.inside import report, told
from report.made import NOW, report_of, write_journal
from samples import make_entry

PING = "* /v1/_ping"
DAY = timedelta(days=1)


def use_of(*entries: CallRecord) -> CallerUse:
    [use] = report_of(*entries).callers
    return use


def ago(days: float, **changes: object) -> CallRecord:
    return make_entry(started_at=NOW - days * DAY, **changes)


@pytest.mark.parametrize(
    ("changes", "standing"),
    [
        ({}, Standing.READY),
        ({"verdict": Verdict.LOSSY}, Standing.READY),
        ({"outcome": Outcome.REDIRECTED}, Standing.READY),
        ({"outcome": Outcome.OBSERVED}, Standing.READY),
        ({"tags_listed": 101}, Standing.NEEDS_PAGING),
        ({"credentials": "basic", "tags_listed": 101}, Standing.NEEDS_CREDENTIALS),
        ({"route": PING, "verdict": Verdict.DEAD}, Standing.NOT_BRIDGED),
        ({"outcome": Outcome.FAILED}, Standing.NOT_BRIDGED),
        ({"outcome": Outcome.REFUSED}, Standing.NOT_BRIDGED),
        ({"outcome": Outcome.GONE}, Standing.NOT_BRIDGED),
        ({"outcome": Outcome.PASSED}, Standing.NOT_BRIDGED),
    ],
    ids=str,
)
def test_it_is_what_stands_between_the_caller_and_v2(
    changes: dict[str, object], standing: Standing
) -> None:
    use = use_of(ago(0, **changes))
    assert use.standing is standing
    assert use.reason


def test_a_caller_that_has_not_called_for_a_week_is_quiet_whatever_it_was() -> None:
    use = use_of(ago(7, outcome=Outcome.FAILED, route=PING, verdict=Verdict.DEAD))
    assert (use.standing, use.reason) == (Standing.QUIET, "no call since 2026-02-22")
    assert use_of(ago(6.99)).standing is Standing.READY


def written(path: Path, entries: Sequence[CallRecord]) -> Path:
    """A journal of calls that were made as long before now as these before NOW."""
    now = datetime.now(UTC)
    moved = [replace(each, started_at=now - (NOW - each.started_at)) for each in entries]
    return write_journal(path, *moved, seen=Seen(flows=300))


class TestOneFailureLongAgo:
    """240 calls in a month, one of which failed 25 days ago; lists are long, and it signs in."""

    ENTRIES = (
        *(ago(at / 8, tags_listed=101, credentials="basic") for at in range(239)),
        ago(25, outcome=Outcome.FAILED, error_type="unreachable", error="Hub is away"),
    )

    def check(self, use: CallerUse) -> None:
        assert use.standing is Standing.NEEDS_CREDENTIALS
        assert use.needs == (Need.CREDENTIALS, Need.PAGING)
        assert use.unbridged_share == 0
        assert standing_in_words(use) == (
            "needs credentials and complete paging; 1 of 240 calls failed, last on 2026-02-04"
        )

    def test_hides_nothing_and_is_told_in_words(self) -> None:
        self.check(use_of(*self.ENTRIES))

    def test_in_a_journal_too(self, tmp_path: Path) -> None:
        path = written(tmp_path / "journal", self.ENTRIES)
        for asked in ((), ("--caller", "curl"), ("--since", "60d")):
            [use] = told("--journal", path, *asked)["callers"]
            assert (use["standing"], use["needs"]) == (
                "needs_credentials",
                ["credentials", "paging"],
            )
            assert use["unbridged_share"] == 0
            assert use["earlier"].startswith("1 of 240 calls failed, last on ")


class TestFailuresOfLate:
    EVERY_SECOND_DAY = (
        *(ago(2 * at) for at in range(10) for _ in range(3)),
        ago(12, outcome=Outcome.FAILED),
        ago(14, outcome=Outcome.REFUSED),
    )
    """The last seven days with calls go back two weeks."""
    REASON = "1 of 22 calls failed on its last 7 days with calls"

    def test_have_a_share_of_the_last_seven_days_on_which_it_called(self) -> None:
        use = use_of(*self.EVERY_SECOND_DAY)
        assert (use.standing, use.reason) == (Standing.NOT_BRIDGED, self.REASON)
        assert use.unbridged_share == round(1 / 22, 3)

    def test_in_a_journal_too(self, tmp_path: Path) -> None:
        path = written(tmp_path / "journal", self.EVERY_SECOND_DAY)
        for asked in ((), ("--caller", "curl")):
            [use] = told("--journal", path, *asked)["callers"]
            assert (use["standing"], use["reason"]) == ("not_bridged", self.REASON)

    def test_what_it_needs_is_said_beside_them(self) -> None:
        use = use_of(ago(1, tags_listed=101), ago(0, outcome=Outcome.FAILED), ago(0))
        assert standing_in_words(use) == ("not bridged: 1 of 3 calls failed; needs complete paging")

    def test_several_kinds_are_told_apart(self) -> None:
        outcomes = Outcome.REFUSED, Outcome.REFUSED, Outcome.FAILED, Outcome.TRANSLATED
        use = use_of(*(ago(0, outcome=outcome) for outcome in outcomes))
        assert use.reason == "2 of 4 calls were refused, 1 failed"

    def test_all_of_them_are_said_to_be_all(self) -> None:
        assert use_of(*[ago(0, outcome=Outcome.FAILED)] * 2).reason == "all 2 calls failed"
        assert use_of(ago(0, outcome=Outcome.REFUSED)).reason == "1 of 1 call was refused"


@pytest.mark.parametrize("form", ["terminal", "md", "json"])
def test_the_reason_of_a_refusal_and_its_cure_stand_in_the_report(
    tmp_path: Path, form: str
) -> None:
    refused = make_entry(
        outcome=Outcome.REFUSED,
        error_type="incomplete",
        error="Hub gives 1,000 of 10,400 tags to anonymous callers. A shortened list is no list",
    )
    path = write_journal(tmp_path / "journal", make_entry(), refused, seen=Seen(flows=9))
    shown = " ".join(report("--journal", path, "--format", form).stdout.split())
    assert "Hub gives" in shown
    if form != "json":
        assert "hub_username" in shown


@pytest.mark.parametrize(("days", "moved"), [(29, 0), (31, 1)])
def test_in_a_journal_a_caller_has_moved_after_three_of_its_usual_intervals(
    tmp_path: Path, days: int, moved: int
) -> None:
    path = written(tmp_path / "journal", [ago(days + 10 * at) for at in range(5)])
    assert told("--journal", path)["progress"]["moved"] == moved
