"""What is not for the bridge to answer arrives as it was sent."""

from collections.abc import Iterator

import pytest

from e2e.bridges import Mitmdump, query, running_bridge
from e2e.clients import ask
from e2e.conftest import StartBridge
from e2e.origins import ANSWER, Arrival, Origin
from standin import Standin

BODY = bytes(range(256)) * 40
HEADERS = {
    "Content-Type": "application/x-unknown",
    "Authorization": "Token signature=abc,repository=acme/app",
    "X-mIxEd-CaSe": "  kept  as it is",
}


@pytest.fixture(scope="module")
def shared_front(
    tmp_path_factory: pytest.TempPathFactory, shared_origin: Origin
) -> Iterator[Mitmdump]:
    confdir = tmp_path_factory.mktemp("front")
    with running_bridge(confdir, "--mode", f"reverse:{shared_origin.url}") as bridge:
        yield bridge


@pytest.fixture
def front(shared_front: Mitmdump, origin: Origin) -> Mitmdump:
    """A bridge in front of the origin."""
    shared_front.new_rows()
    return shared_front


def _only(origin: Origin) -> Arrival:
    (arrival,) = origin.arrivals
    return arrival


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("PUT", "/v1/repositories/acme/app/"),
        ("PUT", "/v1/repositories/acme/app/images"),
        ("DELETE", "/v1/repositories/acme/app/tags/1.0"),
        ("PUT", "/v1/repositories/app/tags/1%2e0?a=%20b&&c"),
        ("POST", "/v1/users/"),
        ("GET", "/v1/users/"),
        ("GET", "/v1/_ping"),
        ("GET", "/v1/images/0123abcd/json"),
        ("PUT", "/v1/images/0123abcd/layer"),
        ("GET", "/v1/repositories/acme/app/auth"),
    ],
)
def test_other_v1_calls_reach_the_origin_as_they_are_and_are_written_down(
    front: Mitmdump, origin: Origin, method: str, target: str
) -> None:
    body = None if method == "GET" else BODY
    answer = ask(front, target, method, body, HEADERS)
    assert (answer.status, answer.body) == (200, ANSWER)
    arrival = _only(origin)
    assert (arrival.method, arrival.target) == (method, target)
    assert arrival.body == (body or b"")
    assert set(HEADERS) <= {name for name, _ in arrival.headers}
    assert dict(arrival.headers)["Authorization"] == HEADERS["Authorization"]
    assert dict(arrival.headers)["X-mIxEd-CaSe"] == HEADERS["X-mIxEd-CaSe"].strip()
    row = front.new_row()
    assert (row["outcome"], row["http_response_status_code"]) == ("passed", 200)
    assert row["url_path"] == target.partition("?")[0]


@pytest.mark.parametrize(
    "target",
    [
        "/v2/",
        "/v2/namespaces/library/repositories/tiny/tags?page_size=100",
        "/v2/library/tiny/manifests/latest",
        "/v1",
        "/v10/repositories/tiny/tags",
        "/x/v1/repositories/tiny/tags",
        "/?/v1/repositories/tiny/tags",
        "/",
    ],
)
def test_other_traffic_is_neither_touched_nor_written_down(
    front: Mitmdump, origin: Origin, target: str
) -> None:
    answer = ask(front, target, headers={"Accept": "*/*"})
    assert answer.body == ANSWER
    arrival = _only(origin)
    assert arrival.target == target
    assert {name for name, _ in arrival.headers} == {"Host", "Accept-Encoding", "Accept"}
    assert set(answer.headers) == {"server", "date", "content-length", "x-origin"}
    assert front.new_rows() == []


def test_an_origin_that_is_down_is_written_down_as_an_error_of_a_passed_call(
    start_bridge: StartBridge,
) -> None:
    with start_bridge("--mode", "reverse:http://127.0.0.1:1") as bridge:
        assert ask(bridge, "/v1/users/", "POST", b"{}").status == 502
        row = bridge.new_row()
    assert (row["outcome"], row["error_type"]) == ("passed", "connection")
    assert len(bridge.rows()) == 1


def test_the_living_search_is_passed_on_and_only_counted(
    start_bridge: StartBridge, origin: Origin
) -> None:
    with start_bridge("--mode", f"reverse:{origin.url}") as bridge:
        for word in ("php", "debian"):
            assert ask(bridge, f"/v1/search?q={word}&n=25").body == ANSWER
        ask(bridge, "/v2/")
    assert [arrival.target for arrival in origin.arrivals] == [
        "/v1/search?q=php&n=25",
        "/v1/search?q=debian&n=25",
        "/v2/",
    ]
    assert bridge.rows() == []
    (seen,) = query(bridge.journal, "SELECT sum(flows) flows, sum(still_served) served FROM seen")
    assert seen == {"flows": 3, "served": 2}


def test_a_streamed_body_is_written_down_once_and_passed_on_whole(
    start_bridge: StartBridge, origin: Origin
) -> None:
    origin.body = BODY * 20
    try:
        with start_bridge(
            "--mode", f"reverse:{origin.url}", "--set", "stream_large_bodies=1"
        ) as bridge:
            answer = ask(bridge, "/v1/images/0123abcd/layer", "PUT", BODY)
            assert answer.body == BODY * 20
            assert [row["outcome"] for row in bridge.rows()] == ["passed"]
    finally:
        origin.body = ANSWER
    assert _only(origin).body == BODY
    assert len(bridge.rows()) == 1


def test_streaming_does_not_change_what_is_bridged(start_bridge: StartBridge, hub: Standin) -> None:
    with start_bridge("--set", "stream_large_bodies=1", hub_url=hub.url) as bridge:
        answer = ask(bridge, "http://hub.docker.com/v1/repositories/acme/tool/tags")
        assert answer.body == b'[{"layer": "", "name": "1.0"}]'
        assert [row["outcome"] for row in bridge.rows()] == ["translated"]
