"""Facts about tags in Hub's API v2: pages, the cap on them, single tags."""

import re
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from hubv1.api import v2
from hubv1.hub import Reply
from hubv1.proof.fact import Certainty, Evidence, FactTable, Source, found_in, status_is
from hubv1.proof.probes import LARGE, SMALL, Json, Probes, json_of

REFERENCE = Source("[Docker Hub API](https://docs.docker.com/reference/api/hub/latest/)", "2026-08")
PAGING = Source("[dotCMS #37025](https://github.com/dotCMS/core/issues/37025)", "2026-08-11")

TABLE = FactTable()

_ANONYMOUS = Source(
    "[hub-feedback #689](https://github.com/docker/hub-feedback/issues/689)", "2025-11"
)
_SILENT = REFERENCE._replace(text=f"{REFERENCE.text} says nothing of it")
_CAP = PAGING._replace(
    text=f"{PAGING.text}, [Harbor #23819](https://github.com/goharbor/harbor/issues/23819)"
)
_CAP_TEXT = PAGING._replace(
    text=f"{PAGING.text}, [shields #12111](https://github.com/badges/shields/issues/12111)"
)
_FILTER = Source("[eve #6340](https://github.com/lf-edge/eve/pull/6340)", "2026-08")
_IMAGES = Source(
    "[docs #18760](https://github.com/docker/docs/pull/18760), "
    "[hub-feedback #2362](https://github.com/docker/hub-feedback/issues/2362)",
    "2023-12-11",
)
_CAP_OFFSET = 1_000
_PUSHED_MEANWHILE = 50
"""Tags that may come or go between two requests."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NOWHERE = "no-such-tag-0f2c"


def tags_path(repository: str, query: str = "") -> str:
    """The path of a repository's tags on Docker Hub."""
    namespace, _, name = repository.partition("/")
    return f"/v2/namespaces/{namespace}/repositories/{name}/tags{query}"


def _page(number: int, repository: str = LARGE) -> str:
    return tags_path(repository, f"?page_size={v2.PAGE_SIZE}&page={number}")


FIRST_PAGE, _SECOND = _page(1), _page(2)
_LAST_OPEN, CAPPED = _page(_CAP_OFFSET // v2.PAGE_SIZE), _page(_CAP_OFFSET // v2.PAGE_SIZE + 1)


@TABLE.fact(7, _ANONYMOUS, "hub/client.py")
async def _without_token(probes: Probes) -> Evidence:
    """Tags of a public repository can be read without a token."""
    return status_is(await probes.hub(FIRST_PAGE), probes, 200)


@TABLE.fact(8, REFERENCE, "api/v2.py")
async def _page_form(probes: Probes) -> Evidence:
    """A page has `count`, the number of all tags, and the list `results`."""
    reply = await probes.hub(FIRST_PAGE)
    seen = found_in(reply, probes, count=int, results=list)
    if seen.holds and len(_names(reply)) > _count(reply):
        return Evidence(holds=False, text=f"count is {_count(reply)}, with more tags on the page")
    return seen


@TABLE.fact(9, REFERENCE, "replacements/images.curl")
async def _next(probes: Probes) -> Evidence:
    """`next` is the URL of the next page on the same host, of the same size."""
    following = json_of(await probes.hub(FIRST_PAGE)).get("next")
    parts = urlsplit(following) if isinstance(following, str) else urlsplit("")
    query = parse_qs(parts.query)
    sizes = (query.get("page"), query.get("page_size"))
    is_here = f"{parts.scheme}://{parts.netloc}" == probes.hosts.hub
    return Evidence(is_here and sizes == (["2"], [str(v2.PAGE_SIZE)]), str(following))


@TABLE.fact(10, REFERENCE, "hub/client.py")
async def _last(probes: Probes) -> Evidence:
    """`next` is null on the last page."""
    reply = await probes.hub(_page(1, SMALL))
    page = json_of(reply)
    if not isinstance(page.get("count"), int) or _count(reply) > v2.PAGE_SIZE:
        return Evidence(None, f"{SMALL} has more than a page of tags")
    following = page.get("next", "missing")
    return Evidence(following is None, f"next is {following}")


@TABLE.fact(11, REFERENCE, "api/v2.py")
async def _size(probes: Probes) -> Evidence:
    """`page_size=100` is honoured: a page of a long list has so many tags."""
    found = len(_names(await probes.hub(FIRST_PAGE)))
    return Evidence(found == v2.PAGE_SIZE, f"{found} tags")


@TABLE.fact(12, REFERENCE, "api/v2.py")
async def _largest_size(probes: Probes) -> Evidence:
    """A page never has more than 100 tags, whatever `page_size` says."""
    reply = await probes.hub(tags_path(LARGE, "?page_size=250"))
    found = len(_names(reply))
    if reply.status != 200:
        return Evidence(holds=False, text=probes.shown(reply))
    return Evidence(0 < found <= v2.PAGE_SIZE, f"{found} tags")


@TABLE.fact(13, REFERENCE, "replacements/__init__.py")
async def _default_size(probes: Probes) -> Evidence:
    """A page has 10 tags where no `page_size` is asked for."""
    found = len(_names(await probes.hub(tags_path(LARGE))))
    return Evidence(found == 10, f"{found} tags")


@TABLE.fact(14, REFERENCE, "hub/client.py")
async def _pages(probes: Probes) -> Evidence:
    """The second page has other tags than the first; its `count` is of all tags too."""
    first, second = await probes.hub(FIRST_PAGE), await probes.hub(_SECOND)
    twice = {*_names(first)} & {*_names(second)}
    changed = abs(_count(first) - _count(second))
    # Tags that are pushed meanwhile move others to the next page.
    is_sound = len(twice) < len(_names(second)) / 2 and changed <= _PUSHED_MEANWHILE
    return Evidence(
        is_sound, f"{_count(first)} and {_count(second)} tags, {len(twice)} of them on both"
    )


@TABLE.fact(15, _SILENT, "api/translation.py", Certainty.UNKNOWN)
async def _order(probes: Probes) -> Evidence:
    """The order of `results`: nobody may rely on it."""
    reply = await probes.hub(FIRST_PAGE)
    return Evidence(None, f"{_ordered(reply)}: {', '.join(_names(reply)[:4])} …")


@TABLE.fact(16, Source("seen on Hub", "2025"), "hub/client.py")
async def _past_the_end(probes: Probes) -> Evidence:
    """A page past the end of the list is 404."""
    if _count(await probes.hub(_page(1, SMALL))) > 4 * v2.PAGE_SIZE:
        return Evidence(None, f"{SMALL} has grown beyond that page")
    return status_is(await probes.hub(_page(5, SMALL)), probes, 404)


@TABLE.fact(17, PAGING, "hub/client.py", Certainty.ONE_SOURCE)
async def _below_the_cap(probes: Probes) -> Evidence:
    """Who does not sign in may page up to offset 1000."""
    return status_is(await probes.hub(_LAST_OPEN), probes, 200)


@TABLE.fact(18, _CAP, "hub/client.py")
async def _from_the_cap_on(probes: Probes) -> Evidence:
    """From offset 1000 on, who does not sign in gets 403."""
    return status_is(await probes.hub(CAPPED), probes, 403)


@TABLE.fact(19, _CAP_TEXT, "hub/client.py")
async def _reason(probes: Probes) -> Evidence:
    """That 403 says `pagination offset too large for anonymous requests`."""
    said = str(json_of(await probes.hub(CAPPED)).get("message", ""))
    holds = "pagination offset too large for anonymous requests" in said
    return Evidence(holds, said or probes.shown(await probes.hub(CAPPED)))


@TABLE.fact(20, _FILTER, "calls/answering.py", Certainty.ONE_SOURCE)
async def _by_name(probes: Probes) -> Evidence:
    """`name=` gives the tags whose name has that in it, so that a long list stays below the cap."""
    reply = await probes.hub(tags_path(LARGE, "?page_size=100&name=latest"))
    names = _names(reply)
    others = [name for name in names if "latest" not in name]
    if reply.status != 200 or not names:
        return Evidence(holds=False, text=probes.shown(reply))
    return Evidence(not others, f"{len(names)} tags, {len(others)} of them without it")


@TABLE.fact(21, REFERENCE, "api/translation.py")
async def _tag(probes: Probes) -> Evidence:
    """A tag by itself is an object with `name`, and `id`, an integer."""
    reply = await probes.hub(tags_path(SMALL, "/latest"))
    seen = found_in(reply, probes, name=str, id=int)
    name = json_of(reply).get("name")
    if seen.holds and name != "latest":
        return Evidence(holds=False, text=f"name is {name}")
    return seen


@TABLE.fact(22, REFERENCE, "api/translation.py")
async def _digest(probes: Probes) -> Evidence:
    """A tag's `digest` is `sha256:` and 64 hex digits."""
    digest = str(json_of(await probes.hub(tags_path(SMALL, "/latest"))).get("digest"))
    return Evidence(_DIGEST.fullmatch(digest) is not None, digest)


@TABLE.fact(23, REFERENCE, "api/translation.py")
async def _digests(probes: Probes) -> Evidence:
    """A tag's `images` is an array, and each image has a `digest` of its own, or null."""
    reply = await probes.hub(tags_path(SMALL, "/latest"))
    images = json_of(reply).get("images")
    if not isinstance(images, list):
        return Evidence(holds=False, text=f"images is {type(images).__name__}")
    digests = [image.get("digest", "") for image in images if isinstance(image, dict)]
    is_sound = all(each is None or _DIGEST.fullmatch(str(each)) for each in digests)
    return Evidence(is_sound and len(digests) == len(images), f"{len(images)} images")


@TABLE.fact(24, REFERENCE, "hub/http.py")
async def _unknown_tag(probes: Probes) -> Evidence:
    """An unknown tag is 404, in other words than a route that there is not."""
    return _absent(await probes.hub(tags_path(SMALL, f"/{_NOWHERE}")), probes)


@TABLE.fact(25, REFERENCE, "hub/http.py")
async def _unknown_repository(probes: Probes) -> Evidence:
    """An unknown repository, which a private one is to strangers, is 404, likewise."""
    return _absent(await probes.hub(_page(1, f"library/{_NOWHERE}")), probes)


@TABLE.fact(26, _IMAGES, "hub/http.py")
async def _images_route(probes: Probes) -> Evidence:
    """The v2 route for a repository's images is retired: 404 with the message `404: Page Not
    Found`."""
    reply = await probes.hub(tags_path(SMALL).replace("/tags", "/images"))
    said = json_of(reply).get("message")
    return Evidence(reply.status == 404 and said == "404: Page Not Found", probes.shown(reply))


def _absent(reply: Reply, probes: Probes) -> Evidence:
    is_no_route = json_of(reply).get("message") == "404: Page Not Found"
    return Evidence(reply.status == 404 and not is_no_route, probes.shown(reply))


def _results(reply: Reply) -> Sequence[Json]:
    found = json_of(reply).get("results")
    tags = found if isinstance(found, list) else []
    return [tag for tag in tags if isinstance(tag, dict)]


def _names(reply: Reply) -> Sequence[str]:
    return [str(tag.get("name")) for tag in _results(reply)]


def _count(reply: Reply) -> int:
    count = json_of(reply).get("count")
    return count if isinstance(count, int) else 0


def _ordered(reply: Reply) -> str:
    names = [*_names(reply)]
    updated = [str(tag.get("last_updated")) for tag in _results(reply)]
    if names == sorted(names):
        return "ascending"
    if updated == sorted(updated, reverse=True):
        return "the last updated first"
    return "none that is known"
