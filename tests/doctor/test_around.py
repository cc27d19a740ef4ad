"""What is looked at on this machine: who can call, where names lead, the journal."""

import os
import socket
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from mitmproxy.certs import CertStore

from doctor.setups import LOCAL, NO_NAMES, a_setup, examine, find
from hubv1.doctor import CheckResult, CheckStatus
from hubv1.doctor.checkup import trust_line
from hubv1.doctor.local_checks import (
    authority,
    connection_strategy,
    journal,
    legacy_names,
    listening,
    loop,
)
from hubv1.hub import Connections
from hubv1.journal import Journal, Location
from hubv1.listen import METRICS, Listener

NOWHERE = NO_NAMES | {"hub_url": "http://127.0.0.1:1", "hub_registry_url": ""}
OPEN = Listener("regular", "0.0.0.0", 8080)
IN_PLACE = Listener("reverse", "127.0.0.1", 443, "https://registry-1.docker.io:443")
DOCKERS = dict.fromkeys(
    ("hub.docker.com", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"), False
)


def test_the_eager_strategy_is_wrong_and_told_how_to_change(tmp_path: Path) -> None:
    assert connection_strategy(a_setup(tmp_path)).status is CheckStatus.OK
    found = connection_strategy(a_setup(tmp_path, connection_strategy="eager"))
    assert found.is_wrong
    assert "--set connection_strategy=lazy" in found.remedy


def test_nobody_serves_nobody(tmp_path: Path) -> None:
    setup = a_setup(tmp_path, listeners=())
    assert connection_strategy(setup).status is listening(setup).status is CheckStatus.SKIPPED
    assert trust_line(setup, DOCKERS) == ""


class TestListening:
    @pytest.mark.parametrize("kind", ["regular", "upstream", "socks5"])
    @pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1"])
    def test_beyond_loopback_wants_both_bounds(self, tmp_path: Path, kind: str, host: str) -> None:
        found = listening(a_setup(tmp_path, listeners=(LOCAL, Listener(kind, host, 8080))))
        assert found.is_wrong
        assert "without proxyauth and allow_hosts" in found.sentence
        assert r"--allow-hosts '^(hub\.docker\.com|index\.docker\.io|" in found.remedy

    @pytest.mark.parametrize(
        ("bounds", "lacking"),
        [
            ({"proxyauth": "ann:secret"}, "without allow_hosts:"),
            ({"allow_hosts": ["index.docker.io"]}, "without proxyauth:"),
            ({"proxyauth": "ann:secret", "allow_hosts": ["index.docker.io"]}, ""),
        ],
    )
    def test_tells_the_bound_that_is_missing(
        self, tmp_path: Path, bounds: dict[str, Any], lacking: str
    ) -> None:
        found = listening(a_setup(tmp_path, listeners=(OPEN,), **bounds))
        assert found.is_wrong == bool(lacking)
        assert lacking in found.sentence

    @pytest.mark.parametrize(
        "listener",
        [
            LOCAL,
            Listener("socks5", "::1", 1080),
            Listener("reverse", "", 443, "https://registry-1.docker.io:443"),
            Listener("local", "", None),
        ],
    )
    def test_for_this_machine_or_one_host_is_sound(
        self, tmp_path: Path, listener: Listener
    ) -> None:
        assert not listening(a_setup(tmp_path, listeners=(listener,))).is_wrong


class TestPorts:
    """What a bridge that is yet to be started would meet."""

    def of(self, folder: Path, listener: Listener, *, is_running: bool = False) -> CheckResult:
        return listening(a_setup(folder, listeners=(listener,), is_running=is_running))

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
    def test_one_that_another_program_holds_is_wrong(self, tmp_path: Path, host: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, 0), family=family) as other:
            listener = Listener("regular", host, other.getsockname()[1])
            found = self.of(tmp_path, listener)
            assert found.is_wrong
            assert f"{listener.address} is taken: another program listens there." in found.line
            assert "-p" in found.remedy

    def test_one_that_is_held_on_every_address_is_wrong_for_one_of_them(
        self, tmp_path: Path
    ) -> None:
        with socket.create_server(("0.0.0.0", 0)) as other:
            listener = Listener("regular", "127.0.0.1", other.getsockname()[1])
            assert "is taken" in self.of(tmp_path, listener).line

    def test_a_datagram_port_that_is_held_is_wrong_for_wireguard_alone(
        self, tmp_path: Path
    ) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            port = other.getsockname()[1]
            tunnel = Listener("wireguard", "127.0.0.1", port, transport="udp")
            assert "is taken" in self.of(tmp_path, tunnel).line
            assert not self.of(tmp_path, Listener("reverse", "127.0.0.1", port)).is_wrong

    def test_the_bridges_own_is_its_own(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as own:
            listener = Listener("regular", "127.0.0.1", own.getsockname()[1])
            assert not self.of(tmp_path, listener, is_running=True).is_wrong

    @pytest.mark.parametrize(
        ("host", "said"),
        [
            ("192.0.2.1", "192.0.2.1 is not an address of this machine."),
            ("no-such-host.invalid", "The name no-such-host.invalid does not resolve."),
        ],
    )
    def test_an_address_that_is_none_of_this_machine_is_wrong(
        self, tmp_path: Path, host: str, said: str
    ) -> None:
        assert said in self.of(tmp_path, Listener("regular", host, 8080)).line

    def test_that_of_the_metrics_is_looked_at_too(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            listener = Listener(METRICS, *other.getsockname())
            found = self.of(tmp_path, listener)
        assert f"{listener.address} is taken" in found.line
        assert "--set hub_metrics=" in found.remedy

    def test_looking_takes_no_port(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as freed:
            listener = Listener("regular", *freed.getsockname())
        for _ in range(2):
            assert not self.of(tmp_path, listener).is_wrong


class TestNames:
    def test_a_name_that_leads_here_is_found_by_resolving_it(self, tmp_path: Path) -> None:
        setup = a_setup(tmp_path, options=NOWHERE | {"hub_hosts": ["localhost"]})
        found = find(setup, "legacy hosts")
        assert found.is_wrong
        assert "localhost leads to this machine, but the bridge is no reverse proxy" in found.line

    def test_a_name_that_leads_nowhere_does_not_matter(self, tmp_path: Path) -> None:
        found = find(a_setup(tmp_path, options=NOWHERE | {"hub_hosts": ["v1.invalid"]}), "loop")
        assert not found.is_wrong
        found = find(
            a_setup(tmp_path, options=NOWHERE | {"hub_hosts": ["v1.invalid"]}), "legacy hosts"
        )
        assert "v1.invalid has no address, which does not matter." in found.line
        assert not found.is_wrong

    def test_a_hosts_file_in_front_of_a_reverse_proxy_is_sound(self, tmp_path: Path) -> None:
        leads = DOCKERS | {"index.docker.io": True}
        setup = a_setup(tmp_path, listeners=(IN_PLACE,))
        assert legacy_names(setup, leads).status is CheckStatus.OK
        assert loop(setup, leads).status is CheckStatus.OK

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("hub.docker.com", "hub_url https://hub.docker.com leads back"),
            ("registry-1.docker.io", "hub_registry_url https://registry-1.docker.io leads back"),
        ],
    )
    def test_a_hosts_file_that_leads_hub_itself_here_is_a_loop(
        self, tmp_path: Path, name: str, said: str
    ) -> None:
        found = loop(a_setup(tmp_path, listeners=(IN_PLACE,)), DOCKERS | {name: True})
        assert found.is_wrong
        assert said in found.line
        assert f"Take {name} out of the hosts file" in found.remedy

    def test_a_reverse_proxy_in_front_of_itself_is_a_loop(self, tmp_path: Path) -> None:
        itself = Listener("reverse", "", 443, "https://index.docker.io:443")
        leads = DOCKERS | {"index.docker.io": True}
        assert loop(a_setup(tmp_path, listeners=(itself,)), leads).is_wrong

    def test_another_port_of_this_machine_is_no_loop(self, tmp_path: Path) -> None:
        near = a_setup(tmp_path, options=NOWHERE)
        assert not find(near, "loop").is_wrong
        same = a_setup(tmp_path, options=NOWHERE | {"hub_url": "http://127.0.0.1:8080"})
        assert find(same, "loop").is_wrong

    def test_behind_a_parent_proxy_its_names_count(self, tmp_path: Path) -> None:
        setup = a_setup(tmp_path, connections=Connections(proxy="http://10.0.0.1:3128"))
        assert loop(setup, DOCKERS | {"hub.docker.com": True}).status is CheckStatus.SKIPPED


class TestTheJournal:
    def of(self, location: str, folder: Path) -> CheckResult:
        return journal(a_setup(folder, options={"hub_journal": location}))

    def test_that_is_not_there_yet_is_not_made_by_looking(self, tmp_path: Path) -> None:
        found = journal(a_setup(tmp_path))
        assert found.status is CheckStatus.OK
        assert f"It will be made at {tmp_path / 'hub-journal.sqlite3'}" in found.sentence
        assert list(tmp_path.iterdir()) == []

    def test_in_a_confdir_that_a_start_would_make_is_sound(self, tmp_path: Path) -> None:
        assert journal(a_setup(tmp_path / "home" / ".mitmproxy")).status is CheckStatus.OK

    def test_that_a_bridge_has_open_is_sound_and_tells_its_place_and_size(
        self, tmp_path: Path
    ) -> None:
        file = tmp_path / "hub-journal.sqlite3"
        written = Journal(Location(str(file)), "tests")
        try:
            found = journal(a_setup(tmp_path))
        finally:
            written.close()
        assert found.status is CheckStatus.OK
        assert str(file) in found.sentence
        assert "bytes" in found.sentence

    @pytest.mark.parametrize("kind", ["folder", "text", "another's", "missing folder"])
    def test_that_is_none_is_wrong_and_stays_as_it_is(self, tmp_path: Path, kind: str) -> None:
        file = tmp_path / "hub-journal.sqlite3"
        if kind == "folder":
            file.mkdir()
        elif kind == "text":
            file.write_text("Dear diary, " * 100)
        elif kind == "another's":
            with closing(sqlite3.connect(file)) as connection:
                connection.execute("CREATE TABLE calls (somebodys TEXT)")
        else:
            file = tmp_path / "missing" / "hub-journal.sqlite3"
        before = file.read_bytes() if file.is_file() else None
        found = self.of(str(file), tmp_path)
        assert found.is_wrong
        assert str(file) in found.sentence or str(file.parent) in found.sentence
        assert (file.read_bytes() if file.is_file() else None) == before

    def test_that_another_program_keeps_locked_is_wrong(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("hubv1.doctor.local_checks.LOCK_SECONDS", 0.1)
        file = tmp_path / "hub-journal.sqlite3"
        Journal(Location(str(file)), "tests").close()
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            assert "locked" in self.of(str(file), tmp_path).line

    def test_in_a_folder_that_takes_no_file_is_wrong(self, tmp_path: Path) -> None:
        assert self.of("/proc/journal.sqlite3", tmp_path).is_wrong


class TestTheAuthority:
    def test_that_is_not_there_yet_is_not_made_by_looking(self, tmp_path: Path) -> None:
        found = authority(a_setup(tmp_path / "home" / ".mitmproxy"))
        assert found.status is CheckStatus.OK
        assert found.sentence == f"It will be made in {tmp_path / 'home' / '.mitmproxy'}."
        assert list(tmp_path.iterdir()) == []

    def test_of_mitmproxy_is_sound_and_tells_how_long(self, tmp_path: Path) -> None:
        CertStore.from_store(tmp_path, "mitmproxy", 2048)
        found = authority(a_setup(tmp_path))
        assert found.status is CheckStatus.OK
        assert f"in {tmp_path}, and valid until " in found.sentence

    def test_that_has_expired_is_wrong(self, tmp_path: Path) -> None:
        make_authority(tmp_path, days_ago=3, days=2)
        assert " expired on " in authority(a_setup(tmp_path)).sentence

    def test_that_is_none_is_wrong(self, tmp_path: Path) -> None:
        (tmp_path / "mitmproxy-ca.pem").write_text("none")
        assert "has no certificate" in authority(a_setup(tmp_path)).sentence

    def test_in_a_folder_that_takes_no_file_is_wrong(self) -> None:
        found = authority(a_setup(Path("/proc/mitmproxy")))
        assert found.is_wrong
        assert "--set confdir=" in found.remedy

    def test_of_a_bridge_that_serves_nobody_does_not_matter(self, tmp_path: Path) -> None:
        setup = a_setup(tmp_path, listeners=())
        assert authority(setup).status is CheckStatus.SKIPPED


def make_authority(folder: Path, *, days_ago: int, days: int) -> None:
    """A CA of mitmproxy, made some days ago for some days."""
    began = datetime.now(UTC) - timedelta(days=days_ago)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mitmproxy")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, began, began + timedelta(days))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )
    (folder / "mitmproxy-ca.pem").write_bytes(certificate)


class TestTheTrustLine:
    @pytest.mark.parametrize(
        ("listener", "said"),
        [
            (LOCAL, "curl -sS --proxy http://127.0.0.1:8080 https://index.docker.io/v1/"),
            (
                Listener("socks5", "::1", 1080),
                "curl -sS --proxy socks5h://[::1]:1080 https://index.docker.io/v1/",
            ),
            (
                Listener("reverse", "127.0.0.1", 9000, "https://registry-1.docker.io:443"),
                "curl -sS --connect-to ::127.0.0.1:9000 https://index.docker.io/v1/",
            ),
            (Listener("transparent", "", 8080), "curl -sS https://index.docker.io/v1/"),
        ],
    )
    def test_goes_the_way_that_clients_go(
        self, tmp_path: Path, listener: Listener, said: str
    ) -> None:
        assert trust_line(a_setup(tmp_path, listeners=(listener,)), DOCKERS).startswith(said)

    def test_needs_no_detour_where_the_hosts_file_leads_here(self, tmp_path: Path) -> None:
        leads = DOCKERS | {"registry.hub.docker.com": True}
        line = trust_line(a_setup(tmp_path, listeners=(IN_PLACE,)), leads)
        assert line.startswith("curl -sS https://registry.hub.docker.com/v1/")

    def test_names_this_machine_for_others_and_asks_for_their_login(self, tmp_path: Path) -> None:
        line = trust_line(a_setup(tmp_path, listeners=(OPEN,), proxyauth="ann:secret"), DOCKERS)
        assert f"http://{os.uname().nodename}:8080 --proxy-user USER:PASSWORD" in line


def test_all_that_is_wrong_is_counted(tmp_path: Path) -> None:
    found = examine(a_setup(tmp_path, options=NOWHERE, connection_strategy="eager"))
    assert found.summary == "2 of 11 checks found a problem."
    assert not found.is_sound
