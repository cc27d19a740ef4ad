"""With `hub_anonymize`, whatever is kept of a call tells of a network and of no person."""

import asyncio
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy import http

from hubv1.api.anonymity import anonymized, network_of
from hubv1.cli.main import main
from hubv1.contentview import HubV1View
from hubv1.journal import CallRecord, Location, read
from hubv1.mitm.flows import saved_record
from onstage import answer, entries, make_flow, on_stage, played
from samples import make_entry
from standin import Standin, faults

JANE = "Basic amFuZTpoZXNsbw=="
USERS = "* /v1/users/…"


def flow_from(
    address: str, path: str = "/v1/repositories/debian/tags", **more: str
) -> http.HTTPFlow:
    flow = make_flow(path, headers={"Authorization": JANE} | more)
    flow.client_conn.peername = (address, 50_000)
    return flow


def everything_kept(folder: Path) -> str:
    """All that the files of the bridge hold."""
    files = [file.read_bytes() for file in folder.iterdir() if "journal" in file.name]
    assert files
    return b"".join(files).decode(errors="replace")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("203.0.113.77:5123", "203.0.113.0/24"),
        ("0.0.0.1", "0.0.0.0/24"),
        ("2001:db8:1234:5678::9", "2001:db8:1234::/48"),
        ("[2001:db8:1234:5678::9]:443", "2001:db8:1234::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("::1", "::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("2002:cb00:714d::1", "203.0.113.0/24"),  # 6to4, which wraps an address of IPv4
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("2001:db8:1234::/48", "2001:db8:1234::/48"),
        ("jane-laptop.example", ""),
        ("", ""),
    ],
)
def test_an_address_is_cut_to_its_network(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("caller", "address", "kept"),
    [
        ("curl/8.1 at 203.0.113.77", "203.0.113.77", "curl/8.1 at 203.0.113.0/24"),
        ("Go at 2001:db8:1:2::3", "2001:db8:1:2::3", "Go at 2001:db8:1::/48"),
        ("10.0.0.7/2 at 203.0.113.77", "203.0.113.77", "10.0.0.0/24 at 203.0.113.0/24"),
        ("Chrome/120.0.0.1 at 203.0.113.77", "203.0.113.77", "Chrome/120.0.0.1 at 203.0.113.0/24"),
        ("nightly-build", "203.0.113.77", "nightly-build"),
        ("203.0.113.77, 198.51.100.9", "127.0.0.1", "203.0.113.0/24, 198.51.100.0/24"),
        ("curl/8.1 at jane-laptop", "jane-laptop", "curl/8.1 at unknown address"),
        ("curl/8.1 at unknown address", "", "curl/8.1 at unknown address"),
        ("x" * 230 + " at 203.0.113.77", "203.0.113.77", "x" * 230 + " at 203.0.113.0/24"),
        ("x" * 250 + " at 203.0.113.77", "203.0.113.77", "x" * 250 + " at …"),
    ],
)
def test_a_caller_is_known_by_the_network_that_it_calls_from(
    caller: str, address: str, kept: str
) -> None:
    record = anonymized(make_entry(caller=caller, client_address=address))
    assert record.caller == kept
    assert anonymized(record) == record


def test_user_names_go_from_the_path_and_from_errors_that_repeat_them() -> None:
    record = anonymized(
        make_entry(user_name="Jane", route=USERS, url_path="/v1/users/jane/", error="jane is off")
    )
    assert (record.user_name, record.url_path, record.error) == ("", "/v1/users/…", "*** is off")


def test_nothing_that_the_bridge_writes_or_shows_names_the_caller(
    tmp_path: Path,
    hub: Standin,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    hub.faults.add("/v2/", faults.status(403, b'{"message": "jane may not see this"}'))
    paths = ("/v1/repositories/debian/tags", "/v1/users/jane/", "/v1/repositories/BAD/tags")
    flows = [flow_from("203.0.113.77", path) for path in paths]
    flows.append(flow_from("2001:db8:1234:5678::9"))

    async def playing() -> str:
        async with on_stage(
            tmp_path, hub.url, hub_anonymize=True, hub_metrics="127.0.0.1:0"
        ) as stage:
            for flow in flows:
                await stage.play(flow, answer(410))
            stage.bridge.tls_failed_client(_rejecting("203.0.113.78"))
            assert stage.bridge.components
            assert stage.bridge.components.metrics
            url = f"http://127.0.0.1:{stage.bridge.components.metrics.port}/metrics"
            scraped = await asyncio.to_thread(lambda: urllib.request.urlopen(url).read())
            return str(scraped.decode())

    with caplog.at_level("DEBUG"):
        metrics = asyncio.run(playing())
    journal = tmp_path / "journal.sqlite3"
    shown = [metrics, caplog.text, everything_kept(tmp_path)]
    for form in ("terminal", "html", "md", "json", "csv"):
        main(["report", "--journal", str(journal), "--format", form])
        shown.append(capsys.readouterr().out)
    for flow in flows:
        shown += [flow.comment, str(flow.metadata)]
        shown.append(HubV1View().prettify(b"", SimpleNamespace(flow=flow)))
    assert all(shown)
    for text in shown:
        assert "203.0.113.7" not in text
        assert "1234:5678" not in text
        assert "jane" not in text.lower()
    assert {row.client_address for row in entries(journal)} == {
        "203.0.113.0/24",
        "2001:db8:1234::/48",
    }
    assert {row.credentials for row in entries(journal)} == {"basic"}
    with read(Location(str(journal))) as history:
        assert [one.client_address for one in history.rejections] == ["203.0.113.0/24"]
    assert "from curl/8.1 at 203.0.113.0/24: " in caplog.text


def test_flows_that_another_bridge_saved_are_anonymized_before_they_are_recorded_again(
    tmp_path: Path, hub: Standin
) -> None:
    (tmp_path / "named").mkdir()
    (tmp_path / "nobody").mkdir()
    flow = played(tmp_path / "named", hub, flow_from("203.0.113.77"))
    asked = flow.metadata["hub_v1"]["asked"]
    assert "jane" in everything_kept(tmp_path / "named")
    flow.live = False
    played(tmp_path / "nobody", hub, flow, hub_anonymize=True)
    kept = saved_record(flow)
    assert [kept] == entries(tmp_path / "nobody" / "journal.sqlite3")
    assert kept
    assert (kept.caller, kept.user_name) == ("curl/8.1 at 203.0.113.0/24", "")
    assert flow.metadata["hub_v1"]["asked"] == asked
    assert flow.comment.endswith("to change by: curl/8.1 at 203.0.113.0/24")
    assert "jane" not in everything_kept(tmp_path / "nobody")


def test_it_can_be_turned_on_while_the_bridge_runs(tmp_path: Path, hub: Standin) -> None:
    async def playing() -> None:
        async with on_stage(tmp_path, hub.url) as stage:
            await stage.play(flow_from("203.0.113.77"))
            stage.configure(hub_anonymize=True)
            await stage.play(flow_from("203.0.113.77"))

    asyncio.run(playing())
    assert _addresses(entries(tmp_path / "journal.sqlite3")) == ["203.0.113.77", "203.0.113.0/24"]


def test_callers_of_one_network_are_served_as_ever(tmp_path: Path, hub: Standin) -> None:
    """What Hub gets, and whose answer is shared, goes by the credentials, which stay whole."""
    flow = played(tmp_path, hub, flow_from("203.0.113.77"), hub_anonymize=True)
    named = played(tmp_path, hub, flow_from("203.0.113.77"))
    assert flow.response
    assert named.response
    assert flow.response.content == named.response.content
    assert flow.request.headers["Authorization"] == JANE


def _addresses(rows: list[CallRecord]) -> list[str]:
    return [row.client_address for row in rows]


def _rejecting(address: str) -> Any:
    """What mitmproxy tells of a client that rejects the certificate."""
    return SimpleNamespace(conn=SimpleNamespace(sni="index.docker.io", peername=(address, 1)))
