"""What a bridge loads that nobody asks for a report, and that ships to no fleet."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

import hubv1
from e2e.bridges import ADDON
from report.made import write_journal
from samples import make_entry

LEFT_ALONE = ("hubv1.report", "hubv1.doctor", "rich", "jinja2", "psycopg")
START = """
import asyncio, sys
from mitmproxy import options
from mitmproxy.addons import proxyserver
from mitmproxy.test import taddons

known = set(sys.modules)
sys.path.insert(0, sys.argv[1])
import bridge

async def start():
    [addon] = bridge.addons
    confdir = options.Options(confdir=sys.argv[2])
    with taddons.context(proxyserver.Proxyserver(), addon, options=confdir) as context:
        context.configure(addon, hub_deadline=5)
        addon.running()
        assert addon.components
        print(*set(sys.modules) - known, sep="\\n")
        await addon.done()

asyncio.run(start())
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The modules that a bridge adds to those of mitmproxy, in an interpreter of its own."""
    confdir = tmp_path_factory.mktemp("conf")
    command = [sys.executable, "-W", "ignore", "-c", START, str(ADDON.parent), str(confdir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (Path(confdir) / "hub-journal.sqlite3").is_file()
    return set(done.stdout.split())


@pytest.mark.parametrize("module", LEFT_ALONE)
def test_a_bridge_starts_without(loaded: set[str], module: str) -> None:
    assert "hubv1.addon" in loaded
    assert not {each for each in loaded if each == module or each.startswith(f"{module}.")}


def test_a_report_of_journals_loads_nothing_that_only_recordings_need(tmp_path: Path) -> None:
    journal = write_journal(tmp_path / "journal", make_entry())
    script = (
        "import sys\n"
        "from hubv1.cli.main import execute\n"
        "from hubv1.cli.report import report\n"
        "assert execute(report, 'report', sys.argv[1:]) == 0\n"
        "print(*sys.modules, sep='\\n')"
    )
    arguments = ("--journal", str(journal), "--format", "json", "-o", str(tmp_path / "out.json"))
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={"PYTHONPATH": str(ADDON.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "hubv1.report.data" in loaded
    assert not {"mitmproxy.http", "aiohttp", "jinja2", "rich"} & loaded


def test_every_module_can_be_loaded_with_this_python() -> None:
    names = [each.name for each in walk_packages(hubv1.__path__, "hubv1.")]
    assert [name for name in names if not import_module(name).__doc__] == []
    assert len(names) > 50
