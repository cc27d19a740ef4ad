"""An answered call is in the journal, whatever happens next."""

import http.client
import re
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from e2e.bridges import PATIENCE, Mitmdump, Row, eventually, query
from e2e.clients import ask, ask_on, connected
from e2e.conftest import StartBridge
from journal.asking import assert_counts_are_those_of_the_rows
from standin import Standin, faults

V1 = "http://index.docker.io/v1/repositories"


def test_the_row_is_there_before_the_answer(bridge: Mitmdump) -> None:
    with (
        closing(sqlite3.connect(f"file:{bridge.journal}?mode=ro", uri=True)) as journal,
        closing(http.client.HTTPConnection("127.0.0.1", bridge.port, timeout=PATIENCE)) as to,
    ):
        count = "SELECT count(*) FROM calls"
        (before,) = journal.execute(count).fetchone()
        for number in range(1, 101):
            assert ask_on(to, f"{V1}/tiny/tags/1").status == 200
            assert journal.execute(count).fetchone() == (before + number,)


def test_kill_9_right_after_an_answer_loses_no_row(start_bridge: StartBridge, hub: Standin) -> None:
    with start_bridge(hub_url=hub.url) as bridge:
        for tag in ("1", "2", "10"):
            assert ask(bridge, f"{V1}/tiny/tags/{tag}").status == 200
        bridge.process.kill()
        bridge.process.wait(PATIENCE)
        assert [row["tag"] for row in bridge.rows()] == ["1", "2", "10"]


def test_a_journal_is_for_its_owner_alone(bridge: Mitmdump) -> None:
    ask(bridge, f"{V1}/tiny/tags")
    files = list(bridge.journal.parent.glob("journal.sqlite3*"))
    assert files
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_client_that_leaves_before_its_answer_leaves_a_failed_call(
    bridge: Mitmdump, hub: Standin
) -> None:
    hub.faults.add("/left/", faults.hang())
    _send_and_leave(bridge, hub, "bench/left/tags")
    eventually(lambda: len(_of(bridge, "left")) == 1, "a row for the client that left")
    (row,) = _of(bridge, "left")
    assert row["outcome"] == "failed"
    assert row["error_type"]
    assert ask(bridge, f"{V1}/tiny/tags").status == 200


def test_a_client_that_left_was_sent_no_status(bridge: Mitmdump, hub: Standin) -> None:
    hub.faults.add("/unsent/", faults.hang())
    _send_and_leave(bridge, hub, "bench/unsent/tags")
    eventually(lambda: len(_of(bridge, "unsent")) == 1, "a row for the client that left")
    assert _of(bridge, "unsent")[0]["http_response_status_code"] is None


def _send_and_leave(bridge: Mitmdump, hub: Standin, what: str) -> None:
    with connected(bridge) as connection:
        connection.sendall(_request(what))
        eventually(lambda: any(what.split("/")[1] in call.path for call in hub.calls), "asked")


def _request(what: str) -> bytes:
    return f"GET {V1}/{what} HTTP/1.1\r\nHost: index.docker.io\r\n\r\n".encode()


def _of(bridge: Mitmdump, repository: str) -> list[Row]:
    return [row for row in bridge.rows() if row["repository"] == repository]


def test_calls_cut_at_shutdown_are_written_down_as_failed(
    start_bridge: StartBridge, hub: Standin
) -> None:
    hub.faults.add("/hanging", faults.hang())
    with start_bridge("--set", "hub_deadline=3600", hub_url=hub.url) as bridge:
        with connected(bridge) as one, connected(bridge) as two:
            for number, connection in enumerate((one, two)):
                request = (
                    f"GET {V1}/bench/hanging{number}/tags HTTP/1.1\r\nHost: index.docker.io\r\n\r\n"
                )
                connection.sendall(request.encode())
            eventually(lambda: len(hub.calls) == 2, "both calls are with Hub")
            bridge.end()
        rows = bridge.rows()
    assert sorted(row["repository"] for row in rows) == ["hanging0", "hanging1"]
    assert {(row["outcome"], row["error_type"]) for row in rows} == {("failed", "shutdown")}
    assert {row["http_response_status_code"] for row in rows} == {None}


def test_two_bridges_share_one_journal(start_bridge: StartBridge, hub: Standin) -> None:
    with start_bridge(hub_url=hub.url, name="one") as one:
        journal = str(one.journal)
        with start_bridge(hub_url=hub.url, name="two", journal=journal) as two:
            with ThreadPoolExecutor(20) as pool:
                asked = [
                    pool.submit(ask, each, f"{V1}/bench/shared{number}/tags/latest")
                    for number in range(50)
                    for each in (one, two)
                ]
            assert {each.result().status for each in asked} == {200}
            rows = one.rows()
    assert len(rows) == len({row["id"] for row in rows}) == 100
    assert sorted(Counter(row["bridge_id"] for row in rows).values()) == [50, 50]
    assert_counts_are_those_of_the_rows(one.journal)


def test_a_time_in_which_nothing_could_be_written_is_said_and_shown_as_a_gap(
    start_bridge: StartBridge, hub: Standin
) -> None:
    with start_bridge(hub_url=hub.url) as bridge:
        with closing(sqlite3.connect(bridge.journal, isolation_level=None)) as somebody:
            somebody.execute("ALTER TABLE calls RENAME TO elsewhere")
            for _ in range(2):
                assert ask(bridge, f"{V1}/tiny/tags/1").status == 200
            somebody.execute("ALTER TABLE elsewhere RENAME TO calls")
        assert ask(bridge, f"{V1}/tiny/tags/2").status == 200
        assert bridge.new_row()["tag"] == "2"
        assert bridge.log.count("Calls are answered but not recorded") == 1
    assert query(bridge.journal, "SELECT calls FROM gaps") == [{"calls": 2}]


def test_a_restart_continues_the_journal(start_bridge: StartBridge, hub: Standin) -> None:
    for tag in ("1", "2"):
        with start_bridge(hub_url=hub.url) as bridge:
            ask(bridge, f"{V1}/tiny/tags/{tag}")
    assert [row["tag"] for row in bridge.rows()] == ["1", "2"]
    assert len({row["bridge_id"] for row in bridge.rows()}) == 2


def test_each_call_is_one_line_of_the_log(bridge: Mitmdump) -> None:
    before = len(bridge.log)
    ask(bridge, f"{V1}/acme/tool/tags/9.9", headers={"User-Agent": "nightly/2.0 (cron)"})
    ask(bridge, "http://index.docker.io/v1/repositories/acme/tool/tags/..")

    def written() -> list[str]:
        return [line for line in bridge.log[before:].splitlines() if "hub v1: " in line]

    eventually(lambda: len(written()) == 2, "two lines of log")
    first = (
        r"GET /v1/repositories/acme/tool/tags/9\.9 from nightly/2\.0 at 127\.0\.0\.1: "
        r"translated 404, \d+ ms"
    )
    assert re.fullmatch(first, written()[0].partition("hub v1: ")[2])
    assert "refused 404" in written()[1]
