"""An answered call is in the journal, whatever happens next."""

import http.client
import re
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from e2e.bridges import PATIENCE, Mitmdump, eventually
from e2e.clients import ask, ask_on
from e2e.conftest import StartBridge
from journal.asking import assert_counts_are_those_of_the_rows
from standin import Standin

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


def test_a_journal_is_for_its_owner_alone(bridge: Mitmdump) -> None:
    ask(bridge, f"{V1}/tiny/tags")
    files = list(bridge.journal.parent.glob("journal.sqlite3*"))
    assert files
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


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
