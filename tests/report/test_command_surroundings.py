"""The command wherever it is started: pipes, odd homes, few rights, a bridge at work."""

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hubv1.journal import FILE_NAME, Journal, Location, Seen
from report.made import write_journal
from report.processes import COMMAND, SECONDS, complaint, environment, report
from report.recordings import recorded, written
from samples import make_entry


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return write_journal(tmp_path / "journal.sqlite3", make_entry(), seen=Seen(flows=3))


class TestPipes:
    @pytest.mark.parametrize("form", ["terminal", "json"])
    def test_a_reader_that_has_read_enough_is_no_failure(self, tmp_path: Path, form: str) -> None:
        calls = [make_entry(repository=f"r{number}") for number in range(1_000)]
        path = write_journal(tmp_path / "journal", *calls)
        command = (*COMMAND, "--journal", str(path), "--format", form)
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
        ) as process:
            assert process.stdout
            assert process.stderr
            assert process.stdout.readline()
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 0

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
    def test_a_full_disk_is_a_failure_in_one_sentence(self, journal: Path) -> None:
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                (*COMMAND, "--journal", str(journal)),
                env=environment(),
                stdout=full,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                timeout=SECONDS,
                check=False,
            )
        assert done.returncode == 1
        assert re.fullmatch(r"scripts/report: .*No space left on device\.\n", done.stderr)


class TestHome:
    def test_the_journal_there_is_what_is_read_where_none_is_named(self, tmp_path: Path) -> None:
        folder = tmp_path / ".mitmproxy"
        folder.mkdir()
        write_journal(folder / FILE_NAME, make_entry())
        assert report(env={"HOME": str(tmp_path)}).returncode == 0

    def test_it_is_left_alone_where_a_recording_is_named(self, tmp_path: Path) -> None:
        (tmp_path / ".mitmproxy").mkdir()
        write_journal(tmp_path / ".mitmproxy" / FILE_NAME, make_entry())
        path = written(tmp_path / "flows", recorded("/v2/"))
        done = report(path, "--format", "json", env={"HOME": str(tmp_path)})
        assert json.loads(done.stdout)["seen"]["legacy"] == 0

    def test_without_a_journal_there_one_hears_where_it_was_looked_for(
        self, tmp_path: Path
    ) -> None:
        said = complaint(report(env={"HOME": str(tmp_path)}))
        assert f"There is no journal at {tmp_path / '.mitmproxy' / FILE_NAME}" in said
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("home", [None, "", "/no/such/home"])
    def test_it_is_not_needed_where_a_journal_is_named(
        self, journal: Path, home: str | None
    ) -> None:
        done = report("--journal", journal.name, env={"HOME": home}, cwd=journal.parent)
        assert (done.returncode, done.stderr) == (0, "")


def held_to_file_modes() -> tuple[str, ...]:
    """A program that makes file modes count for root too; empty where none is needed."""
    if os.geteuid() != 0:
        return ()
    if not shutil.which("setpriv"):
        pytest.skip("root may write everything, and setpriv is missing")
    return ("setpriv", "--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search")


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """While it lasts nothing in the folder can be written."""
    modes = {location: location.stat().st_mode for location in (*folder.iterdir(), folder)}
    for location, mode in modes.items():
        location.chmod(mode & ~0o222)
    yield
    for location, mode in modes.items():
        location.chmod(mode)


class TestReadOnly:
    def test_the_journal_of_a_bridge_at_work_may_be_read_only(self, journal: Path) -> None:
        bridge = Journal(Location(str(journal)), "bridge-2")
        asyncio.run(bridge.record(make_entry()))
        with read_only(journal.parent):
            done = report("--journal", journal, before=held_to_file_modes())
        bridge.close()
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("2 legacy calls")

    def test_a_read_only_file_is_read_where_its_folder_can_be_written(self, journal: Path) -> None:
        journal.chmod(0o400)
        done = report("--journal", journal, before=held_to_file_modes())
        assert (done.returncode, done.stderr) == (0, "")

    def test_a_report_that_may_not_be_written_is_a_failure(
        self, journal: Path, tmp_path: Path
    ) -> None:
        folder = tmp_path / "reports"
        folder.mkdir()
        with read_only(folder):
            done = report(
                "--journal", journal, "-o", folder / "report", before=held_to_file_modes()
            )
        assert "Permission denied" in complaint(done)


def test_a_bridge_at_work_can_be_asked_at_any_time_and_is_not_held_up(journal: Path) -> None:
    bridge = Journal(Location(str(journal)), "bridge-2")

    async def working() -> tuple[int, int, bytes]:
        command = (*COMMAND, "--journal", str(journal), "--format", "json")
        pipe = asyncio.subprocess.PIPE
        reading = await asyncio.create_subprocess_exec(*command, stdout=pipe, env=environment())
        output = asyncio.create_task(reading.communicate())
        written = 1
        while not output.done():
            await asyncio.wait_for(bridge.record(make_entry()), 5)
            written += 1
        return reading.returncode or 0, written, output.result()[0]

    code, written, output = asyncio.run(working())
    bridge.close()
    assert code == 0
    assert 1 <= json.loads(output)["totals"]["calls"] <= written
    assert (
        json.loads(report("--journal", journal, "--format", "json").stdout)["totals"]["calls"]
        == written
    )
