"""docs/container.md, typed by a user who has podman."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.bridges import ROOT
from e2e.engines import OUTSIDE, Engine, an_engine, import_base

PAGE = (ROOT / "docs" / "container.md").read_text(encoding="utf-8")
TO_STANDIN = f"--set hub_url=http://{OUTSIDE}:8001 --set hub_registry_url=http://{OUTSIDE}:8002"
CALL = "http://index.docker.io/v1/repositories/library/debian/tags"
ASK = (
    "curl -sS -o /dev/null -w '%{http_code}\\n' --retry 60 --retry-delay 1 --retry-all-errors "
    f"--proxy http://127.0.0.1:8080 {CALL}"
)


def line(start: str) -> str:
    """The line of the page that begins so."""
    (found,) = re.findall(rf"^\$ ({re.escape(start)}.*)$", PAGE, re.MULTILINE)
    return str(found)


UNIT = ROOT / "docs" / "deploy" / "hub-v1-bridge.service"


def typed(number: int) -> str:
    """A block of commands under "A service", for a user who is root already."""
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return str(blocks[number]).replace("sudo ", "")


START = f"""
mkdir -p docs/deploy
cat > docs/deploy/hub-v1-bridge.service <<'END'
{UNIT.read_text(encoding="utf-8")}
END
echo 'BRIDGE_OPTIONS={TO_STANDIN} --set hub_report=/var/lib/hub-v1-bridge/report.html' \
    > /etc/hub-v1-bridge.env
{typed(1)}
"""
RUN = f"{line('podman run --detach')} {TO_STANDIN}"
REPORT = line("podman run --rm --entrypoint")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    made = an_engine(tmp_path_factory.mktemp("engine"))
    import_base(made)
    made.build(line("podman build"))
    yield made
    made.podman("system", "reset", "--force")


@pytest.fixture(autouse=True)
def _fresh(engine: Engine, tmp_path: Path) -> Iterator[None]:
    yield
    engine.podman("rm", "--all", "--force")
    engine.podman("volume", "prune", "--force")


def test_a_container_that_is_not_root_answers_and_is_healthy(engine: Engine) -> None:
    said = engine.run(f"""
        {RUN} >/dev/null
        {ASK}
        podman exec hub-v1-bridge id -u
        podman healthcheck run hub-v1-bridge
        {line("podman exec hub-v1-bridge hub-v1-bridge report")} | head -n 1
        {line("podman cp")}
        openssl x509 -in mitmproxy-ca-cert.pem -noout -subject; rm mitmproxy-ca-cert.pem
    """)
    assert said.startswith("200\n10001\n1 legacy call by 1 caller to 1 repository")
    assert said.endswith("subject=CN = mitmproxy, O = mitmproxy\n")


def test_a_bridge_that_does_not_listen_is_not_healthy(engine: Engine) -> None:
    said = engine.run(f"{RUN} -p 8081 >/dev/null; podman healthcheck run hub-v1-bridge || echo $?")
    assert said.endswith("1\n")


def test_authority_and_journal_outlive_the_container(engine: Engine) -> None:
    authority = "podman exec hub-v1-bridge sha256sum .mitmproxy/mitmproxy-ca.pem"
    said = engine.run(f"""
        for number in 1 2; do
            {RUN} >/dev/null
            {ASK}
            {authority}
            podman stop hub-v1-bridge >/dev/null
            podman rm hub-v1-bridge >/dev/null
        done
        {REPORT} | head -n 1
    """)
    first, key, second, same_key, headline = said.splitlines()
    assert (first, second, key) == ("200", "200", same_key)
    assert headline.startswith("2 legacy calls by 1 caller to 1 repository")


def test_a_second_container_reports_while_the_first_one_serves(engine: Engine) -> None:
    said = engine.run(f"{RUN} >/dev/null; {ASK}; {REPORT} | head -n 1; {ASK}")
    first, headline, second = said.split("\n", 2)
    assert (first, second.strip()) == ("200", "200")
    assert headline.startswith("1 legacy call by 1 caller to 1 repository")


def test_it_ends_in_time_and_writes_its_report_on_a_read_only_system(engine: Engine) -> None:
    read_only = RUN.replace("--detach", "--detach --read-only --read-only-tmpfs=false")
    said = engine.run(f"""
        {read_only} --set hub_report=/data/report.html >/dev/null
        {ASK}
        podman stop --time 10 hub-v1-bridge >/dev/null
        podman inspect hub-v1-bridge --format '{{{{.State.ExitCode}}}}'
        podman cp hub-v1-bridge:/data/report.html - | tar -xOf - | grep -c '<html'
    """)
    assert said == "200\n0\n1\n"


def test_the_set_up_is_checked(engine: Engine) -> None:
    check = line("podman run --rm --volume hub-v1:/data hub-v1-bridge --check")
    said = engine.run(f"{check} {TO_STANDIN} || echo $?")
    assert re.search(r"^ok +journal", said, re.MULTILINE), said


