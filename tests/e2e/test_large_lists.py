"""Lists of any length through a real mitmdump, byte for byte and in at most four calls."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.bridges import NO_HUB, PATIENCE, Mitmdump, running_bridge, with_authority
from e2e.clients import Answer, ask, clean_environment, tool
from e2e.conftest import StartBridge
from e2e.registries import push, running_registry
from standin import Standin, faults

SIZES = (400, 401, 1_000, 15_590)


@pytest.fixture(scope="module")
def large_bridge(
    tmp_path_factory: pytest.TempPathFactory, authority: Path, shared_hub: Standin
) -> Iterator[Mitmdump]:
    """A bridge that has a registry to ask."""
    for size in SIZES:
        shared_hub.catalog.add_generated(f"large/of-{size}", size)
    shared_hub.catalog.add_generated("large/private", 1_100, private=True)
    confdir = with_authority(tmp_path_factory.mktemp("large"), authority)
    with running_bridge(
        confdir,
        "--set",
        "hub_cache_ttl=0",
        hub_url=shared_hub.url,
        registry_url=shared_hub.registry_url,
    ) as bridge:
        yield bridge


@pytest.fixture
def bridge(large_bridge: Mitmdump, hub: Standin) -> Mitmdump:
    large_bridge.new_rows()
    return large_bridge


def tags(bridge: Mitmdump, repository: str) -> Answer:
    return ask(bridge, f"http://index.docker.io/v1/repositories/{repository}/tags")


def expected(names: list[str]) -> bytes:
    """The bytes of v1: `latest` first, then ascending."""
    rest = sorted((name for name in names if name != "latest"), key=str.encode)
    first = ["latest"] if "latest" in names else []
    return (
        "[" + ", ".join(f'{{"layer": "", "name": "{name}"}}' for name in first + rest) + "]"
    ).encode()


@pytest.mark.parametrize("size", SIZES)
def test_a_list_of_any_size_is_complete_in_four_calls(
    bridge: Mitmdump, hub: Standin, size: int
) -> None:
    answer = tags(bridge, f"large/of-{size}")
    assert answer.status == 200
    assert answer.body == expected(list(hub.catalog[f"large/of-{size}"].shelf.names))
    row = bridge.new_row()
    source = "registry" if size > 400 else "hub"
    assert (row["outcome"], row["source"], row["tags_listed"]) == ("translated", source, size)
    assert row["upstream_calls"] == len(hub.calls) <= 4


def test_a_private_repository_is_absent_and_the_registry_is_not_asked(
    bridge: Mitmdump, hub: Standin
) -> None:
    answer = tags(bridge, "large/private")
    assert (answer.status, answer.body) == (404, b'{"error": "Repository not found"}')
    assert [call.listener for call in hub.calls] == ["hub"]
    assert bridge.new_row()["source"] == "hub"


def test_where_the_registry_is_no_help_hub_gives_the_list_and_the_log_says_why(
    bridge: Mitmdump, hub: Standin
) -> None:
    hub.faults.add("/tags/list", faults.html(), listener="registry")
    assert tags(bridge, "large/of-401").body == expected(
        list(hub.catalog["large/of-401"].shelf.names)
    )
    row = bridge.new_row()
    assert (row["source"], row["upstream_calls"]) == ("hub", len(hub.calls))
    # A bridge that knows where tokens are to be had has got one before.
    assert [call.listener for call in hub.calls if call.listener != "auth"] == [
        "hub",
        "registry",
        *["hub"] * 4,
    ]
    assert "The registry does not list large/of-401: " in bridge.log


def test_where_neither_has_it_all_the_answer_is_an_error_and_no_shorter_list(
    bridge: Mitmdump, hub: Standin
) -> None:
    short = {"tags": ["latest", "1"]}
    hub.faults.add("/tags/list", faults.status(200, short), listener="registry")
    answer = tags(bridge, "large/of-15590")
    assert answer.status == 502
    problem = json.loads(answer.body)
    assert problem["error"] == "incomplete"
    assert "skopeo list-tags docker://docker.io/large/of-15590" in problem["detail"]
    row = bridge.new_row()
    assert (row["outcome"], row["error_type"]) == ("refused", "incomplete")
    assert (
        "The registry does not list large/of-15590: it lists 2 tags where Hub counts 15590"
        in bridge.log
    )
    # What was begun is ended quietly.
    assert "never awaited" not in bridge.log
    assert "never retrieved" not in bridge.log


def test_a_registry_that_is_down_is_no_help(start_bridge: StartBridge, hub: Standin) -> None:
    hub.catalog.add_generated("large/of-401", 401)
    with start_bridge(hub_url=hub.url, registry_url=NO_HUB) as bridge:
        assert tags(bridge, "large/of-401").status == 200
        assert bridge.new_row()["source"] == "hub"
        assert f"no answer from {NO_HUB}/v2/large/of-401/tags/list" in bridge.log


def test_a_real_registry_gives_what_skopeo_sees(
    start_bridge: StartBridge, hub: Standin, tmp_path: Path
) -> None:
    names = ["latest", "Beta", "a_b", *(f"1.{number}" for number in range(1_100))]
    hub.catalog.add("large/real", names)
    skopeo = tool("skopeo")
    with running_registry(tmp_path) as registry:
        push(registry, "large/real", names)
        with start_bridge(hub_url=hub.url, registry_url=f"http://{registry}") as bridge:
            answer = tags(bridge, "large/real")
            row = bridge.new_row()
        seen = subprocess.run(
            [skopeo, "list-tags", "--tls-verify=false", f"docker://{registry}/large/real"],
            env=clean_environment(tmp_path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )
    listed = json.loads(seen.stdout)["Tags"]
    assert sorted(listed) == sorted(names)
    assert answer.body == expected(listed)
    assert (row["source"], row["upstream_calls"]) == ("registry", 2)
