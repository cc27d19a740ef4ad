"""What users read is complete, and true."""

import dataclasses
import re
import shlex
import subprocess
import urllib.request
from datetime import date
from pathlib import Path

import pytest
from mitmproxy.utils import emoji
from sqlalchemy import Table

from e2e.clients import tool
from hubv1 import bridging, options, routes
from hubv1.addon import Bridge
from hubv1.fleet import Standing
from hubv1.fleet import tables as fleet_tables
from hubv1.frontend import view
from hubv1.journal import Selection, tables
from hubv1.metrics import Metrics, Readings
from hubv1.outcome import Outcome
from hubv1.remark import MARKS
from hubv1.report import arguments, model, render
from hubv1.report.allowlist import read_allowlist
from hubv1.report.compare import FailOn
from hubv1.report.environment import variable_of
from hubv1.report.render.data import COLUMNS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ANSWERS = (ROOT / "docs" / "answers.md").read_text(encoding="utf-8")
FRONTENDS = (ROOT / "docs" / "frontends.md").read_text(encoding="utf-8")
METRICS = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
FLEET = (ROOT / "docs" / "fleet.md").read_text(encoding="utf-8")
JOURNAL = (ROOT / "docs" / "journal.md").read_text(encoding="utf-8")
REPORT = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("option", options.OPTIONS, ids=lambda option: option.name)
def test_readme_lists_every_option_with_its_default(option: options.Option) -> None:
    row = next(line for line in README.splitlines() if line.startswith(f"| `{option.name}`"))
    default = row.split("|")[2].strip()
    if isinstance(option.default, list):
        assert default == ", ".join(f"`{each}`" for each in option.default)
        assert "(several)" in row
    else:
        shown = str(option.default).lower() if option.type is bool else option.default
        assert default == (f"`{shown}`" if shown != "" else "empty")


def test_readme_lists_no_option_that_there_is_not() -> None:
    listed = set(re.findall(r"^\| `(hub_\w+)`", README, re.MULTILINE))
    assert listed == {option.name for option in options.OPTIONS}


@pytest.mark.parametrize(
    "name", [each.command_name for each in vars(Bridge).values() if hasattr(each, "command_name")]
)
def test_readme_lists_every_command(name: str) -> None:
    assert f"`{name}`" in README or f"`{name} " in README


@pytest.mark.parametrize("outcome", Outcome)
def test_readme_lists_every_outcome_with_its_exit_code(outcome: Outcome) -> None:
    assert re.search(rf"^\| `{outcome}` \|.*\| [23]", README, re.MULTILINE)


@pytest.mark.parametrize("code", [*bridging.TROUBLES])
def test_the_page_of_answers_lists_every_error(code: str) -> None:
    status, _ = bridging.TROUBLES[code]
    assert re.search(rf"\| {status} problem\+json.*`{code}`", ANSWERS)


def test_readme_shows_every_argument_of_the_report() -> None:
    shown, _, rest = README[README.index("scripts/report [") :].partition("```")
    for action in arguments.parser()._actions:
        for name in action.option_strings[:1]:
            assert name == "-h" or f"[{name} " in shown
        for choice in action.choices or ():
            assert re.search(rf"\b{choice}\b", shown) or f"| `{choice}` |" in rest


def test_the_report_page_tells_how_an_argument_stands_in_the_environment() -> None:
    named = re.findall(r"`(HUB_REPORT_\w+)", REPORT)
    assert set(named) <= {variable_of(name) for name in vars(arguments.parser().parse_args([]))}
    assert len(set(named)) > 1


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_every_call_of_the_report_that_is_shown_can_be_made(page: Path) -> None:
    shown = re.findall(
        r"^\$ (?:.*[ |])?scripts/report(?: (.*))?$", page.read_text(encoding="utf-8"), re.MULTILINE
    )
    for call in shown:
        words = shlex.split(call, comments=True)
        assert arguments.read_arguments(words[: words.index("|")] if "|" in words else words)


def test_the_report_page_lists_every_format_and_column() -> None:
    formats, rest = REPORT[REPORT.index("| format |") :].split("| column |")
    assert re.findall(r"^\| `(\w+)`", formats, re.MULTILINE) == list(render.FORMATS)
    columns = rest.partition("\n\n")[0]
    named = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", columns, re.MULTILINE)))
    assert tuple(named) == COLUMNS


@pytest.mark.parametrize("fail_on", FailOn)
def test_the_report_page_lists_everything_to_fail_on(fail_on: FailOn) -> None:
    assert re.search(rf"^\| `{fail_on}` \|", REPORT, re.MULTILINE)


def test_the_file_of_ignored_callers_that_the_report_page_shows_is_one(tmp_path: Path) -> None:
    [shown] = re.findall(r"```toml\n(.*?)```", REPORT, re.DOTALL)
    (tmp_path / "ignore.toml").write_text(shown, encoding="utf-8")
    [entry] = read_allowlist(tmp_path / "ignore.toml", date(2026, 6, 30)).in_force
    assert entry.caller == "legacy-mirror/*"


@pytest.mark.parametrize("script", ["run", "demo", "report", "test", "bench"])
def test_readme_names_every_script(script: str) -> None:
    assert f"scripts/{script}" in README
    assert (ROOT / "scripts" / script).stat().st_mode & 0o111


@pytest.mark.parametrize("table", tables.metadata.sorted_tables, ids=lambda table: table.name)
def test_the_journal_page_lists_every_column(table: Table) -> None:
    assert _columns(JOURNAL, table) == {column.name for column in table.columns}


@pytest.mark.parametrize(
    "table",
    [*fleet_tables.local.sorted_tables, *fleet_tables.shared.sorted_tables],
    ids=lambda table: table.name,
)
def test_the_page_of_the_fleet_lists_every_column(table: Table) -> None:
    assert _columns(FLEET, table) == {column.name for column in table.columns}


def _columns(page: str, table: Table) -> set[str]:
    """Those that the page lists in the section of the table."""
    section = re.split(r"^##+ ", page, flags=re.MULTILINE)
    text = next(part for part in section if part.startswith(f"{table.name}:"))
    return set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE))))


@pytest.mark.parametrize(
    ("field", "parts"),
    [
        ("filter", Selection),
        ("window", model.Window),
        ("seen", model.Traffic),
        ("routes", model.RouteUse),
        ("callers", model.CallerUse),
        ("findings", model.Finding),
        ("ignored", model.IgnoredCaller),
        ("baseline", model.Comparison),
    ],
)
def test_the_report_page_lists_every_field_of_the_json_report(field: str, parts: type) -> None:
    row = next(line for line in REPORT.splitlines() if line.startswith(f"| `{field}`"))
    assert dataclasses.is_dataclass(parts)
    assert {part.name for part in dataclasses.fields(parts)} <= set(re.findall(r"`(\w+)`", row))


@pytest.mark.parametrize("outcome", Outcome)
def test_the_page_of_front_ends_lists_the_mark_of_every_outcome(outcome: Outcome) -> None:
    mark = MARKS[outcome]
    assert f"| `{outcome}` | {emoji.emoji[mark]} | `~marker {mark}` |" in FRONTENDS


def test_the_page_of_front_ends_names_every_command_and_the_content_view() -> None:
    commands = {name for name in dir(Bridge) if hasattr(getattr(Bridge, name), "command_name")}
    assert commands
    for name in commands:
        assert f"`{getattr(Bridge, name).command_name}" in FRONTENDS
    assert f"`{view.NAME}`" in FRONTENDS


@pytest.mark.parametrize("route", routes.ROUTES, ids=lambda route: route.name)
def test_the_page_of_answers_lists_every_route(route: routes.Route) -> None:
    assert f"| `{route.name}` | {route.verdict} | {route.sentence} |" in ANSWERS


def test_the_page_of_metrics_lists_every_one_with_its_labels() -> None:
    metrics = Metrics("127.0.0.1:0", lambda: Readings(fleet=Standing()))
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics.port}/metrics") as answer:
            shown = answer.read().decode()
    finally:
        metrics.close()
    served = set(re.findall(r"^# TYPE (\S+) (?:counter|gauge|histogram)", shown, re.MULTILINE))
    listed = set(re.findall(r"^\| `(hub_v1_\w+)`", METRICS, re.MULTILINE))
    assert listed == {name for name in served if not name.endswith("_created")}


def test_prometheus_takes_the_alerts(tmp_path: Path) -> None:
    [rules] = re.findall(r"```yaml\n(.*?)```", METRICS, re.DOTALL)
    file = tmp_path / "rules.yaml"
    file.write_text(rules, encoding="utf-8")
    done = subprocess.run(
        [tool("promtool"), "check", "rules", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "5 rules found" in done.stdout
