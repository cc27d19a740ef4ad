"""mitmproxy loads the script anew when its file changes: calls under way are told to come again."""

import os
import shutil
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from addresses import own_address
from e2e.bridges import (
    ADDON,
    Mitmdump,
    bridge_arguments,
    eventually,
    running_mitmdump,
    with_authority,
)
from e2e.clients import ask, connected
from standin import Held, Standin, faults

BASE = "http://index.docker.io/v1/repositories"


class Checkout:
    """A copy of the addon that a test may touch, and the mitmdump that runs it."""

    def __init__(self, folder: Path) -> None:
        self.script = folder / "bridge.py"
        self.bridge: Mitmdump

    def reload(self) -> None:
        """Have the script loaded anew, and wait until it is."""
        loads = self.bridge.log.count("Loading script")
        # mitmproxy compares times; on some file systems they are whole seconds.
        later = max(time.time(), self.script.stat().st_mtime) + 2
        os.utime(self.script, (later, later))
        eventually(lambda: self.bridge.log.count("Loading script") > loads, "loading")

    def unload(self) -> None:
        """Take the script away, and wait until mitmproxy sees it."""
        self.script.unlink()
        eventually(lambda: "Un-loading script" in self.bridge.log, "unloading")


@contextmanager
def running_copy(folder: Path, authority: Path, hub: Standin, *more: str) -> Iterator[Checkout]:
    made = Checkout(folder / "addon")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ADDON.parent, made.script.parent, ignore=ignored)
    confdir = with_authority(folder / "conf", authority)
    arguments = bridge_arguments(confdir, hub_url=hub.url, addon=str(made.script))
    with running_mitmdump(confdir, *arguments, *more) as made.bridge:
        yield made


@pytest.fixture
def checkout(tmp_path: Path, authority: Path, hub: Standin) -> Iterator[Checkout]:
    with running_copy(tmp_path, authority, hub) as made:
        yield made


@pytest.mark.parametrize("change", [Checkout.reload, Checkout.unload])
def test_calls_under_way_get_503_and_are_written_down_once(
    checkout: Checkout,
    hub: Standin,
    change: Callable[[Checkout], None],
) -> None:
    bridge, names = checkout.bridge, [f"bench/held{number}" for number in range(8)]
    hub.faults.add("/held", faults.hang())
    with ThreadPoolExecutor(len(names) + 1) as clients:
        # The last one waits for the answer to the call before it.
        asking = [clients.submit(ask, bridge, f"{BASE}/{name}/tags") for name in names]
        asking.append(clients.submit(ask, bridge, f"{BASE}/{names[-1]}/tags"))
        eventually(lambda: len(hub.calls) == len(names), "Hub is asked")
        eventually(lambda: bridge.log.count("client connect\n") == len(asking), "all are here")
        assert bridge.rows() == []
        change(checkout)
        answers = [each.result() for each in asking]
        rows = bridge.rows()  # each was there before its answer left
    assert {answer.status for answer in answers} == {503}
    assert {answer.headers["retry-after"] for answer in answers} == {"1"}
    assert all(b'"restarting"' in answer.body for answer in answers)
    assert len(rows) == len(answers)
    assert {(row["outcome"], row["error_type"]) for row in rows} == {("failed", "restarting")}
    assert {row["http_response_status_code"] for row in rows} == {503}
    assert len({row["flow_id"] for row in rows}) == len(rows)


def test_the_bridge_of_after_answers_the_calls_from_then_on(
    checkout: Checkout, hub: Standin
) -> None:
    bridge = checkout.bridge
    hub.faults.add("/held/", faults.hang())
    with ThreadPoolExecutor(1) as clients:
        assert ask(bridge, f"{BASE}/tiny/tags").status == 200
        asking = clients.submit(ask, bridge, f"{BASE}/bench/held/tags")
        eventually(lambda: len(hub.calls) == 2, "Hub is asked")
        checkout.reload()
        assert asking.result().status == 503
        assert ask(bridge, f"{BASE}/tiny/tags").status == 200
    rows = bridge.rows()
    assert [row["outcome"] for row in rows] == ["translated", "failed", "translated"]
    assert len({row["bridge_id"] for row in rows}) == 2


def test_nothing_is_left_of_the_bridge_of_before(
    tmp_path: Path, authority: Path, hub: Standin
) -> None:
    metrics = own_address()
    option = ("--set", f"hub_metrics={metrics}")
    with running_copy(tmp_path, authority, hub, *option) as checkout:
        ask(checkout.bridge, f"{BASE}/tiny/tags")
        before = _held(checkout.bridge)
        checkout.reload()
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
        checkout.reload()
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


def test_calls_that_were_passed_on_get_their_answer_and_are_written_down_without_it(
    tmp_path: Path, authority: Path, hub: Standin
) -> None:
    held = Held()
    hub.faults.add("/v1/", held, listener="registry")
    front = ("--mode", f"reverse:{hub.registry_url}", "--set", "stream_large_bodies=1k")
    host = "Host: index.docker.io\r\n"
    upload = f"PUT /v1/images/0123/layer HTTP/1.1\r\n{host}Content-Length: 4000\r\n\r\n"
    with (
        running_copy(tmp_path, authority, hub, *front) as checkout,
        connected(checkout.bridge) as uploading,
        ThreadPoolExecutor(1) as clients,
    ):
        bridge = checkout.bridge
        uploading.sendall(upload.encode() + b"x" * 2_000)
        passed = clients.submit(ask, bridge, "/v1/_ping")
        eventually(lambda: len(hub.calls) == 2, "both are under way")
        checkout.reload()
        eventually(lambda: len(bridge.rows()) == 2, "the rows")
        rows = bridge.rows()
        held.release()
        uploading.sendall(b"x" * 2_000)
        assert passed.result().status == 410
        assert uploading.recv(1_000).startswith(b"HTTP/1.1 410")
        assert bridge.rows() == rows
    assert [(row["outcome"], row["error_type"]) for row in rows] == [("passed", "restarting")] * 2
    assert {row["http_response_status_code"] for row in rows} == {None}
