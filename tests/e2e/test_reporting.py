"""Reports that a bridge makes itself: when it ends, and by its commands."""

import csv
import json
import signal
from io import StringIO
from pathlib import Path

import pytest
from mitmproxy.io import FlowWriter

from e2e.bridges import PATIENCE, Mitmdump, bridge_arguments, eventually, finished
from e2e.clients import ask
from e2e.conftest import StartBridge
from onstage import answer, make_flow
from standin import Standin

CALL = "http://index.docker.io/v1/repositories/tiny/tags"
COMMANDER = """\
import logging
from mitmproxy import ctx, exceptions, http

def request(flow):
    if flow.request.host == "commander":
        try:
            ctx.master.commands.execute(flow.request.headers["command"])
        except exceptions.CommandError as error:
            logging.info("refused: %s", error)
        flow.response = http.Response.make(204)
"""


def written_to(*paths: Path) -> tuple[str, ...]:
    return tuple(each for path in paths for each in ("--set", f"hub_report={path}"))


def ended(bridge: Mitmdump, by: signal.Signals = signal.SIGTERM) -> str:
    """What the bridge logs from now until it has ended in good order."""
    before = len(bridge.log)
    bridge.process.send_signal(by)
    assert bridge.process.wait(PATIENCE) == 0, bridge.log
    return bridge.log[before:]


class TestAtTheEnd:
    @pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
    def test_the_state_is_told_in_a_few_lines(
        self, start_bridge: StartBridge, hub: Standin, by: signal.Signals
    ) -> None:
        with start_bridge(hub_url=hub.url) as bridge:
            ask(bridge, CALL, headers={"User-Agent": "curl/8.1\x1b[31m"})
            said = ended(bridge, by)
        assert f"hub v1: 1 flow in this run. The journal {bridge.journal} has:" in said
        assert "hub v1: 1 legacy call by 1 caller to 1 repository, " in said
        assert "hub v1:   curl/8.1\\x1b[31m at 127.0.0.1: 1 call, the last " in said
        assert "UTC, ready to move" in said

    def test_every_file_has_the_calls_to_the_last(
        self, start_bridge: StartBridge, hub: Standin, tmp_path: Path
    ) -> None:
        names = ("out.html", "out.md", "out.json", "out.csv")
        files = [tmp_path / name for name in names]
        with start_bridge(*written_to(*files), hub_url=hub.url) as bridge:
            ask(bridge, CALL, headers={"User-Agent": "last/1.0"})
            said = ended(bridge)
        for file in files:
            assert "last/1.0 at 127.0.0.1" in file.read_text("utf-8")
            assert f"hub v1: the report is in {file}\n" in said
        assert json.loads(files[2].read_text())["totals"]["translated"] == 1
        assert len(list(csv.DictReader(StringIO(files[3].read_text())))) == 1

    def test_one_that_cannot_be_written_keeps_no_other_from_being(
        self, start_bridge: StartBridge, hub: Standin, tmp_path: Path
    ) -> None:
        folder = tmp_path / "gone"
        folder.mkdir()
        paths = (folder / "out.md", tmp_path / "out.json")
        with start_bridge(*written_to(*paths), hub_url=hub.url) as bridge:
            folder.rmdir()
            said = ended(bridge)
        assert "hub v1: there is no report: [Errno 2] No such file or directory" in said
        assert str(paths[0]) in said
        assert "Traceback" not in said
        assert paths[1].exists()

    @pytest.fixture
    def recording(self, tmp_path: Path) -> Path:
        flow = make_flow("/v1/repositories/debian/tags")
        flow.response = answer(410)
        with (tmp_path / "flows").open("wb") as file:
            FlowWriter(file).add(flow)  # type: ignore[no-untyped-call]
        return tmp_path / "flows"

    def test_a_quiet_mitmdump_tells_nothing(self, recording: Path, tmp_path: Path) -> None:
        reading = ("-q", "-nr", str(recording))
        done = finished(tmp_path / "conf", *bridge_arguments(tmp_path / "conf"), *reading)
        assert (done.returncode, done.stdout) == (0, "")

    def test_a_recording_that_is_read_has_one_too(self, recording: Path, tmp_path: Path) -> None:
        report = tmp_path / "out.json"
        reading = ("-nr", str(recording), *written_to(report))
        done = finished(tmp_path / "conf", *bridge_arguments(tmp_path / "conf"), *reading)
        assert done.returncode == 0, done.stdout
        assert json.loads(report.read_text())["totals"]["observed"] == 1
        assert "hub v1: 1 legacy call by 1 caller to 1 repository" in done.stdout


@pytest.mark.parametrize("name", ["out.docx", "no-such-folder/out.md", "."])
def test_a_file_that_can_be_none_stops_the_start_with_a_sentence(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    done = finished(tmp_path, *bridge_arguments(tmp_path), *written_to(file))
    assert done.returncode == 1
    [line] = [line for line in done.stdout.splitlines() if "hub_report" in line]
    assert file.name in line
    assert "Traceback" not in done.stdout


class TestByCommand:
    @pytest.fixture
    def commander(self, tmp_path: Path) -> tuple[str, str]:
        """Arguments for a mitmdump that runs the commands it is sent."""
        script = tmp_path / "commander.py"
        script.write_text(COMMANDER)
        return "-s", str(script)

    def test_the_report_is_written_while_the_bridge_works(
        self, start_bridge: StartBridge, commander: tuple[str, str], hub: Standin, tmp_path: Path
    ) -> None:
        file = tmp_path / "now.json"
        with start_bridge(*commander, hub_url=hub.url) as bridge:
            ask(bridge, CALL)
            run(bridge, f"hub.report {file}")
            eventually(lambda: f"hub v1: the report is in {file}" in bridge.log, "written")
            assert json.loads(file.read_text())["totals"]["calls"] == 1
            ask(bridge, CALL)
            assert len(bridge.rows()) == 2

    def test_a_suffix_that_stands_for_no_format_is_refused(
        self, start_bridge: StartBridge, commander: tuple[str, str], tmp_path: Path
    ) -> None:
        with start_bridge(*commander) as bridge:
            run(bridge, f"hub.report {tmp_path / 'now.docx'}")
            eventually(lambda: "refused: hub.report: a report's name ends in" in bridge.log, "said")

    def test_where_it_cannot_be_written_the_log_says_so(
        self, start_bridge: StartBridge, commander: tuple[str, str], tmp_path: Path
    ) -> None:
        with start_bridge(*commander) as bridge:
            run(bridge, f"hub.report {tmp_path / 'none' / 'now.md'}")
            eventually(lambda: "hub v1: there is no report: " in bridge.log, "said")

    def test_the_summary_is_logged(
        self, start_bridge: StartBridge, commander: tuple[str, str], hub: Standin
    ) -> None:
        with start_bridge(*commander, hub_url=hub.url) as bridge:
            ask(bridge, CALL)
            run(bridge, "hub.summary")
            eventually(lambda: "hub v1: 1 legacy call by 1 caller" in bridge.log, "told")


def run(bridge: Mitmdump, command: str) -> None:
    """Have the command run within that mitmdump."""
    assert ask(bridge, "http://commander/run/", headers={"command": command}).status == 204
