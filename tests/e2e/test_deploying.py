"""docs/container.md and docs/deploy.md, typed by a user who has podman, or systemd."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.bridges import ROOT
from e2e.engines import OUTSIDE, Engine, an_engine, import_base
from e2e.networks import blocks, section

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


RUN = f"{line('podman run --detach')} {TO_STANDIN}"
REPORT = line("podman run --rm --entrypoint")

UNIT = "docs/deploy/hub-v1-bridge.service"


def typed(number: int) -> str:
    """A block of commands under "A service", for a user who is root already."""
    return blocks("deploy.md", "A service")[number].replace("sudo ", "")


def yaml_blocks(heading: str) -> list[str]:
    """The YAML under a heading of docs/deploy.md."""
    return re.findall(r"```yaml\n(.*?)```", section("deploy.md", heading), re.DOTALL)


REPORT_FILE = "/var/lib/hub-v1-bridge/report.html"
STATE = "/var/lib/hub-v1-bridge/.mitmproxy"
START = f"""
mkdir -p docs/deploy
cat > {UNIT} <<'END'
{(ROOT / UNIT).read_text(encoding="utf-8")}
END
options='{TO_STANDIN} --set hub_report={REPORT_FILE}'
echo "BRIDGE_OPTIONS=$options" > /etc/hub-v1-bridge.env
{typed(1)}
main_pid() {{ systemctl show --property MainPID --value hub-v1-bridge; }}
ask() {{
    curl -sS --max-time 20 -o /dev/null -w '%{{http_code}}\\n' \
        --retry 60 --retry-delay 1 --retry-connrefused --connect-to ::127.0.0.1: \
        $1://index.docker.io/v1/repositories/library/debian/tags 2>/dev/null
}}
"""
TRUST, REPORT_OF_SERVICE = typed(2).strip().rsplit("\n", 1)


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


def test_a_service_answers_http_and_https_and_has_one_right(engine: Engine, tmp_path: Path) -> None:
    said = engine.boot(
        tmp_path,
        f"""{START}
        ask http
        {TRUST} >/dev/null 2>&1
        ask https
        {REPORT_OF_SERVICE} | head -n 1
        awk '/^(Uid|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):/ {{ print $1, $2 }}' \\
            /proc/$(main_pid)/status
        stat -L --format %a {STATE} {STATE}/hub-journal.sqlite3
        """,
    )
    http, https, headline, *rest = said.splitlines()[-11:]
    assert (http, https) == ("200", "200")
    assert headline.startswith("2 legacy calls by 1 caller to 1 repository")
    *status, folder_mode, journal_mode = rest
    rights = dict(line.split(": ") for line in status)
    assert int(rights.pop("Uid")) != 0
    to_bind_low_ports = f"{1 << 10:016x}"
    assert rights == {
        **dict.fromkeys(("CapEff", "CapBnd", "CapAmb"), to_bind_low_ports),
        "NoNewPrivs": "1",
        "Seccomp": "2",
    }
    assert (folder_mode, journal_mode) == ("700", "600")


def test_a_service_keeps_authority_and_journal_and_takes_new_options(
    engine: Engine, tmp_path: Path
) -> None:
    said = engine.boot(
        tmp_path,
        f"""{START}
        ask http
        sha256sum < {STATE}/mitmproxy-ca.pem
        echo "BRIDGE_OPTIONS=$options --set hub_mode=gone" > /etc/hub-v1-bridge.env
        systemctl restart hub-v1-bridge
        ask http
        sha256sum < {STATE}/mitmproxy-ca.pem
        {REPORT_OF_SERVICE} | head -n 1
        """,
    )
    first, key, second, same_key, headline = said.splitlines()[-5:]
    assert (first, second) == ("200", "410")
    assert key == same_key
    assert headline.startswith("2 legacy calls by 1 caller to 1 repository")


def test_a_service_comes_back_when_killed_and_writes_its_report_when_stopped(
    engine: Engine, tmp_path: Path
) -> None:
    said = engine.boot(
        tmp_path,
        f"""{START}
        ask http
        first=$(main_pid)
        kill -KILL $first
        while [ "$(main_pid)" = 0 ] || [ "$(main_pid)" = $first ]; do sleep 0.1; done
        ask http
        [ ! -e {REPORT_FILE} ]
        systemctl stop hub-v1-bridge
        grep -c '<html' {REPORT_FILE}
        systemctl show --property Result --value hub-v1-bridge
        {REPORT_OF_SERVICE} | head -n 1
        journalctl -u hub-v1-bridge --output cat | grep -c '200, [0-9]* ms'
        """,
    )
    first, second, reports, result, headline, logged = said.splitlines()[-6:]
    assert (first, second, reports, result) == ("200", "200", "1", "success")
    assert headline.startswith("2 legacy calls by 1 caller to 1 repository")
    assert logged == "2"


KUBERNETES = ROOT / "docs" / "deploy" / "kubernetes.yaml"


def test_a_pod_of_the_cluster_file_has_no_rights_and_its_clients_trust_it(
    engine: Engine, tmp_path: Path
) -> None:
    (client,) = yaml_blocks("Kubernetes")
    cluster = KUBERNETES.read_text()
    (image,) = re.findall(r"image: (\S+)", cluster)
    (arguments,) = re.findall(r"args: \[(.*)\]", cluster)
    more = ", ".join(f'"{word}"' for word in TO_STANDIN.split())
    (tmp_path / "bridge.yaml").write_text(cluster.replace(arguments, f"{arguments}, {more}"))
    client = re.sub(r"image: \S+", f"image: {image}", client)
    # A cluster has names for services; the engine publishes the ports instead.
    aliases = f'hostAliases: [{{ip: "{OUTSIDE}", hostnames: [hub-v1-bridge]}}]'
    client = client.replace("restartPolicy: Never", f"restartPolicy: Never\n  {aliases}")
    (tmp_path / "client.yaml").write_text(client)
    said = engine.run(f"""
        cd {tmp_path}
        podman tag hub-v1-bridge {image}
        trap 'podman kube down bridge.yaml >/dev/null 2>&1; podman pod rm -af >/dev/null 2>&1' EXIT
        podman kube play bridge.yaml >/dev/null
        bridge=$(podman ps --quiet --filter ancestor={image})
        until podman exec $bridge cat .mitmproxy/mitmproxy-ca-cert.pem > ca.crt; do sleep 0.2; done
        {{
            printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: bridge-authority}}\n'
            printf 'data:\n  ca.crt: |\n'
            sed 's/^/    /' ca.crt
        }} > authority.yaml
        podman kube play --configmap authority.yaml client.yaml >/dev/null
        nightly=$(podman ps --all --quiet --filter name=nightly-nightly)
        podman wait $nightly
        podman logs $nightly 2>/dev/null
        echo
        podman exec $bridge hub-v1-bridge report | head -n 1
        curl -sS http://{OUTSIDE}:9464/metrics | grep -c '^hub_v1_calls_total.* 1.0$'
        podman exec $bridge awk '/^(Uid|CapEff|CapBnd|NoNewPrivs):/ {{ print $2 }}' /proc/1/status
        podman exec $bridge touch /elsewhere 2>/dev/null || echo read-only
    """)
    code, answer, headline, counted, *status, read_only = said.split("\n")[:-1]
    assert (code, counted, read_only) == ("0", "1", "read-only")
    assert '"name": "latest"' in answer
    assert headline.startswith("1 legacy call by 1 caller to 1 repository")
    nothing = f"{0:016x}"
    assert status == ["10001", nothing, nothing, "1"]


def test_systemd_finds_no_fault_with_the_unit_and_calls_it_safe(engine: Engine) -> None:
    unit = "/unit/hub-v1-bridge.service"
    analyze = (
        "podman run --rm --no-healthcheck --user 0 --env TERM=dumb "
        "--volume ./docs/deploy:/unit:ro --entrypoint systemd-analyze hub-v1-bridge"
    )
    said = engine.run(f"""
        {analyze} verify --man=no {unit} 2>&1
        {analyze} security --offline=true --threshold=20 --no-pager {unit} | tail -n 1
    """)
    assert re.search(r"^\W*Overall exposure level for hub-v1-bridge.service: [01]\.\d OK", said), (
        said
    )
