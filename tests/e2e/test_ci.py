"""The workflow that docs/ci.md shows, its steps run in bash as GitHub's runner runs them."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from addresses import Address, own_address
from e2e.bridges import PATIENCE, ROOT, with_authority
from e2e.clients import clean_environment, tool
from standin import Standin

PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
"""How GitHub runs a step."""


def workflow() -> dict[str, Any]:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    found: dict[str, Any] = YAML(typ="safe").load(text)
    return found


@dataclass
class Runner:
    """As much of GitHub's runner as the steps need."""

    folder: Path
    address: Address
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
            "RUNNER_TEMP": str(self.folder / "temp"),
            "GITHUB_ENV": str(self.folder / "env"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
            "no_proxy": "",
        }
        (self.folder / "env").touch()

    def run(self, step: dict[str, Any]) -> str:
        """What a step prints; it has to end well. What it leaves running goes on."""
        script = step["run"]
        with (self.folder / "out").open("w+b") as out:
            process = subprocess.Popen(
                [*SHELL, script],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
            self.groups.append(process.pid)
            code = process.wait(2 * PATIENCE)
            out.seek(0)
            said = out.read().decode()
        assert code == 0, said
        lines = (self.folder / "env").read_text().splitlines()
        self.environment |= dict(line.split("=", 1) for line in lines)
        return said

    def end(self) -> None:
        """What the runner does at the end of a job."""
        for group in self.groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGTERM)


@pytest.fixture
def runner(programs: Path, authority: Path, hub: Standin, tmp_path: Path) -> Iterator[Runner]:
    for name in ("curl", "wget"):
        tool(name)
    made = Runner(tmp_path, own_address(), programs)
    confdir = with_authority(tmp_path / "temp" / "hub-v1", authority)
    config = f"hub_url: {hub.url}\nhub_registry_url: ''\n"
    config += f"listen_host: {made.address.host}\nlisten_port: {made.address.port}\n"
    (confdir / "config.yaml").write_text(config)
    try:
        yield made
    finally:
        made.end()


def test_its_steps_bridge_the_job_and_leave_both_reports(runner: Runner, hub: Standin) -> None:
    (job,) = workflow()["jobs"].values()
    runner.environment |= {
        name: value.replace("127.0.0.1:8080", str(runner.address))
        for name, value in job["env"].items()
    }
    steps = [step for step in job["steps"] if "run" in step]
    begin, itself, report = steps
    runner.run(begin)
    said = runner.run(itself)
    assert "there" in said
    assert '{"layer": "", "name": "linux"}' in said
    runner.run(report)
    summary = (runner.folder / "summary.md").read_text()
    assert "library/hello-world" in summary
    (upload,) = (step for step in job["steps"] if "upload-artifact" in step.get("uses", ""))
    assert '"hub-v1-report/1"' in (runner.folder / upload["with"]["path"]).read_text()
    calls = [call for call in hub.calls if call.path.startswith("/v2/")]
    assert len(calls) == 2


def test_the_reports_are_made_where_the_job_fails_too() -> None:
    (job,) = workflow()["jobs"].values()
    after = job["steps"][-2:]
    assert [step["if"] for step in after] == ["always()", "always()"]
