"""Repositories and tags: API v2, and the registry where that cannot give the whole list."""

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine, Iterable, Iterator
from functools import partial
from typing import Any, TypeVar

from hubv1 import v2
from hubv1.failures import Forbidden, HubFailure, Incomplete, Nonsense, NotFound
from hubv1.hub.effort import Effort
from hubv1.hub.reading import Value, value_of
from hubv1.hub.registry import Registry
from hubv1.hub.transport import Transport
from hubv1.names import Repository, is_tag
from hubv1.texts import bounded

logger = logging.getLogger(__name__)

PAGE_SIZE = 100
"""Tags on a page: the most that Hub gives, whatever is asked for."""
MOST_PAGES = 1_000
FEW_PAGES = 4
"""Up to here the pages themselves are no more calls than asking the registry would be."""
PAGES_AT_ONCE = 5
REGISTRY_SECONDS = 10
"""How long the registry may take: Hub's pages are left to fall back on."""
READINGS = 3
"""How often a list that changes under the reader's hands is read again."""

_T = TypeVar("_T")
_PageDecoder = Callable[[bytes], v2.Page[v2.Item]]
_PageRequest = Callable[[], Coroutine[Any, Any, v2.Page[v2.Item] | None]]


class HubClient:
    """Reads repositories from Docker Hub.

    Every method raises a `HubFailure` where it cannot give a complete and well-formed answer,
    and leaves how long to wait for one to its caller.
    """

    def __init__(self, url: str, registry_url: str, transport: Transport) -> None:
        """`url` is where API v2 is, `registry_url` where the registry is; empty for none."""
        self._url = url.rstrip("/")
        self._transport = transport
        self._registry = Registry(registry_url, transport) if registry_url else None

    async def tag(self, repository: Repository, tag: str, effort: Effort) -> v2.Tag:
        """One tag of a repository."""
        found = await self._get(f"{_path(repository)}/{tag}", v2.read_tag, effort)
        if found.name != tag:
            raise Nonsense(f"Docker Hub answered with another tag of {repository} than was asked")
        return found

    async def tags(self, repository: Repository, effort: Effort) -> list[v2.Tag]:
        """All tags of a repository, each once, in no particular order."""
        first = await self._first_page(repository, v2.read_tags, effort)
        return await self._all(repository, first, v2.read_tags, effort)

    async def tag_names(self, repository: Repository, effort: Effort) -> list[str]:
        """The names of all tags of a repository, each once, in no particular order.

        Hub is asked first: it alone says whether the repository is there and how long the list
        is.
        """
        first = await self._first_page(repository, v2.read_names, effort)
        if first.count > FEW_PAGES * PAGE_SIZE:
            names = await self._names_from_registry(repository, first.count, effort)
            if names is not None:
                return names
        tags = await self._all(repository, first, v2.read_names, effort)
        return [tag.name for tag in tags]

    async def close(self) -> None:
        """Close the connections; new ones are opened if the client is used again."""
        await self._transport.close()

    async def retire(self) -> None:
        """Close the connections once the calls that are under way have their answers."""
        await self._transport.retire()

    async def _names_from_registry(
        self, repository: Repository, count: int, effort: Effort
    ) -> list[str] | None:
        """All names, or None where the registry does not have them; then Hub has to."""
        if self._registry is None:
            return None
        try:
            async with asyncio.timeout(REGISTRY_SECONDS):
                names = [
                    _checked(name) for name in await self._registry.tag_names(repository, effort)
                ]
        except (HubFailure, TimeoutError) as failure:
            reason = str(failure) or f"no answer within {REGISTRY_SECONDS} s"
            logger.warning("The registry does not list %s: %s", repository, reason)
            return None
        # Hub counts what it has just listed; a shorter list elsewhere is not the whole.
        if len(names) < count:
            logger.warning(
                "The registry lists %d tags of %s where Hub counts %d",
                len(names),
                repository,
                count,
            )
            return None
        effort.source = "registry"
        return names

    async def _all(
        self,
        repository: Repository,
        first: v2.Page[v2.Item],
        decoder: _PageDecoder[v2.Item],
        effort: Effort,
    ) -> list[v2.Item]:
        for reading in range(READINGS):
            if reading:
                first = await self._first_page(repository, decoder, effort)
            tags = await self._read_through(repository, first, decoder, effort)
            if tags is not None:
                return tags
        raise Incomplete(f"the tags of {repository} never added up to the count that Hub gives")

    async def _read_through(
        self,
        repository: Repository,
        first: v2.Page[v2.Item],
        decoder: _PageDecoder[v2.Item],
        effort: Effort,
    ) -> list[v2.Item] | None:
        """All tags, or None where the list changed so that some may have been missed.

        When a tag comes or goes meanwhile, those behind it move to other pages, perhaps to one
        that was read already. A count that changes shows it.
        """
        pages: list[v2.Page[v2.Item] | None] = [first]
        pages += await _side_by_side(self._expected(repository, first, decoder, effort))
        while pages[-1] is not None and pages[-1].next is not None and pages[-1].results:
            if len(pages) >= MOST_PAGES:
                raise Incomplete(f"{repository} has too many tags to page through")
            pages.append(await self._page(repository, len(pages) + 1, decoder, effort))
        if pages[-1] is None or pages[-1].next is not None:
            return None
        found: dict[str, v2.Item] = {}
        for page in pages:
            if page is None or page.count != first.count:
                return None
            found.update((_checked(tag.name), tag) for tag in page.results)
        return list(found.values()) if len(found) >= first.count else None

    def _expected(
        self,
        repository: Repository,
        first: v2.Page[v2.Item],
        decoder: _PageDecoder[v2.Item],
        effort: Effort,
    ) -> Iterator[_PageRequest[v2.Item]]:
        """Requests for the pages after the first, as many as its count promises."""
        size = len(first.results)
        if first.next is None or not size:
            return
        for number in range(2, min(math.ceil(first.count / size), MOST_PAGES) + 1):
            yield partial(self._page, repository, number, decoder, effort)

    async def _first_page(
        self, repository: Repository, decoder: _PageDecoder[v2.Item], effort: Effort
    ) -> v2.Page[v2.Item]:
        return await self._get(_page_path(repository, 1), decoder, effort)

    async def _page(
        self,
        repository: Repository,
        number: int,
        decoder: _PageDecoder[v2.Item],
        effort: Effort,
    ) -> v2.Page[v2.Item] | None:
        """A page of tags that is not the first, or None past the end of the list."""
        try:
            return await self._get(_page_path(repository, number), decoder, effort)
        except NotFound:
            return None
        except Forbidden as refusal:
            # Which offset is too far for an anonymous caller is not documented, so the refusal
            # itself is what counts: the beginning could be read, the rest could not.
            raise Incomplete(
                f"Docker Hub refuses to page through all tags of {repository} ({refusal})"
            ) from refusal

    async def _get(self, path: str, decoder: Callable[[bytes], Value], effort: Effort) -> Value:
        effort.source = "hub"
        reply = await self._transport.get(self._url + path, effort)
        return value_of(reply, decoder, self._transport.via)


async def _side_by_side(requests: Iterable[Callable[[], Coroutine[Any, Any, _T]]]) -> list[_T]:
    """The results in order; the first failure ends the other requests too."""
    free = asyncio.Semaphore(PAGES_AT_ONCE)

    async def in_turn(request: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        async with free:
            return await request()

    tasks = [asyncio.ensure_future(in_turn(request)) for request in requests]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _checked(name: str) -> str:
    """A name that Hub allows: any other could break the bytes that clients take apart."""
    if not is_tag(name):
        raise Nonsense(f"Docker Hub lists a tag that cannot be one: {bounded(name)}")
    return name


def _page_path(repository: Repository, number: int) -> str:
    return f"{_path(repository)}?page_size={PAGE_SIZE}&page={number}"


def _path(repository: Repository) -> str:
    return f"/v2/namespaces/{repository.namespace}/repositories/{repository.name}/tags"
