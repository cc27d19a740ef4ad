"""Clients that speak HTTP in ways that are allowed and seldom: each is answered as any other."""

import re

import pytest

from e2e.bridges import Mitmdump
from e2e.clients import PATIENCE, connected, curl, raw
from standin import Standin

PATH = "/v1/repositories/acme/tool/tags"
TOOL = b'[{"layer": "", "name": "1.0"}]'
INDEX = "index.docker.io"


def _request(target: str, *headers: str, version: str = "1.1") -> bytes:
    lines = [f"GET {target} HTTP/{version}", *headers, "Connection: close", "", ""]
    return "\r\n".join(lines).encode()


def _asked_of(bridge: Mitmdump, request: bytes) -> tuple[str, str]:
    """Host and scheme in the row of a call that has to be answered."""
    answer = raw(bridge, request)
    assert (answer.status, answer.body) == (200, TOOL)
    row = bridge.new_row()
    assert row["outcome"] == "translated"
    return row["server_address"], row["url_scheme"]


def test_http_1_0_needs_no_host_header(bridge: Mitmdump) -> None:
    assert _asked_of(bridge, _request(f"http://{INDEX}{PATH}", version="1.0")) == (INDEX, "http")


def test_http_1_0_to_a_reverse_proxy_needs_none_either(reverse_bridge: Mitmdump) -> None:
    assert _asked_of(reverse_bridge, _request(PATH, version="1.0")) == ("127.0.0.1", "http")


def test_an_http_1_0_connection_ends_with_the_answer(bridge: Mitmdump) -> None:
    with connected(bridge) as connection:
        connection.sendall(f"GET http://{INDEX}{PATH} HTTP/1.0\r\n\r\n".encode())
        with connection.makefile("rb") as answer:
            assert answer.read().endswith(TOOL)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_reverse_proxy_takes_a_whole_url_in_the_request_line(
    reverse_bridge: Mitmdump, scheme: str
) -> None:
    request = _request(f"{scheme}://{INDEX}{PATH}", f"Host: {INDEX}")
    assert _asked_of(reverse_bridge, request)[1] == "http"


def test_a_forward_proxy_takes_a_path_and_goes_by_the_host_header(bridge: Mitmdump) -> None:
    assert _asked_of(bridge, _request(PATH, f"Host: {INDEX}")) == (INDEX, "http")


@pytest.mark.parametrize(
    "host", [f"{INDEX}:80", f"{INDEX}:8080", f"{INDEX}.", "INDEX.Docker.IO", "INDEX.Docker.IO.:80"]
)
def test_a_host_is_known_however_it_is_spelt(bridge: Mitmdump, host: str) -> None:
    assert _asked_of(bridge, _request(f"http://{host}{PATH}", f"Host: {host}")) == (INDEX, "http")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "[::1]:1"])
@pytest.mark.parametrize("host", [INDEX, f"{INDEX}.:443", "INDEX.docker.io"])
def test_where_the_request_line_has_an_address_the_host_header_decides(
    bridge: Mitmdump, address: str, host: str
) -> None:
    assert _asked_of(bridge, _request(f"http://{address}{PATH}", f"Host: {host}"))[0] == INDEX


def test_where_the_request_line_has_a_name_the_host_header_does_not(
    bridge: Mitmdump, hub: Standin
) -> None:
    url = f"http://{INDEX}{PATH}"
    assert _asked_of(bridge, _request(url, "Host: elsewhere.example"))[0] == INDEX
    elsewhere = raw(bridge, _request(f"http://elsewhere.invalid{PATH}", f"Host: {INDEX}"))
    assert elsewhere.status == 502
    assert bridge.new_rows() == []


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
@pytest.mark.parametrize("address", ["127.0.0.1:1", "[::1]:1"])
def test_connect_to_an_address_is_known_by_the_name_behind_it(
    bridge: Mitmdump, address: str, version: str
) -> None:
    to = ("--connect-to", f"{INDEX}:443:{address}")
    assert curl(bridge, version, *to, f"https://{INDEX}{PATH}") == TOOL.decode()
    row = bridge.new_row()
    assert (row["server_address"], row["url_scheme"]) == (INDEX, "https")


@pytest.mark.parametrize(
    "upgrade",
    [
        (
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
        ),
        ("Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
    ],
)
def test_an_upgrade_is_answered_without_one(
    reverse_bridge: Mitmdump, upgrade: tuple[str, ...]
) -> None:
    request = _request(PATH, "Host: x", *upgrade).replace(b": close", b": upgrade, close")
    _asked_of(reverse_bridge, request)


def test_calls_in_a_row_without_waiting_are_answered_in_their_order(
    reverse_bridge: Mitmdump,
) -> None:
    targets = [PATH, "/v1/search?q=tool", f"{PATH}/1.0", PATH]
    requests = [f"GET {each} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for each in targets]
    requests[-1] = _request(PATH, "Host: x")
    with connected(reverse_bridge) as connection:
        connection.sendall(b"".join(requests))
        with connection.makefile("rb") as answer:
            text = answer.read().decode()
    assert text.count("HTTP/1.1 200 OK") == 4
    bodies = re.findall(r'(\[\{"layer"|"num_results"|\[\{"pk")', text)
    assert bodies == ['[{"layer"', '"num_results"', '[{"pk"', '[{"layer"']
    assert [row["tag"] for row in reverse_bridge.new_rows()] == ["", "1.0", ""]


def test_a_client_that_waits_for_leave_to_send_its_body_gets_it(reverse_bridge: Mitmdump) -> None:
    with connected(reverse_bridge) as connection:
        expecting = _request(PATH, "Host: x", "Content-Length: 3", "Expect: 100-continue")
        connection.sendall(expecting)
        connection.settimeout(PATIENCE)
        with connection.makefile("rb") as answer:
            assert answer.readline() == b"HTTP/1.1 100 Continue\r\n"
            connection.sendall(b"abc")
            assert answer.read().endswith(TOOL)
    assert reverse_bridge.new_row()["outcome"] == "translated"


def test_hundreds_of_streams_on_one_http_2_connection_are_each_answered_and_written_down(
    bridge: Mitmdump,
) -> None:
    wanted = ("--http2", "--parallel", "--parallel-max", "100", "-w", "%{http_code} ")
    url = f"https://{INDEX}/v1/repositories/bench/streams-[1-200]/tags/1.0.1"
    printed = curl(bridge, *wanted, "-o", "/dev/null", url)
    assert printed.split() == ["200"] * 200
    rows = bridge.new_rows()
    assert len({row["repository"] for row in rows}) == len(rows) == 200
