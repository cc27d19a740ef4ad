"""Each snippet, run as it is pasted, gives what v1 gave."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubv1.api import translation, v2
from hubv1.api.routes import Route
from report.pasted import (
    IMAGES,
    SECRET,
    TAG,
    TAGS,
    catalog,
    fails_silently,
    lines,
    replaced,
    run,
    snippet,
)
from samples import answer_from, whole
from standin import Quirk, Settings, Standin, make_tag

ALL = ("curl", "skopeo", "Python 3")
OWN = ("curl", "Python 3")
"""Those that need no registry with manifests."""


@pytest.fixture(scope="module")
def running() -> Iterator[Standin]:
    with Standin(catalog(), Settings(failed_logins=0)) as running:
        yield running


def v1_names(hub: Standin, name: str) -> list[str]:
    """The list of tags as the bridge translates it."""
    names = list(hub.catalog[f"acme/{name}"].shelf.names)
    return [tag["name"] for tag in json.loads(whole(translation.tag_list(names)).body)]


def v1_images(hub: Standin, name: str) -> set[str]:
    """The list of images, likewise."""
    tags = [v2.read_tag(tag.as_json()) for tag in hub.catalog[f"acme/{name}"].tags()]
    return {image["id"] for image in json.loads(whole(translation.image_list(tags)).body)}


class TestTags:
    @pytest.mark.parametrize("signed", [False, True], ids=["anonymous", "signed"])
    @pytest.mark.parametrize("name", ["three", "pages", "long", "none"])
    @pytest.mark.parametrize("title", ALL)
    def test_the_list_is_whole_and_in_the_order_of_v1(
        self, hub: Standin, tmp_path: Path, title: str, name: str, *, signed: bool
    ) -> None:
        pasted = snippet(hub, title, TAGS, name, signed=signed)
        assert lines(run(pasted, tmp_path)) == v1_names(hub, name)

    @pytest.mark.parametrize("title", ALL)
    def test_a_private_list_is_for_who_signs_in(
        self, hub: Standin, tmp_path: Path, title: str
    ) -> None:
        signed = snippet(hub, title, TAGS, "private", signed=True)
        assert lines(run(signed, tmp_path)) == v1_names(hub, "private")
        (tmp_path / "auth.json").unlink(missing_ok=True)  # which skopeo's login has left
        assert fails_silently(run(signed, tmp_path, DOCKER_TOKEN="wrong"))
        assert fails_silently(run(snippet(hub, title, TAGS, "private"), tmp_path))

    @pytest.mark.parametrize("name", ["three", "pages"])
    def test_it_is_what_the_bridge_answers(self, hub: Standin, tmp_path: Path, name: str) -> None:
        bridged = json.loads(answer_from(hub.url, f"/v1/repositories/acme/{name}/tags").answer.body)
        found = lines(run(snippet(hub, "curl", TAGS, name), tmp_path))
        assert found == [tag["name"] for tag in bridged]


class TestTag:
    @pytest.mark.parametrize("signed", [False, True], ids=["anonymous", "signed"])
    @pytest.mark.parametrize(
        ("name", "tag"), [("three", "12"), ("three", "11"), ("nothing", "12"), ("private", "1.0.1")]
    )
    @pytest.mark.parametrize("title", OWN)
    def test_success_and_failure_are_as_with_v1_and_nothing_is_printed(
        self, hub: Standin, tmp_path: Path, title: str, name: str, tag: str, *, signed: bool
    ) -> None:
        done = run(snippet(hub, title, TAG, name, tag, signed=signed), tmp_path)
        is_there = (name, tag) == ("three", "12") or (signed and name == "private")
        assert (done.returncode == 0, done.stdout) == (is_there, "")
        if not signed:
            path = f"/v1/repositories/acme/{name}/tags/{tag}"
            assert (answer_from(hub.url, path).answer.status == 200) is is_there

    def test_the_line_for_messages_does_the_same(self) -> None:
        found = replaced(TAG, "three", "12")
        assert found.line in found.snippets[0].code


class TestImages:
    @pytest.mark.parametrize(
        ("name", "signed"),
        [("three", False), ("pages", False), ("none", False), ("long", True), ("private", True)],
    )
    @pytest.mark.parametrize("title", OWN)
    def test_every_image_is_there_once(
        self, hub: Standin, tmp_path: Path, title: str, name: str, *, signed: bool
    ) -> None:
        found = lines(run(snippet(hub, title, IMAGES, name, signed=signed), tmp_path))
        assert len(found) == len(set(found))
        assert {digest.removeprefix("sha256:") for digest in found} == v1_images(hub, name)

    @pytest.mark.parametrize("title", OWN)
    def test_odd_tags_have_the_images_that_the_bridge_finds(
        self, hub: Standin, tmp_path: Path, title: str
    ) -> None:
        hub.catalog.add("acme/odd", [make_tag("acme/odd", quirk.name, quirk) for quirk in Quirk])
        found = lines(run(snippet(hub, title, IMAGES, "odd"), tmp_path))
        assert {digest.removeprefix("sha256:") for digest in found} == v1_images(hub, "odd")

    @pytest.mark.parametrize("title", OWN)
    def test_beyond_what_hub_shows_to_anybody_it_fails(
        self, hub: Standin, tmp_path: Path, title: str
    ) -> None:
        assert fails_silently(run(snippet(hub, title, IMAGES, "long"), tmp_path))


@pytest.mark.parametrize("title", OWN)
@pytest.mark.parametrize("route", [TAG, TAGS, IMAGES], ids=["tag", "tags", "images"])
def test_no_secret_is_written_into_a_snippet_or_shown_in_its_errors(
    hub: Standin, tmp_path: Path, title: str, route: Route
) -> None:
    pasted = snippet(hub, title, route, "nothing", "12", signed=True)
    done = run(pasted, tmp_path)
    assert SECRET not in pasted.code + done.stdout + done.stderr
