"""The workflows for GitHub: their rights, their scripts and the versions that they try."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from e2e.clients import tool

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(path)
    return found


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


def supported() -> list[str]:
    """The versions of Python that the package says it is for."""
    return re.findall(r":: Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_read_and_only_a_job_that_says_why_may_do_more(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    lines = path.read_text(encoding="utf-8").splitlines()
    assert all(" # " in line for line in lines if re.search(r"^ +[\w-]+: write\b", line))
    assert all(job["timeout-minutes"] <= 90 for job in workflow["jobs"].values())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_shellcheck_has_nothing_against_its_steps(path: Path) -> None:
    for step in steps(path):
        if "run" in step:
            # What GitHub fills in beforehand is some word.
            script = re.sub(r"\$\{\{.*?\}\}", "word", step["run"])
            done = subprocess.run(
                [tool("shellcheck"), "--shell=bash", "-"],
                input=script,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_nothing_that_others_may_write_becomes_part_of_a_script(path: Path) -> None:
    for step in steps(path):
        assert not re.search(r"\$\{\{ *(?!matrix\.)", step.get("run", "")), step


def test_a_release_is_tried_with_each_python_of_the_package_before_it_is_published() -> None:
    jobs = read(FOLDER / "release.yml")["jobs"]
    assert jobs["install"]["strategy"]["matrix"]["python"] == supported()
    assert jobs["publish"]["needs"] == ["test", "install"]
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert PROJECT["requires-python"] == f">={supported()[0]}"


def test_a_release_is_of_the_version_that_its_tag_and_the_changelog_have(tmp_path: Path) -> None:
    [check] = [
        step["run"] for step in steps(FOLDER / "release.yml") if "changelog" in step.get("name", "")
    ]
    (tmp_path / "addon" / "hubv1").mkdir(parents=True)
    (tmp_path / "addon" / "hubv1" / "__init__.py").write_text('"""A."""\n__version__ = "1.2.3"\n')

    def checked(tag: str, *headings: str) -> bool:
        text = "\n".join(f"## {heading}\n\n- of {heading}\n" for heading in headings)
        (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{text}")
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", check]
        environment = {"PATH": "/usr/bin:/bin", "GITHUB_REF_NAME": tag}
        done = subprocess.run(command, cwd=tmp_path, env=environment, check=False)
        return done.returncode == 0

    dated, older = "[1.2.3] - 2026-11-29", "[1.2.2] - 2026-11-01"
    assert checked("v1.2.3", dated, older)
    notes = (tmp_path / "release" / "notes.md").read_text()
    assert notes.split() == f"- of {dated}".split()
    assert not checked("v1.2.4", dated, older)
    assert not checked("v1.2.3", older)
    assert not checked("v1.2.3", "[1.2.3] (unreleased)", older)


@pytest.mark.parametrize("name", ["release.yml", "newest.yml"])
def test_the_pictures_that_the_tests_take_of_the_page_are_kept(name: str) -> None:
    [at] = [at for at, step in enumerate(steps(FOLDER / name)) if ".ci/run" in step.get("run", "")]
    tests, upload = steps(FOLDER / name)[at : at + 2]
    assert upload["uses"].startswith("actions/upload-artifact@")
    assert upload["if"] == "always()"
    assert upload["with"]["path"] == tests["env"]["HUB_TEST_PICTURES"]


def test_the_weekly_job_lets_any_mitmproxy_be_installed(tmp_path: Path) -> None:
    [lift] = [
        step["run"] for step in steps(FOLDER / "newest.yml") if "mitmproxy" in step.get("name", "")
    ]
    file = tmp_path / "requirements.txt"
    before = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    file.write_text(before)
    subprocess.run(["bash", "-c", lift], cwd=tmp_path, check=True)
    after = file.read_text()
    [line] = re.findall(r"^mitmproxy.*", after, re.MULTILINE)
    assert line.partition("#")[0].strip() == "mitmproxy>=11.0.2"
    assert len(after.splitlines()) == len(before.splitlines())
