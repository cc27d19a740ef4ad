"""What comes from outside fits in a row, and a row that cannot be written costs itself alone."""

import asyncio
import sqlite3
from collections.abc import Container, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hubv1.api.record import EARLIEST, LATEST, MOST
from hubv1.journal import CallRecord, Journal, Location, NotRecorded, read, schema
from journal.asking import asked, assert_counts_are_those_of_the_rows, ids
from samples import make_entry

TEXTS = [
    field.name
    for field in CallRecord.__dataclass_fields__.values()
    if field.type is str and field.name not in ("id", "flow_id", "bridge_id")
]
NUMBERS = ("tags_listed", "upstream_calls", "http_response_status_code")
HOSTILE = "fe80::1%\udcff\0" + "A" * 30_000
HUGE = 10**20 - 1

_TEXT = (
    st.text(st.characters(), max_size=300)  # lone surrogates and NUL are among them
    | st.text("\0\udcff\ud83d", min_size=1, max_size=9)
    | st.integers(250, 30_000).map("é".__mul__)
)
_NUMBER = st.integers() | st.integers(2**31 - 2, 2**70) | st.just(HUGE)
_ZONE = st.integers(-1_439, 1_439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_TIME = st.datetimes(timezones=st.just(UTC) | _ZONE | st.none())


def odd_fields() -> st.SearchStrategy[dict[str, Any]]:
    """Of an entry: anything that its types allow, and more."""
    texts = dict.fromkeys(TEXTS, _TEXT)
    numbers: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(NUMBERS, _NUMBER)
    rest = {"duration_ms": st.floats() | _NUMBER, "started_at": _TIME}
    return st.fixed_dictionaries({}, optional={**texts, **numbers, **rest})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


@pytest.fixture(scope="module")
def journals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    return iter(tmp_path_factory.mktemp("journals") / f"{number}" for number in range(10_000))


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    """One for all examples: in the end its counts are right, and nothing was lost."""
    path = tmp_path_factory.mktemp("odd") / "journal.sqlite3"
    # By its clock nothing is old, so that nothing goes before it is read.
    opened = Journal(Location(str(path)), "bridge-1", now=lambda: EARLIEST)
    yield opened
    opened.close()
    assert asked(path, "SELECT count(*) FROM gaps") == [(0,)]
    assert_counts_are_those_of_the_rows(path)


def read_back(journal: Journal, ids: Container[str]) -> list[CallRecord]:
    with read(journal.location) as history:
        return [entry for entry in history.entries if entry.id in ids]


@given(st.lists(odd_fields(), min_size=1, max_size=8))
@example([{"tags_listed": HUGE}])
@example([{"caller": HOSTILE, "client_address": HOSTILE}])
@example([{"started_at": datetime.max.replace(tzinfo=timezone(-timedelta(hours=14)))}])
@example([{"started_at": datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))}])
@example([{"duration_ms": float("nan")}, {"duration_ms": float("-inf")}])
def test_anything_can_be_recorded_beside_anything_and_comes_back_as_it_was_written(
    journal: Journal, changes: list[dict[str, Any]]
) -> None:
    entries = [*(make_entry(**each) for each in changes), make_entry()]
    ids = [entry.id for entry in entries]
    assert asyncio.run(recorded(journal, entries, is_required=False)) == ids
    assert sorted(read_back(journal, ids), key=lambda entry: ids.index(entry.id)) == entries


@given(odd_fields())
def test_every_column_keeps_to_the_limits_that_its_page_promises(changes: dict[str, Any]) -> None:
    values = make_entry(**changes).row()
    row: dict[str, Any] = dict(zip(schema.calls.columns.keys(), values, strict=True))
    for name in TEXTS:
        assert len(row[name]) <= 256
        assert "\0" not in row[name].encode().decode()
    for name in NUMBERS:
        assert row[name] is None or 0 <= row[name] <= MOST
    assert 0 <= row["duration_ms"] <= MOST
    assert EARLIEST <= row["started_at"] <= LATEST


@settings(max_examples=25)
@given(st.lists(st.tuples(_TEXT, _TEXT), max_size=6))
def test_a_client_that_rejects_the_certificate_takes_nothing_with_it_whatever_it_is_called(
    journals: Iterator[Path], clients: list[tuple[str, str]]
) -> None:
    path = next(journals)
    journal = Journal(Location(str(path)), "bridge-1")
    for address, host in clients:
        journal.note_rejection(address, host)
    journal.record_unawaited(make_entry())
    journal.close()
    assert len(ids(path)) == 1
    assert asked(path, "SELECT coalesce(sum(times), 0) FROM rejections") == [(len(clients),)]


def refuse(path: Path, how: str, what: str = "no") -> None:
    """No call of the repository `bad` can be written from now on."""
    refusal = "BEFORE INSERT ON calls WHEN NEW.repository = 'bad' BEGIN SELECT RAISE"
    asked(path, f"CREATE TRIGGER refuse {refusal}({how}, '{what}'); END")


async def recorded(
    journal: Journal, entries: Sequence[CallRecord], *, is_required: bool
) -> list[str]:
    """The ids of those that were, all at once."""
    waiting = (journal.record(entry, is_required=is_required) for entry in entries)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(each) for each in results} <= {type(None), NotRecorded}
    return [entry.id for entry, each in zip(entries, results, strict=True) if each is None]


@pytest.mark.parametrize("how", ["ABORT", "FAIL", "ROLLBACK"])
@pytest.mark.parametrize("is_required", [False, True])
def test_rows_that_cannot_be_written_cost_themselves_alone(
    path: Path, caplog: pytest.LogCaptureFixture, how: str, *, is_required: bool
) -> None:
    journal = Journal(Location(str(path)), "bridge-1")
    refuse(path, how)
    entries = [make_entry(repository="bad" if n % 10 == 7 else "good") for n in range(400)]
    good = [entry.id for entry in entries if entry.repository == "good"]
    assert asyncio.run(recorded(journal, entries, is_required=is_required)) == good
    lost, seen = journal.lost, journal.seen.refused_unrecorded
    journal.close()
    assert ids(path) == sorted(good)
    assert_counts_are_those_of_the_rows(path)
    gaps = asked(path, "SELECT coalesce(sum(calls), 0), max(reason) FROM gaps")
    refused = asked(path, "SELECT coalesce(sum(calls), 0) FROM refusals")
    assert (gaps, refused) == (([(0, None)], [(40,)]) if is_required else ([(40, "no")], [(0,)]))
    assert (lost, seen) == ((0, 40) if is_required else (40, 0))
    assert "cannot be written: no" in caplog.text


def test_one_row_that_cannot_be_written_is_a_gap_of_one_before_its_answer_leaves(
    path: Path,
) -> None:
    journal = Journal(Location(str(path)), "bridge-1")
    refuse(path, "ABORT", "x" * 1_000)

    async def recording() -> None:
        with pytest.raises(NotRecorded) as lost:
            await journal.record(make_entry(repository="bad"))
        assert not lost.value.first  # no outage: the next one can be recorded
        [(calls, reason)] = asked(path, "SELECT calls, reason FROM gaps")
        assert (calls, len(reason)) == (1, 256)
        await journal.record(make_entry())

    asyncio.run(recording())
    journal.close()


def test_a_row_that_is_there_already_is_no_trouble_of_its_neighbours(path: Path) -> None:
    journal = Journal(Location(str(path)), "bridge-1")
    entries = [make_entry(bridge_id="bridge-1") for _ in range(9)]

    async def recording() -> None:
        await journal.record(entries[4])
        await recorded(journal, entries, is_required=False)

    asyncio.run(recording())
    journal.close()
    assert ids(path) == sorted(entry.id for entry in entries)
    assert_counts_are_those_of_the_rows(path)


def test_trouble_with_a_table_of_counts_is_none_of_a_row_and_a_gap_of_all(path: Path) -> None:
    journal = Journal(Location(str(path)), "bridge-1")
    with closing(sqlite3.connect(path)) as other:
        other.execute("ALTER TABLE hours RENAME TO away")

    async def recording() -> None:
        assert await recorded(journal, [make_entry() for _ in range(20)], is_required=False) == []
        asked(path, "ALTER TABLE away RENAME TO hours")
        await journal.record(make_entry())

    asyncio.run(recording())
    journal.close()
    assert asked(path, "SELECT calls FROM gaps") == [(20,)]
    assert_counts_are_those_of_the_rows(path)
