"""The project installed with pip, as somebody has it who has no checkout."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest

from e2e.bridges import PATIENCE, ROOT

PARTS = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "requirements.txt", "addon")
"""All of a checkout that pip needs."""
BUILD_SDIST = "import setuptools.build_meta as made; made.build_sdist('dist')"


def install(folder: Path) -> Path:
    """The programs of an environment in which there is nothing but the project, from the wheel that
    pip makes of its sdist.

    What that needs comes from the environment of the tests, which was made from the same list.
    """
    sdist = build_sdist(folder)
    venv.create(folder / "env", symlinks=True)
    python = folder / "env" / "bin" / "python"
    _pip("--python", python, "install", "--no-deps", sdist)
    (packages_of(python.parent) / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


def build_sdist(folder: Path) -> Path:
    """The sdist of this checkout, as a release has it."""
    source = folder / "source"
    source.mkdir()
    for part in (*PARTS, "MANIFEST.in", "CHANGELOG.md"):
        if (ROOT / part).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, source / part, ignore=ignored)
        else:
            shutil.copy(ROOT / part, source)
    backend = tomllib.loads((source / "pyproject.toml").read_text())["build-system"]["requires"]
    _pip("install", "--target", folder / "backend", *backend)
    subprocess.run(
        [sys.executable, "-c", BUILD_SDIST],
        cwd=source,
        env={**os.environ, "PYTHONPATH": str(folder / "backend")},
        capture_output=True,
        check=True,
    )
    (sdist,) = (source / "dist").iterdir()
    return sdist.rename(folder / sdist.name)


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
