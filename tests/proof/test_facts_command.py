"""`hub-v1-bridge facts`, and the workflow that runs it each week."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from e2e.clients import PATIENCE, clean_environment, tool
from hubv1.cli.main import main
from hubv1.proof import FACTS, MOST_CALLS
from standin import Standin, faults

ROOT = Path(__file__).parents[2]
SHELL = ("--noprofile", "--norc", "-eo", "pipefail", "-c")
"""How GitHub runs a step in bash."""
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def running() -> Iterator[Standin]:
    with Standin() as running:
        yield running


def facts(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of the command."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["facts", *arguments])
    return code, out.getvalue(), err.getvalue()


def at(hub: Standin) -> list[str]:
    return ["--hub", hub.url, "--registry", hub.registry_url]


class TestCommand:
    def test_it_has_a_line_for_each_fact_and_ends_with_0_where_none_differs(
        self, hub: Standin
    ) -> None:
        code, out, err = facts(*at(hub))
        *lines, last = out.splitlines()
        assert (code, err, len(lines)) == (0, "", len(FACTS))
        assert {line.split()[0] for line in lines} == {"holds", "unknown"}
        assert re.fullmatch(r"\d+ facts hold, 0 differ, \d+ unknown; \d+ requests\.", last)

    def test_it_ends_with_4_where_one_differs_and_says_what_came(self, hub: Standin) -> None:
        hub.faults.add("page=11$", faults.status(402, {"message": "pay\x1b[31m"}))
        code, out, _ = facts(*at(hub))
        assert code == 4
        differs = [line for line in out.splitlines() if line.startswith("differs")]
        assert len(differs) == 2
        assert all("pay" in line and "\x1b" not in line for line in differs)

    def test_its_json_has_every_fact_with_its_source(self, hub: Standin) -> None:
        code, out, _ = facts(*at(hub), "--format", "json")
        told: dict[str, Any] = json.loads(out)
        assert code == 0
        assert [each["id"] for each in told["facts"]] == [fact.id for fact in FACTS]
        for each in told["facts"]:
            assert {*each} == {
                *("id", "fact", "result", "seen", "certainty", "source", "date", "file")
            }
            assert each["result"] in ("holds", "differs", "unknown")
            assert each["seen"]
        assert told["requests"] == len(hub.calls) <= MOST_CALLS
        page = (ROOT / "docs" / "facts.md").read_text(encoding="utf-8")
        assert all(f'"{name}"' in page for name in (*told, *told["facts"][0]))

    def test_it_signs_in_where_it_is_told_to(
        self, hub: Standin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HUB_SECRET", "secret\n")
        code, out, _ = facts(*at(hub), "--username", "acme")
        assert (code, "--username" in out) == (0, False)
        monkeypatch.setenv("HUB_SECRET", "another")
        assert facts(*at(hub), "--username", "acme")[0] == 4

    def test_it_ends_with_1_where_nobody_answers(self) -> None:
        code, out, err = facts("--hub", NOWHERE, "--registry", NOWHERE)
        assert (code, out.splitlines()[-1][:29]) == (1, "0 facts hold, 0 differ, 49 un")
        assert err == f"hub-v1-bridge facts: Neither {NOWHERE} nor {NOWHERE} answered.\n"

    def test_it_goes_through_the_proxy_that_the_environment_names(
        self, hub: Standin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("http_proxy", NOWHERE)
        assert facts(*at(hub))[0] == 1
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert facts(*at(hub))[0] == 0

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--hub", "ftp://hub.example"], "such as https://hub.docker.com"),
            (["--hub", "http://$(reboot)"], "such as https://hub.docker.com"),
            (["--registry", "https://me:secret@registry.example"], "such as https://hub"),
            (["--username", "acme"], "needs the secret of acme in the environment, as HUB_SECRET"),
        ],
    )
    def test_arguments_that_make_no_sense_are_wrong_usage(
        self, arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("HUB_SECRET", raising=False)
        code, _, err = facts(*arguments)
        assert (code, said in err) == (2, True)
        assert "secret@" not in err


class TestWorkflow:
    """Its steps run in bash as GitHub's runner runs them; gh writes down what it is told."""

    def test_it_opens_no_issue_where_all_holds(self, hub: Standin, tmp_path: Path) -> None:
        assert run_steps(hub, tmp_path) == []
        assert "facts hold, 0 differ" in (tmp_path / "summary.md").read_text()

    def test_it_opens_an_issue_with_what_differs(self, hub: Standin, tmp_path: Path) -> None:
        hub.faults.add("/images$", faults.status(200, []), listener="hub")
        commands = run_steps(hub, tmp_path)
        assert [line.split()[:2] for line in commands] == [
            ["issue", "list"],
            ["label", "create"],
            ["issue", "create"],
        ]
        body = (tmp_path / "body.md").read_text()
        assert len(re.findall(r"^differs +\d+ ", body, re.MULTILINE)) == 2
        assert "/actions/runs/7" in body

    def test_it_adds_to_an_issue_that_is_open(self, hub: Standin, tmp_path: Path) -> None:
        hub.faults.add("/images$", faults.status(200, []), listener="hub")
        commands = run_steps(hub, tmp_path, GH_OPEN="12")
        assert [line.split()[:3] for line in commands[1:]] == [["issue", "comment", "12"]]

    def test_it_fails_where_nobody_answers(self, hub: Standin, tmp_path: Path) -> None:
        hub.faults.add("", faults.drop())
        with pytest.raises(subprocess.CalledProcessError):
            run_steps(hub, tmp_path)


def run_steps(hub: Standin, folder: Path, **more: str) -> list[str]:
    """Run the workflow; returns the command lines of gh."""
    file = ROOT / ".github" / "workflows" / "facts.yml"
    workflow = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    assert workflow["on"]["schedule"]
    [job] = workflow["jobs"].values()
    assert job["permissions"] == {"contents": "read", "issues": "write"}
    (job,) = workflow["jobs"].values()
    steps = {step["name"]: step for step in job["steps"] if "run" in step}
    ask, issue = steps["Ask Docker's hosts"], steps["Open an issue with what differs"]
    environment = runner_environment(hub, folder) | more
    run_step(ask, folder, environment)
    [[name, code]] = [line.split("=") for line in (folder / "output").read_text().splitlines()]
    if issue["if"] == f"steps.ask.outputs.{name} == '{code}'":
        run_step(issue, folder, environment)
    told = folder / "gh.txt"
    return told.read_text().splitlines() if told.exists() else []


def run_step(step: Mapping[str, Any], folder: Path, environment: Mapping[str, str]) -> None:
    subprocess.run(
        [tool("bash"), *SHELL, step["run"]],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        timeout=2 * PATIENCE,
        check=True,
    )


def runner_environment(hub: Standin, folder: Path) -> dict[str, str]:
    """As much of GitHub's runner as the steps need."""
    programs = {
        "gh": 'echo "$@" >> gh.txt; [ "$2" != list ] || echo "$GH_OPEN"',
        "hub-v1-bridge": f'exec {sys.executable} -c "import sys; from hubv1.cli.main import main; '
        'sys.exit(main())" "$@"',
    }
    for name, script in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    made = clean_environment(folder)
    return made | {
        "PATH": f"{folder}:{made['PATH']}",
        "PYTHONPATH": str(ROOT / "addon"),
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "somebody/hub-v1-bridge",
        "GITHUB_RUN_ID": "7",
        "HUB_FACTS_HUB": hub.url,
        "HUB_FACTS_REGISTRY": hub.registry_url,
    }
