"""What the scripts say and do where a Python, a package or the network is missing."""

import os
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from checkouts import (
    PROBE,
    PROBE_SCRIPT,
    VERSION,
    copy_checkout,
    lines,
    only,
    plain_tools,
    start,
)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkout that needs no packages, so that its environment is made fast."""
    return copy_checkout(tmp_path / "bare checkout", requirements="# nothing\n")


@pytest.fixture(scope="module")
def untested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose tests have an environment without linters and without pytest."""
    folder = tmp_path_factory.mktemp("untested") / "bare checkout"
    checkout = copy_checkout(folder, requirements="# nothing\n")
    (checkout / "tests" / "requirements.txt").write_text("# no linters, no pytest\n")
    return checkout


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    return plain_tools(tmp_path)


def _put_python(tools: Path, script: str) -> None:
    python = tools / f"python{VERSION}"
    python.write_text(f"#!{shutil.which('sh')}\n{script}\n")
    python.chmod(0o755)


def test_what_pip_cannot_install_is_said_and_made_good_once_it_can(bare: Path) -> None:
    requirements = bare / "requirements.txt"
    requirements.write_text("./no-such-wheel-0-py3-none-any.whl\n")
    done = start(bare / PROBE)
    assert done.returncode == 1
    assert "no-such-wheel" in done.stderr
    assert lines(done.stderr)[-1] == (
        "scripts/probe: pip could not install requirements.txt; its output is above."
    )
    requirements.write_text("# all is well\n")
    assert start(bare / PROBE).returncode == 0
    requirements.write_text("# and has changed\n")
    done = start(bare / PROBE)
    assert lines(done.stderr) == ["scripts/probe: bringing .venv up to date with requirements.txt"]


def test_without_a_network_it_says_what_to_set(bare: Path) -> None:
    (bare / "requirements.txt").write_text("mitmproxy\n")
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "1"}
    alone = {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    done = start(bare / PROBE, env={**os.environ, **nowhere, **alone})
    assert done.returncode == 1
    assert "pip cannot reach the package index. Behind a proxy set https_proxy" in done.stderr


def test_without_any_python_it_says_how_to_get_one(bare: Path, tools: Path) -> None:
    done = start(bare / "scripts" / "run", env=only(tools))
    assert done.returncode == 1
    assert done.stderr == (
        "scripts/run: Found no Python 3.11 or later. Install one, on Debian or Ubuntu with "
        "'sudo apt-get install python3 python3-venv', elsewhere with 'pyenv install 3.13'.\n"
    )


def test_a_python_that_cannot_make_environments_is_named_with_what_it_lacks(
    bare: Path, tools: Path
) -> None:
    without = 'import sys; sys.modules["ensurepip"] = None; exec(sys.stdin.read())'
    _put_python(tools, f"shift 2; exec {shlex.quote(sys.executable)} -I -c '{without}' \"$@\"")
    done = start(bare / "scripts" / "run", env=only(tools))
    assert done.returncode == 1
    (line,) = lines(done.stderr)
    assert f"python{VERSION} cannot make virtual environments: it lacks ensurepip." in line
    assert f"'sudo apt-get install python{VERSION}-venv'" in line


def test_a_shim_that_fails_is_passed_over_for_a_python_of_pyenv(bare: Path, tools: Path) -> None:
    _put_python(tools, "echo 'pyenv: command not found' >&2; exit 127")
    real = tools / "pyenv" / "versions" / f"{VERSION}.0" / "bin" / f"python{VERSION}"
    real.parent.mkdir(parents=True)
    real.symlink_to(Path(sys.executable).resolve())
    (bare / PROBE).write_text(PROBE_SCRIPT.partition("use_venv")[0] + "find_python ''\n")
    done = start(bare / PROBE, env=only(tools, PYENV_ROOT=str(tools / "pyenv")))
    assert (done.stdout.strip(), done.stderr) == (str(real.resolve()), "")


def test_all_parts_of_the_tests_are_run_though_the_first_fails(untested: Path) -> None:
    done = start(untested / "scripts" / "test", "--python", VERSION)
    summary = done.stdout.partition("== summary\n")[2]
    endings = {line[17:]: line.split()[0] for line in lines(summary)}
    assert done.returncode == 1
    assert endings.pop(f"environment for Python {VERSION}") == "ok"
    endings.pop("shellcheck")
    assert set(endings.values()) == {"FAILED"}
    assert {"ruff check", "ruff format", "mypy"} < set(endings)
    assert any(name.startswith("tests with Python") for name in endings)


def test_the_quick_tests_are_with_one_python_and_beside_the_linters(untested: Path) -> None:
    done = start(untested / "scripts" / "test", "--quick", "--python", VERSION)
    summary = done.stdout.partition("== summary\n")[2]
    assert f"quick tests with Python {VERSION}" in summary
    assert summary.count("tests with") == 1
    assert "mypy" in summary


def test_in_ci_a_missing_python_is_a_failure(bare: Path, tools: Path) -> None:
    done = start(bare / "scripts" / "test", env=only(tools, CI="true"))
    assert done.returncode == 1
    assert "FAILED           tests with Python 3.11: not installed" in done.stdout
    assert "FAILED           tests with Python 3.13: not installed" in done.stdout
