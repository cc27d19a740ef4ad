"""A client that rejects the bridge's certificate is named, in the log, the journal and reports."""

import subprocess

from e2e.bridges import eventually, query
from e2e.clients import clean_environment, tool
from e2e.conftest import StartBridge
from report.processes import report
from standin import Standin


def test_it_is_named_by_its_address_and_the_host_it_asked_for(
    start_bridge: StartBridge, hub: Standin
) -> None:
    with start_bridge(hub_url=hub.url) as bridge:
        command = [tool("curl"), "-sS", "--proxy", bridge.url]
        done = subprocess.run(
            [*command, "https://index.docker.io/v1/repositories/tiny/tags"],
            env=clean_environment(bridge.confdir),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 60, done.stderr  # curl's own: a certificate it does not trust
        rows = "SELECT client_address, server_address, times FROM rejections"
        eventually(lambda: bool(query(bridge.journal, rows)), "written")
        assert query(bridge.journal, rows) == [
            {"client_address": "127.0.0.1", "server_address": "index.docker.io", "times": 1}
        ]
        shown = report("--journal", bridge.journal).stdout
    assert "Clients that did not trust the bridge's certificate" in shown
    assert "127.0.0.1  index.docker.io      1  " in shown
