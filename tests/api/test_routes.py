"""The route table: which request is which v1 call, and what each row promises."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubv1.api.names import Repository
from hubv1.api.routes import (
    ROUTES,
    Listing,
    Route,
    Verdict,
    is_first_page,
    recognise,
    route_named,
)
from samples import recognised

R = "/v1/repositories"
V2 = "/v2/namespaces/library/repositories/debian"
V2_ACME = "/v2/namespaces/acme/repositories/app"

SIX = [
    (f"{R}/debian/images", f"{R}/{{name}}/images", Listing.IMAGES, f"{V2}/tags"),
    (
        f"{R}/acme/app/images",
        f"{R}/{{namespace}}/{{name}}/images",
        Listing.IMAGES,
        f"{V2_ACME}/tags",
    ),
    (f"{R}/debian/tags", f"{R}/{{name}}/tags", Listing.TAGS, f"{V2}/tags"),
    (f"{R}/acme/app/tags", f"{R}/{{namespace}}/{{name}}/tags", Listing.TAGS, f"{V2_ACME}/tags"),
    (f"{R}/debian/tags/12", f"{R}/{{name}}/tags/{{tag_name}}", Listing.TAG, f"{V2}/tags/12"),
    (
        f"{R}/acme/app/tags/1.0",
        f"{R}/{{namespace}}/{{name}}/tags/{{tag_name}}",
        Listing.TAG,
        f"{V2_ACME}/tags/1.0",
    ),
]

# One request for each row: what it is recognised by.
EXAMPLES = {
    f"GET {R}/{{name}}/images (X-Docker-Token)": ("GET", f"{R}/debian/images", True),
    f"GET {R}/{{namespace}}/{{name}}/images (X-Docker-Token)": ("GET", f"{R}/a/b/images", True),
    f"GET {R}/{{name}}/images": ("GET", f"{R}/debian/images", False),
    f"GET {R}/{{namespace}}/{{name}}/images": ("GET", f"{R}/a/b/images", False),
    f"GET {R}/{{name}}/tags/{{tag_name}}": ("GET", f"{R}/debian/tags/12", True),
    f"GET {R}/{{namespace}}/{{name}}/tags/{{tag_name}}": ("GET", f"{R}/a/b/tags/12", False),
    f"GET {R}/{{name}}/tags": ("GET", f"{R}/debian/tags", True),
    f"GET {R}/{{namespace}}/{{name}}/tags": ("GET", f"{R}/a/b/tags", False),
    f"* {R}/{{name}}/auth": ("GET", f"{R}/debian/auth", False),
    f"* {R}/{{namespace}}/{{name}}/auth": ("PUT", f"{R}/a/b/auth", False),
    f"GET {R}/{{name}}": ("GET", f"{R}/debian", False),
    f"GET {R}/{{namespace}}/{{name}}": ("HEAD", f"{R}/a/b/", False),
    f"GET {R}/…": ("GET", f"{R}/a/b/c/d/e", False),
    f"DELETE/PUT {R}/…": ("PUT", f"{R}/a/b/images", True),
    f"* {R}/…": ("PATCH", f"{R}/debian/tags", False),
    "* /v1/users/…": ("POST", "/v1/users/", False),
    "* /v1/_ping": ("GET", "/v1/_ping", False),
    "* /v1/images/…": ("GET", "/v1/images/0123/layer", False),
    "GET /v1/search": ("GET", "/v1/search?q=debian", False),
}


def no_question() -> bool:
    raise AssertionError("nobody should ask for the header here")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("ending", ["", "/", "?", "?page=2&x=/v2/", "/?q"])
@pytest.mark.parametrize(("path", "row", "listing", "replacement"), SIX)
def test_the_six_retired_routes_are_recognised_however_they_end(
    path: str, row: str, listing: Listing, replacement: str, ending: str, method: str
) -> None:
    call = recognised(path + ending, method)
    assert call.route.path == row
    assert call.route.listing is listing
    assert str(call.repository) == ("library/debian" if "debian" in path else "acme/app")
    assert call.tag == (path.rpartition("/")[2] if listing is Listing.TAG else None)
    assert call.is_possible
    assert call.replacement_path == replacement


@pytest.mark.parametrize("row", ROUTES, ids=lambda row: row.name)
def test_every_row_has_a_name_a_sentence_and_a_request_that_reaches_it(row: Route) -> None:
    method, path, docker_token = EXAMPLES[row.name]
    assert recognised(path, method, docker_token=docker_token).route is row
    assert len(row.sentence.split()) > 3
    assert row.sentence.endswith(".")
    assert (row.retired is None) == (row.verdict is Verdict.SERVED)


@pytest.mark.parametrize(
    ("row", "retired"),
    [
        (f"GET {R}/{{name}}/tags", date(2022, 9, 5)),
        ("* /v1/images/…", date(2019, 6, 1)),
        (f"DELETE/PUT {R}/…", date(2015, 1, 1)),
    ],
)
def test_a_row_knows_since_when_its_calls_go_nowhere(row: str, retired: date) -> None:
    assert route_named(row).retired == retired


def test_no_two_rows_share_a_name() -> None:
    assert len({row.name for row in ROUTES}) == len(ROUTES) == len(EXAMPLES)


@pytest.mark.parametrize(
    ("method", "path", "verdict"),
    [
        ("PUT", f"{R}/debian/", Verdict.DEAD),
        ("DELETE", f"{R}/debian/tags/12", Verdict.DEAD),
        ("PUT", f"{R}/acme/app/images", Verdict.DEAD),
        ("POST", f"{R}/debian/tags", Verdict.DEAD),
        ("PUT", f"{R}/acme/app/auth", Verdict.DEAD),
        ("GET", f"{R}/debian/", Verdict.DEAD),
        ("GET", "/v1/users", Verdict.DEAD),
        ("GET", "/v1/users/acme/", Verdict.DEAD),
        ("GET", "/v1/_ping", Verdict.DEAD),
        ("GET", "/v1/images/0123/ancestry", Verdict.DEAD),
        ("HEAD", "/v1/search", Verdict.SERVED),
        ("GET", "/v1/search/?q=debian&n=25", Verdict.SERVED),
    ],
)
def test_other_v1_calls_are_recognised_and_left_unanswered(
    method: str, path: str, verdict: Verdict
) -> None:
    call = recognised(path, method)
    assert call.route.verdict is verdict
    assert call.route.listing is None
    assert call.is_possible


@pytest.mark.parametrize(
    "path",
    [
        R,
        f"{R}/",
        f"{R}//",
        f"{R}/debian/tags/a/b/c",
        f"{R}/a/b/c/tags",
        f"{R}/a/b/json",
    ],
)
def test_a_path_below_repositories_that_v1_never_had_is_impossible(path: str) -> None:
    call = recognised(path)
    assert not call.is_possible
    assert call.replacement_path == ""


@pytest.mark.parametrize(
    "path",
    [
        f"{R}/Debian/tags",
        f"{R}/acme/App/images",
        f"{R}/../tags",
        f"{R}/%2e%2e/tags",
        f"{R}/library%2Fdebian/tags",
        f"{R}/%2564ebian/tags",
        f"{R}/debian/tags/-x",
        f"{R}/debian/tags/a%2Fb",
        f"{R}/debian/tags/%0a",
        f"{R}/d%C3%A9bian/tags/latest",
    ],
)
def test_names_that_hub_does_not_allow_make_a_call_impossible(path: str) -> None:
    call = recognised(path)
    assert call.route.listing in (Listing.TAGS, Listing.TAG, Listing.IMAGES)
    assert not call.is_possible
    assert call.replacement_path == ""


SLASHES = st.integers(1, 4).map("/".__mul__)


@given(
    st.sampled_from(sorted(EXAMPLES.values())),
    st.lists(SLASHES, min_size=4, max_size=4),
    st.sampled_from(["", "?n=25", "?q=//v1//repositories"]),
)
def test_any_number_of_slashes_around_v1_and_repositories_and_at_the_end_means_one(
    example: tuple[str, str, bool], slashes: list[str], query: str
) -> None:
    method, path, docker_token = example
    _, v1, family, *below = path.partition("?")[0].rstrip("/").split("/", 3)
    before_v1, before_family, before_names, at_the_end = slashes
    doubled = before_v1 + v1 + before_family + family
    doubled += "".join(before_names + names for names in below) + at_the_end + query
    plain = recognised(path, method, docker_token=docker_token)
    assert recognised(doubled, method, docker_token=docker_token) == plain


@pytest.mark.parametrize("start", ["/", "//", "///"])
@pytest.mark.parametrize(
    ("below", "listing"),
    [
        # A variable for the whole name, or for one of its parts, that is not set.
        ("//tags", Listing.TAGS),
        ("///tags/", Listing.TAGS),
        ("//images", Listing.IMAGES),
        ("//tags/latest", Listing.TAG),
        ("/acme//tags", Listing.TAGS),
        ("/acme//tags/latest", Listing.TAG),
        ("/acme//images/", Listing.IMAGES),
        ("/acme///tags", Listing.NOTHING),
        ("/acme//app/tags", Listing.NOTHING),
        ("/acme/app//tags", Listing.NOTHING),
        ("/acme/app/tags//latest", Listing.NOTHING),
        ("/debian/tags//latest", Listing.NOTHING),
        ("/acme//app", Listing.NOTHING),
        ("//auth", Listing.NOTHING),
        ("/acme//auth", Listing.NOTHING),
    ],
)
def test_an_empty_segment_inside_a_name_is_an_impossible_name(
    start: str, below: str, listing: Listing
) -> None:
    call = recognised(f"{start}v1/repositories{below}")
    assert call.route.listing is listing
    assert call.repository is None
    assert not call.is_possible
    assert call.replacement_path == ""


@pytest.mark.parametrize("below", ["//tags/latest", "/acme//tags", "//auth"])
def test_publishing_under_an_empty_name_is_passed_on_as_publishing(below: str) -> None:
    call = recognised(f"{R}{below}", "PUT")
    assert (call.route.name, call.repository) == (f"DELETE/PUT {R}/…", None)


def test_percent_encoding_in_names_is_undone_before_they_are_looked_at() -> None:
    call = recognised("/v1/%72epositories/%61cme/a%70p/t%61gs/%31.0")
    assert (call.repository, call.tag) == (Repository("acme", "app"), "1.0")
    assert call.route.listing is Listing.TAG


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/"),
        ("GET", "/v2/library/debian/tags/list"),
        ("GET", "/v2/namespaces/library/repositories/debian/tags"),
        ("GET", "/"),
        ("GET", ""),
        ("OPTIONS", "*"),
        ("CONNECT", "index.docker.io:443"),
        ("GET", "/v1"),
        ("GET", "/v1/"),
        ("GET", "/v10/repositories/debian/tags"),
        ("GET", "/V1/repositories/debian/tags"),
        ("GET", "//v1"),
        ("GET", "//v1/"),
        ("GET", "//v2/repositories/debian/tags"),
        ("GET", "//index.docker.io/v1/repositories/debian/tags"),
        ("GET", "//"),
        ("GET", "/x/v1/repositories/debian/tags"),
        ("GET", "/%761/repositories/debian/tags"),
        ("GET", "/v1/repositoriesx/debian/tags"),
        ("GET", "/v1/repositories%2Fdebian/tags"),
        ("GET", "/v1/_ping/x"),
        ("POST", "/v1/search"),
        ("GET", "/v1/else"),
    ],
)
def test_other_traffic_is_not_recognised(method: str, path: str) -> None:
    assert recognise(method, path.encode(), no_question) is None


@pytest.mark.parametrize("path", [f"{R}/debian/images", f"{R}/acme/app/images/"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_engine_about_to_pull_is_answered_but_its_row_is_dead(method: str, path: str) -> None:
    pull = recognised(path, method, docker_token=True)
    plain = recognised(path, method)
    assert pull.route.verdict is Verdict.DEAD
    assert plain.route.verdict is Verdict.LOSSY
    assert pull.route.listing is plain.route.listing is Listing.IMAGES


@pytest.mark.parametrize("path", [f"{R}/debian/tags", f"{R}/a/b/tags/1", "/v1/_ping", f"{R}/a"])
def test_the_docker_token_is_only_asked_for_where_it_matters(path: str) -> None:
    assert recognise("GET", path.encode(), no_question)
    with pytest.raises(AssertionError):
        recognise("GET", f"{R}/debian/images".encode(), no_question)


@given(st.sampled_from(["GET", "HEAD", "PUT", "POST", "x"]), st.binary())
def test_no_path_is_too_odd_to_be_judged(method: str, path: bytes) -> None:
    if not path.lstrip(b"/").startswith(b"v1/"):
        assert recognise(method, path, no_question) is None
    below = recognise(method, b"/v1/repositories/" + path, lambda: True)
    assert below is not None
    recognise(method, b"/v1/" + path, lambda: False)


SEGMENT = st.one_of(
    st.sampled_from([b"tags", b"images", b"auth", b"", b"a", b"..", b"%2e", b"A", b"latest"]),
    st.binary(max_size=4),
)


@given(st.lists(SEGMENT, max_size=5))
def test_what_is_sent_on_is_made_of_checked_names_alone(segments: list[bytes]) -> None:
    call = recognise("GET", b"/v1/repositories/" + b"/".join(segments), lambda: False)
    assert call is not None
    if call.route.listing is not None and call.is_possible:
        v2, namespaces, namespace, repositories, name, tags, *tag = (
            call.replacement_path.removeprefix("/").split("/")
        )
        assert (v2, namespaces, repositories, tags) == ("v2", "namespaces", "repositories", "tags")
        assert call.repository == Repository(namespace, name)
        assert tag == ([call.tag] if call.tag else [])
        assert ".." not in (namespace, name, *tag)


@pytest.mark.parametrize(
    ("path", "is_for_tag"),
    [
        (f"{R}/debian/tags/12", True),
        (f"{R}/acme/app/tags/12/", True),
        (f"{R}/Debian/tags/12", True),
        (f"{R}/{'a' * 300}/tags/12", True),
        (f"{R}/debian/tags/{'a' * 129}", True),
        (f"{R}/debian/tags/feature/x", True),
        (f"{R}/acme/app/tags/feature/x/y", True),
        (f"{R}/acme/team/app/tags/12", True),
        (f"{R}/acme%2Fapp/tags/a%2Fb", True),
        (f"{R}//tags/12", True),
        (f"{R}//tags/feature/x", True),
        (f"{R}/acme//tags//12", True),
        (f"{R}/debian/tags", False),
        (f"{R}/debian/tags//", False),
        (f"{R}/tags/tags", False),
        (f"{R}/Acme/App/tags", False),
        (f"{R}/acme/team/app/tags", False),
        (f"{R}/acme/app/images", False),
        (f"{R}/acme/team/app/images", False),
        (R, False),
    ],
)
def test_a_call_for_one_tag_is_known_as_one_however_impossible_its_names_are(
    path: str, *, is_for_tag: bool
) -> None:
    assert recognised(path).is_for_tag is is_for_tag


@pytest.mark.parametrize("tag", ["images", "tags"])
def test_a_tag_may_be_called_like_a_route(tag: str) -> None:
    call = recognised(f"{R}/debian/tags/{tag}")
    assert (call.route.listing, str(call.repository), call.tag) == (
        Listing.TAG,
        "library/debian",
        tag,
    )


@pytest.mark.parametrize(
    "path", [f"{R}//", "//v1//repositories///", f"{R}/Debian", f"{R}/a/%00", f"{R}/../_ping"]
)
def test_reading_a_repository_of_an_impossible_name_is_not_passed_on(path: str) -> None:
    assert recognised(path).route.listing is Listing.NOTHING


@pytest.mark.parametrize("query", ["", "?", "?page=1", "?page_size=100&page=1", "?page=1&name=a"])
def test_a_first_page_of_tags_can_be_told(query: str) -> None:
    assert is_first_page(f"{V2_ACME}/tags{query}".encode())


@pytest.mark.parametrize(
    "query", ["?page=2", "?page=11", "?page=", "?page=01", "?page=1&page=11", "?p%61ge=11"]
)
def test_what_may_be_another_page_is_no_first_page(query: str) -> None:
    assert not is_first_page(f"{V2_ACME}/tags{query}".encode())


@pytest.mark.parametrize(
    "path", ["/v2/repositories/acme/tags", "/v2/repositories/acme/app/tags", V2_ACME, f"{R}/a/tags"]
)
def test_a_call_by_another_route_is_no_first_page(path: str) -> None:
    assert not is_first_page(path.encode())
