"""Who runs which caller: grouping by team, a message for each, a file to start from."""

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hubv1.journal import CallRecord, Seen
from hubv1.report import FORMATS
from report.inside import report, told
from report.made import write_journal
from samples import make_entry

NOW = datetime.now(UTC)
OWNERS = """
[[owner]]
team = "Platform"
mail = "platform@example.com"
networks = ["10.1.0.0/16", "fd00::/8"]

[[owner]]
team = "Web"
link = "https://chat.example/web"
callers = ["nightly-*"]
repositories = ["web/*"]
"""


def called(caller: str, address: str, days: float = 0, **more: str) -> list[CallRecord]:
    at = NOW - timedelta(days=days, minutes=1)
    more |= {"caller": caller, "client_address": address}
    return [make_entry(started_at=at, **more) for _ in range(3)]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    calls = (
        *called("curl/8.1 at 10.1.5.46", "10.1.5.46"),
        *called("curl/8.1 at fd00::7", "fd00::7", 40),
        *called("Wget/1 at ::ffff:10.1.0.9", "::ffff:10.1.0.9"),
        *called("nightly-1", "10.9.0.1"),
        *called("job", "10.9.0.1", namespace="web", repository="app"),
        *called("curl/8.1 at 10.2.0.1", "10.2.0.1"),
    )
    return write_journal(tmp_path / "journal", *calls, seen=Seen(flows=99))


@pytest.fixture
def owners(tmp_path: Path) -> Path:
    file = tmp_path / "owners.toml"
    file.write_text(OWNERS)
    return file


def test_callers_are_grouped_by_team_those_without_one_first(journal: Path, owners: Path) -> None:
    teams = told("--journal", journal, "--owners", owners)["teams"]
    assert [(team["team"], sorted(team["callers"])) for team in teams] == [
        ("", ["curl/8.1 at 10.2.0.1"]),
        (
            "Platform",
            ["Wget/1 at ::ffff:10.1.0.9", "curl/8.1 at 10.1.5.46", "curl/8.1 at fd00::7"],
        ),
        ("Web", ["job", "nightly-1"]),
    ]
    assert teams[1]["progress"] == {"callers": 3, "moved": 1, "left": 2, "too_early": 0}
    assert (teams[1]["mail"], teams[2]["link"]) == (
        "platform@example.com",
        "https://chat.example/web",
    )


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_names_the_teams(journal: Path, owners: Path, form: str) -> None:
    done = report("--journal", journal, "--owners", owners, "--format", form)
    assert done.returncode == 0
    assert "Platform" in done.stdout
    without = report("--journal", journal, "--format", form).stdout
    assert "Platform" not in without


def test_a_team_gets_one_message(journal: Path, owners: Path) -> None:
    done = report("--journal", journal, "--owners", owners, "--caller", "*")
    subjects = [line for line in done.stdout.splitlines() if line.startswith("Subject: ")]
    assert subjects == [
        "Subject: 2 callers of Platform still call the retired Docker Hub API v1",
        "Subject: 2 callers of Web still call the retired Docker Hub API v1",
        "Subject: curl/8.1 at 10.2.0.1 still calls the retired Docker Hub API v1",
    ]
    assert "Write to platform@example.com." in done.stdout


def test_the_template_has_what_was_seen_and_owns_all_of_it(journal: Path, tmp_path: Path) -> None:
    done = report("--journal", journal, "--owners-template")
    entries = tomllib.loads(done.stdout)["owner"]
    assert {network for entry in entries for network in entry.get("networks", [])} == {
        *("10.1.5.0/24", "10.1.0.0/24", "10.2.0.0/24", "fd00::/64"),
    }
    assert "# seen: curl/8.1 at 10.1.5.46" in done.stdout
    file = tmp_path / "owners.toml"
    assert report("--journal", journal, "--owners-template", "-o", file).returncode == 0
    assert file.read_text() == done.stdout
    assert told("--journal", journal, "--owners", file)["teams"][0]["team"] == "team-1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[owner]]", "team"),
        ('[[owner]]\nteam = "x"', "names no network, caller or repository"),
        ('[[owner]]\nteam = " "\ncallers = ["x"]', "an entry needs a team"),
        ('[[owner]]\nteam = "x"\nnetworks = ["10.0.0.1/8"]', "10.0.0.1/8"),
        ('[[owner]]\nteam = "x"\nnets = []', "nets"),
        ("owner = ", "Invalid value"),
    ],
)
def test_a_file_that_is_no_list_of_owners_is_one_sentence(
    journal: Path, tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "owners.toml"
    file.write_text(text)
    done = report("--journal", journal, "--owners", file)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
