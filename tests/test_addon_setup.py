"""The addon before, between and after its flows: options, commands, start and shutdown."""

import asyncio
import gc
import socket
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import exceptions, options
from mitmproxy.proxy.layers.http._hooks import HttpRequestHook
from mitmproxy.proxy.layers.tls import TlsFailedClientHook
from mitmproxy.test import tflow
from mitmproxy.tls import TlsData

from hub.gate import until
from hubv1.addon import Bridge
from hubv1.api.routes import Outcome
from hubv1.config import OPTIONS
from onstage import a_stage, answer, entries, make_flow, on_stage, traffic
from report.made import write_journal
from samples import make_entry
from standin import Catalog, Held, Standin, faults


def configured(bridge: Bridge, folder: Path, **values: Any) -> list[str]:
    """What `hub.options` says of a bridge that is configured and not yet running."""

    async def configuring() -> list[str]:
        with a_stage(bridge, options=options.Options(confdir=str(folder))) as context:
            context.configure(bridge, **values)
            return list(bridge.show_options())

    return asyncio.run(configuring())


class TestStart:
    def complaints(self, caplog: pytest.LogCaptureFixture, *given: str) -> list[str]:
        """What is in the log once the addon is loaded with these on the command line."""

        async def loading() -> None:
            opts = options.Options()
            opts.set(*given, defer=True)
            # What it cannot parse, mitmproxy refuses here too, and ends the addon for it.
            with suppress(exceptions.OptionsError), a_stage(Bridge(), options=opts):
                pass

        asyncio.run(loading())
        return [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ("hub_ulr=https://hub.docker.com", "Did you mean hub_url?"),
            ("hub_deadline=soon", "hub_deadline takes a whole number, not 'soon'."),
        ],
    )
    def test_what_mitmproxy_would_pass_over_is_an_error_in_the_log(
        self, caplog: pytest.LogCaptureFixture, given: str, said: str
    ) -> None:
        assert said in self.complaints(caplog, given)[0]

    def test_sound_options_are_taken_without_a_word(self, caplog: pytest.LogCaptureFixture) -> None:
        assert self.complaints(caplog, "hub_deadline=5", "listen_port=8081") == []

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ({"hub_deadline": 0}, "hub_deadline takes 1 to 3600 seconds"),
            ({"hub_journal": "/no/such/folder/journal"}, "/no/such/folder/journal cannot be used"),
        ],
    )
    def test_a_value_that_cannot_be_used_at_the_start_is_an_error_in_the_log(
        self, caplog: pytest.LogCaptureFixture, tmp_path: Path, values: dict[str, Any], said: str
    ) -> None:
        bridge = Bridge()
        configured(bridge, tmp_path, **values)
        [error] = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
        assert said in error
        assert bridge.request(make_flow()) is None
        assert bridge.done() is None

    def test_the_journal_is_in_confdir_where_no_place_is_given(self, tmp_path: Path) -> None:
        async def playing() -> None:
            async with on_stage(tmp_path, hub_journal=""):
                pass

        asyncio.run(playing())
        assert entries(tmp_path / "hub-journal.sqlite3") == []

    @pytest.mark.parametrize(
        ("strategy", "server", "warned"),
        [("eager", True, True), ("lazy", True, False), ("eager", False, False)],
    )
    def test_a_set_up_that_fails_with_dead_hosts_is_warned_of(
        self,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        strategy: str,
        server: bool,  # noqa: FBT001
        warned: bool,  # noqa: FBT001
    ) -> None:
        async def playing() -> None:
            async with on_stage(tmp_path) as stage:
                stage.context.options.update(connection_strategy=strategy, server=server)
                stage.bridge.running()

        asyncio.run(playing())
        assert ("Set connection_strategy=lazy" in caplog.text) is warned


class TestWhileRunning:
    @pytest.mark.parametrize(
        ("bad", "said"),
        [
            ({"hub_deadline": 0}, "hub_deadline takes"),
            ({"hub_url": "ftp://hub"}, "hub_url takes"),
            ({"hub_hosts": ["https://hub"]}, "hub_hosts takes"),
            ({"hub_caller_header": "a b"}, "hub_caller_header takes"),
            ({"hub_journal": "/no/such/folder/journal"}, "/no/such/folder/journal cannot be"),
        ],
    )
    def test_a_bad_value_is_refused_and_the_old_ones_go_on_working(
        self, tmp_path: Path, hub: Standin, bad: dict[str, Any], said: str
    ) -> None:
        async def playing() -> None:
            async with on_stage(tmp_path, hub.url) as stage:
                components = stage.bridge.components
                with pytest.raises(exceptions.OptionsError, match=said):
                    stage.configure(**bad)
                [name] = bad
                assert getattr(stage.context.options, name) != bad[name]
                assert stage.bridge.components
                assert components
                assert stage.bridge.components.journal is components.journal
                flow = await stage.play(make_flow())
                assert flow.response
                assert flow.response.status_code == 200

        asyncio.run(playing())
        assert len(entries(tmp_path / "journal.sqlite3")) == 1

    def test_of_values_that_are_refused_together_nothing_stays_open(self, tmp_path: Path) -> None:
        other = str(tmp_path / "other.sqlite3")

        async def playing() -> None:
            with socket.create_server(("127.0.0.1", 0)) as taken:
                address = f"127.0.0.1:{taken.getsockname()[1]}"
                async with on_stage(tmp_path) as stage:
                    before = set(threading.enumerate())
                    with pytest.raises(exceptions.OptionsError, match="cannot be served"):
                        stage.configure(hub_journal=other, hub_metrics=address)
                    assert set(threading.enumerate()) <= before

        asyncio.run(playing())

    def test_new_values_count_from_the_next_call_on(self, tmp_path: Path, hub: Standin) -> None:
        async def playing() -> None:
            with Standin(Catalog()) as other:
                async with on_stage(tmp_path, other.url) as stage:
                    await stage.play(make_flow())
                    stage.configure(hub_url=hub.url)
                    await stage.play(make_flow())
                    stage.configure(hub_caller_header="X-Job", hub_hosts=["legacy.example"])
                    await stage.play(make_flow(host="legacy.example", headers={"X-Job": "nightly"}))
                    await stage.play(make_flow(host="index.docker.io"), answer())

        asyncio.run(playing())
        rows = entries(tmp_path / "journal.sqlite3")
        assert [row.http_response_status_code for row in rows] == [404, 200, 200]
        assert rows[2].caller == "nightly"
        assert traffic(tmp_path / "journal.sqlite3").flows == 4

    def test_a_new_journal_takes_the_calls_from_then_on(self, tmp_path: Path, hub: Standin) -> None:
        async def playing() -> None:
            async with on_stage(tmp_path, hub.url, hub_cache_ttl=0) as stage:
                await stage.play(make_flow())
                under_way = make_flow()
                held = Held()
                hub.faults.add("/tags", held)
                task = asyncio.create_task(stage.play(under_way))
                await until(lambda: held.here == 1)
                stage.configure(hub_journal=str(tmp_path / "second.sqlite3"))
                assert len(entries(stage.journal)) == 1
                assert traffic(stage.journal).flows == 2
                held.release()
                await task
                await stage.play(make_flow())

        asyncio.run(playing())
        assert len(entries(tmp_path / "second.sqlite3")) == 2
        assert traffic(tmp_path / "second.sqlite3").flows == 1

    def test_calls_go_after_as_many_days_as_were_set_last(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("hubv1.journal.retention._FIRST_SECONDS", 0.02)
        monkeypatch.setattr("hubv1.journal.writer.COUNTING_SECONDS", 0.02)
        write_journal(
            tmp_path / "journal.sqlite3",
            *(
                make_entry(started_at=datetime.now(UTC) - timedelta(days=days))
                for days in (100, 40, 1.01)
            ),
        )

        def left() -> int:
            return len(entries(tmp_path / "journal.sqlite3"))

        async def playing() -> None:
            async with on_stage(tmp_path, hub_journal_days=50) as stage:
                await until(lambda: left() == 2)
                with pytest.raises(exceptions.OptionsError, match="takes 1 to 400 days"):
                    stage.configure(hub_journal_days=401)
                stage.configure(hub_journal_days=30)
                await until(lambda: left() == 1)

        asyncio.run(playing())

    def test_the_deadline_is_the_one_that_was_set(self, tmp_path: Path, hub: Standin) -> None:
        hub.faults.add("/tags", faults.hang())

        async def playing() -> None:
            async with on_stage(tmp_path, hub.url, hub_deadline=1) as stage:
                await stage.play(make_flow())

        asyncio.run(playing())
        [row] = entries(tmp_path / "journal.sqlite3")
        assert "within 1 s" in row.error
        assert row.duration_ms > 900

    def test_options_are_listed_with_value_and_meaning(self, tmp_path: Path) -> None:
        async def playing() -> list[str]:
            async with on_stage(tmp_path, hub_deadline=7) as stage:
                return list(stage.context.master.commands.call_strings("hub.options", []))

        listed = asyncio.run(playing())
        assert len(listed) == len(OPTIONS)
        assert any(line.startswith("hub_deadline=7: ") for line in listed)

    def test_options_are_listed_without_passwords(self, tmp_path: Path) -> None:
        listed = configured(Bridge(), tmp_path, hub_journal="nosuch://user:hunter2@127.0.0.1/db")
        assert len(listed) == len(OPTIONS)
        assert not any("hunter2" in line for line in listed)


class TestRejectedCertificates:
    @pytest.mark.parametrize(
        ("sni", "counted"),
        [("Index.docker.io", 1), ("elsewhere.example", 0), (None, 0)],
    )
    def test_clients_of_legacy_hosts_that_trust_no_ca_are_counted(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, sni: str | None, counted: int
    ) -> None:
        async def playing() -> None:
            async with on_stage(tmp_path) as stage:
                connection = tflow.tclient_conn()
                connection.sni = sni
                data = TlsData(connection, context=None)  # type: ignore[arg-type]
                await stage.call(TlsFailedClientHook(data))

        asyncio.run(playing())
        assert traffic(tmp_path / "journal.sqlite3").rejected_tls == counted
        assert ("its request was never seen" in caplog.text) is bool(counted)


class TestShutdown:
    def test_calls_that_are_cut_are_written_down_and_logged(
        self, tmp_path: Path, hub: Standin, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        hub.faults.add("/tags", faults.hang())
        arrived = threading.Event()
        hub.before_request(lambda call: arrived.set())

        async def playing() -> None:
            async with on_stage(tmp_path, hub.url) as stage:
                cut = asyncio.create_task(stage.play(make_flow()))
                await stage.call(HttpRequestHook(make_flow("/v1/_ping")))
                await asyncio.to_thread(arrived.wait, 60)
                await stage.end()
                cut.cancel()

        asyncio.run(playing())
        gc.collect()  # a connection that was left open complains here
        ended = {row.outcome: row for row in entries(tmp_path / "journal.sqlite3")}
        assert set(ended) == {Outcome.FAILED, Outcome.PASSED}
        for row in ended.values():
            assert (row.error_type, row.http_response_status_code) == ("shutdown", None)
            assert f"{row.http_request_method} {row.url_path} from {row.caller}: " in caplog.text

    def test_a_call_whose_answer_is_ready_is_written_down_as_answered(
        self, tmp_path: Path, hub: Standin
    ) -> None:
        """For mitmproxy still sends it."""

        async def playing() -> None:
            async with on_stage(tmp_path, hub.url) as stage:
                await stage.call(HttpRequestHook(make_flow()))
                await stage.end()

        asyncio.run(playing())
        [row] = entries(tmp_path / "journal.sqlite3")
        assert (row.outcome, row.http_response_status_code) == (Outcome.TRANSLATED, 200)
        assert row.error_type == ""

    def test_counts_are_written_and_nothing_happens_any_more(
        self, tmp_path: Path, hub: Standin
    ) -> None:
        async def playing() -> None:
            async with on_stage(tmp_path, hub.url) as stage:
                for _ in range(3):
                    await stage.play(make_flow("/v2/"), answer())
                await stage.play(make_flow("/v1/search?q=x"), answer())
                await stage.end()
                upstream = answer()
                flow = await stage.play(make_flow(), upstream)
                assert flow.response is upstream
                await stage.end()

        asyncio.run(playing())
        seen = traffic(tmp_path / "journal.sqlite3")
        assert (seen.flows, seen.still_served) == (4, 1)
        assert entries(tmp_path / "journal.sqlite3") == []
        assert hub.calls == []
