"""From a call to its answer: whatever Hub does, a client gets v1's answer or an honest error."""

import json
import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubv1.api.routes import Outcome
from hubv1.calls import Limits, Result, answer_call, failure
from hubv1.hub import HubClient
from hubv1.hub.http import ATTEMPTS
from samples import VIA, answer_from, recognised, with_client
from standin import Catalog, Quirk, Standin, bodies, faults, make_tag
from standin.rules import Action

R = "/v1/repositories"
TAGS, TAG, IMAGES = f"{R}/debian/tags", f"{R}/debian/tags/12", f"{R}/debian/images"


@pytest.fixture(scope="module")
def running() -> Iterator[Standin]:
    with Standin(Catalog()) as running:
        yield running


@pytest.fixture
def hub(running: Standin) -> Standin:
    running.catalog.add("debian", ["12", "latest", "bookworm"])
    running.faults.clear()
    running.forget_calls()
    return running


def detail(result: Result) -> str:
    return str(json.loads(result.answer.body)["detail"])


class TestAnswers:
    def test_tags_are_the_bytes_of_v1(self, hub: Standin) -> None:
        result = answer_from(hub.url, TAGS)
        assert result.answer.status == 200
        assert result.answer.body == (
            b'[{"layer": "", "name": "latest"}, {"layer": "", "name": "12"}, '
            b'{"layer": "", "name": "bookworm"}]'
        )
        assert (result.outcome, result.error_type, result.error) == (Outcome.TRANSLATED, "", "")
        assert result.upstream_calls == len(hub.calls) == 1

    def test_a_tag_has_the_id_and_digest_of_v2(self, hub: Standin) -> None:
        known = make_tag("library/debian", "12", Quirk.NONE)
        hub.catalog.add("debian", [known])
        result = answer_from(hub.url, TAG)
        short = (known.digest or "").removeprefix("sha256:")[:8]
        assert result.answer.body == f'[{{"pk": {known.id}, "id": "{short}"}}]'.encode()
        assert result.outcome is Outcome.TRANSLATED

    @pytest.mark.parametrize("quirk", list(Quirk))
    def test_no_oddity_of_a_tag_breaks_an_answer(self, hub: Standin, quirk: Quirk) -> None:
        tag = make_tag("library/debian", "12", quirk)
        hub.catalog.add("debian", [tag])
        assert json.loads(answer_from(hub.url, TAG).answer.body)[0]["pk"] == tag.id
        images = [image["id"] for image in json.loads(answer_from(hub.url, IMAGES).answer.body)]
        expected = [image.digest for image in tag.images if image.digest] or [tag.digest or ""]
        assert [f"sha256:{image}" for image in images] == [each for each in expected if each]

    def test_images_are_those_of_all_pages_of_tags(self, hub: Standin) -> None:
        hub.catalog.add_generated("debian", 150)
        images = re.findall(
            r'"id": "([0-9a-f]{64})"', answer_from(hub.url, IMAGES).answer.body.decode()
        )
        known = {image.digest for tag in hub.catalog["debian"].tags() for image in tag.images} | {
            tag.digest for tag in hub.catalog["debian"].tags() if not tag.images
        }
        assert {f"sha256:{image}" for image in images} >= {each for each in known if each}
        assert len(images) == len(set(images))

    def test_an_empty_repository_is_an_empty_list(self, hub: Standin) -> None:
        hub.catalog.add("debian", [])
        assert answer_from(hub.url, TAGS).answer.body == b"[]"
        assert answer_from(hub.url, IMAGES).answer.body == b"[]"


class TestAbsence:
    @pytest.mark.parametrize(
        "path", [f"{R}/debian/tags/no-such", f"{R}/no-such/tags/latest", f"{R}/a/b/tags/x"]
    )
    def test_an_unknown_tag_is_told_in_the_words_of_v1_after_one_call(
        self, hub: Standin, path: str
    ) -> None:
        result = answer_from(hub.url, path)
        assert (result.answer.status, result.answer.body) == (404, b"Tag not found")
        assert (result.outcome, result.error_type) == (Outcome.TRANSLATED, "")
        assert len(hub.calls) == 1

    @pytest.mark.parametrize("path", [f"{R}/no-such/tags", f"{R}/no/such/images"])
    def test_an_unknown_repository_is_told_in_json(self, hub: Standin, path: str) -> None:
        result = answer_from(hub.url, path)
        assert result.answer.status == 404
        assert result.answer.body == b'{"error": "Repository not found"}'
        assert result.outcome is Outcome.TRANSLATED

    def test_a_404_as_a_page_for_people_is_one_too(self, hub: Standin) -> None:
        hub.faults.add("/tags", faults.html(404))
        assert answer_from(hub.url, TAG).answer.body == b"Tag not found"

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            (f"{R}/Debian/tags", b'{"error": "Repository not found"}'),
            (f"{R}/debian/tags/a%2Fb", b"Tag not found"),
            (f"{R}/DEBIAN/tags/latest", b"Tag not found"),
            (f"{R}/Acme/App/tags/latest/", b"Tag not found"),
            (f"{R}/acme//tags/latest", b"Tag not found"),
            (f"/{R}//tags/latest", b"Tag not found"),
            (f"{R}/{'a' * 300}/tags/latest", b"Tag not found"),
            (f"{R}/d%C3%A9bian/tags/%31", b"Tag not found"),
            (f"{R}/debian/tags/{'1' * 129}", b"Tag not found"),
            (f"{R}/debian/tags/feature/x", b"Tag not found"),
            (f"{R}/a/b/c/tags/latest", b"Tag not found"),
            (f"{R}/acme//tags", b'{"error": "Repository not found"}'),
            (f"{R}//tags/", b'{"error": "Repository not found"}'),
            (f"{R}/../images", b'{"error": "Repository not found"}'),
            (f"{R}/a/b/c/d", b'{"error": "Repository not found"}'),
            (f"{R}/", b'{"error": "Repository not found"}'),
        ],
    )
    def test_what_hub_cannot_have_is_refused_without_asking(
        self, hub: Standin, path: str, body: bytes
    ) -> None:
        result = answer_from(hub.url, path)
        assert (result.answer.status, result.answer.body) == (404, body)
        assert (result.outcome, result.error_type) == (Outcome.REFUSED, "impossible_name")
        assert result.upstream_calls == len(hub.calls) == 0
        assert result.cache_status == ""

    def test_missing_credentials_are_asked_for(self, hub: Standin) -> None:
        hub.faults.add("/tags", faults.status(401, {"message": "unauthorized"}))
        for path in (TAGS, TAG, IMAGES):
            result = answer_from(hub.url, path)
            assert (result.answer.status, result.outcome) == (401, Outcome.TRANSLATED)
            assert dict(result.answer.headers)["WWW-Authenticate"].startswith("Basic realm=")


TROUBLES = [
    (faults.status(403, {"message": "no"}), 403, Outcome.REFUSED, "forbidden"),
    (faults.rate_limited(30), 429, Outcome.REFUSED, "rate_limited"),
    (faults.status(500), 502, Outcome.FAILED, "unreachable"),
    (faults.status(503, "<html>"), 502, Outcome.FAILED, "unreachable"),
    (faults.drop(), 502, Outcome.FAILED, "unreachable"),
    (bodies.cut(), 502, Outcome.FAILED, "unreachable"),
    (faults.html(), 502, Outcome.FAILED, "nonsense"),
    (faults.empty(), 502, Outcome.FAILED, "nonsense"),
    (faults.broken_json(), 502, Outcome.FAILED, "nonsense"),
    (faults.redirect("https://elsewhere.example/"), 502, Outcome.FAILED, "nonsense"),
    (faults.status(410, {"message": "gone"}), 502, Outcome.FAILED, "nonsense"),
    (faults.status(200, {}), 502, Outcome.FAILED, "nonsense"),
    (faults.status(200, '{"x":' + "[" * 100_000), 502, Outcome.FAILED, "nonsense"),
    (faults.status(508, headers={"Via": VIA}), 508, Outcome.FAILED, "loop"),
]


class TestTrouble:
    @pytest.mark.parametrize("path", [TAGS, TAG, IMAGES])
    @pytest.mark.parametrize(("action", "status", "outcome", "error_type"), TROUBLES)
    def test_trouble_is_told_as_a_problem_and_never_as_an_absence(
        self,
        hub: Standin,
        action: Action,
        status: int,
        outcome: Outcome,
        error_type: str,
        path: str,
    ) -> None:
        hub.faults.add("/tags", action)
        result = answer_from(hub.url, path)
        assert (result.answer.status, result.outcome) == (status, outcome)
        assert result.error_type == error_type
        assert result.upstream_calls == (ATTEMPTS if error_type == "unreachable" else 1)
        # aiohttp by itself tries once more where a connection is dropped.
        assert result.upstream_calls <= len(hub.calls) <= 2 * result.upstream_calls
        headers = dict(result.answer.headers)
        assert headers["Content-Type"] == "application/problem+json"
        assert headers["Cache-Control"] == "no-store"
        body = json.loads(result.answer.body)
        assert (body["status"], body["error"]) == (status, error_type)
        assert body["detail"] == result.error != ""

    @pytest.mark.parametrize("action", [faults.hang(), faults.latency(5), bodies.drip(0.1, 50)])
    def test_nobody_waits_longer_than_the_deadline(self, hub: Standin, action: Action) -> None:
        hub.faults.add("/tags", action)
        result = answer_from(hub.url, TAGS, deadline=0.3)
        assert (result.answer.status, result.outcome) == (502, Outcome.FAILED)
        assert result.error_type == "unreachable"
        assert "within 0.3 s" in detail(result) or "said nothing" in detail(result)

    def test_the_deadline_is_for_all_pages_together(self, hub: Standin) -> None:
        hub.catalog.add_generated("debian", 1_500)
        hub.faults.add("/tags", faults.latency(0.35))
        result = answer_from(hub.url, TAGS, deadline=1)
        assert result.error_type == "unreachable"
        assert result.upstream_calls > 1

    def test_a_port_that_nobody_listens_on_is_a_bad_gateway(self) -> None:
        with Standin(Catalog()) as gone:
            url = gone.url
        result = answer_from(url, TAG)
        assert (result.answer.status, result.error_type) == (502, "unreachable")

    def test_a_wait_is_told_in_seconds(self, hub: Standin) -> None:
        hub.faults.add("/tags", faults.status(429, headers={"Retry-After": "17"}))
        result = answer_from(hub.url, TAGS)
        assert dict(result.answer.headers)["Retry-After"] == "17"
        assert "17 s" in detail(result)

    def test_only_a_wait_is_told_to_retry(self, hub: Standin) -> None:
        hub.faults.add("/tags", faults.status(503, headers={"Retry-After": "17"}))
        assert "Retry-After" not in dict(answer_from(hub.url, TAGS).answer.headers)

    @pytest.mark.parametrize("path", [TAGS, IMAGES])
    def test_a_list_that_anonymous_callers_cannot_have_is_no_shorter_list(
        self, hub: Standin, path: str
    ) -> None:
        hub.catalog.add_generated("debian", 1_200)
        result = answer_from(hub.url, path)
        assert (result.answer.status, result.outcome) == (502, Outcome.REFUSED)
        assert result.error_type == "incomplete"
        assert "refuses to page through all tags of library/debian" in detail(result)

    def test_how_to_get_a_complete_list_is_told_in_full(self, hub: Standin) -> None:
        hub.catalog.add_generated("debian", 1_200)
        result = answer_from(hub.url, TAGS)
        assert "skopeo list-tags docker://docker.io/library/debian" in detail(result)

    def test_a_count_that_never_adds_up_says_how_to_get_a_complete_list(self, hub: Standin) -> None:
        hub.faults.add("/tags", faults.count_lies(7))
        result = answer_from(hub.url, TAGS)
        assert (result.answer.status, result.error_type) == (502, "incomplete")
        assert "skopeo list-tags docker://docker.io/library/debian" in detail(result)

    def test_hubs_words_are_cut_before_they_are_kept(self, hub: Standin) -> None:
        hub.faults.add("/tags", faults.status(403, {"message": "x" * 10_000}))
        assert len(answer_from(hub.url, TAGS).error) == 256

    def test_a_fault_of_the_bridge_itself_is_a_bad_gateway_and_in_the_log(
        self, hub: Standin, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def closed(client: HubClient) -> Result:
            auth, client._auth = client._auth, None  # type: ignore[assignment]  # what a programmer may forget
            try:
                return await answer_call(recognised(TAGS), client, Limits(5))
            finally:
                client._auth = auth

        result = with_client(hub.url, closed)
        assert (result.answer.status, result.error_type) == (502, "internal")
        assert result.outcome is Outcome.FAILED
        assert "AttributeError" in detail(result)
        assert "The bridge failed on" in caplog.text

    def test_a_request_of_the_bridge_itself_is_a_loop(self) -> None:
        result = failure("loop")
        assert (result.answer.status, result.outcome) == (508, Outcome.FAILED)
        assert result.error_type == "loop"
        assert result.upstream_calls == 0


JSON_BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["count", "results", "next", "name", "id", "digest", "images"]), inner
        )
    ),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode())


@settings(max_examples=60)
@given(
    st.sampled_from([200, 200, 200, 204, 302, 400, 401, 403, 429, 500]),
    JSON_BODIES | st.binary(max_size=60),
    st.sampled_from([TAGS, TAG, IMAGES]),
)
def test_whatever_hub_sends_there_is_an_answer_and_no_invented_absence(
    running: Standin, status: int, body: bytes, path: str
) -> None:
    running.faults.clear()
    running.faults.add("/tags", faults.status(status, body))
    result = answer_from(running.url, path)
    assert result.error_type != "internal"
    assert result.answer.status in (200, 401, 403, 429, 502)
    if result.answer.status == 200:
        assert status == 200
        assert isinstance(json.loads(result.answer.body), list)
    assert (result.outcome is Outcome.TRANSLATED) == (result.answer.status in (200, 401))
