"""A list that never ends costs no more calls than it says it has pages."""

import asyncio
from pathlib import Path

import pytest

from hubv1.calls import Result
from hubv1.hub.client import PAGES_WITHOUT_COUNT
from hubv1.hub.registry import MOST_PAGES
from onstage import answered, entries, make_flow, on_stage
from standin import Standin, faults
from visitors import ACME, V1, asked, of_listener

TAGS, IMAGES = f"{V1}/many/tags", f"{V1}/many/images"
PATHS = [TAGS, IMAGES]
ABSURD = [10**20, 10**400, -1, -(10**20), 0, 99, None]
"""What no list can have of which a hundred were just seen, or that is no number of anything."""


def endless(hub: Standin, count: object, size: int = 100) -> None:
    hub.faults.add("/namespaces/", faults.endless(count, size), listener="hub")
    hub.faults.add("/tags/list", faults.status(500), listener="registry")


def hubs_calls(hub: Standin) -> int:
    return len(of_listener(hub, "hub"))


def is_refused(result: Result) -> bool:
    said = (result.answer.status, result.outcome, result.error_type)
    return said in ((502, "refused", "incomplete"), (502, "refused", "too_long"))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("count", "size", "pages"), [(100, 100, 1), (350, 100, 4), (99, 10, 10)])
def test_the_count_says_how_many_pages_there_can_be(
    hub: Standin, path: str, count: int, size: int, pages: int
) -> None:
    endless(hub, count, size)
    assert is_refused(asked(hub, path))
    assert hubs_calls(hub) <= pages + 1  # a tag may have come since it was counted


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("count", ABSURD)
def test_without_a_count_that_makes_sense_there_are_ten(
    hub: Standin, path: str, count: object
) -> None:
    endless(hub, count)
    result = asked(hub, path)
    assert is_refused(result)
    assert hubs_calls(hub) <= PAGES_WITHOUT_COUNT
    assert result.tags_listed is None


@pytest.mark.parametrize("path", PATHS)
def test_a_count_beyond_all_bounds_is_not_even_begun(hub: Standin, path: str) -> None:
    endless(hub, 10**20)
    result = asked(hub, path, account=ACME)
    assert result.error_type == "too_long"
    assert len(hub.calls) == 1


@pytest.mark.parametrize("path", PATHS)
def test_pages_that_hold_one_tag_each_are_not_read_by_the_hundred_thousand(
    hub: Standin, path: str
) -> None:
    endless(hub, 200_000, size=1)
    assert is_refused(asked(hub, path))
    assert hubs_calls(hub) == 1


@pytest.mark.parametrize("count", [0, -5, 99, None])
def test_a_list_that_ends_within_ten_pages_is_complete_all_the_same(
    hub: Standin, count: int | None
) -> None:
    hub.catalog.add_generated("library/many", 950)
    hub.faults.add("/namespaces/", faults.rewrite(lambda page: page | {"count": count}))
    result = asked(hub, TAGS)
    assert result.answer.status == 200
    assert result.answer.body.count(b'"name"') == 950
    assert result.tags_listed is None


@pytest.mark.parametrize("count", ["3", 3.5, [], True])
def test_a_count_that_is_no_number_is_not_api_v2(hub: Standin, count: object) -> None:
    endless(hub, count)
    assert asked(hub, TAGS).error_type == "nonsense"
    assert len(hub.calls) == 1


@pytest.mark.parametrize("count", ABSURD)
def test_the_call_is_written_down_whatever_hub_counts(
    hub: Standin, tmp_path: Path, count: object
) -> None:
    endless(hub, count)

    async def playing() -> int:
        async with on_stage(tmp_path, hub.url) as stage:
            return answered(await stage.play(make_flow(TAGS))).status_code

    assert asyncio.run(playing()) == 502
    (row,) = entries(tmp_path / "journal.sqlite3")
    assert (row.http_response_status_code, row.tags_listed) == (502, None)


def test_a_registry_whose_list_never_ends_is_bounded_too(hub: Standin) -> None:
    hub.faults.add("/namespaces/", faults.status(500), listener="hub")
    page = {"tags": ["1"]}
    link = {"Link": '</v2/library/many/tags/list?last=1>; rel="next"'}
    hub.faults.add("/tags/list", faults.status(200, page, link), listener="registry")
    assert asked(hub, TAGS).error_type == "unreachable"
    assert len(of_listener(hub, "registry")) == MOST_PAGES
