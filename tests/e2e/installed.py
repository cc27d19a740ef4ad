"""The project installed with pip, as somebody has it who has no checkout."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from e2e.bridges import PATIENCE, ROOT

PARTS = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "requirements.txt", "addon")
"""All of a checkout that pip needs."""


def install(folder: Path) -> Path:
    """The programs of an environment in which there is nothing but the project.

    What that needs comes from the environment of the tests, which was made from the same list.
    """
    source = folder / "source"
    source.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, source / part, ignore=ignored)
        else:
            shutil.copy(ROOT / part, source)
    venv.create(folder / "env", symlinks=True)
    python = folder / "env" / "bin" / "python"
    _pip("--python", python, "install", "--no-deps", source)
    shutil.rmtree(source)
    (packages_of(python.parent) / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


def packages_of(programs: Path) -> Path:
    return next((programs.parent / "lib").glob("python*/site-packages"))


def _pip(*arguments: object) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE,
        check=False,
    )
    if re.search("connection broken|Max retries|No matching distribution", done.stderr):
        if os.environ.get("CI") == "true":
            pytest.fail(done.stderr)
        pytest.skip("no network to get setuptools from")
    assert done.returncode == 0, done.stderr
