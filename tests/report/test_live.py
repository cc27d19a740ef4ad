"""`scripts/report --serve`, as requests see it."""

import os
import signal
import socket
import threading
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from e2e.bridges import eventually
from hubv1.report.serve import serve_report
from report.made import report_of, write_journal
from report.processes import complaint, report
from report.served import serving
from samples import make_entry

MANY = 200
LONG = 20_000_000
"""Bytes, more than the system keeps for a client that does not read."""


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return write_journal(tmp_path / "journal.sqlite3", make_entry(caller="caller-one"))


class TestPage:
    def test_it_is_the_report_and_no_browser_keeps_or_frames_it(self, journal: Path) -> None:
        with serving("--journal", journal) as served:
            answer = served.get()
        assert answer.status == 200
        assert "The only caller has moved." in answer.text
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; ")
        assert policy.endswith("; connect-src 'self'; frame-ancestors 'none'")

    def test_it_has_what_was_written_down_meanwhile(self, journal: Path) -> None:
        with serving("--journal", journal) as served:
            assert "caller-two" not in served.get().text
            write_journal(journal, make_entry(caller="caller-two"))
            served.eventually(lambda answer: "caller-two" in answer.text)

    def test_the_filters_of_the_command_hold_for_it(self, journal: Path) -> None:
        write_journal(journal, make_entry(caller="caller-two"))
        with serving("--journal", journal, "--caller", "caller-two") as served:
            answer = served.get()
        assert "caller-two" in answer.text
        assert "caller-one" not in answer.text

    @pytest.mark.parametrize(
        ("path", "method", "status"), [("/other", "GET", 404), ("/", "POST", 405)]
    )
    def test_there_is_nothing_else(
        self, journal: Path, path: str, method: str, status: int
    ) -> None:
        with serving("--journal", journal) as served:
            answer = served.get(path, method)
        assert answer.status == status
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


class TestTrouble:
    def test_a_journal_may_come_later(self, tmp_path: Path) -> None:
        journal = tmp_path / "later"
        with serving("--journal", journal) as served:
            answer = served.get()
            assert answer.status == 503
            assert f"There is no journal at {journal}" in answer.text
            write_journal(journal, make_entry(caller="caller-one"))
            served.eventually(lambda answer: answer.status == 200 and "caller-one" in answer.text)

    def test_a_damaged_one_is_said_and_may_become_sound_again(self, journal: Path) -> None:
        sound = journal.read_bytes()
        with serving("--journal", journal) as served:
            assert served.get().status == 200
            journal.write_bytes(b"no journal at all" * 100)
            answer = served.eventually(lambda answer: answer.status != 200)
            assert answer.status == 503
            assert f"The journal {journal} cannot be" in answer.text
            journal.write_bytes(sound)
            served.eventually(lambda answer: answer.status == 200)

    def test_clients_that_stall_keep_nobody_waiting(self, journal: Path) -> None:
        with serving("--journal", journal) as served, ExitStack() as stack:
            for number in range(MANY):
                to = stack.enter_context(socket.create_connection(("127.0.0.1", served.port)))
                to.sendall(
                    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + (b"\r\n" * 20 if number % 2 else b"")
                )
            assert served.get().status == 200
            code, _ = served.end()
        assert code == 0

    def test_a_client_that_does_not_take_its_answer_is_let_go(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("hubv1.report.serve._PATIENCE", 0.2)
        monkeypatch.setattr("hubv1.report.serve.as_html", lambda *_: "x" * LONG)
        taken = Future[int]()

        def take_late(port: int) -> None:
            with socket.socket() as to:
                to.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
                to.connect(("127.0.0.1", port))
                to.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                eventually(lambda: not _is_open(to), "the server lets go")
                taken.set_result(_all_that_comes(to))
            os.kill(os.getpid(), signal.SIGINT)

        def say(message: str) -> None:
            port = int(message.rpartition(":")[2].partition("/")[0])
            threading.Thread(target=take_late, args=(port,), daemon=True).start()

        serve_report("127.0.0.1", 0, report_of, (), say)
        assert 0 < taken.result() < LONG

    def test_an_address_that_is_taken_is_named(self, journal: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            said = complaint(report("--journal", journal, "--serve", address))
        assert str(taken) not in said
        assert address.rpartition(":")[2] in said
        assert "is taken: another program listens there" in said

    @pytest.mark.parametrize(
        ("arguments", "reason"),
        [
            (("--serve", "nowhere"), "'nowhere' is not host:port"),
            (("--serve", "a..b:1"), "--serve: "),
            (("--serve", "8090", "-o", "x.html"), "--serve shows a page"),
            (("--serve", "8090", "--format", "json"), "--serve shows a page"),
        ],
    )
    def test_arguments_that_make_no_sense_are_refused(
        self, arguments: tuple[str, ...], reason: str
    ) -> None:
        done = report(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert reason in done.stderr


def _all_that_comes(to: socket.socket) -> int:
    """How many bytes, until the connection is closed in whatever way."""
    taken = 0
    with suppress(ConnectionError):
        while some := len(to.recv(65_536)):
            taken += some
    return taken


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_well(journal: Path, number: int) -> None:
    with serving("--journal", journal) as served:
        assert served.get().status == 200
        assert served.end(number) == (0, "")


class TestOnLoopback:
    def test_a_port_alone_is_there(self, journal: Path) -> None:
        with serving("--journal", journal, at="0") as served:
            assert served.url == f"http://127.0.0.1:{served.port}/"
            assert served.get().status == 200

    @pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "10.0.0.7", ""])
    def test_a_name_that_is_not_of_loopback_is_refused(self, journal: Path, host: str) -> None:
        with serving("--journal", journal) as served:
            assert served.get(headers={"Host": "localhost"}).status == 200
            answer = served.get(headers={"Host": host})
        assert answer.status == 403
        assert "This page is for this machine alone" in answer.text
        assert "caller-one" not in answer.text


class TestBeyondLoopback:
    def test_the_token_of_the_url_opens_it_and_is_then_in_a_cookie(self, journal: Path) -> None:
        with serving("--journal", journal, at="0.0.0.0:0") as served:
            opened = served.get(served.url[served.url.index("/?") :])
            assert opened.status == 303
            assert opened.headers["Location"] == "./"
            cookie = opened.headers["Set-Cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Lax" in cookie
            assert cookie.startswith(f"hub-v1-report-{served.port}=")
            headers = {"Cookie": cookie.partition(";")[0], "Host": "report.example"}
            assert "1 legacy call" in served.get(headers=headers).text

    @pytest.mark.parametrize("given", ["", "?token=", "?token=wrong", "?token=%ff%00"])
    def test_without_it_nothing_is_told(self, journal: Path, given: str) -> None:
        with serving("--journal", journal, at="0.0.0.0:0") as served:
            cookie = f"hub-v1-report-{served.port}=wr\u00f6ng"
            answer = served.get(f"/{given}", headers={"Cookie": cookie})
            assert answer.status == 403
            assert "the whole URL that the server said" in answer.text
            assert "caller-one" not in answer.text
            assert served.get(f"/other{given}").status == 403

    def test_each_start_has_a_token_of_its_own(self, journal: Path) -> None:
        urls = set()
        for _ in range(2):
            with serving("--journal", journal, at="0.0.0.0:0") as served:
                urls.add(served.url.partition("?token=")[2])
        assert len(urls) == 2
        assert min(map(len, urls)) >= 32


def _is_open(client: socket.socket) -> bool:
    """Whether the other end of a connection within this process is."""
    ours, server = client.getsockname(), client.getpeername()
    return any(
        (tuple(each.laddr), tuple(each.raddr), each.status) == (server, ours, "ESTABLISHED")
        for each in psutil.net_connections("tcp4")
    )
