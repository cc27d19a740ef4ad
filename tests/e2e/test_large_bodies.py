"""Requests with large bodies, which mitmproxy would send on before a script sees them whole."""

from e2e.bridges import Mitmdump
from e2e.clients import behind, shell
from e2e.conftest import StartBridge
from standin import Standin

STREAMING = ("--set", "stream_large_bodies=10k")
LARGE = (
    "cd $HOME && head -c 100000 /dev/zero > body && "
    "curl -sS -o /dev/null -w '%{http_code}' -H Expect:"
)


def status_of(bridge: Mitmdump, arguments: str) -> bytes:
    return shell(f"{LARGE} {arguments}", behind(bridge)).stdout


BODIES = ("--data-binary @body", "-T - < body")
"""Of known length, and in chunks."""


def test_a_legacy_call_with_a_large_body_is_passed_on_and_written_down(
    start_bridge: StartBridge, hub: Standin
) -> None:
    origin = ("--mode", f"reverse:{hub.registry_url}")
    with start_bridge(*STREAMING, *origin, hub_url=hub.url) as bridge:
        url = f"http://127.0.0.1:{bridge.port}/v1/repositories/tiny/tags"
        for body in BODIES:
            assert status_of(bridge, f"{body} -X GET --noproxy '*' {url}") == b"410"
            row = bridge.new_row()
            assert (row["outcome"], row["http_response_status_code"]) == ("passed", 410)


def test_a_passed_call_with_a_large_body_to_a_dead_host_is_written_down(
    start_bridge: StartBridge,
) -> None:
    nowhere = ("--mode", "reverse:http://127.0.0.1:1")
    with start_bridge(*STREAMING, *nowhere) as bridge:
        url = f"http://127.0.0.1:{bridge.port}/v1/repositories/acme/app/images"
        for body in BODIES:
            status_of(bridge, f"{body} -X PUT --noproxy '*' {url}")
            row = bridge.new_row()
            assert (row["outcome"], row["http_response_status_code"]) == ("passed", None)
            assert row["error_type"] == "connection"
