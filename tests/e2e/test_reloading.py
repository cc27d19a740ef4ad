"""mitmproxy loads the script anew when its file changes; the bridge does so with all its parts."""

import os
import shutil
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from addresses import own_address
from e2e.bridges import (
    ADDON,
    PATIENCE,
    Mitmdump,
    bridge_arguments,
    eventually,
    running_mitmdump,
    with_authority,
)
from e2e.clients import ask, connected
from standin import Standin, faults

BASE = "http://index.docker.io/v1/repositories"
GONE = "Docker Hub API v1 has been retired."


class Checkout:
    """A copy of the addon that a test may change, and the mitmdump that runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bridge: Mitmdump

    def change(self, part: str, old: str, new: str) -> None:
        """Change a part, as an editor would."""
        file = self.folder / "hubv1" / part
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    def touch(self) -> None:
        """Have the script loaded anew, and wait until it is."""
        loads = self.bridge.log.count("Loading script")
        script = self.folder / "bridge.py"
        # mitmproxy compares times; on some file systems they are whole seconds.
        later = max(time.time(), script.stat().st_mtime) + 2
        os.utime(script, (later, later))
        eventually(lambda: self.bridge.log.count("Loading script") > loads, "loading")


@contextmanager
def running_copy(folder: Path, authority: Path, hub: Standin, *more: str) -> Iterator[Checkout]:
    made = Checkout(folder / "addon")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ADDON.parent, made.folder, ignore=ignored)
    confdir = with_authority(folder / "conf", authority)
    arguments = bridge_arguments(confdir, hub_url=hub.url)
    arguments[1] = str(made.folder / "bridge.py")
    with running_mitmdump(confdir, *arguments, *more) as made.bridge:
        yield made


@pytest.fixture
def checkout(tmp_path: Path, authority: Path, hub: Standin) -> Iterator[Checkout]:
    with running_copy(tmp_path, authority, hub) as made:
        yield made


def test_a_part_that_was_changed_is_at_work_once_the_script_is_touched(
    tmp_path: Path, authority: Path, hub: Standin
) -> None:
    with running_copy(tmp_path, authority, hub, "--set", "hub_mode=gone") as checkout:
        assert GONE in ask(checkout.bridge, f"{BASE}/tiny/tags").body.decode()
        checkout.change("bridging.py", GONE, "It is over.")
        checkout.touch()
        answer = ask(checkout.bridge, f"{BASE}/tiny/tags").body.decode()
    assert "It is over." in answer
    assert [row["outcome"] for row in checkout.bridge.rows()] == ["gone", "gone"]


def test_calls_under_way_are_answered_and_written_down_once(
    checkout: Checkout, hub: Standin
) -> None:
    bridge, names = checkout.bridge, [f"bench/slow{number}" for number in range(8)]
    hub.faults.add("/slow", faults.latency(3))
    with ThreadPoolExecutor(len(names)) as clients:
        asking = [clients.submit(ask, bridge, f"{BASE}/{name}/tags") for name in names]
        eventually(lambda: len(hub.calls) == len(names), "Hub is asked")
        checkout.touch()
        assert ask(bridge, f"{BASE}/tiny/tags").status == 200
        assert bridge.rows()
        assert not any(each.done() for each in asking)
        answers = [each.result() for each in asking]
    assert {answer.status for answer in answers} == {200}
    rows = bridge.rows()
    assert [row["outcome"] for row in rows] == ["translated"] * (len(names) + 1)
    assert len({row["bridge_id"] for row in rows}) == 2
    assert len({row["flow_id"] for row in rows}) == len(rows)


def test_calls_of_before_that_are_cut_at_shutdown_are_written_down(
    tmp_path: Path, authority: Path, hub: Standin
) -> None:
    hub.faults.add("/hangs/", faults.hang())
    with (
        running_copy(tmp_path, authority, hub) as checkout,
        ThreadPoolExecutor(2) as clients,
    ):
        asking = clients.submit(ask, checkout.bridge, f"{BASE}/bench/hangs/tags")
        eventually(lambda: len(hub.calls) == 1, "Hub is asked")
        checkout.touch()
        checkout.bridge.end()
        assert asking.exception()
    [row] = checkout.bridge.rows()
    assert (row["outcome"], row["error_type"]) == ("failed", "shutdown")


def test_nothing_is_left_of_the_bridge_of_before(
    tmp_path: Path, authority: Path, hub: Standin
) -> None:
    metrics = own_address()
    option = ("--set", f"hub_metrics={metrics}")
    with running_copy(tmp_path, authority, hub, *option) as checkout:
        ask(checkout.bridge, f"{BASE}/tiny/tags")
        before = _held(checkout.bridge)
        checkout.touch()
        ask(checkout.bridge, f"{BASE}/tiny/tags")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{metrics}/metrics") as answer:
            shown = answer.read().decode()
        eventually(lambda: _held(checkout.bridge) == before, "the former bridge lets go")
    assert 'hub_v1_calls_total{outcome="translated"' in shown


def test_the_report_of_the_end_waits_for_the_end(
    tmp_path: Path, authority: Path, hub: Standin
) -> None:
    report = tmp_path / "out.json"
    with running_copy(tmp_path, authority, hub, "--set", f"hub_report={report}") as checkout:
        ask(checkout.bridge, f"{BASE}/tiny/tags")
        checkout.touch()
        ask(checkout.bridge, f"{BASE}/tiny/tags/1")
        assert "in this run" not in checkout.bridge.log
        assert not report.exists()
        checkout.bridge.end()
        assert checkout.bridge.log.count("in this run") == 1
    assert report.exists()


def _held(bridge: Mitmdump) -> tuple[int, int, int]:
    """Threads, files of the journal that are open, and connections to Hub."""
    process = psutil.Process(bridge.process.pid)
    files = [file for file in process.open_files() if file.path.startswith(str(bridge.journal))]
    sockets = [each for each in process.net_connections() if each.status == "ESTABLISHED"]
    return process.num_threads(), len(files), len(sockets)


def test_a_change_that_cannot_be_loaded_leaves_the_former_parts_at_work(
    checkout: Checkout,
) -> None:
    assert ask(checkout.bridge, f"{BASE}/tiny/tags").status == 200
    checkout.change("bridging.py", "async def answer_call(", "async def answer_call((")
    checkout.touch()
    eventually(
        lambda: "cannot be loaded: the former one goes on" in checkout.bridge.log, "a complaint"
    )
    assert ask(checkout.bridge, f"{BASE}/tiny/tags/1").status == 200
    checkout.change("bridging.py", "async def answer_call((", "async def answer_call(")
    checkout.touch()
    assert ask(checkout.bridge, f"{BASE}/tiny/images").status == 200
    outcomes = [row["outcome"] for row in checkout.bridge.rows()]
    assert outcomes == ["translated"] * 3
    # Ended here, since a traceback in the log is no fault this time.
    checkout.bridge.process.terminate()
    assert checkout.bridge.process.wait(PATIENCE) == 0


def test_calls_under_way_end_as_ever_whichever_way_they_end(
    tmp_path: Path, authority: Path, hub: Standin
) -> None:
    hub.faults.add("/held/", faults.hang())
    hub.faults.add("/v1/", faults.latency(3), listener="registry")
    front = ("--mode", f"reverse:{hub.registry_url}", "--set", "stream_large_bodies=1k")
    host = "Host: index.docker.io\r\n"
    upload = f"PUT /v1/images/0123/layer HTTP/1.1\r\n{host}Content-Length: 4000\r\n\r\n"
    with (
        running_copy(tmp_path, authority, hub, *front) as checkout,
        connected(checkout.bridge) as uploading,
        ThreadPoolExecutor(1) as clients,
    ):
        bridge = checkout.bridge
        with connected(bridge) as leaving:
            leaving.sendall(f"GET /v1/repositories/bench/held/tags HTTP/1.1\r\n{host}\r\n".encode())
            uploading.sendall(upload.encode() + b"x" * 2_000)
            passed = clients.submit(ask, bridge, "/v1/_ping")
            eventually(lambda: len(hub.calls) == 3, "all are under way")
            checkout.touch()
        eventually(lambda: len(bridge.rows()) == 1, "the row of the one that left")
        uploading.sendall(b"x" * 2_000)
        assert passed.result().status == 410
        assert uploading.recv(1_000).startswith(b"HTTP/1.1 410")
        eventually(lambda: len(bridge.rows()) == 3, "the other rows")
    rows = bridge.rows()
    assert [(row["outcome"], row["error_type"]) for row in rows] == [
        ("failed", "client_left"),
        ("passed", ""),
        ("passed", ""),
    ]
    assert len({row["flow_id"] for row in rows}) == 3
    assert len({row["bridge_id"] for row in rows}) == 1
