"""Lists that nobody can carry: refused as early as can be, in words that help."""

import json
from pathlib import Path

import pytest

from hubv1.api import translation, v2
from hubv1.calls import Limits, Result
from hubv1.hub import client as module
from hubv1.hub import registry
from standin import Standin, faults, make_tag
from visitors import ACME, V1, asked, of_listener

DOCS = Path(__file__).parents[2] / "docs"
TAGS, IMAGES = f"{V1}/acme/elixir/tags", f"{V1}/acme/elixir/images"
PATHS = [TAGS, IMAGES]
PATIENT = Limits(120)


def is_too_long(result: Result) -> bool:
    assert dict(result.answer.headers)["Content-Type"] == "application/problem+json"
    problem = json.loads(result.answer.body)
    assert problem["detail"] == result.error
    assert (result.answer.status, result.outcome) == (502, "refused")
    return bool(problem["error"] == result.error_type == "too_long")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """A bound that tests can reach in no time."""
    monkeypatch.setattr(v2, "MOST_TAGS", 1_000)
    monkeypatch.setattr(registry, "MOST_TAGS", 1_000)
    return 1_000


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("count", [250_001, 987_654, 1_300_000])
def test_where_hub_counts_too_many_one_call_is_enough_to_know(
    hub: Standin, path: str, count: int
) -> None:
    hub.faults.add("/elixir/tags", faults.endless(count), listener="hub")
    result = asked(hub, path, account=ACME)
    assert is_too_long(result)
    assert f"acme/elixir has {count:,} tags" in result.error
    assert (result.tags_listed, len(hub.calls)) == (count, 1)


@pytest.mark.parametrize("path", PATHS)
def test_it_says_what_to_ask_instead(hub: Standin, path: str) -> None:
    hub.faults.add("/elixir/tags", faults.endless(300_000), listener="hub")
    said = asked(hub, path).error
    assert "/v1/repositories/acme/elixir/tags/TAG" in said
    assert (
        "https://hub.docker.com/v2/namespaces/acme/repositories/elixir/tags?page_size=100&name=PART"
        in said
    )


def test_one_tag_of_such_a_repository_is_answered(hub: Standin) -> None:
    hub.catalog.add("acme/elixir", ["1.18"])
    assert asked(hub, f"{TAGS}/1.18").answer.status == 200


def test_a_list_at_the_bound_is_given_from_the_registry(hub: Standin) -> None:
    hub.catalog.add_generated("acme/elixir", v2.MOST_TAGS)
    result = asked(hub, TAGS, terms=PATIENT)
    assert (result.answer.status, result.source) == (200, "registry")
    names = [each["name"] for each in json.loads(result.answer.body)]
    assert len(names) == v2.MOST_TAGS
    assert names == ["latest", *sorted(set(names) - {"latest"})]


@pytest.mark.parametrize("path", PATHS)
def test_a_list_at_the_bound_is_given_from_hubs_pages(hub: Standin, path: str, few: int) -> None:
    hub.settings.anonymous_offset = -1
    hub.catalog.add_generated("acme/elixir", few)
    hub.faults.add("/tags/list", faults.status(500), listener="registry")
    result = asked(hub, path)
    assert (result.answer.status, result.source, result.tags_listed) == (200, "hub", few)
    hub.catalog.add_generated("acme/elixir", few + 1)
    assert is_too_long(asked(hub, path))


class TestWhereHubIsDown:
    @pytest.fixture(autouse=True)
    def _down(self, hub: Standin) -> None:
        hub.faults.add("/namespaces/", faults.status(500), listener="hub")

    def test_the_registrys_own_list_may_be_too_long(self, hub: Standin, few: int) -> None:
        hub.catalog.add_generated("acme/elixir", few)
        assert asked(hub, TAGS).answer.status == 200
        hub.catalog.add_generated("acme/elixir", few + 1)
        assert is_too_long(asked(hub, TAGS))

    def test_in_however_many_pages_it_comes(self, hub: Standin, few: int) -> None:
        hub.settings.registry_page = 300
        hub.catalog.add_generated("acme/elixir", 5 * few)
        assert is_too_long(asked(hub, TAGS))
        assert len(of_listener(hub, "registry")) == 1 + 4

    @pytest.mark.parametrize("name", ["1", "x" * 128])
    def test_a_million_names_are_not_even_decoded(self, hub: Standin, name: str) -> None:
        body = b'{"tags":[' + b",".join([b'"%s"' % name.encode()] * 1_000_000) + b"]}"
        hub.faults.add("/tags/list", faults.status(200, body), listener="registry")
        assert is_too_long(asked(hub, TAGS, terms=PATIENT))


class TestTheBytesOfTheAnswer:
    @pytest.fixture(autouse=True)
    def _few_bytes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(translation, "MOST_BYTES", 10_000)

    def size(self, hub: Standin, path: str, tags: int) -> Result:
        made = [make_tag("acme/elixir", f"{number:03}") for number in range(tags)]
        hub.catalog.add("acme/elixir", made)
        return asked(hub, path)

    @pytest.mark.parametrize("path", PATHS)
    def test_are_bounded_too(self, hub: Standin, path: str) -> None:
        sizes = {}
        for tags in (10, 20, 40, 80, 160, 320, 640):
            result = self.size(hub, path, tags)
            if result.answer.status == 200:
                sizes[tags] = len(result.answer.body)
            else:
                assert is_too_long(result)
        assert max(sizes.values()) <= 10_000 < 2.2 * max(sizes.values())
        assert 10 in sizes
        assert 640 not in sizes

    def test_to_the_byte(self, hub: Standin) -> None:
        one = len('{"layer": "", "name": "000"}, ')
        fits = (10_000 - len("[]") + len(", ")) // one
        assert self.size(hub, TAGS, fits).answer.status == 200
        assert is_too_long(self.size(hub, TAGS, fits + 1))


def test_images_are_bounded_while_they_are_read(
    hub: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_IMAGES", 600)
    hub.settings.anonymous_offset = -1
    hub.catalog.add_generated("acme/elixir", 5_000)
    assert is_too_long(asked(hub, IMAGES))
    assert len(hub.calls) < 25


def test_the_pages_name_the_bounds() -> None:
    text = (DOCS / "limits.md").read_text(encoding="utf-8")
    assert f"{v2.MOST_TAGS:,} tags, {module.MOST_IMAGES:,} images" in text
    assert f"{translation.MOST_BYTES // 1024**2} MB" in text
    assert "`too_long`" in (DOCS / "answers.md").read_text(encoding="utf-8")
