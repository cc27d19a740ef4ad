"""What users read is complete, and true."""

import json
import re
import shlex
import subprocess
import tomllib
import urllib.request
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import click
import pytest
from mitmproxy.utils import emoji
from sqlalchemy import Table

from demo.clients import all_clients
from e2e.clients import clean_environment, output, tool
from hubv1 import __version__, config, contentview
from hubv1.addon import Bridge
from hubv1.api import routes
from hubv1.api.routes import Outcome
from hubv1.calls.answering import PROBLEMS
from hubv1.cli import scan
from hubv1.cli.main import command_of
from hubv1.cli.report import ENVIRONMENT_PREFIX
from hubv1.cli.report import report as report_command
from hubv1.cli.scan import scan as scan_command
from hubv1.commands import Commands
from hubv1.fleet import ShippingStatus, outbox, postgres
from hubv1.journal import schema
from hubv1.metrics import Metrics, Readings
from hubv1.mitm.flows import MARKS
from hubv1.report.allowlist import read_allowlist
from hubv1.report.compare import FailOn
from hubv1.report.data import COLUMNS
from hubv1.report.output import FORMATS
from hubv1.report.owners import read_owners
from hubv1.source.targets import RETIRING_ROUTES
from hubv1.source.uses import Does
from standin import Catalog

ROOT = Path(__file__).parents[1]


def _page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


README = (ROOT / "README.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
ANSWERS = _page("answers.md")
CONTRIBUTING = _page("CONTRIBUTING.md")
FRONTENDS = _page("frontends.md")
METRICS = _page("metrics.md")
OPTIONS = _page("options.md")
REFERENCE = _page("report-reference.md")
REPORT = _page("report.md")
SCAN = _page("scan.md")
SECURITY = _page("security.md")
TABLES = _page("tables.md")
SCHEMA: dict[str, Any] = json.loads(_page("report.schema.json"))


@pytest.mark.parametrize("option", config.OPTIONS, ids=lambda option: option.name)
def test_the_page_of_options_lists_each_with_its_default(option: config.Option) -> None:
    row = next(line for line in OPTIONS.splitlines() if line.startswith(f"| `{option.name}`"))
    default = row.split("|")[2].strip()
    if isinstance(option.default, list):
        assert default == ", ".join(f"`{each}`" for each in option.default)
        assert "(several)" in row
    else:
        shown = str(option.default).lower() if option.type is bool else option.default
        assert default == (f"`{shown}`" if shown != "" else "empty")


def test_the_page_of_options_lists_no_other() -> None:
    listed = set(re.findall(r"^\| `(hub_\w+)`", OPTIONS, re.MULTILINE))
    assert listed == {option.name for option in config.OPTIONS}


@pytest.mark.parametrize(
    "name", [each.command_name for each in vars(Commands).values() if hasattr(each, "command_name")]
)
def test_the_page_of_options_lists_every_command(name: str) -> None:
    assert re.search(rf"^\| `{name}[ `]", OPTIONS, re.MULTILINE)


@pytest.mark.parametrize("outcome", Outcome)
def test_the_page_of_options_lists_every_outcome(outcome: Outcome) -> None:
    assert re.search(rf"^\| `{outcome}` \| .+ \| (yes|no)", OPTIONS, re.MULTILINE)


def test_the_map_for_contributors_has_the_floors_that_the_linter_checks() -> None:
    rows = CONTRIBUTING[CONTRIBUTING.index("| module or package |") :].partition("\n\n")[0]
    cells = [row.split("|")[1] for row in rows.splitlines()[2:]]
    floors = [set(re.findall(r"`(\w+)(?:\.py|/)`", cell)) for cell in cells]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    [layers] = [each["layers"] for each in contracts if each["type"] == "layers"]
    assert floors == [set(layer.split(" : ")) for layer in layers]


def test_the_threat_model_names_tests_that_there_are() -> None:
    table = SECURITY[SECURITY.index("| who could |") :].partition("\n\n")[0]
    rows = [row.strip("| ").split(" | ") for row in table.splitlines()[2:]]
    for threat in rows:
        named = re.findall(r"`([\w/]+\.py)::([\w:]+)`", threat[-1])
        assert named or (threat[-1] == "none" and "nothing" in threat[-2]), threat
        for file, test in named:
            text = (ROOT / "tests" / file).read_text(encoding="utf-8")
            *classes, function = test.split("::")
            assert re.search(rf"def {function}\(", text), test
            assert all(f"class {name}" in text for name in classes), test


def test_who_finds_a_vulnerability_is_sent_to_the_page_of_security() -> None:
    sent = (ROOT / ".github" / "SECURITY.md").read_text(encoding="utf-8")
    anchors = re.findall(r"\]\(\.\./docs/security\.md#([\w-]+)\)", sent)
    headings = re.findall(r"^## (.*)$", SECURITY, re.MULTILINE)
    assert "how-to-report-a-vulnerability" in anchors
    assert set(anchors) <= {heading.lower().replace(" ", "-") for heading in headings}


def test_the_files_that_contributors_are_sent_to_exist() -> None:
    for name in re.findall(r"`([\w/.]+(?:\.py|/))`", CONTRIBUTING):
        places = (ROOT, ROOT / "addon" / "hubv1")
        assert any((place / name).exists() for place in places), name


def test_the_changelog_keeps_its_form_and_tells_of_this_version() -> None:
    headings = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)
    released = [each for each in headings if each != "[Unreleased]"]
    assert headings in (released, ["[Unreleased]", *released])
    dated = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", each) for each in released]
    versions, days = zip(*(each.groups() for each in dated if each), strict=True)
    assert len(versions) == len(released)
    assert versions[0] == __version__
    assert [*days] == sorted(days, reverse=True)
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", CHANGELOG, re.MULTILINE)) <= kinds


def test_readme_is_short() -> None:
    assert len(README.split()) <= 1600


def test_the_search_that_readme_shows_finds_the_calls_of_real_clients(tmp_path: Path) -> None:
    [line] = re.findall(r"^\$ (grep .*) \.$", README, re.MULTILINE)
    clients = [client for client in all_clients(Catalog.default()) if client.is_legacy]
    for number, client in enumerate(clients):
        (tmp_path / f"{number}.sh").write_text(client.command, encoding="utf-8")
    (tmp_path / "login.json").write_text('{"auths": {"https://index.docker.io/v1/": {}}}')
    (tmp_path / "new.sh").write_text("curl https://hub.docker.com/v2/repositories/acme/app/tags")
    found = output(f"cd {tmp_path}; {line} -l .", clean_environment(tmp_path)).split()
    assert sorted(found) == sorted(f"./{number}.sh" for number in range(len(clients)))


@pytest.mark.parametrize("code", [*PROBLEMS])
def test_the_page_of_answers_lists_every_error(code: str) -> None:
    status, _ = PROBLEMS[code]
    assert re.search(rf"\| {status} problem\+json.*`{code}`", ANSWERS)


def test_the_reference_shows_every_argument_of_the_report() -> None:
    shown = REFERENCE[REFERENCE.index("scripts/report [") :].partition("```")[0]
    for option in report_command.params:
        if isinstance(option, click.Option) and option.name != "version":
            assert re.search(rf"\[{option.opts[0]}[ \]]", shown)
            for choice in getattr(option.type, "choices", ()):
                assert re.search(rf"\b{choice}\b", shown) or f"\n| `{choice}` |" in OPTIONS


@pytest.mark.parametrize(("command", "page"), [("prove", "proof.md"), ("facts", "facts.md")])
def test_a_page_shows_every_argument_and_a_variable(command: str, page: str) -> None:
    text = _page(page)
    options = [each for each in command_of(command).params if isinstance(each, click.Option)]
    for option in options:
        assert re.search(rf"^\| .*`{option.opts[0]}[ `]", text, re.MULTILINE), option.opts
        for choice in getattr(option.type, "choices", ()):
            assert re.search(rf"\b{choice}\b", text), choice
    prefix = f"HUB_{command.upper()}_"
    named = set(re.findall(rf"`{prefix}(\w+)`", text))
    assert named
    assert named <= {str(option.name).upper() for option in options}


def test_the_page_of_scan_shows_every_argument() -> None:
    shown = SCAN[SCAN.index("scripts/scan PATH…\n") :].partition("```")[0]
    for option in scan_command.params:
        if isinstance(option, click.Option) and option.name != "version":
            assert f"[{option.opts[-1]}" in shown or f"[{option.opts[0]}" in shown
            for choice in getattr(option.type, "choices", ()):
                assert re.search(rf"\b{choice}\b", shown)


def test_the_page_of_scan_lists_every_format_gate_and_use() -> None:
    for each in (*scan.FORMATS, *scan.GATES, *Does):
        assert f"| `{each}` |" in SCAN
    for suffix in scan.SUFFIXES:
        assert f"`{suffix}`" in SCAN


def test_the_page_of_scan_lists_every_route_that_is_retired_next() -> None:
    table = SCAN[SCAN.index("| route | call instead |") :]
    for route in RETIRING_ROUTES:
        assert f"`{route.name}`" in table


def test_the_reference_tells_how_an_argument_stands_in_the_environment() -> None:
    named = re.findall(r"`(HUB_REPORT_\w+)", REFERENCE)
    options = [each for each in report_command.params if isinstance(each, click.Option)]
    known = {f"{ENVIRONMENT_PREFIX}_{str(option.name).upper()}" for option in options}
    assert set(named) <= known
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
        read = words[: words.index("|")] if "|" in words else words
        with report_command.make_context("scripts/report", [*read]) as context:
            assert context.params


def test_the_reference_lists_every_format_and_column() -> None:
    formats, rest = REFERENCE[REFERENCE.index("| format |") :].split("| column |")
    assert re.findall(r"^\| `(\w+)`", formats, re.MULTILINE) == list(FORMATS)
    columns = rest.partition("\n\n")[0]
    named = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", columns, re.MULTILINE)))
    assert tuple(named) == COLUMNS


@pytest.mark.parametrize("fail_on", FailOn)
def test_the_reference_lists_everything_to_fail_on(fail_on: FailOn) -> None:
    assert re.search(rf"^\| `{fail_on}` \|", REFERENCE, re.MULTILINE)


def test_the_files_of_callers_that_the_report_page_shows_are_such(tmp_path: Path) -> None:
    of_owners, shown = re.findall(r"```toml\n(.*?)```", REPORT, re.DOTALL)
    (tmp_path / "ignore.toml").write_text(shown, encoding="utf-8")
    [entry] = read_allowlist(tmp_path / "ignore.toml", date(2026, 6, 30)).in_force
    assert entry.caller == "legacy-mirror/*"
    (tmp_path / "owners.toml").write_text(of_owners, encoding="utf-8")
    [owner] = read_owners(tmp_path / "owners.toml")
    assert owner.team == "Platform"


@pytest.mark.parametrize(
    "script", ["run", "demo", "report", "scan", "prove", "lab", "test", "bench"]
)
def test_readme_names_every_script(script: str) -> None:
    assert f"scripts/{script}" in README
    assert (ROOT / "scripts" / script).stat().st_mode & 0o111


@pytest.mark.parametrize(
    "table",
    [
        *schema.metadata.sorted_tables,
        *outbox.local.sorted_tables,
        *postgres.shared.sorted_tables,
    ],
    ids=lambda table: table.name,
)
def test_the_page_of_tables_lists_every_column(table: Table) -> None:
    assert _columns(table) == {column.name for column in table.columns}


def _columns(table: Table) -> set[str]:
    """Those that the page lists in the section of the table."""
    section = re.split(r"^##+ ", TABLES, flags=re.MULTILINE)
    text = next(part for part in section if part.startswith(f"{table.name}:"))
    return set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE))))


@pytest.mark.parametrize("field", SCHEMA["properties"])
def test_the_reference_lists_every_field_of_the_json_report(field: str) -> None:
    table = REFERENCE[REFERENCE.index("| field |") :]
    [row] = re.findall(rf"^\| `{field}` \|.*", table, re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", row))
    if "each outcome" in row:
        named |= {*Outcome}
    assert set(_properties(SCHEMA["properties"][field])) <= named


def test_the_reference_lists_no_field_that_there_is_not() -> None:
    table = REFERENCE[REFERENCE.index("| field |") :]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [*SCHEMA["properties"]]


def _properties(part: Any) -> Iterator[str]:
    """The names of all fields that a part of a JSON schema describes, at any depth."""
    if isinstance(part, dict):
        yield from part.get("properties", ())
        yield from _properties([*part.values()])
    elif isinstance(part, list):
        for each in part:
            yield from _properties(each)


@pytest.mark.parametrize("outcome", Outcome)
def test_the_page_of_front_ends_lists_the_mark_of_every_outcome(outcome: Outcome) -> None:
    mark = MARKS[outcome]
    assert f"| `{outcome}` | {emoji.emoji[mark]} | `~marker {mark}` |" in FRONTENDS


def test_the_page_of_front_ends_names_every_command_and_the_content_view() -> None:
    commands = {name for name in dir(Bridge) if hasattr(getattr(Bridge, name), "command_name")}
    assert commands
    for name in commands:
        assert f"`{getattr(Bridge, name).command_name}" in FRONTENDS
    assert f"`{contentview.NAME}`" in FRONTENDS


@pytest.mark.parametrize("route", routes.ROUTES, ids=lambda route: route.name)
def test_the_page_of_answers_lists_every_route(route: routes.Route) -> None:
    assert f"| `{route.name}` | {route.verdict} | {route.sentence} |" in ANSWERS


def test_the_page_of_metrics_lists_every_one_with_its_labels() -> None:
    metrics = Metrics("127.0.0.1:0", lambda: Readings(fleet=ShippingStatus()))
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics.port}/metrics") as answer:
            shown = answer.read().decode()
    finally:
        metrics.close()
    served = set(re.findall(r"^# TYPE (\S+) (?:counter|gauge|histogram)", shown, re.MULTILINE))
    listed = set(re.findall(r"^\| `(hub_v1_\w+)`", METRICS, re.MULTILINE))
    assert listed == {name for name in served if not name.endswith("_created")}


def test_prometheus_takes_its_configuration_and_the_alerts() -> None:
    configuration = ROOT / "docs" / "deploy" / "prometheus.yaml"
    command = [tool("promtool"), "check", "config", str(configuration)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "5 rules found" in done.stdout
