"""Whatever Hub, a header or a path says is recorded with its call, and with no other's."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mitmproxy import http

from journal.asking import asked, assert_counts_are_those_of_the_rows
from onstage import answered, entries, make_flow, on_stage
from standin import Standin, faults

TAGS = "/v1/repositories/{}/tags"
TWENTY_DIGITS = 99_999_999_999_999_999_999
ZONE = b"fe80::1%\xff"
LONG_ZONE = b"fe80::1%" + b"A" * 30_000
MANY = 40


def played(folder: Path, hub: Standin, flows: Sequence[http.HTTPFlow], **options: object) -> None:
    """All of them, at once."""

    async def playing() -> None:
        async with on_stage(
            folder, hub.url, hub_trusted_proxies=["127.0.0.0/8"], hub_cache_ttl=0, **options
        ) as stage:
            await asyncio.gather(*map(stage.play, flows))

    asyncio.run(playing())


def behind_a_proxy(path: str, forwarded_for: bytes = b"10.0.0.7") -> http.HTTPFlow:
    flow = make_flow(path, headers={"X-Forwarded-For": forwarded_for})
    flow.client_conn.peername = ("127.0.0.1", 5_000)
    return flow


@pytest.mark.parametrize("is_required", [False, True])
@pytest.mark.parametrize("odd", ["a count of 20 digits", "a zone", "a long zone"])
def test_no_call_is_lost_beside_an_odd_one_nor_the_odd_one_itself(
    tmp_path: Path, hub: Standin, odd: str, *, is_required: bool
) -> None:
    zone = {"a zone": ZONE, "a long zone": LONG_ZONE}.get(odd, b"10.0.0.8")
    if odd == "a count of 20 digits":
        hub.faults.add("/namespaces/odd/", faults.count_lies(TWENTY_DIGITS))
    flows = [
        behind_a_proxy(TAGS.format("odd/tool"), zone) if n % 10 == 7 else
        behind_a_proxy(TAGS.format(f"acme/tool-{n}"))
        for n in range(MANY)
    ]  # fmt: skip
    played(tmp_path, hub, flows, hub_journal_required=is_required)
    assert 503 not in {answered(flow).status_code for flow in flows}
    journal = tmp_path / "journal.sqlite3"
    rows = entries(journal)
    assert len(rows) == MANY
    assert max(len(value) for row in rows for value in row.row() if isinstance(value, str)) <= 256
    assert asked(journal, "SELECT count(*) FROM gaps") == [(0,)]
    assert_counts_are_those_of_the_rows(journal)


_BYTES = st.binary(max_size=60) | st.binary(min_size=300, max_size=400)
_HEADERS = ("Authorization", "User-Agent", "X-Forwarded-For", "X-Job", "Via")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(_BYTES, st.dictionaries(st.sampled_from(_HEADERS), _BYTES)),
        min_size=1,
        max_size=6,
    ),
    st.integers(),
)
def test_whatever_a_path_a_header_or_a_count_is_each_call_has_its_row(
    tmp_path_factory: pytest.TempPathFactory,
    hub: Standin,
    calls: list[tuple[bytes, dict[str, str | bytes]]],
    count: int,
) -> None:
    folder = tmp_path_factory.mktemp("odd")
    hub.faults.add("/tags", faults.count_lies(count))
    flows = [
        make_flow(b"/v1/repositories/acme/tool/tags/" + path.replace(b"?", b""), headers=headers)
        for path, headers in calls
    ]
    for flow in flows:
        flow.client_conn.peername = ("127.0.0.1", 5_000)
    flows.append(behind_a_proxy(TAGS.format("acme/tool")))
    played(folder, hub, flows, hub_caller_header="X-Job")
    assert len(entries(folder / "journal.sqlite3")) == len(flows)
    assert asked(folder / "journal.sqlite3", "SELECT count(*) FROM gaps") == [(0,)]


def test_a_refusal_for_want_of_a_row_is_no_gap_and_has_a_figure_of_its_own(
    tmp_path: Path, hub: Standin
) -> None:
    journal = tmp_path / "journal.sqlite3"

    async def playing() -> tuple[list[int], int, int]:
        async with on_stage(tmp_path, hub.url, hub_journal_required=True) as stage:
            asked(journal, "ALTER TABLE calls RENAME TO away")
            flows = [make_flow(TAGS.format(f"acme/tool-{n}")) for n in range(5)]
            await asyncio.gather(*map(stage.play, flows))
            asked(journal, "ALTER TABLE away RENAME TO calls")
            components = stage.bridge.components
            assert components
            now = components.readings
            return (
                [answered(each).status_code for each in flows],
                now.lost,
                (now.seen.refused_unrecorded),
            )

    assert asyncio.run(playing()) == ([503] * 5, 0, 5)
    assert asked(journal, "SELECT sum(calls) FROM refusals") == [(5,)]
    assert asked(journal, "SELECT count(*) FROM gaps") == [(0,)]


def test_a_call_whose_client_has_left_is_no_refusal_but_a_gap(tmp_path: Path, hub: Standin) -> None:
    journal = tmp_path / "journal.sqlite3"

    async def playing() -> None:
        async with on_stage(tmp_path, hub.url, hub_journal_required=True) as stage:
            asked(journal, "ALTER TABLE calls RENAME TO away")
            await stage.play(make_flow("/v1/_ping"), "the server closed the connection")
            asked(journal, "ALTER TABLE away RENAME TO calls")

    asyncio.run(playing())
    assert asked(journal, "SELECT sum(calls) FROM gaps") == [(1,)]
    assert asked(journal, "SELECT count(*) FROM refusals") == [(0,)]
