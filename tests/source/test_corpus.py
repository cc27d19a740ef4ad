"""The frozen files: every call is found, nothing else, and what is changed is right."""

import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from e2e.clients import clean_environment, tool
from hubv1.source import Tree, render, scan_trees, write_fixes
from source import fixes_page
from source.corpus import Marked, files, write

FILES = [pytest.param(each, id=each.name) for each in files()]
SHELL = ("sh", "zsh", "Makefile", "Dockerfile", "Jenkinsfile", "yml", "md")


def test_the_corpus_is_whole() -> None:
    marked = [*files()]
    assert len(marked) == 60
    assert sum(each.has_calls for each in marked) == 30
    assert all(bool(each.marks) is each.has_calls for each in marked)


@pytest.mark.parametrize("marked", FILES)
def test_every_call_is_found_and_nothing_else(marked: Marked, tmp_path: Path) -> None:
    file = tmp_path / marked.name
    file.parent.mkdir(parents=True)
    file.write_text(marked.text, encoding="utf-8")
    found = scan_trees(Tree([file], [], tmp_path)).findings
    assert [
        (
            str(each.line),
            each.target.kind,
            each.target.route,
            each.target.repository,
            str(each.does),
            "fix" if each.fix else "no fix",
        )
        for each in found
    ] == [*marked.marks]


def test_most_calls_in_shell_are_fixed(tmp_path: Path) -> None:
    found = scan_trees(Tree([write(tmp_path)], [], tmp_path)).findings
    shell = [each for each in found if each.file.endswith(SHELL) and str(each.does) != "unknown"]
    assert sum(each.fix is not None for each in shell) >= 0.8 * len(shell)


def test_what_was_fixed_is_found_no_more_but_for_variables_that_are_left_over(
    tmp_path: Path,
) -> None:
    scan = scan_trees(Tree([write(tmp_path)], [], tmp_path))
    without = [each.key for each in scan.findings if each.fix is None]
    write_fixes(scan, pytest.fail)
    assert scan.fixed > 20
    left = scan_trees(Tree([tmp_path], [], tmp_path)).findings
    assert [each.key for each in left if each.key in without] == without
    over = [each.text.partition("=")[0].strip() for each in left if each.key not in without]
    assert over == ["IMAGE_CHECK_URL", "HUB", "url"]


def test_git_takes_the_diff_and_makes_the_same_of_it(tmp_path: Path) -> None:
    folder = write(tmp_path / "there")
    scan = scan_trees(Tree([folder], [], tmp_path))
    (tmp_path / "scan.diff").write_bytes(render(scan, "diff").encode("latin-1"))
    write(tmp_path / "copy" / "there")
    applied = subprocess.run(
        [tool("git"), "apply", tmp_path / "scan.diff"],
        cwd=tmp_path / "copy",
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert applied.returncode == 0, applied.stderr
    write_fixes(scan, pytest.fail)
    for file in folder.rglob("*"):
        if file.is_file():
            copy = tmp_path / "copy" / "there" / file.relative_to(folder)
            assert copy.read_bytes() == file.read_bytes()


def test_fixed_yaml_is_yaml_with_the_lines_that_shell_gets(tmp_path: Path) -> None:
    folder = write(tmp_path)
    write_fixes(scan_trees(Tree([folder], [], tmp_path)), pytest.fail)
    [_, line, _] = YAML(typ="safe").load(folder / "calls/.gitlab-ci.yml")["build"]["script"]
    assert line.startswith('curl -fsSi -H "Authorization: Bearer $(')
    assert line.endswith('sort_by(. != "latest", .)[]\' > tags.txt')
    workflow = YAML(typ="safe").load(folder / "calls/.github/workflows/publish.yml")
    assert "404) (exit 22) ;;" in workflow["jobs"]["publish"]["steps"][1]["run"]


def test_fixed_scripts_are_shell(tmp_path: Path) -> None:
    folder = write(tmp_path)
    write_fixes(scan_trees(Tree([folder], [], tmp_path)), pytest.fail)
    for script in (folder / "calls").rglob("*.sh"):
        done = subprocess.run(
            [tool("bash"), "-n", script], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_make_reads_fixed_shell_to_its_end(tmp_path: Path) -> None:
    host = "https://index.docker.io/v1/repositories"
    makefile = tmp_path / "Makefile"
    makefile.write_text(
        f"X := $(shell curl -s {host}/$(I)/tags | jq -r '.[].name' | sort -V | tail -1)\n"
        f"Y := $(shell curl -sf {host}/acme/app/tags/$(T) > /dev/null && echo yes)\nall:\n\t@:\n"
    )
    scan = scan_trees(Tree([makefile], [], tmp_path))
    write_fixes(scan, pytest.fail)
    assert scan.fixed == 2
    # What the function `shell` would run, `info` prints.
    makefile.write_text(makefile.read_text().replace("$(shell ", "$(info "))
    printed = subprocess.run(
        [tool("make"), "-f", makefile, "I=debian"], capture_output=True, text=True, check=True
    ).stdout
    first, second = printed.splitlines()
    assert first.endswith(" | sort -V | tail -1")
    assert second.endswith("esac && echo yes")
    parsed = subprocess.run([tool("bash"), "-n"], input=printed, text=True, check=False)
    assert parsed.returncode == 0


def test_the_page_of_fixes_is_made_of_the_table() -> None:
    assert fixes_page.PAGE.read_text(encoding="utf-8") == fixes_page.page()
