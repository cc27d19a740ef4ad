"""Reading a journal: what was written comes back, in the order of its time."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubv1.api.routes import Outcome, Verdict
from hubv1.journal import (
    CallRecord,
    Journal,
    JournalError,
    Location,
    Seen,
    asked_tags,
    new_id,
    read,
)
from hubv1.journal.schema import calls
from samples import make_entry


@pytest.fixture
def location(tmp_path: Path) -> Location:
    return Location(str(tmp_path / "journal.sqlite3"))


def write(location: Location, *entries: CallRecord) -> None:
    journal = Journal(location, "bridge-1")
    for entry in entries:
        journal.record_unawaited(entry)
    journal.close()


def entries_in(location: Location) -> list[CallRecord]:
    with read(location) as history:
        return list(history.entries)


def test_an_entry_comes_back_as_it_was_in_every_field(location: Location) -> None:
    entry = make_entry(
        http_response_status_code=None, outcome=Outcome.FAILED, verdict=Verdict.LOSSY
    )
    write(location, entry)
    [back] = entries_in(location)
    assert back == entry
    assert isinstance(back.outcome, Outcome)
    assert isinstance(back.verdict, Verdict)
    assert back.started_at.tzinfo is UTC


def test_tags_that_were_asked_for_come_once_each_the_latest_first(location: Location) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    tags = ["12", "13", "12", "", "11"]
    write(
        location,
        *(make_entry(tag=tag, started_at=noon + timedelta(n)) for n, tag in enumerate(tags)),
        make_entry(tag="12", namespace="acme", repository="app", started_at=noon),
    )
    debian = [("library/debian", tag) for tag in ("11", "12", "13")]
    assert [*asked_tags(location)] == [*debian, ("acme/app", "12")]


def test_every_field_of_an_entry_is_a_column() -> None:
    assert [field.name for field in fields(CallRecord)] == [column.name for column in calls.columns]


def test_entries_come_in_the_order_of_their_time_and_then_of_their_ids(location: Location) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    ordered = [make_entry(started_at=noon + timedelta(seconds=n // 2)) for n in range(10)]
    write(location, *reversed(ordered))
    assert entries_in(location) == ordered


def test_times_of_other_zones_are_kept_as_moments(location: Location) -> None:
    there = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    write(location, make_entry(started_at=there))
    assert entries_in(location)[0].started_at == there


def test_a_journal_that_is_being_written_can_be_read(location: Location) -> None:
    journal = Journal(location, "bridge-1")
    asyncio.run(journal.record(make_entry()))
    with read(location) as history:
        asyncio.run(journal.record(make_entry()))
        assert len(list(history.entries)) in (1, 2)
    assert len(entries_in(location)) == 2
    journal.close()


def test_more_entries_than_are_fetched_at_once_come_all(location: Location) -> None:
    write(location, *(make_entry() for _ in range(1_201)))
    assert len({entry.id for entry in entries_in(location)}) == 1_201


def test_an_empty_journal_has_seen_nothing(location: Location) -> None:
    write(location)
    with read(location) as history:
        assert (history.seen, history.gaps, list(history.entries)) == (Seen(), (), [])


def test_a_journal_without_its_tables_is_explained(location: Location) -> None:
    write(location)
    with closing(sqlite3.connect(str(location))) as connection, connection:
        connection.execute("DROP TABLE gaps")
    with pytest.raises(JournalError, match=r"cannot be read: .*gaps"), read(location):
        pass


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.fixture(scope="module")
def long_lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Journal, Location]]:
    location = Location(str(tmp_path_factory.mktemp("journal") / "journal.sqlite3"))
    with pytest.MonkeyPatch.context() as patched:
        # However long it takes, what is old stays.
        patched.setattr("hubv1.journal.retention._FIRST_SECONDS", 86_400)
        journal = Journal(location, "bridge-1")
        yield journal, location
        journal.close()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, TEXTS, TEXTS, st.datetimes(timezones=st.just(UTC)))
def test_any_text_and_time_survives_the_journal(
    long_lived: tuple[Journal, Location], caller: str, path: str, error: str, started_at: datetime
) -> None:
    journal, location = long_lived
    entry = make_entry(caller=caller, url_path=path, error=error, started_at=started_at)
    asyncio.run(journal.record(entry))
    assert entry in entries_in(location)


class TestEntries:
    def test_ids_are_unique_and_sort_by_time(self) -> None:
        ids = [new_id() for _ in range(1_000)]
        assert len(set(ids)) == 1_000
        assert ids == sorted(ids)
        assert {each[14] for each in ids} == {"7"}

    @pytest.mark.parametrize(
        ("changes", "full"),
        [({}, "library/debian"), ({"namespace": "", "repository": ""}, "")],
    )
    def test_a_repository_is_named_in_full_or_not_at_all(
        self, changes: dict[str, Any], full: str
    ) -> None:
        assert make_entry(**changes).full_repository == full

    def test_a_line_for_the_log_says_who_did_what_and_how_it_ended(self) -> None:
        entry = make_entry()
        assert entry.line == (
            "hub v1: GET /v1/repositories/debian/tags from curl/8.1 at 10.0.0.7: "
            "translated 200, 12 ms"
        )
        cut = replace(
            entry,
            outcome=Outcome.FAILED,
            http_response_status_code=None,
            error_type="shutdown",
            error="too late",
        )
        assert cut.line.endswith("failed without an answer (shutdown: too late), 12 ms")

    def test_no_field_is_meant_for_credentials_or_queries(self) -> None:
        names = " ".join(asdict(make_entry()))
        assert not any(word in names for word in ("authorization", "cookie", "query", "header"))
