"""What a release wrote opens in every later one: a journal, a JSON report and a flow file."""

import asyncio
import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from hubv1.cli.main import main
from kept.__main__ import CALLS, FLOWS, FOLDER, JOURNAL, REPORT
from onstage import answered, entries, make_flow, on_stage
from report.recordings import read
from report.schemas import checked
from standin import Standin

CHANGELOG = (Path(__file__).parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")
RELEASES = re.findall(r"^## \[?(\d+\.\d+\.\d+)\]? - \d{4}-\d\d-\d\d$", CHANGELOG, re.MULTILINE)
FACTS = ("seen", "totals", "window", "days", "callers", "findings", "routes")
WORDING = {
    "change": "what to do instead may be said better",
    "sentence": "as change",
    "successor": "as change",
    "reason": "with the standing",
    "standing": "a caller becomes quiet with time",
    "this_hour": "an hour passes",
}
"""Fields of a report that may say something else another day, and why."""


def test_there_is_a_release_and_each_has_left_its_files() -> None:
    assert RELEASES
    for release in RELEASES:
        names = {file.name for file in (FOLDER / release).iterdir()}
        assert names == {JOURNAL, REPORT, FLOWS}, release


@pytest.fixture(params=RELEASES)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a release's files, as its user has them."""
    return Path(shutil.copytree(FOLDER / str(request.param), tmp_path / "kept"))


def made(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert main(["report", "--format", "json", *map(str, arguments)]) == 0
    return checked(capsys.readouterr().out)


def facts(report: dict[str, Any]) -> dict[str, Any]:
    return {name: _factual(report[name]) for name in FACTS}


def _factual(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _factual(each) for name, each in value.items() if name not in WORDING}
    return [_factual(each) for each in value] if isinstance(value, list) else value


def assert_has(now: Any, then: Any, at: str = "") -> None:
    """Whatever was said then is said now, among what may have been added."""
    if isinstance(then, dict):
        for name, value in then.items():
            assert_has(now[name], value, f"{at}.{name}")
    elif isinstance(then, list):
        assert len(now) == len(then), at
        for number, value in enumerate(then):
            assert_has(now[number], value, f"{at}[{number}]")
    else:
        assert now == then, at


def test_its_journal_gives_the_report_that_the_release_gave(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    then = json.loads((kept / REPORT).read_text(encoding="utf-8"))
    assert then["totals"]["calls"] > len(CALLS) / 2
    assert all(then[name] for name in FACTS)
    assert_has(facts(made(capsys, "--journal", kept / JOURNAL)), facts(then))


def test_a_bridge_goes_on_with_its_journal(
    kept: Path, hub: Standin, capsys: pytest.CaptureFixture[str]
) -> None:
    before = entries(kept / JOURNAL)

    async def playing() -> None:
        async with on_stage(kept, hub.url) as stage:
            assert answered(await stage.play(make_flow())).status_code == 200

    asyncio.run(playing())
    after = entries(kept / JOURNAL)
    assert _ids(after[:-1]) == _ids(before)
    assert after[-1].outcome == "translated"
    total = made(capsys, "--journal", kept / JOURNAL)["totals"]["calls"]
    assert total == len(before) + 1


def test_its_report_tells_who_is_new_since(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    baseline = ("--baseline", kept / REPORT, "--fail-on", "new")
    compared = made(capsys, "--journal", kept / JOURNAL, *baseline)["baseline"]
    assert (compared["new"], compared["gone"]) == ([], [])
    assert len(compared["still"]) == len(json.loads((kept / REPORT).read_text())["callers"])


def test_its_flow_file_has_the_calls_of_its_journal(kept: Path) -> None:
    recorded, seen = read(kept / FLOWS)
    assert recorded == entries(kept / JOURNAL)
    assert seen.flows > len(recorded)


def _ids(rows: Iterable[Any]) -> list[str]:
    return [row.id for row in rows]
