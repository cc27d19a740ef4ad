"""The stand-in as a thread, as a process, and steered over HTTP."""

from __future__ import annotations

import http.client
import json
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from standin import Catalog, Settings, Standin, faults
from standin_tests.asking import DEBIAN, ask

TESTS = Path(__file__).parents[1]
AT_ONCE = 60
"""Seconds; whatever hangs would do so for ever."""


class TestRunning:
    def test_calls_are_written_down_as_they_arrive(self, hub: Standin) -> None:
        ask(hub.url + DEBIAN + "?page=2", headers={"X-Who": "me"})
        ask(hub.registry_url + "/v2/")
        ask(hub.auth_url + "/token", "HEAD")
        assert [(c.listener, c.method, c.path, c.status) for c in hub.calls] == [
            ("hub", "GET", DEBIAN + "?page=2", 200),
            ("registry", "GET", "/v2/", 401),
            ("auth", "HEAD", "/token", 200),
        ]
        assert hub.calls[0].headers["x-who"] == "me"
        assert hub.calls[0].peer_port != hub.calls[1].peer_port
        hub.forget_calls()
        assert hub.calls == []

    def test_it_starts_and_stops_at_once_even_while_requests_hang(self) -> None:
        catalog, start = Catalog(), time.monotonic()
        catalog.add("debian", ["1"])
        with Standin(catalog) as hub:
            assert time.monotonic() - start < AT_ONCE
            hub.faults.add("", faults.hang())
            with pytest.raises(TimeoutError):
                ask(hub.url + DEBIAN, wait=0.05)
            parts = urlsplit(hub.url)
            open_one = http.client.HTTPConnection(parts.netloc)
            open_one.request("GET", DEBIAN)
            while len(hub.calls) < 2:
                time.sleep(0.005)
            start = time.monotonic()
        assert time.monotonic() - start < AT_ONCE
        open_one.close()

    def test_a_taken_port_is_told_to_whoever_starts(self, hub: Standin) -> None:
        taken = urlsplit(hub.url).port or 0
        with (
            pytest.raises(OSError, match="address already in use"),
            Standin(settings=Settings(hub_port=taken)),
        ):
            pass

    def test_tls_is_served_to_whoever_trusts_its_ca(self, tmp_path: Path) -> None:
        for _ in range(2):  # the second time with the CA of the first
            with Standin(settings=Settings(tls=tmp_path)) as hub:
                first = ask(hub.url + DEBIAN, trust=hub.ca_file).json
                assert first["next"].startswith("https://127.0.0.1:")
        assert (tmp_path / "ca-key.pem").stat().st_mode & 0o077 == 0
        with Standin(settings=Settings(tls=tmp_path)) as hub, pytest.raises(ssl.SSLError):
            ask(hub.url + DEBIAN)

    @pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
    def test_a_process_of_its_own_is_steered_over_http(self, end: signal.Signals) -> None:
        command = [sys.executable, "-W", "error", "-m", "standin", "--rule", "bench/=7"]
        command += ["--rule", "few/=3"]
        with subprocess.Popen(
            command, cwd=TESTS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            assert process.stderr
            urls = json.loads(process.stdout.readline())
            bench = urls["hub"] + "/v2/namespaces/bench/repositories/x/tags"
            control = urls["hub"] + "/_standin"
            fault = {"match": "bench", "action": "status", "code": 503, "times": 1}
            assert ask(control + "/faults", "POST", payload=[fault]).json == {"added": 1}
            assert [ask(bench).status, ask(bench).json["count"]] == [503, 7]
            assert ask(bench.replace("bench", "few")).json["count"] == 3
            assert [c["status"] for c in ask(control + "/calls").json["calls"]] == [503, 200, 200]
            assert ask(control + "/calls", "DELETE").status == 204
            assert ask(control + "/calls").json["calls"] == []
            process.send_signal(end)
            assert process.wait(AT_ONCE) == 0
            assert (process.stdout.read(), process.stderr.read()) == ("", "")

    @pytest.mark.parametrize(
        ("payload", "complaint"),
        [
            ({"action": "hang"}, "`match`"),
            ({"match": "x", "action": "explode"}, "'explode' is none of"),
            ({"match": "x", "action": "latency", "minutes": 1}, "latency: "),
            ({"match": "(", "action": "hang"}, "no regular expression"),
            ({"match": "x", "action": "encoded", "coding": "zip"}, "'zip' is none of"),
        ],
    )
    def test_a_fault_that_makes_no_sense_is_refused_with_a_sentence(
        self, hub: Standin, payload: object, complaint: str
    ) -> None:
        answer = ask(hub.url + "/_standin/faults", "POST", payload=payload)
        assert answer.status == 400
        assert complaint in answer.json["error"]
