"""HTTP as clients speak it: HEAD, connections that are kept, HTTP/2."""

import http.client
from contextlib import closing

import pytest

from e2e.bridges import Mitmdump
from e2e.clients import PATIENCE, ask_on, curl

V1 = "https://index.docker.io/v1/repositories"
WHAT = ["tiny/tags", "acme/tool/tags/1.0", "tiny/images", "tiny/tags/9", "no/body/tags"]


@pytest.mark.parametrize("what", WHAT)
def test_head_answers_as_get_would_but_without_the_body(bridge: Mitmdump, what: str) -> None:
    url = f"http://index.docker.io/v1/repositories/{what}"
    with closing(http.client.HTTPConnection("127.0.0.1", bridge.port, timeout=PATIENCE)) as one:
        head = ask_on(one, url, "HEAD")
        get = ask_on(one, url)
    assert head.body == b""
    assert head.status == get.status
    assert head.headers["content-length"] == str(len(get.body))
    assert [row["http_request_method"] for row in bridge.new_rows()] == ["HEAD", "GET"]


def test_head_leaves_the_connection_usable_on_http_1(bridge: Mitmdump) -> None:
    assert _head_then_get(bridge, "--http1.1") == ["1.1 200 1", "1.1 200 0"]


def test_head_leaves_the_connection_usable_on_http_2(bridge: Mitmdump) -> None:
    assert _head_then_get(bridge, "--http2") == ["2 200 1", "2 200 0"]


def _head_then_get(bridge: Mitmdump, version: str) -> list[str]:
    """Version, status and new connections of both calls."""
    wanted = [
        "-sS",
        version,
        "-o",
        "/dev/null",
        "-w",
        "%{http_version} %{http_code} %{num_connects}\\n",
    ]
    url = f"{V1}/tiny/tags"
    printed = curl(bridge, *wanted, "--head", url, "--next", *wanted, url)
    return printed.splitlines()


def test_two_calls_share_one_connection_to_the_proxy(bridge: Mitmdump) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", bridge.port, timeout=PATIENCE)) as one:
        first = ask_on(one, "http://hub.docker.com/v1/repositories/tiny/tags")
        local = one.sock.getsockname()
        second = ask_on(one, "http://hub.docker.com/v1/repositories/acme/tool/tags")
        assert one.sock.getsockname() == local
    assert first.status == second.status == 200
    assert first.body != second.body


def test_http_2_carries_the_same_bytes_as_http_1(bridge: Mitmdump) -> None:
    url = f"{V1}/tiny/tags"
    assert curl(bridge, "--http2", url) == curl(bridge, "--http1.1", url)


def test_calls_side_by_side_on_one_http_2_connection_each_get_their_own_answer(
    bridge: Mitmdump,
) -> None:
    tags = ["1", "10", "2", "Beta", "latest"]
    urls = [each for tag in tags for each in (f"{V1}/tiny/tags/{tag}", "-o", "/dev/null")]
    curl(bridge, "--http2", "--parallel", *urls)
    rows = bridge.new_rows()
    assert sorted(row["tag"] for row in rows) == tags
    assert {row["http_response_status_code"] for row in rows} == {200}
