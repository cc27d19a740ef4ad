"""Whom the bridge believes, as whom it comes, and through which proxy."""

import asyncio
import base64
from collections.abc import Sequence
from pathlib import Path

import pytest

from hub.secured import client_certificate, rehashed, secured
from hubv1.api.names import Repository
from hubv1.api.v2 import Unreachable
from hubv1.hub import Connections, RequestBudget, Transport
from hubv1.hub.exchange import Reply, Request
from samples import VIA, with_client
from standin import Standin
from standin.tls import CA_FILE, server_context

PATIENCE = 30
SECRET = "geheimnis"
HOSTS = ("127.0.0.1", "localhost")


def get_all(urls: Sequence[str], connections: Connections) -> Sequence[Reply]:
    """The replies to these requests, one after the other, with these settings."""

    async def asking() -> Sequence[Reply]:
        transport = Transport(VIA, "tests", connections)
        try:
            async with asyncio.timeout(PATIENCE):
                return [await transport.send(Request("GET", url), RequestBudget()) for url in urls]
        finally:
            await transport.close()

    return asyncio.run(asking())


def get(url: str, connections: Connections) -> Reply:
    """The reply to one request."""
    [reply] = get_all([url], connections)
    return reply


class TestWhomToTrust:
    def test_a_certificate_that_nobody_vouches_for_is_refused(self, tmp_path: Path) -> None:
        with secured(tmp_path) as server:
            with pytest.raises(Unreachable, match="certificate verify failed"):
                get(server.url, Connections())
            assert server.shown == []

    def test_a_trusted_ca_file_is_enough(self, tmp_path: Path) -> None:
        with secured(tmp_path) as server:
            assert get(server.url, Connections(ca_file=str(tmp_path / CA_FILE))).status == 200

    def test_a_trusted_folder_is_enough_as_openssl_makes_it(self, tmp_path: Path) -> None:
        with secured(tmp_path / "tls") as server:
            folder = rehashed(tmp_path / "trusted", tmp_path / "tls" / CA_FILE)
            assert get(server.url, Connections(ca_folder=str(folder))).status == 200
            (folder / "ca.pem").unlink()
            with pytest.raises(Unreachable, match="certificate verify failed"):
                get(server.url, Connections(ca_folder=str(folder)))

    def test_a_file_may_lie_in_the_users_home(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        with secured(tmp_path) as server:
            assert get(server.url, Connections(ca_file=f"~/{CA_FILE}")).status == 200

    def test_who_trusts_one_ca_does_not_trust_another(self, tmp_path: Path) -> None:
        server_context(tmp_path / "other", ["localhost"])
        with secured(tmp_path / "tls") as server, pytest.raises(Unreachable, match="verify failed"):
            get(server.url, Connections(ca_file=str(tmp_path / "other" / CA_FILE)))

    def test_a_certificate_for_another_host_is_refused(self, tmp_path: Path) -> None:
        with secured(tmp_path, ["example.test"]) as server:
            trusting = Connections(ca_file=str(tmp_path / CA_FILE))
            with pytest.raises(Unreachable, match="verify failed"):
                get(server.url, trusting)

    def test_who_is_told_to_believe_anybody_does(self, tmp_path: Path) -> None:
        server_context(tmp_path / "other", ["localhost"])
        other = str(tmp_path / "other" / CA_FILE)
        with secured(tmp_path / "tls", ["example.test"]) as server:
            assert get(server.url, Connections(insecure=True)).status == 200
            assert get(server.url, Connections(insecure=True, ca_file=other)).status == 200

    @pytest.mark.parametrize("content", [None, "", "nonsense"])
    def test_a_ca_file_that_cannot_be_used_is_a_failure(
        self, tmp_path: Path, content: str | None
    ) -> None:
        file = tmp_path / "mine.pem"
        if content is not None:
            file.write_text(content)
        with secured(tmp_path / "tls") as server, pytest.raises(Unreachable):
            get(server.url, Connections(ca_file=str(file)))


class TestAsWhom:
    @pytest.mark.parametrize("place", ["bridge.pem", "certificates/127.0.0.1.pem"])
    def test_the_client_certificate_is_shown(self, tmp_path: Path, place: str) -> None:
        file = client_certificate(tmp_path / place)
        given = file.parent if file.parent != tmp_path else file
        with secured(tmp_path / "tls", demanded=file) as server:
            get(server.url, Connections(insecure=True, client_certs=str(given)))
            assert server.shown == ["bridge"]

    def test_without_one_there_is_no_answer(self, tmp_path: Path) -> None:
        file = client_certificate(tmp_path / "bridge.pem")
        with secured(tmp_path / "tls", demanded=file) as server:
            with pytest.raises(Unreachable):
                get(server.url, Connections(insecure=True))
            assert server.shown == []

    def test_a_folder_without_one_for_this_host_shows_none(self, tmp_path: Path) -> None:
        file = client_certificate(tmp_path / "certificates" / "example.test.pem")
        connections = Connections(insecure=True, client_certs=str(file.parent))
        with secured(tmp_path / "tls") as server:
            assert get(server.url, connections).status == 200
            assert server.shown == [None]
        with secured(tmp_path / "tls", demanded=file) as server, pytest.raises(Unreachable):
            get(server.url, connections)

    def test_each_host_is_shown_its_own(self, tmp_path: Path) -> None:
        folder, both = tmp_path / "certificates", tmp_path / "both.pem"
        files = [client_certificate(folder / f"{host}.pem", host) for host in HOSTS]
        both.write_text("".join(file.read_text() for file in files))
        with secured(tmp_path / "tls", demanded=both) as server:
            urls = [server.url.replace("127.0.0.1", host) for host in HOSTS]
            get_all(urls, Connections(insecure=True, client_certs=str(folder)))
            assert server.shown == [*HOSTS]

    def test_one_that_cannot_be_read_is_a_failure(self, tmp_path: Path) -> None:
        file = tmp_path / "bridge.pem"
        file.write_text("nonsense")
        with secured(tmp_path / "tls") as server:
            with pytest.raises(Unreachable):
                get(server.url, Connections(insecure=True, client_certs=str(file)))
            assert server.shown == []


class TestThroughAProxy:
    """The stand-in takes whole URLs, as a proxy does, and writes down what it was sent."""

    URL = "http://hub.example.test/v2/namespaces/library/repositories/debian/tags"

    @pytest.mark.parametrize("given", [f"joe:{SECRET}", "joe:with:colon", "joe:", "jöe:gëheim"])
    def test_credentials_go_to_the_proxy(self, hub: Standin, given: str) -> None:
        assert get(self.URL, Connections(proxy=hub.url, proxy_auth=given)).status == 200
        (call,) = hub.calls
        assert call.headers["host"] == "hub.example.test"
        sent = call.headers["proxy-authorization"].removeprefix("Basic ")
        assert base64.b64decode(sent).decode() == given

    def test_without_credentials_none_are_sent(self, hub: Standin) -> None:
        assert get(self.URL, Connections(proxy=hub.url)).status == 200
        assert "proxy-authorization" not in hub.calls[0].headers

    def test_credentials_for_a_proxy_go_nowhere_without_one(self, hub: Standin) -> None:
        assert get(hub.url, Connections(proxy_auth=f"joe:{SECRET}")).status == 404
        assert "proxy-authorization" not in hub.calls[0].headers

    def test_a_proxy_that_is_down_is_a_failure_without_its_credentials(self) -> None:
        connections = Connections(proxy="http://127.0.0.1:1", proxy_auth=f"joe:{SECRET}")
        with pytest.raises(Unreachable) as failure:
            get(self.URL, connections)
        assert SECRET not in str(failure.value)

    def test_its_credentials_are_not_shown(self) -> None:
        connections = Connections(proxy="http://proxy.test:3128", proxy_auth=f"joe:{SECRET}")
        transport = Transport(VIA, "tests", connections)
        for shown in (repr(connections), str(connections), repr(transport), f"{[connections]}"):
            assert SECRET not in shown
        assert "http://proxy.test:3128" in repr(connections)


def test_an_error_is_told_in_the_same_words_every_time() -> None:
    with pytest.raises(Unreachable) as failure:
        with_client(
            "https://127.0.0.1:1",
            lambda client: client.tag(Repository("library", "debian"), "1", RequestBudget()),
        )
    assert "Connect call failed" in str(failure.value)
    assert "object at" not in str(failure.value)
