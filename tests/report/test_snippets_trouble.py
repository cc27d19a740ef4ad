"""Where a snippet cannot have the whole answer, it fails and prints none of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.registries import push, running_registry
from hubv1.api.routes import Route
from report.pasted import IMAGES, TAG, TAGS, catalog, fails_silently, lines, run, snippet
from standin import Settings, Standin, bodies, faults

WAYS = [
    ("curl", TAGS),
    ("skopeo", TAGS),
    ("Python 3", TAGS),
    ("curl", IMAGES),
    ("Python 3", IMAGES),
]
OWN = ("curl", "Python 3")
TROUBLES = {
    "500": faults.status(500, {"message": "no"}),
    "429": faults.status(429, headers={"Retry-After": "0"}),  # skopeo waits half a minute without
    "half a body": bodies.cut(),
    "a page for people": faults.html(),
    "half of the JSON": faults.broken_json(),
    "nothing": faults.empty(),
    "another JSON": faults.status(200, {"message": "no"}),
    "no connection": faults.drop(),
}
TROUBLED = [
    (title, route, trouble)
    for title, route in WAYS
    for trouble in TROUBLES
    # skopeo takes that as a list of nothing, which is its own affair.
    if (title, trouble) != ("skopeo", "another JSON")
]


@pytest.fixture(scope="module")
def running() -> Iterator[Standin]:
    with Standin(catalog(), Settings(failed_logins=0)) as running:
        yield running


@pytest.fixture
def elsewhere() -> Iterator[Standin]:
    with Standin(catalog()) as another:
        yield another


@pytest.mark.parametrize("signed", [False, True], ids=["anonymous", "signed"])
@pytest.mark.parametrize(("title", "route"), WAYS)
def test_an_unknown_repository_is_a_failure(
    hub: Standin, tmp_path: Path, title: str, route: Route, *, signed: bool
) -> None:
    assert fails_silently(run(snippet(hub, title, route, "nothing", signed=signed), tmp_path))


@pytest.mark.parametrize(("title", "route", "trouble"), TROUBLED)
def test_trouble_with_the_list_is_a_failure(
    hub: Standin, tmp_path: Path, title: str, route: Route, trouble: str
) -> None:
    hub.faults.add("page=2" if route is IMAGES else "tags/list", TROUBLES[trouble])
    assert fails_silently(run(snippet(hub, title, route, "pages"), tmp_path))


@pytest.mark.parametrize("trouble", ["500", "429", "no connection"])
@pytest.mark.parametrize("title", OWN)
def test_trouble_with_a_tag_is_a_failure(
    hub: Standin, tmp_path: Path, title: str, trouble: str
) -> None:
    hub.faults.add("tags/12", TROUBLES[trouble])
    assert fails_silently(run(snippet(hub, title, TAG, "three", "12"), tmp_path))


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("title", OWN)
@pytest.mark.parametrize("route", [TAG, TAGS, IMAGES], ids=["tag", "tags", "images"])
def test_no_list_is_asked_for_without_the_token_that_it_needs(
    hub: Standin, tmp_path: Path, title: str, route: Route, trouble: str
) -> None:
    hub.faults.add("/token", TROUBLES[trouble])
    assert fails_silently(
        run(snippet(hub, title, route, "private", "1.0.1", signed=True), tmp_path)
    )
    assert not [call for call in hub.calls if "/tags" in call.path and call.status == 200]


@pytest.mark.parametrize("signed", [False, True], ids=["anonymous", "signed"])
@pytest.mark.parametrize("title", OWN)
def test_a_next_page_on_another_host_is_not_asked_for(
    hub: Standin, elsewhere: Standin, tmp_path: Path, title: str, *, signed: bool
) -> None:
    path = "/v2/namespaces/acme/repositories/pages/tags?page=2&page_size=100"
    for url in (elsewhere.url, hub.url + "@" + elsewhere.url.removeprefix("http://")):
        hub.faults.clear()
        hub.faults.add("page_size=100", faults.next_at(url + path), times=1)
        assert fails_silently(run(snippet(hub, title, IMAGES, "pages", signed=signed), tmp_path))
    assert elsewhere.calls == []


@pytest.mark.parametrize("title", OWN)
@pytest.mark.parametrize("route", [TAG, TAGS, IMAGES], ids=["tag", "tags", "images"])
def test_credentials_do_not_follow_a_redirect(
    hub: Standin, elsewhere: Standin, tmp_path: Path, title: str, route: Route
) -> None:
    hub.faults.add("/tags", faults.redirect(elsewhere.url + "/v2/elsewhere"))
    run(snippet(hub, title, route, "private", "1.0.1", signed=True), tmp_path)
    assert [call for call in elsewhere.calls if "authorization" in call.headers] == []


@pytest.mark.parametrize("title", OWN)
def test_a_list_that_changes_while_it_is_read_is_a_failure(
    hub: Standin, tmp_path: Path, title: str
) -> None:
    hub.faults.add("page=3", faults.count_lies(251))
    assert fails_silently(run(snippet(hub, title, IMAGES, "pages"), tmp_path))


@pytest.mark.parametrize("title", ["curl", "skopeo", "Python 3"])
def test_a_registry_that_gives_its_list_in_pages_is_read_to_the_end_or_not_at_all(
    tmp_path: Path, title: str
) -> None:
    with Standin(catalog(), Settings(registry_page=100)) as hub:
        done = run(snippet(hub, title, TAGS, "pages"), tmp_path)
    assert len(lines(done)) == 250 if title == "skopeo" else fails_silently(done)


@pytest.mark.parametrize(("tag", "is_there"), [("1.0", True), ("1.1", False)])
def test_skopeo_finds_a_tag_in_a_real_registry(
    hub: Standin, tmp_path: Path, tag: str, *, is_there: bool
) -> None:
    with running_registry(tmp_path) as registry:
        push(registry, "acme/three", ["1.0"])
        done = run(snippet(hub, "skopeo", TAG, "three", tag, registry=str(registry)), tmp_path)
    assert (done.returncode == 0, done.stdout) == (is_there, "")
