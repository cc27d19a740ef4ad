"""The commands of docs/troubleshooting.md show what the page says that they show."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.bridges import ROOT, Mitmdump, running_bridge, with_authority
from e2e.clients import ask, clean_environment, shell, tool
from standin import Standin

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
CALL = "http://index.docker.io/v1/repositories/tiny/tags"


class Reader:
    """Somebody who types what is under a heading, on the machine of the bridge."""

    def __init__(self, bridge: Mitmdump) -> None:
        self.bridge = bridge
        self.home = bridge.confdir.parent

    def command(self, heading: str, number: int = 0) -> str:
        """The command of that number under a heading, with this bridge's address in it."""
        (section,) = re.findall(rf"^#+ {heading}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
        shown = re.findall(r"^ *\$ (.*)$", section, re.MULTILINE)[number]
        return str(shown).replace("http://127.0.0.1:8080", self.bridge.url)

    def sees(self, line: str, **environment: str) -> str:
        tool(line.split(maxsplit=1)[0])
        done = shell(line, clean_environment(self.home, **environment))
        return (done.stdout + done.stderr).decode()


@pytest.fixture(scope="module")
def shared_reader(
    tmp_path_factory: pytest.TempPathFactory, authority: Path, shared_hub: Standin
) -> Iterator[Reader]:
    confdir = with_authority(tmp_path_factory.mktemp("home") / ".mitmproxy", authority)
    journal = str(confdir / "hub-journal.sqlite3")
    with running_bridge(confdir, hub_url=shared_hub.url, journal=journal) as bridge:
        yield Reader(bridge)


@pytest.fixture
def reader(shared_reader: Reader, hub: Standin) -> Reader:
    return shared_reader


def test_an_answer_of_the_bridge_is_known_by_its_headers(reader: Reader) -> None:
    asked = reader.command("Troubleshooting, by symptom")
    said = reader.sees(asked, CURL_CA_BUNDLE=str(reader.bridge.authority))
    assert re.search(r"(?im)^via: 1\.1 hub-v1-bridge-", said)
    assert re.search(r"(?im)^cache-status: hub-v1-bridge-", said)


def test_with_the_file_of_the_page_a_client_trusts_and_without_it_does_not(reader: Reader) -> None:
    asked = reader.command("Certificate errors")
    assert '[{"pk": ' in reader.sees(asked)
    said = reader.sees(re.sub(r"--cacert \S+ ", "", asked))
    assert "SSL certificate problem" in said


def test_the_nightly_check_tells_there_from_missing_by_the_codes_of_the_page(
    reader: Reader,
) -> None:
    asked = reader.command("The nightly build still runs each night")
    assert reader.sees(asked) == "0\n"
    assert reader.sees(asked.replace("/latest", "/no-such-tag")).startswith("22\n")
    assert reader.sees(re.sub(r"--cacert \S+ ", "", asked)).startswith("60\n")
    assert reader.sees(asked.replace(f":{reader.bridge.port}", ":1")).startswith("7\n")


def test_a_secret_that_was_rejected_is_in_the_journal_as_such(reader: Reader, hub: Standin) -> None:
    hub.catalog.accounts.setdefault("joe", "geheimnis")
    for _ in range(2):
        ask(reader.bridge, CALL, headers={"Authorization": "Basic am9lOmZhbHNjaA=="})
    said = reader.sees(reader.command("401, though the password is right"))
    assert "Docker Hub rejected this user or secret" in said
    assert "rejected this secret before" in said


def test_the_proxies_that_a_client_knows_are_shown(reader: Reader) -> None:
    said = reader.sees(
        reader.command("The client still gets 410"), https_proxy="http://elsewhere:1"
    )
    assert said == "https_proxy=http://elsewhere:1\n"
