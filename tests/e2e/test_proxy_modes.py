"""The ways in which mitmproxy can stand in front of the old hosts."""

import pytest

from e2e.bridges import NO_HUB, Mitmdump
from e2e.clients import ask, clean_environment, curl, output
from e2e.conftest import StartBridge
from standin import Standin

HOSTS = ["index.docker.io", "registry.hub.docker.com", "hub.docker.com"]
TOOL = '[{"layer": "", "name": "1.0"}]'


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", HOSTS)
def test_a_forward_proxy_answers_for_each_legacy_host(
    bridge: Mitmdump, host: str, scheme: str
) -> None:
    assert curl(bridge, f"{scheme}://{host}/v1/repositories/acme/tool/tags") == TOOL
    row = bridge.new_row()
    assert (row["server_address"], row["url_scheme"]) == (host, scheme)
    assert (row["proxy_mode"], row["outcome"]) == ("regular", "translated")


def test_a_forward_proxy_leaves_other_hosts_alone(bridge: Mitmdump, hub: Standin) -> None:
    target = f"{hub.registry_url}/v1/repositories/acme/tool/tags"
    through = ask(bridge, target)
    assert through.status == 410
    assert not {"via", "deprecation", "sunset", "link", "cache-status"} & set(through.headers)
    (arrived,) = hub.calls
    assert not {"via", "x-forwarded-for"} & set(arrived.headers)
    assert bridge.new_rows() == []


def test_a_reverse_proxy_goes_by_the_path_alone(reverse_bridge: Mitmdump) -> None:
    answer = ask(reverse_bridge, "/v1/repositories/acme/tool/tags", headers={"Host": "no.such"})
    assert answer.body.decode() == TOOL
    row = reverse_bridge.new_row()
    assert (row["proxy_mode"], row["url_scheme"]) == ("reverse", "http")


def test_a_reverse_proxy_over_tls_knows_the_host_that_was_asked(reverse_bridge: Mitmdump) -> None:
    assert _ask_over_tls(reverse_bridge) == TOOL
    assert reverse_bridge.new_row()["server_address"] == "index.docker.io"


def test_a_reverse_proxy_over_tls_writes_down_the_scheme_that_the_client_used(
    reverse_bridge: Mitmdump,
) -> None:
    _ask_over_tls(reverse_bridge)
    assert reverse_bridge.new_row()["url_scheme"] == "https"


def _ask_over_tls(bridge: Mitmdump) -> str:
    place = f"index.docker.io:443:127.0.0.1:{bridge.port}"
    line = f"curl -sS --connect-to {place} https://index.docker.io/v1/repositories/acme/tool/tags"
    return output(line, clean_environment(bridge.confdir, CURL_CA_BUNDLE=str(bridge.authority)))


@pytest.fixture
def parent_arguments(hub: Standin) -> tuple[str, ...]:
    """A company's proxy, beyond which each host that has a name leads to the stand-in."""
    rest = ("--map-remote", f"|^https?://[a-z.]+/|{hub.registry_url}/")
    return ("--set", "connection_strategy=lazy", *rest)


def test_behind_a_parent_proxy_v1_is_answered_and_the_rest_goes_through_the_parent(
    start_bridge: StartBridge,
    start_mitmdump: StartBridge,
    hub: Standin,
    parent_arguments: tuple[str, ...],
) -> None:
    with start_mitmdump(*parent_arguments) as parent:
        trust = ("--set", f"ssl_verify_upstream_trusted_ca={parent.authority}")
        mode = f"upstream:{parent.url}"
        with start_bridge("--mode", mode, *trust, hub_url=hub.url) as bridge:
            assert curl(bridge, "https://index.docker.io/v1/repositories/acme/tool/tags") == TOOL
            found = curl(bridge, "https://index.docker.io/v1/search?q=tool")
            assert '"acme/tool"' in found
            sent = ask(bridge, "http://hub.docker.com/v1/users/", "POST", b"{}")
            assert sent.status == 410
            assert [(row["outcome"], row["proxy_mode"]) for row in bridge.rows()] == [
                ("translated", "upstream"),
                ("passed", "upstream"),
            ]
    assert [call.path for call in hub.calls if call.listener == "registry"] == [
        "/v1/search?q=tool",
        "/v1/users/",
    ]


def test_behind_a_parent_proxy_the_bridge_asks_hub_through_it_too(
    start_bridge: StartBridge, start_mitmdump: StartBridge, hub: Standin
) -> None:
    with (
        start_mitmdump("--map-remote", f"|^{NO_HUB}/|{hub.url}/") as parent,
        start_bridge("--mode", f"upstream:{parent.url}", hub_url=NO_HUB) as bridge,
    ):
        answer = ask(bridge, "http://index.docker.io/v1/repositories/acme/tool/tags")
        assert answer.body.decode() == TOOL


def test_a_hub_with_a_certificate_that_nobody_vouches_for_is_not_believed(
    start_bridge: StartBridge, secure_hub: Standin
) -> None:
    with start_bridge(hub_url=secure_hub.url) as bridge:
        answer = ask(bridge, "http://index.docker.io/v1/repositories/hello-world/tags")
        assert answer.status == 502
        assert bridge.new_row()["error_type"] == "unreachable"


@pytest.mark.parametrize("way", ["trusted_ca", "insecure"])
def test_the_tls_options_of_mitmproxy_hold_for_hub_too(
    start_bridge: StartBridge, secure_hub: Standin, way: str
) -> None:
    setting = {
        "trusted_ca": f"ssl_verify_upstream_trusted_ca={secure_hub.ca_file}",
        "insecure": "ssl_insecure=true",
    }[way]
    with start_bridge("--set", setting, hub_url=secure_hub.url) as bridge:
        answer = ask(bridge, "http://index.docker.io/v1/repositories/hello-world/tags")
        assert answer.status == 200
