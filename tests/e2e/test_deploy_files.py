"""The files in docs/deploy/ follow their schemas, and a real Prometheus answers the dashboard."""

import json
import re
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from addresses import Address, own_address
from e2e.balancers import listens
from e2e.bridges import ROOT, eventually
from e2e.clients import ask, tool
from e2e.conftest import StartBridge
from e2e.networks import section
from fleet.asking import Fleet
from fleet.postgres import a_server
from hubv1.config import OPTIONS
from standin import Standin

FOLDER = ROOT / "docs" / "deploy"
DASHBOARD = json.loads((FOLDER / "grafana.json").read_text())
METRICS = (ROOT / "docs" / "metrics.md").read_text()
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
LISTED = re.findall(r"^\| `(hub_v1_\w+)`", METRICS, re.MULTILINE)


def read(name: str) -> Any:
    return YAML(typ="safe").load(FOLDER / name)


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with a_server() as server:
        yield Fleet(server, "hub")


def test_every_query_of_the_dashboard_finds_something_in_a_real_prometheus(
    hub: Standin, fleet: Fleet, start_bridge: StartBridge, tmp_path: Path
) -> None:
    metrics = own_address()
    settings = (f"hub_fleet={fleet.url}", f"hub_metrics={metrics}")
    arguments = [word for setting in settings for word in ("--set", setting)]
    with start_bridge(*arguments, hub_url=hub.url) as bridge, prometheus(tmp_path, metrics) as at:
        scraped = "count_over_time(hub_v1_bridge_info[1m])"
        eventually(partial(has_found, at, scraped), "it is scraped before the first call")
        for calls in (1, 2):
            path = f"/v1/repositories/tiny/tags/{calls}"
            assert ask(bridge, f"http://index.docker.io{path}").status == 200
            counted = f"sum(hub_v1_calls_total) == {calls} and sum(hub_v1_fleet_backlog) == 0"
            eventually(partial(has_found, at, counted), "it is counted and shipped")
        firing = 'ALERTS{alertname="LegacyCallsAreNotOver", alertstate="firing"}'
        eventually(partial(has_found, at, firing), "an alert tells of them")
        assert [query for query in QUERIES if not has_found(at, with_values(query))] == []


def test_the_dashboard_shows_every_metric_that_there_is() -> None:
    shown = {re.sub("_bucket$", "", name) for name in re.findall(r"hub_v1_\w+", str(QUERIES))}
    assert shown == set(LISTED)


def test_the_panels_of_the_dashboard_lie_beside_each_other() -> None:
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


def test_the_dashboard_asks_the_datasource_that_is_provisioned() -> None:
    [source] = read("grafana-datasources.yaml")["datasources"]
    kinds = {"type": source["type"], "uid": source["uid"]}
    assert all(panel["datasource"] == kinds for panel in DASHBOARD["panels"])
    assert source["url"] == "http://prometheus:9090"


def test_the_table_of_alerts_has_each_of_them() -> None:
    [group] = read("alerts.yaml")["groups"]
    names = [rule["alert"] for rule in group["rules"]]
    assert re.findall(r"^\| `(\w+)` \| [^|]+ \|$", METRICS, re.MULTILINE) == names


def test_the_compose_file_follows_the_specification_and_names_what_there_is() -> None:
    valid("vendor.compose-spec", FOLDER / "compose.yaml")
    compose = read("compose.yaml")
    services = compose["services"]
    options = {option.name for option in OPTIONS}
    [setting] = [word for word in services["bridge"]["command"] if "=" in word]
    name, _, address = setting.partition("=")
    assert name in options
    [scraped] = read("prometheus.yaml")["scrape_configs"][0]["static_configs"]
    assert scraped["targets"] == [f"bridge:{address.partition(':')[2]}"]
    database = services["database"]["environment"]
    user, base = database["POSTGRES_USER"], database["POSTGRES_DB"]
    url = f"postgresql+psycopg://{user}@database/{base}"
    assert services["bridge"]["environment"]["HUB_FLEET"] == url
    mounts = [each.split(":") for service in services.values() for each in service["volumes"]]
    for source, *_ in mounts:
        assert (
            (FOLDER / source).is_file() if source.startswith(".") else source in compose["volumes"]
        )
    build = services["bridge"]["build"]
    assert (FOLDER / build["context"] / build["dockerfile"]).is_file()
    assert all(
        port.startswith("127.0.0.1:")
        for each in services.values()
        for port in each.get("ports", ())
    )


def test_the_cluster_file_and_its_client_are_what_kubernetes_takes(tmp_path: Path) -> None:
    (client,) = re.findall(r"```yaml\n(.*?)```", section("deploy.md", "Kubernetes"), re.DOTALL)
    (tmp_path / "client.yaml").write_text(client)
    program = Path(sys.executable).with_name("kubernetes-validate")
    command: list[str | Path] = [
        program,
        "--strict",
        FOLDER / "kubernetes.yaml",
        tmp_path / "client.yaml",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(" passed ", done.stdout)) == 5


def valid(schema: str, *files: Path) -> None:
    """See that files follow one of the schemas that check-jsonschema brings along."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@contextmanager
def prometheus(folder: Path, metrics: Address) -> Iterator[Address]:
    """One with the configuration of the compose file, in more haste."""
    address = own_address()
    text = (FOLDER / "prometheus.yaml").read_text()
    (folder / "alerts.yaml").write_text((FOLDER / "alerts.yaml").read_text())
    assert "bridge:9464" in text
    text = text.replace("bridge:9464", str(metrics)).replace("interval: 15s", "interval: 500ms")
    (folder / "prometheus.yaml").write_text(text)
    command = [
        tool("prometheus"),
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={address}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        eventually(partial(listens, process, address), "Prometheus listens")
        yield address
    finally:
        process.terminate()
        process.wait()


def with_values(query: str) -> str:
    """A query of the dashboard as Grafana sends it."""
    return query.replace("$instance", ".*").replace("$__rate_interval", "1m")


def has_found(prometheus: Address, query: str) -> bool:
    """Whether a query has a result."""
    asked = urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(f"http://{prometheus}/api/v1/query?{asked}") as answer:
        return bool(json.load(answer)["data"]["result"])
