"""The actions for GitHub, their steps run in bash as GitHub's runner runs them."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from addresses import own_address
from e2e.bridges import PATIENCE, ROOT, eventually, query, with_authority
from e2e.clients import clean_environment, tool
from e2e.test_deploy_files import valid
from standin import Standin

PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
"""How GitHub runs a step."""
WGET_GOT_AN_ERROR = 8
A_GATE_IS_SHUT = 4


BEGIN, REPORT = (ROOT / "action.yml", ROOT / "report" / "action.yml")
BRIDGED = ROOT / ".github" / "workflows" / "bridged.yml"


def read(source: Path | str) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(source)
    return found


def examples() -> list[dict[str, Any]]:
    """The workflows that the page shows."""
    return [read(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


@dataclass
class Runner:
    """As much of GitHub's runner as the steps need."""

    folder: Path
    programs: Path
    environment: dict[str, str] = field(init=False)
    groups: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        fakes = self.folder / "fakes"
        fakes.mkdir()
        # What it would install is there already.
        (fakes / "pipx").write_text('#!/bin/sh\n[ "$1" = install ]\n')
        (fakes / "pipx").chmod(0o755)
        for name in ("home", "temp"):
            (self.folder / name).mkdir()
        self.environment = clean_environment(self.folder / "home") | {
            "PATH": f"{fakes}:{self.programs}:{os.environ['PATH']}",
            "GITHUB_ACTION_PATH": str(ROOT),
            "RUNNER_TEMP": str(self.folder / "temp"),
            "GITHUB_ENV": str(self.folder / "env"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
            "no_proxy": "",
        }
        (self.folder / "env").touch()

    @property
    def log(self) -> str:
        """What the bridge, or else the last step, said."""
        return (self.folder / "temp" / "hub-v1" / "log").read_text()

    def act(self, action: Path, **given: str) -> int:
        """Run the scripts of an action; the code of the last one."""
        made = read(action)
        inputs = {name: each["default"] for name, each in made["inputs"].items()} | given
        code = 0
        for step in made["runs"]["steps"]:
            if "run" in step:
                code, _ = self.run(step, inputs)
        return code

    def run(self, step: dict[str, Any], inputs: Mapping[str, str]) -> tuple[int, str]:
        """How a step ends and what it prints. What it leaves running goes on."""
        own = {name: filled(value, inputs) for name, value in step.get("env", {}).items()}
        with (self.folder / "out").open("w+b") as out:
            process = subprocess.Popen(
                [*SHELL, step["run"]],
                cwd=self.folder,
                env=self.environment | own,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
            self.groups.append(process.pid)
            code = process.wait(2 * PATIENCE)
            out.seek(0)
            said = out.read().decode()
        lines = (self.folder / "env").read_text().splitlines()
        self.environment |= dict(line.split("=", 1) for line in lines)
        return code, said

    @property
    def report(self) -> dict[str, Any]:
        """The report that the action leaves, at the path that it uploads."""
        upload = read(REPORT)["runs"]["steps"][-1]
        path = filled(upload["with"]["path"], {}).replace(
            "${{ runner.temp }}", self.environment["RUNNER_TEMP"]
        )
        found: dict[str, Any] = json.loads(Path(path).read_text())
        return found

    def end(self) -> None:
        """What the runner does at the end of a job."""
        for group in self.groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGTERM)


def filled(text: str, inputs: Mapping[str, str]) -> str:
    """A text with the inputs that GitHub puts into it beforehand."""
    return re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: inputs[found[1]], text)


@pytest.fixture
def runner(programs: Path, authority: Path, hub: Standin, tmp_path: Path) -> Iterator[Runner]:
    for name in ("curl", "wget"):
        tool(name)
    made = Runner(tmp_path, programs)
    confdir = with_authority(tmp_path / "temp" / "hub-v1", authority)
    (confdir / "config.yaml").write_text(f"hub_url: {hub.url}\nhub_registry_url: ''\n")
    try:
        yield made
    finally:
        made.end()


@pytest.fixture
def port() -> str:
    return str(own_address().port)


def test_they_bridge_a_job_and_leave_its_report(runner: Runner, hub: Standin, port: str) -> None:
    [job] = examples()[0]["jobs"].values()
    [itself] = (step for step in job["steps"] if "run" in step)
    assert runner.act(BEGIN, port=port) == 0, runner.log
    code, said = runner.run(itself, {})
    assert code == 0
    assert "there" in said
    assert '{"layer": "", "name": "linux"}' in said
    assert runner.act(REPORT) == 0
    summary = runner.folder / "summary.md"
    assert "library/hello-world" in summary.read_text()
    assert len(summary.read_text().splitlines()) <= 10
    assert runner.report["schema"] == "hub-v1-report/1"
    calls = [call for call in hub.calls if call.path.startswith("/v2/")]
    assert len(calls) == 2
    (runner.folder / "last.json").write_text(json.dumps(runner.report))
    summary.unlink()
    assert runner.act(REPORT, arguments=f"--baseline {runner.folder}/last.json") == 0
    digest, _, whole = summary.read_text().partition("- They call: 2: `Wget/")
    assert "- Still there: 2: `Wget/" in digest
    assert "`library/hello-world`" in whole
    assert len(summary.read_text().splitlines()) <= 13


def test_a_gate_fails_the_job_and_the_report_is_there_all_the_same(
    runner: Runner, port: str
) -> None:
    [job] = examples()[1]["jobs"].values()
    assert runner.act(BEGIN, port=port, options="--set hub_mode=gone") == 0, runner.log
    [itself] = (step for step in read(BRIDGED)["jobs"]["bridged"]["steps"] if "run" in step)
    code, _ = runner.run(itself, job["with"])
    assert code == WGET_GOT_AN_ERROR
    assert runner.act(REPORT, arguments="--fail-on any") == A_GATE_IS_SHUT
    assert "1 legacy call by 1 caller" in (runner.folder / "summary.md").read_text()
    assert [caller["calls"] for caller in runner.report["callers"]] == [1]


def test_a_job_without_any_call_goes_on(runner: Runner, port: str) -> None:
    assert runner.act(BEGIN, port=port) == 0, runner.log
    journal = runner.folder / "temp" / "hub-v1" / "hub-journal.sqlite3"
    # The journal counts once a second; a job takes longer than this test.
    eventually(lambda: query(journal, "SELECT * FROM seen") != [], "the traffic is counted")
    assert runner.act(REPORT, arguments="--fail-on any") == 0


def test_a_bridge_that_cannot_start_fails_the_job_and_says_why(runner: Runner, port: str) -> None:
    assert runner.act(BEGIN, port=port, options="--set hub_mode=nonsense") == 1
    assert "nonsense" in runner.log


def test_github_takes_the_actions_and_the_workflows() -> None:
    valid("vendor.github-actions", BEGIN, REPORT)
    valid("vendor.github-workflows", *BRIDGED.parent.iterdir())


def test_the_examples_give_what_is_there_and_report_where_the_job_fails_too(tmp_path: Path) -> None:
    by_action, by_workflow = examples()
    for number, example in enumerate((by_action, by_workflow)):
        YAML(typ="safe").dump(example, tmp_path / f"{number}.yml")
    valid("vendor.github-workflows", *tmp_path.iterdir())
    [job] = by_action["jobs"].values()
    uses = [step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step]
    assert uses == ["OWNER/hub-v1-bridge", "actions/checkout", "OWNER/hub-v1-bridge/report"]
    [own] = read(BRIDGED)["jobs"].values()
    ends = (job["steps"][-1], own["steps"][-1], read(REPORT)["runs"]["steps"][-1])
    assert {step["if"] for step in ends} == {"always()"}
    [caller] = by_workflow["jobs"].values()
    inputs = read(BRIDGED)["on"]["workflow_call"]["inputs"]
    required = {name for name, each in inputs.items() if each.get("required")}
    assert required <= set(caller["with"]) <= set(inputs)
    assert caller["uses"].split("@")[0].endswith(str(BRIDGED.relative_to(ROOT)))
