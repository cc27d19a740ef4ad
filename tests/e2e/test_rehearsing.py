"""Modes and rules in a real mitmdump, seen by real clients."""

from e2e.bridges import Mitmdump
from e2e.clients import behind, curl, shell
from e2e.conftest import StartBridge
from standin import Standin

TAGS = "http://index.docker.io/v1/repositories/tiny/tags"


def status(bridge: Mitmdump, *arguments: str) -> str:
    return curl(bridge, "-o", "/dev/null", "-w", "%{http_code}", *arguments)


def test_a_client_that_follows_a_redirect_ends_at_v2(
    start_bridge: StartBridge, hub: Standin
) -> None:
    with start_bridge("--set", "hub_mode=redirect", hub_url=hub.url) as bridge:
        line = f"curl -fsSL {TAGS} | jq .count"
        assert shell(line, behind(bridge)).stdout.strip() == b"5"


def test_one_caller_is_ended_while_the_others_are_bridged(
    start_bridge: StartBridge, hub: Standin
) -> None:
    rule = 'hub_rule=gone ~hq "X-Team: red"'
    with start_bridge("--set", rule, hub_url=hub.url) as bridge:
        assert status(bridge, "-H", "X-Team: red", TAGS) == "410"
        assert status(bridge, "-H", "X-Team: blue", TAGS) == "200"


def test_the_script_of_the_nightly_build_notices_a_brownout(
    start_bridge: StartBridge, hub: Standin
) -> None:
    dark = ("--set", "hub_mode=brownout", "--set", "hub_brownout=1d/1d")
    with start_bridge(*dark, hub_url=hub.url) as bridge:
        assert shell(f"curl --silent -f -lSL {TAGS}/1 > /dev/null", behind(bridge)).returncode == 22
