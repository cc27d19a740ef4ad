"""Each way in which Docker's hosts can be out of reach is told apart, with what to do about it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from doctor.setups import NO_NAMES, a_setup, always_saying, examine, find
from hubv1.doctor import CheckStatus, Setup
from hubv1.hub import Connections
from samples import VIA
from standin import Catalog, Settings, Standin, bodies, faults
from standin.rules import Action
from standin.tls import CA_FILE

NOBODY = "http://127.0.0.1:1"
UNKNOWN = "https://hub.invalid"
SHORT = 0.6
DENIED = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def hub() -> Iterator[Standin]:
    catalog = Catalog()
    catalog.add("library/hello-world", ["latest", "linux"])
    catalog.accounts["joe"] = "geheimnis"
    with Standin(catalog) as running:
        yield running


def before(hub: Standin, folder: Path, **changes: Any) -> Setup:
    """A set-up with that Hub."""
    urls = {"hub_url": hub.url, "hub_registry_url": hub.registry_url}
    return a_setup(folder, options=NO_NAMES | urls | changes.pop("options", {}), **changes)


def test_a_sound_set_up_is_found_sound(hub: Standin, tmp_path: Path) -> None:
    found = examine(before(hub, tmp_path))
    assert found.is_sound
    assert found.summary == "No problem found."
    skipped = [name for name, each in found.results.items() if each.status is CheckStatus.SKIPPED]
    assert skipped == ["account", "fleet"]


@pytest.mark.parametrize("option", ["hub_url", "hub_registry_url"])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        (UNKNOWN, "The name hub.invalid does not resolve. Check this machine's DNS"),
        (NOBODY, "127.0.0.1:1 refuses connections. Check whether it runs"),
    ],
)
def test_a_host_that_is_not_there_is_named(
    hub: Standin, tmp_path: Path, option: str, url: str, said: str
) -> None:
    subject = "Docker Hub" if option == "hub_url" else "registry"
    found = find(before(hub, tmp_path, options={option: url}), subject)
    assert found.is_wrong
    assert f"{url} cannot be used. {said}" in found.line


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (faults.hang(), "It does not answer in time. A firewall may"),
        (faults.html(), "It answers, but not as Docker does:"),
        (faults.status(410), "It answers, but not as Docker does:"),
        (faults.status(401, {"message": "who?"}), "It wants credentials for what everybody may"),
        (faults.status(403, {"message": "no"}), "It refuses what everybody may read (no)."),
        (faults.status(404), "It has no library/hello-world"),
        (faults.rate_limited(50), "Docker Hub limits the rate of requests"),
        (faults.status(508, headers={"Via": VIA}), "leads back to this bridge. Set hub_url to"),
        (faults.status(503), "answered 503. Try again, and look at https://www.dockerstatus.com"),
        (bodies.cut(), "It fails: no answer from"),
    ],
)
def test_an_answer_that_is_none_is_told_in_words(
    hub: Standin, tmp_path: Path, action: Action, said: str
) -> None:
    hub.faults.add("/v2/namespaces", action)
    found = find(before(hub, tmp_path), "Docker Hub", SHORT)
    assert found.is_wrong
    assert said in found.line


def test_a_token_service_in_trouble_is_the_registrys_trouble(hub: Standin, tmp_path: Path) -> None:
    hub.faults.add("scope=", faults.hang(), listener="auth")
    found = find(before(hub, tmp_path), "registry", SHORT)
    assert "It does not answer in time" in found.line


def test_a_registry_that_is_not_used_is_not_looked_at(hub: Standin, tmp_path: Path) -> None:
    found = find(before(hub, tmp_path, options={"hub_registry_url": ""}), "registry")
    assert found.status is CheckStatus.SKIPPED


def test_a_certificate_that_is_not_trusted_is_told_with_the_option_for_its_ca(
    tmp_path: Path,
) -> None:
    catalog = Catalog()
    catalog.add("library/hello-world", ["latest"])
    with Standin(catalog, Settings(tls=tmp_path / "tls")) as hub:
        found = find(before(hub, tmp_path), "Docker Hub")
        assert "The certificate of 127.0.0.1 is not trusted: " in found.line
        assert "--set ssl_verify_upstream_trusted_ca=FILE" in found.line
        trusting = Connections(ca_file=str(tmp_path / "tls" / CA_FILE))
        assert examine(before(hub, tmp_path, connections=trusting)).is_sound


def test_a_port_that_speaks_no_tls_is_told_so(hub: Standin, tmp_path: Path) -> None:
    setup = before(hub, tmp_path, options={"hub_url": hub.url.replace("http:", "https:")})
    assert "does not speak TLS as it should" in find(setup, "Docker Hub").line


def test_a_file_of_cas_that_is_not_there_is_told_with_the_options_that_name_one(
    hub: Standin, tmp_path: Path
) -> None:
    setup = before(
        hub,
        tmp_path,
        options={"hub_url": "https://127.0.0.1:1"},
        connections=Connections(ca_file=str(tmp_path / "none.pem")),
    )
    found = find(setup, "Docker Hub")
    assert "A file of certificates cannot be used: No such file" in found.line
    assert "ssl_verify_upstream_trusted_ca" in found.remedy


@pytest.mark.parametrize("hub_url", [NOBODY, "https://127.0.0.1:1"])
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            DENIED,
            "The parent proxy wants a user name and password, or other ones (407). Set them: ",
        ),
        (BAD_GATEWAY, "502"),
    ],
)
def test_a_parent_proxy_that_lets_nobody_through_is_told_from_hub(
    tmp_path: Path, hub_url: str, answer: bytes, said: str
) -> None:
    with always_saying(answer) as proxy:
        urls = {"hub_url": hub_url, "hub_registry_url": hub_url}
        setup = a_setup(tmp_path, options=NO_NAMES | urls, connections=Connections(proxy=proxy))
        found = examine(setup)
    told = {name: each.line for name, each in found.results.items() if each.is_wrong}
    assert said in told["Docker Hub"]
    assert said in told["registry"]


def test_a_parent_proxy_that_is_not_there_is_told_from_hub(tmp_path: Path) -> None:
    setup = a_setup(tmp_path, options=NO_NAMES, connections=Connections(proxy=NOBODY))
    assert "The parent proxy 127.0.0.1:1 refuses connections" in find(setup, "Docker Hub").line


def test_a_proxy_of_the_environment_is_what_to_try_where_there_is_no_other_way(
    hub: Standin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://joe:geheim@proxy.example:3128/")
    lost = before(hub, tmp_path, options={"hub_url": UNKNOWN})
    assert find(lost, "Docker Hub").remedy.endswith(": -m upstream:http://proxy.example:3128.")
    assert examine(before(hub, tmp_path)).is_sound
    parent = Connections(proxy=NOBODY)
    through = before(hub, tmp_path, options={"hub_url": UNKNOWN}, connections=parent)
    assert "The environment" not in find(through, "Docker Hub").line


class TestTheAccount:
    def found(self, hub: Standin, folder: Path, secret: str) -> str:
        setup = before(hub, folder, secret=secret, options={"hub_username": "joe"})
        found = find(setup, "account")
        assert "geheimnis" not in found.line
        return f"{found.status}: {found.line}"

    def test_that_hub_lets_in_is_sound(self, hub: Standin, tmp_path: Path) -> None:
        assert self.found(hub, tmp_path, "geheimnis").startswith("ok: ")

    def test_that_hub_rejects_is_wrong_and_was_tried_once(
        self, hub: Standin, tmp_path: Path
    ) -> None:
        said = self.found(hub, tmp_path, "falsch")
        assert said.startswith("wrong: Docker Hub does not let joe in: ")
        assert "HUB_SECRET" in said
        assert len([call for call in hub.calls if call.path.endswith("/auth/token")]) == 1

    def test_is_not_tried_where_hub_cannot_be_reached(self, hub: Standin, tmp_path: Path) -> None:
        hub.faults.add("/tags/latest", faults.status(503))
        assert self.found(hub, tmp_path, "geheimnis").startswith("skipped: ")


@pytest.mark.parametrize(("skew", "said"), [(-400, "ahead of"), (400, "behind"), (30, "agrees")])
def test_a_clock_that_differs_from_hubs_is_told_with_the_difference(
    tmp_path: Path, skew: float, said: str
) -> None:
    catalog = Catalog()
    catalog.add("library/hello-world", ["latest"])
    with Standin(catalog, Settings(clock_skew=skew)) as hub:
        found = find(before(hub, tmp_path), "clock")
    assert said in found.line
    assert found.is_wrong == (said != "agrees")
