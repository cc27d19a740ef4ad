"""The one living route of v1: what `docker search` and `podman search` ask."""

from __future__ import annotations

from aiohttp import web

from .catalog import Repository
from .replies import reply
from .state import STATE
from .tags import number

DEFAULT_RESULTS = 25
MOST_RESULTS = 100


async def search(request: web.Request) -> web.Response:
    """`q` is looked for in names and descriptions, `n` is how many results make a page."""
    query = request.query.get("q", "")
    size = _between(request.query.get("n", ""), DEFAULT_RESULTS, MOST_RESULTS)
    page = _between(request.query.get("page", ""), 1, 10**6)
    found = [
        repository
        for repository in request.app[STATE].catalog
        if repository.owner is None and _speaks_of(repository, query)
    ]
    return reply(
        {
            "num_pages": -(-len(found) // size),
            "num_results": len(found),
            "page": page,
            "page_size": size,
            "query": query,
            "results": [_result(one) for one in found[(page - 1) * size : page * size]],
        }
    )


def _speaks_of(repository: Repository, query: str) -> bool:
    return query.lower() in f"{_shown_name(repository)} {repository.description}".lower()


def _result(repository: Repository) -> dict[str, object]:
    return {
        "name": _shown_name(repository),
        "description": repository.description,
        "star_count": number("stars", repository.full_name) % 10_000,
        "is_official": repository.namespace == "library",
        "is_automated": False,
        "is_trusted": False,
    }


def _shown_name(repository: Repository) -> str:
    return repository.full_name.removeprefix("library/")


def _between(text: str, default: int, most: int) -> int:
    """The number from 1 to `most`; `default` where the text is none."""
    readable = text.isascii() and text.isdecimal() and len(text) <= 10
    return min(max(int(text), 1), most) if readable else default
