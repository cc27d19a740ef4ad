"""Installed with pip, without a checkout: each program, as its users start it."""

import json
import re
import subprocess
import sys
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from e2e.bridges import PATIENCE, ROOT, running, with_authority
from e2e.clients import ask, clean_environment
from e2e.installed import packages_of
from standin import Standin

CALL = "http://index.docker.io/v1/repositories/library/tiny/tags"
TINY = b'[{"layer": "", "name": "latest"}, '
MITMWEB = "import sys; from mitmproxy.tools.main import mitmweb; sys.exit(mitmweb())"


def run(*command: object, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        cwd=home,
        env=clean_environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_everything_that_the_bridge_is_made_of_is_there(programs: Path) -> None:
    def files(folder: Path) -> set[str]:
        found = (each for each in folder.rglob("*") if each.is_file())
        return {str(each.relative_to(folder)) for each in found if each.suffix != ".pyc"}

    assert files(packages_of(programs) / "hubv1") == files(ROOT / "addon" / "hubv1")


def test_what_it_needs_is_what_requirements_txt_says_and_its_headings_are_extras(
    programs: Path,
) -> None:
    (found,) = packages_of(programs).glob("hub_v1_bridge-*.dist-info")
    needed = {str(Requirement(each)) for each in PathDistribution(found).requires or ()}
    listed = set()
    marker = ""
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if heading := re.fullmatch(r"# \[(\w+)\]", line):
            marker = f'; extra == "{heading[1]}"'
        elif bare := line.partition("#")[0].strip():
            listed.add(str(Requirement(bare + marker)))
    assert needed == listed
    assert PathDistribution(found).metadata.get_all("Provides-Extra") == ["fleet", "scan"]


def test_pip_finds_nothing_missing_or_at_odds(programs: Path, tmp_path: Path) -> None:
    done = run(sys.executable, "-m", "pip", "--python", programs / "python", "check", home=tmp_path)
    assert done.stdout == "No broken requirements found.\n"
    assert done.returncode == 0


@pytest.mark.parametrize("program", ["hub-v1-bridge", "hub-v1-report"])
def test_its_version_is_that_of_the_package(programs: Path, tmp_path: Path, program: str) -> None:
    (found,) = packages_of(programs).glob("hub_v1_bridge-*.dist-info")
    version = PathDistribution(found).metadata["Version"]
    said = run(programs / program, "--version", home=tmp_path).stdout
    assert said.splitlines()[0] == f"hub-v1-bridge {version}"


def test_the_folder_that_mitmproxy_puts_on_its_path_has_nothing_but_the_addon(
    programs: Path, tmp_path: Path
) -> None:
    said = run(programs / "hub-v1-bridge", "addon-path", home=tmp_path).stdout
    addon = Path(said.removesuffix("\n"))
    beside = {each.name for each in addon.parent.iterdir()} - {"__pycache__"}
    assert beside == {"bridge.py"}
    assert addon.read_bytes() == (ROOT / "addon" / "bridge.py").read_bytes()


def test_help_calls_each_program_by_its_name(programs: Path, tmp_path: Path) -> None:
    said = run(programs / "hub-v1-bridge", "run", "--help", home=tmp_path).stdout
    assert said.startswith("Usage: hub-v1-bridge run [OPTIONS] [MITMDUMP ARGUMENTS]...")
    assert "scripts/run" not in said
    assert "usage: mitmdump " in said
    for name in ("hub-v1-report", "hub-v1-bridge report"):
        program, *command = name.split()
        said = run(programs / program, *command, "--help", home=tmp_path).stdout
        assert said.startswith(f"Usage: {name} ")
        assert "scripts/report" not in said


def test_it_checks_a_set_up(programs: Path, hub: Standin, tmp_path: Path) -> None:
    urls = [f"hub_url={hub.url}", f"hub_registry_url={hub.registry_url}"]
    settings = [word for url in urls for word in ("--set", url)]
    done = run(programs / "hub-v1-bridge", "check", "-p", "0", *settings, home=tmp_path)
    assert done.stdout.endswith("No problem found.\n")
    assert done.returncode == 0


def settings_for(confdir: Path, hub: Standin) -> list[str]:
    values = {
        "confdir": confdir,
        "hub_url": hub.url,
        "hub_journal": confdir / "journal.sqlite3",
        "hub_registry_url": "",
        "listen_port": 0,
    }
    return [word for name, value in values.items() for word in ("--set", f"{name}={value}")]


def test_a_call_is_bridged_and_reported(
    programs: Path, hub: Standin, authority: Path, tmp_path: Path
) -> None:
    confdir = with_authority(tmp_path / "conf", authority)
    command = [str(programs / "hub-v1-bridge"), "run", *settings_for(confdir, hub)]
    with running(confdir, command) as bridge:
        assert ask(bridge, CALL).body.startswith(TINY)
        assert "connection_strategy" not in bridge.log
    journal = ("--journal", bridge.journal)
    done = run(programs / "hub-v1-report", *journal, "--format", "json", home=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout)["totals"]["translated"] == 1


def test_mitmweb_loads_the_addon_that_is_named(
    programs: Path, hub: Standin, authority: Path, tmp_path: Path
) -> None:
    confdir = with_authority(tmp_path / "conf", authority)
    addon = run(programs / "hub-v1-bridge", "addon-path", home=tmp_path).stdout.strip()
    command = [str(programs / "python"), "-P", "-c", MITMWEB, "-s", addon]
    command += [*settings_for(confdir, hub), "--set", "listen_host=127.0.0.1"]
    command += ["--no-web-open-browser", "--set", "web_port=0"]
    with running(confdir, command) as bridge:
        assert ask(bridge, CALL).body.startswith(TINY)
