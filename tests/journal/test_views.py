"""The views are documented, and the page's examples work."""

import csv
import os
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from e2e.clients import tool
from hubv1.api.routes import Outcome
from hubv1.journal import Journal, Location
from hubv1.journal.schema import VIEWS
from journal.asking import asked
from samples import make_entry

DOCS = Path(__file__).parents[2] / "docs"
JOURNAL = (DOCS / "journal.md").read_text(encoding="utf-8")
TABLES = (DOCS / "tables.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(
    r"^\$ (sqlite3 ~/\.mitmproxy.*?)\n```", JOURNAL + TABLES, re.MULTILINE | re.DOTALL
)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TAGS = "GET /v1/repositories/{name}/tags"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Three calls of one caller on two days, one of another."""
    path = tmp_path / ".mitmproxy" / "hub-journal.sqlite3"
    path.parent.mkdir()
    journal = Journal(Location(str(path)), "bridge-1")
    for entry in (
        make_entry(started_at=NOON, caller="a", client_address="::1"),
        make_entry(started_at=NOON + timedelta(days=1), caller="a", client_address="::2"),
        make_entry(started_at=NOON, caller="a", outcome=Outcome.FAILED, credentials="basic"),
        make_entry(started_at=NOON, caller="b", repository="", tags_listed=101),
    ):
        journal.record_unawaited(entry)
    journal.close()
    return path


@pytest.mark.parametrize("view", VIEWS)
def test_the_page_lists_every_column_of_a_view(view: str) -> None:
    section = TABLES[TABLES.index(f"\n## {view}: a view") + 1 :].partition("\n## ")[0]
    listed = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)))
    assert sorted(listed) == sorted(VIEWS[view].selected_columns.keys())


@pytest.mark.parametrize("name", ["calls", *VIEWS])
def test_every_view_has_an_example_that_answers(path: Path, name: str) -> None:
    [example] = [each for each in EXAMPLES if re.search(rf"FROM {name}\b", each)]
    example = example.replace("'-7 days'", "'-9999 days'")  # the rows are of 2026
    tool("sqlite3")
    done = subprocess.run(
        (tool("bash"), "-c", example),
        env={"HOME": str(path.parents[1]), "PATH": "/usr/bin:/bin:/usr/local/bin"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_a_spreadsheet_gets_a_view_with_the_names_of_its_columns(path: Path) -> None:
    [example] = re.findall(r"^\$ (sqlite3 -header .*? > (\S+))$", JOURNAL, re.MULTILINE | re.DOTALL)
    tool("sqlite3")
    folder = path.parents[1]
    subprocess.run(
        (tool("bash"), "-c", example[0]),
        cwd=folder,
        env={"HOME": str(folder), "PATH": os.environ["PATH"]},
        check=True,
    )
    with (folder / example[1]).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["caller"], row["repository"], row["calls"]) for row in rows] == [
        ("a", "library/debian", "3"),
        ("b", "", "1"),
    ]


def at(day: int) -> str:
    return f"2026-03-0{day} 12:00:00.000000"


def test_they_say_what_there_is(path: Path) -> None:
    assert asked(path, "SELECT * FROM calls_by_caller ORDER BY 1") == [
        ("a", "::2", "curl/8.1", 3, 1, 0, at(1), at(2)),
        ("b", "10.0.0.7", "curl/8.1", 1, 0, 1, at(1), at(1)),
    ]
    assert asked(path, "SELECT * FROM calls_by_day ORDER BY 1, 2") == [
        ("2026-03-01", "failed", 1, 1, 0),
        ("2026-03-01", "translated", 2, 0, 1),
        ("2026-03-02", "translated", 1, 0, 0),
    ]
    assert asked(path, "SELECT * FROM findings ORDER BY 1") == [
        ("a", TAGS, "library/debian", 3, 1, 0, at(1), at(2)),
        ("b", TAGS, "", 1, 0, 1, at(1), at(1)),
    ]
