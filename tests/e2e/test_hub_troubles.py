"""Whatever becomes of Hub: a clear answer, one row, and the proxy serves the next call."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from e2e.bridges import NO_HUB, Mitmdump, eventually
from e2e.clients import Answer, ask
from e2e.conftest import StartBridge
from standin import Held, Standin, bodies, faults
from standin.rules import Action

ELSEWHERE = "http://127.0.0.1:1/v2/elsewhere"
# Every test has a repository of its own, so that no answer can come from somewhere else.
SOME = "http://index.docker.io/v1/repositories/bench"


def _problem(answer: Answer) -> dict[str, object]:
    """The error as RFC 9457 has it; it fails where the answer is none."""
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, object] = json.loads(answer.body)
    assert found["status"] == answer.status
    assert found["detail"]
    return found


@pytest.mark.parametrize(
    ("trouble", "action", "error", "outcome"),
    [
        ("cut", bodies.cut(), "unreachable", "failed"),
        ("html", faults.html(), "nonsense", "failed"),
        ("count-lies", faults.count_lies(1_000), "incomplete", "refused"),
        ("bomb", bodies.bomb(), "nonsense", "failed"),
        ("status-503", faults.status(503, ""), "unreachable", "failed"),
    ],
)
def test_no_trouble_becomes_an_empty_list(
    bridge: Mitmdump, hub: Standin, trouble: str, action: Action, error: str, outcome: str
) -> None:
    hub.faults.add(f"/{trouble}/", action)
    answer = ask(bridge, f"{SOME}/{trouble}/tags")
    assert answer.status == 502
    assert _problem(answer)["error"] == error
    row = bridge.new_row()
    assert (row["outcome"], row["error_type"]) == (outcome, error)
    assert row["http_response_status_code"] == 502
    assert ask(bridge, f"{SOME}/after-{trouble}/tags").status == 200


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_page_in_a_content_coding_that_was_asked_for_is_read(
    bridge: Mitmdump, hub: Standin, coding: str
) -> None:
    hub.faults.add(f"/in-{coding}/", bodies.encoded(coding))
    assert len(json.loads(ask(bridge, f"{SOME}/in-{coding}/tags").body)) == 100


def test_a_page_in_a_coding_that_nobody_asked_for_is_read_whole_or_refused(
    bridge: Mitmdump, hub: Standin
) -> None:
    hub.faults.add("/in-br/", bodies.encoded("br"))
    answer = ask(bridge, f"{SOME}/in-br/tags")
    assert answer.status in (200, 502)
    if answer.status == 200:
        assert len(json.loads(answer.body)) == 100
    else:
        assert _problem(answer)["error"] in ("nonsense", "unreachable")
    assert len(bridge.new_rows()) == 1


def test_next_is_never_followed_to_another_host(bridge: Mitmdump, hub: Standin) -> None:
    first = hub.faults.add("/paged/tags.*[?&]page=1(&|$)", faults.next_at(ELSEWHERE))
    answer = ask(bridge, "http://index.docker.io/v1/repositories/paged/tags")
    assert len(json.loads(answer.body)) == 250
    assert first.acted
    assert bridge.new_row()["outcome"] == "translated"


@pytest.mark.parametrize(
    ("status", "v1_status", "body"),
    [
        (401, 401, b'{"error": "Requires authorization"}'),
        (404, 404, b'{"error": "Repository not found"}'),
    ],
)
def test_refusals_of_hub_keep_their_meaning(
    bridge: Mitmdump, hub: Standin, status: int, v1_status: int, body: bytes
) -> None:
    hub.faults.add(f"/meaning-{status}/", faults.html(status))
    answer = ask(bridge, f"{SOME}/meaning-{status}/tags")
    assert (answer.status, answer.body) == (v1_status, body)
    assert bridge.new_row()["outcome"] == "translated"


def test_a_refusal_without_a_meaning_in_v1_is_a_problem(bridge: Mitmdump, hub: Standin) -> None:
    hub.faults.add("/forbidden/", faults.status(403, {"message": "not you"}))
    answer = ask(bridge, f"{SOME}/forbidden/tags")
    assert answer.status == 403
    assert "not you" in str(_problem(answer)["detail"])
    assert bridge.new_row()["outcome"] == "refused"


def test_a_limit_on_requests_is_passed_on_in_seconds(
    start_bridge: StartBridge, hub: Standin
) -> None:
    with start_bridge(hub_url=hub.url) as bridge:
        hub.faults.add("/limited/", faults.rate_limited(20))
        answer = ask(bridge, f"{SOME}/limited/tags")
        assert answer.status == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 21
        assert _problem(answer)["error"] == "rate_limited"
        assert bridge.new_row()["outcome"] == "refused"
        assert ask(bridge, f"{hub.registry_url}/v1/search?q=php").status == 200


def test_a_call_that_waits_for_hub_holds_up_no_other(bridge: Mitmdump, hub: Standin) -> None:
    stuck = Held()
    hub.faults.add("/stuck/", stuck)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, bridge, f"{SOME}/stuck/tags")
        eventually(lambda: stuck.here == 1, "the first call is with Hub")
        assert ask(bridge, f"{SOME}/fluent/tags").status == 200
        assert stuck.here == 1
        stuck.release()
        assert waiting.result().status == 200
    assert [row["repository"] for row in bridge.new_rows()] == ["fluent", "stuck"]


def test_a_hub_that_takes_for_ever_is_given_up_at_the_deadline(
    start_bridge: StartBridge, hub: Standin
) -> None:
    hub.faults.add("/silent/", faults.hang())
    with start_bridge("--set", "hub_deadline=2", hub_url=hub.url) as bridge:
        answer = ask(bridge, f"{SOME}/silent/tags")
        assert answer.status == 502
        assert "within 2 s" in str(_problem(answer)["detail"])
        row = bridge.new_row()
        assert (row["outcome"], row["error_type"]) == ("failed", "unreachable")
        assert row["duration_ms"] >= 2_000
        # On a busy machine two seconds may be too few even for a Hub that answers.
        after = f"{SOME}/after-silent/tags"
        eventually(lambda: ask(bridge, after).status == 200, "the next call is served")


def test_a_hub_that_is_down_altogether_is_a_problem_and_not_an_absence(
    start_bridge: StartBridge,
) -> None:
    with start_bridge() as bridge:
        answer = ask(bridge, "http://index.docker.io/v1/repositories/tiny/tags/1")
        assert answer.status == 502
        assert NO_HUB in str(_problem(answer)["detail"])
        assert bridge.new_row()["outcome"] == "failed"
