"""Checkouts to start the scripts in, whose paths have spaces in them."""

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parents[1]
VERSION = "{}.{}".format(*sys.version_info)
PATIENCE = 120
# What the scripts call, Python aside; enough for all of them.
PLAIN_TOOLS = ("bash", "basename", "cat", "dirname", "env", "realpath", "rm", "sort")
PROBE = Path("scripts", "probe")
PROBE_SCRIPT = """\
#!/usr/bin/env bash
source "$(dirname -- "$(realpath -- "${BASH_SOURCE[0]}")")/lib/setup.sh"
use_venv .venv "" requirements.txt
"$VENV/bin/python" -c 'import sys; print(sys.prefix)'
"""


def copy_checkout(folder: Path, requirements: str | None = None) -> Path:
    """What a clone has that the scripts need; `requirements` in the place of the real ones."""
    for part in ("scripts", "addon", "tests/standin", "tests/demo", "tests/bench", "tests/lab"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    shutil.copy(ROOT / "requirements.txt", folder)
    if requirements is not None:
        (folder / "requirements.txt").write_text(requirements)
    probe = folder / PROBE
    probe.write_text(PROBE_SCRIPT)
    probe.chmod(0o755)
    return folder


def link_packages(folder: Path) -> str:
    """A requirement that puts the packages of the tests into an environment, without a network.

    That requirements.txt itself can be installed shows where scripts/test makes an environment of
    it, as every script does.
    """
    name = "linked-1-py3-none-any.whl"
    with ZipFile(folder / name, "w") as wheel:
        wheel.writestr("linked.pth", sysconfig.get_path("purelib") + "\n")
        wheel.writestr(
            "linked-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: linked\nVersion: 1\n"
        )
        wheel.writestr("linked-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(
            "linked-1.dist-info/entry_points.txt",
            "[console_scripts]\nmitmdump = mitmproxy.tools.main:mitmdump\n",
        )
        wheel.writestr("linked-1.dist-info/RECORD", "")
    return f"linked @ {(folder / name).as_uri()}\n"


def start(
    command: Path, *arguments: object, cwd: Path = Path("/"), env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [command, *map(str, arguments)],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


def plain_tools(folder: Path) -> Path:
    """A folder for PATH in which there is no Python, nor anything else that need not be."""
    tools = folder / "tools"
    tools.mkdir()
    for name in PLAIN_TOOLS:
        (tools / name).symlink_to(str(shutil.which(name)))
    return tools


def only(tools: Path, **more: str) -> dict[str, str]:
    """An environment that knows these tools alone."""
    return {"PATH": str(tools), "HOME": str(tools), **more}
