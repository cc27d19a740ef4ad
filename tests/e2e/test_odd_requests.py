"""Requests that no sound client sends: each gets a clear answer and a row, and no harm is done."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from e2e.bridges import Mitmdump, running_bridge
from e2e.clients import PATIENCE, ask, ask_on, raw
from e2e.origins import ANSWER, Origin
from standin import Standin

TOOL = b'[{"layer": "", "name": "1.0"}]'
SIX = [
    f"/v1/repositories/{name}/{what}"
    for name in ("tiny", "acme/tool")
    for what in ("images", "tags", "tags/1.0")
]


@pytest.fixture(scope="module")
def shared_front(
    tmp_path_factory: pytest.TempPathFactory, shared_origin: Origin, shared_hub: Standin
) -> Iterator[Mitmdump]:
    confdir = tmp_path_factory.mktemp("odd")
    mode = f"reverse:{shared_origin.url}"
    with running_bridge(confdir, "--mode", mode, hub_url=shared_hub.url) as bridge:
        yield bridge


@pytest.fixture
def front(shared_front: Mitmdump, origin: Origin, hub: Standin) -> Iterator[Mitmdump]:
    """A bridge before the origin, of which the next call is served as ever."""
    shared_front.new_rows()
    yield shared_front
    assert ask(shared_front, "/v1/repositories/acme/tool/tags").body == TOOL


def _get(target: bytes) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\nHost: index.docker.io\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "rest",
    [
        b"../../v2/namespaces/x/tags",
        b"library/../tiny/tags",
        b"library/..%2ftiny/tags",
        b"library%2Ftiny/tags",
        b"%2e%2e/%2e%2e/tags",
        b"tiny%00/tags",
        b"tiny%0d%0aX-Evil:%20yes/tags",
        b"%2574iny/tags",
        b"tiny%3fpage=2/tags",
        b"tiny%23/tags",
        b"TINY/tags",
        b"a" * 10_000 + b"/tags",
        b"a/" * 5_000 + b"tags",
        b"\xff\xfe/tags",
        b"t\xc3\xafny/tags",
        b"/tags",
        b"/tags/1.0",
        b"tiny//tags",
        b"acme//tool/tags",
        b"acme/tool//tags//1.0",
        b"tiny/tags/..",
        b"tiny/tags/%2e%2e%2fimages",
        b"tiny/tags/" + b"x" * 129,
        b"tiny/tags/1.0%20",
        b"tiny/tags/a/b/c",
    ],
    ids=lambda rest: repr(rest[:24])[2:-1],
)
def test_a_name_that_hub_does_not_allow_is_404_and_asks_nobody(
    front: Mitmdump, hub: Standin, origin: Origin, rest: bytes
) -> None:
    answer = raw(front, _get(b"/v1/repositories/" + rest))
    assert answer.status == 404
    assert answer.body in (b'{"error": "Repository not found"}', b"Tag not found")
    assert "x-evil" not in answer.headers
    row = front.new_row()
    assert row["outcome"] == "refused"
    assert (row["namespace"], row["repository"]) in (("", ""), ("library", "tiny"))
    assert len(row["url_path"]) <= 256
    assert hub.calls == []
    assert origin.arrivals == []


def test_percent_encoding_and_a_slash_at_the_end_change_nothing(front: Mitmdump) -> None:
    answer = raw(front, _get(b"/v1/repositories/acme/%74%6f%6fl/tags/?page_size=1&x"))
    assert (answer.status, answer.body) == (200, TOOL)
    assert front.new_row()["repository"] == "tool"


@pytest.mark.parametrize("start", [b"", b"http://index.docker.io", b"http://127.0.0.1:1"])
@pytest.mark.parametrize(
    "path", [b"//v1/repositories/acme/tool/tags", b"///v1//repositories///acme/tool/tags//?page=2"]
)
def test_several_slashes_mean_one_in_the_origin_form_and_the_absolute_form(
    front: Mitmdump, start: bytes, path: bytes
) -> None:
    answer = raw(front, _get(start + path))
    assert (answer.status, answer.body) == (200, TOOL)
    row = front.new_row()
    assert (row["namespace"], row["repository"]) == ("acme", "tool")
    assert row["route"] == "GET /v1/repositories/{namespace}/{name}/tags"


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_methods_that_v1_never_had_here_go_to_the_origin_untouched(
    front: Mitmdump, origin: Origin, hub: Standin, method: str
) -> None:
    body = None if method in ("OPTIONS", "TRACE") else b"x" * 5_000
    for target in SIX:
        answer = ask(front, target, method, body)
        assert (answer.status, answer.body) == (200, ANSWER)
    sent = [(arrival.method, arrival.target, arrival.body or None) for arrival in origin.arrivals]
    assert sent == [(method, target, body) for target in SIX]
    assert [row["outcome"] for row in front.new_rows()] == ["passed"] * 6
    assert hub.calls == []


@pytest.mark.parametrize("target", SIX)
def test_a_body_that_comes_with_get_does_not_end_the_connection(
    front: Mitmdump, target: str
) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", front.port, timeout=PATIENCE)) as one:
        first = ask_on(one, target, "GET", b"x" * 100_000)
        second = ask_on(one, target)
    assert (first.status, first.body) == (second.status, second.body)
    assert len(front.new_rows()) == 2


def test_a_method_in_lower_case_is_served_like_any_other(front: Mitmdump) -> None:
    request = _get(b"/v1/repositories/acme/tool/tags").replace(b"GET", b"get", 1)
    assert raw(front, request).status in (200, 400, 405)
    assert len(front.new_rows()) <= 1


def test_bytes_that_are_no_text_in_headers_do_no_harm(front: Mitmdump) -> None:
    request = _get(b"/v1/repositories/acme/tool/tags")
    evil = b"\r\nUser-Agent: \xff\x1b[31mred \xc3\xa9\r\nVia: \xff\r\nX-Docker-Token: \xff\r\n\r\n"
    answer = raw(front, request.replace(b"\r\n\r\n", evil))
    assert answer.body == TOOL
    assert "\x1b" not in front.log
    assert front.new_row()["outcome"] == "translated"


def test_a_user_agent_of_any_length_is_cut(front: Mitmdump) -> None:
    ask(front, "/v1/repositories/acme/tool/tags", headers={"User-Agent": "x" * 20_000})
    row = front.new_row()
    assert len(row["user_agent_original"]) == len(row["caller"]) == 256


def test_half_a_request_leaves_no_row(front: Mitmdump) -> None:
    with closing(socket.create_connection(("127.0.0.1", front.port), PATIENCE)) as connection:
        connection.sendall(b"GET /v1/repositories/acme/tool/tags HTTP/1.1\r\nHost: x\r\nX-H")
    ask(front, "/v1/repositories/acme/tool/tags/1.0")
    assert front.new_row()["tag"] == "1.0"
