"""Counts: they say what the rows say, name as many as they may, and stay right in any batch."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubv1.api.routes import Outcome
from hubv1.journal import CallRecord, Journal, Location
from hubv1.journal.counts import OTHERS
from journal.asking import asked, assert_counts_are_those_of_the_rows
from samples import make_entry

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


def write(path: Path, *entries: CallRecord) -> None:
    journal = Journal(Location(str(path)), "bridge-1")
    for entry in entries:
        journal.record_unawaited(entry)
    journal.close()


def test_a_call_is_counted_by_the_time_it_is_recorded(path: Path) -> None:
    journal = Journal(Location(str(path)), "bridge-1")

    async def recording() -> None:
        for _ in range(10):
            await journal.record(make_entry())
            assert_counts_are_those_of_the_rows(path)

    asyncio.run(recording())
    journal.close()
    assert asked(path, "SELECT sum(calls) FROM days") == [(10,)]


CALLS = st.tuples(
    st.sampled_from(["a", "b"]),
    st.sampled_from(["index.docker.io", "hub.docker.com"]),
    st.sampled_from(["debian", ""]),
    st.sampled_from([Outcome.TRANSLATED, Outcome.FAILED]),
    st.integers(-5_000, 5_000),
    st.sampled_from(["none", "token", "basic", "bearer"]),
    st.sampled_from([None, 100, 101]),
)
Call = tuple[str, str, str, Outcome, int, str, int | None]


@pytest.fixture(scope="module")
def journals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    return iter(tmp_path_factory.mktemp("journals") / f"{number}" for number in range(10_000))


@given(st.lists(st.lists(CALLS, max_size=6), max_size=4))
def test_the_counts_are_those_of_the_rows_whatever_the_calls_and_their_order(
    journals: Iterator[Path], runs: list[list[Call]]
) -> None:
    path = next(journals)
    for calls in runs:
        write(
            path,
            *(
                make_entry(
                    caller=caller,
                    server_address=host,
                    repository=repository,
                    outcome=outcome,
                    started_at=NOON + timedelta(minutes=minutes),
                    credentials=credentials,
                    tags_listed=tags,
                )
                for caller, host, repository, outcome, minutes, credentials, tags in calls
            ),
        )
    if runs:
        assert_counts_are_those_of_the_rows(path)


def test_hours_and_days_are_those_of_utc(path: Path) -> None:
    there = datetime(2026, 3, 1, 1, 45, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    write(path, make_entry(started_at=there))
    assert asked(path, "SELECT hour FROM hours") == [("2026-02-28 20:00:00.000000",)]
    assert asked(path, "SELECT day FROM days") == [("2026-02-28",)]


class TestCallers:
    def test_a_caller_is_kept_as_its_last_call_showed_it(self, path: Path) -> None:
        late = make_entry(started_at=NOON, client_address="::2", user_name="ann")
        early = make_entry(started_at=NOON - timedelta(days=1), client_address="::1")
        write(path, late, early)
        write(path, early)
        assert asked(
            path, "SELECT client_address, user_name, first_seen, last_seen FROM callers"
        ) == [("::2", "ann", "2026-02-28 12:00:00.000000", "2026-03-01 12:00:00.000000")]

    def test_of_two_calls_at_once_the_one_written_later_counts(self, path: Path) -> None:
        write(path, make_entry(user_name="ann"), make_entry(user_name="ben"))
        write(path, make_entry(user_name="cem"))
        assert asked(path, "SELECT user_name FROM callers") == [("cem",)]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that a test reaches."""
    monkeypatch.setattr("hubv1.journal.counts.NAMES_A_DAY", 5)
    monkeypatch.setattr("hubv1.journal.counts.HOSTS_A_DAY", 2)
    monkeypatch.setattr("hubv1.journal.counts.KINDS_A_DAY", 9)


@pytest.mark.usefixtures("few")
class TestTooMany:
    @pytest.mark.parametrize(
        ("field", "column", "most"),
        [
            ("caller", "caller", 5),
            ("repository", "repository", 5),
            ("server_address", "server_address", 2),
        ],
    )
    def test_names_beyond_the_limit_of_a_day_count_as_others(
        self, path: Path, field: str, column: str, most: int
    ) -> None:
        write(path, *(make_entry(**{field: f"{number}"}) for number in range(20)))
        names = dict(asked(path, f"SELECT {column}, calls FROM days"))  # noqa: S608  # names of our own
        assert len(names) == most + 1
        assert names[OTHERS] == 20 - most
        assert asked(path, f"SELECT count(DISTINCT {field}) FROM calls") == [(20,)]  # noqa: S608  # names of our own
        assert asked(path, f"SELECT count(DISTINCT {column}) FROM hours") == [(most + 1,)]  # noqa: S608  # names of our own

    def test_known_names_are_still_counted_then(self, path: Path) -> None:
        write(path, *(make_entry(caller=f"{number}") for number in range(20)))
        write(path, make_entry(caller="2"), make_entry(caller="another"))
        assert asked(path, "SELECT calls FROM days WHERE caller = '2'") == [(2,)]
        assert asked(path, "SELECT calls FROM days WHERE caller = '(others)'") == [(16,)]

    def test_the_next_day_begins_anew(self, path: Path) -> None:
        write(path, *(make_entry(caller=f"{number}") for number in range(20)))
        write(path, make_entry(caller="19", started_at=NOON + timedelta(days=1)))
        assert asked(path, "SELECT calls FROM days WHERE caller = '19'") == [(1,)]

    def test_known_names_in_ever_new_pairs_are_others_too(self, path: Path) -> None:
        pairs = [(caller, repository) for caller in "abcde" for repository in "vwxyz"]
        write(path, *(make_entry(caller=one, repository=other) for one, other in pairs))
        [(rows, calls)] = asked(path, "SELECT count(*), sum(calls) FROM days")
        assert (rows, calls) == (10, 25)

    def test_others_have_no_details(self, path: Path) -> None:
        write(path, *(make_entry(caller=f"{number}") for number in range(20)))
        assert asked(path, "SELECT count(*) FROM callers WHERE caller = '(others)'") == [(0,)]
        assert asked(path, "SELECT count(*) FROM callers") == [(5,)]
