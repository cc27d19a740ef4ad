"""Repositories and tags: API v2, and the registry where that cannot give the whole list."""

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

from hubv1.api import v2
from hubv1.api.errors import Forbidden, HubFailure, Incomplete, Nonsense, NotFound, Unauthorized
from hubv1.api.names import Repository, is_tag
from hubv1.hub.credentials import Basic, Credentials
from hubv1.hub.inquiry import Inquiry
from hubv1.hub.logins import Logins
from hubv1.hub.reading import Value, value_of
from hubv1.hub.registry import Registry
from hubv1.hub.transport import Transport
from hubv1.hub.upstream import Upstream
from hubv1.text import bounded

logger = logging.getLogger(__name__)

MOST_PAGES = 1_000
FEW_PAGES = 4
"""Up to here the pages themselves are no more calls than asking the registry would be."""
PAGES_AT_ONCE = 9
"""All that follow the first of 1,000 tags, which is about what Hub gives to anonymous callers."""
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

    def __init__(
        self, url: str, registry_url: str, transport: Transport, account: Basic | None = None
    ) -> None:
        """`url` is where API v2 is, `registry_url` where the registry is; empty for none.

        `account` is the bridge's own, for pages that Hub refuses to a caller who could read the
        first one.
        """
        self._url = url.rstrip("/")
        self._upstream = Upstream(transport)
        self._logins = Logins(self._url, self._upstream)
        self._registry = Registry(registry_url, self._upstream) if registry_url else None
        self._account = account

    async def tag(self, repository: Repository, tag: str, inquiry: Inquiry) -> v2.Tag:
        """One tag of a repository."""
        found = await self._get(f"{_path(repository)}/{tag}", v2.read_tag, inquiry)
        if found.name != tag:
            raise Nonsense(f"Docker Hub answered with another tag of {repository} than was asked")
        return found

    async def tags(self, repository: Repository, inquiry: Inquiry) -> list[v2.Tag]:
        """All tags of a repository, each once, in no particular order."""
        first = await self._first_page(repository, v2.read_tags, inquiry)
        return await self._all(repository, first, v2.read_tags, inquiry)

    async def tag_names(self, repository: Repository, inquiry: Inquiry) -> list[str]:
        """The names of all tags of a repository, each once, in no particular order.

        Hub is asked first: it alone says whether the repository is there and how long the list
        is.
        """
        first = await self._first_page(repository, v2.read_names, inquiry)
        if first.count > FEW_PAGES * v2.PAGE_SIZE:
            names = await self._names_from_registry(repository, first.count, inquiry)
            if names is not None:
                return names
        tags = await self._all(repository, first, v2.read_names, inquiry)
        return [tag.name for tag in tags]

    async def sign_in(self, repository: Repository, inquiry: Inquiry) -> None:
        """Let the bridge's own account in, and see that it can read a repository that everybody
        can; raises Unauthorized where Hub does not let it in."""
        if self._account is not None:
            await self._get(_page_path(repository, 1), v2.read_names, inquiry, self._account)

    @property
    def statuses(self) -> Mapping[str, int]:
        """Requests so far by status; `none` where there was no reply."""
        return self._upstream.statuses

    async def close(self) -> None:
        """Close the connections; new ones are opened if the client is used again."""
        self._logins.close()
        await self._upstream.close()

    async def retire(self) -> None:
        """Close the connections once the calls that are under way have their answers."""
        await self._upstream.retire()

    async def _names_from_registry(
        self, repository: Repository, count: int, inquiry: Inquiry
    ) -> list[str] | None:
        """All names, or None where the registry does not have them; then Hub has to."""
        if self._registry is None:
            return None
        asking = Inquiry(inquiry.credentials, min(REGISTRY_SECONDS, inquiry.seconds_left))
        try:
            async with asyncio.timeout(REGISTRY_SECONDS):
                names = [
                    _checked(name) for name in await self._registry.tag_names(repository, asking)
                ]
        except (HubFailure, TimeoutError) as failure:
            reason = str(failure) or f"no answer within {REGISTRY_SECONDS} s"
            logger.warning("The registry does not list %s: %s", repository, reason)
            return None
        finally:
            inquiry.upstream_calls += asking.upstream_calls
            inquiry.asked.update(asking.asked)
        # Hub counts what it has just listed; a shorter list elsewhere is not the whole.
        if len(names) < count:
            logger.warning(
                "The registry lists %d tags of %s where Hub counts %d",
                len(names),
                repository,
                count,
            )
            return None
        inquiry.source = "registry"
        return names

    async def _all(
        self,
        repository: Repository,
        first: v2.Page[v2.Item],
        decoder: _PageDecoder[v2.Item],
        inquiry: Inquiry,
    ) -> list[v2.Item]:
        for reading in range(READINGS):
            if reading:
                first = await self._first_page(repository, decoder, inquiry)
            tags = await self._read_through(repository, first, decoder, inquiry)
            if tags is not None:
                return tags
        raise Incomplete(f"the tags of {repository} never added up to the count that Hub gives")

    async def _read_through(
        self,
        repository: Repository,
        first: v2.Page[v2.Item],
        decoder: _PageDecoder[v2.Item],
        inquiry: Inquiry,
    ) -> list[v2.Item] | None:
        """All tags, or None where the list changed so that some may have been missed.

        When a tag comes or goes meanwhile, those behind it move to other pages, perhaps to one
        that was read already. A count that changes shows it.
        """
        pages: list[v2.Page[v2.Item] | None] = [first]
        pages += await _side_by_side(self._expected(repository, first, decoder, inquiry))
        while pages[-1] is not None and pages[-1].next is not None and pages[-1].results:
            if len(pages) >= MOST_PAGES:
                raise Incomplete(f"{repository} has too many tags to page through")
            pages.append(await self._page(repository, len(pages) + 1, decoder, inquiry))
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
        inquiry: Inquiry,
    ) -> Iterator[_PageRequest[v2.Item]]:
        """Requests for the pages after the first, as many as its count promises."""
        size = len(first.results)
        if first.next is None or not size:
            return
        for number in range(2, min(math.ceil(first.count / size), MOST_PAGES) + 1):
            yield partial(self._page, repository, number, decoder, inquiry)

    async def _first_page(
        self, repository: Repository, decoder: _PageDecoder[v2.Item], inquiry: Inquiry
    ) -> v2.Page[v2.Item]:
        page = await self._get(_page_path(repository, 1), decoder, inquiry)
        inquiry.tags_listed = page.count
        return page

    async def _page(
        self,
        repository: Repository,
        number: int,
        decoder: _PageDecoder[v2.Item],
        inquiry: Inquiry,
    ) -> v2.Page[v2.Item] | None:
        """A page of tags that is not the first, or None past the end of the list."""
        account = self._account if inquiry.with_account else None
        try:
            return await self._get(_page_path(repository, number), decoder, inquiry, account)
        except NotFound:
            return None
        except Unauthorized as refusal:
            if account is None:
                raise
            logger.error("Docker Hub does not let the bridge's own account in: %s", refusal)
            raise Incomplete(
                f"Docker Hub does not let the bridge's own account read on ({refusal})"
            ) from refusal
        except Forbidden as refusal:
            if account is None and self._account is not None:
                # The caller could read the first page, so the account shows it nothing new.
                inquiry.with_account = True
                return await self._page(repository, number, decoder, inquiry)
            # Which offset is too far for an anonymous caller is not documented, so the refusal
            # itself is what counts: the beginning could be read, the rest could not.
            raise Incomplete(
                f"Docker Hub refuses to page through all tags of {repository} ({refusal})"
            ) from refusal

    async def _get(
        self,
        path: str,
        decoder: Callable[[bytes], Value],
        inquiry: Inquiry,
        account: Credentials | None = None,
    ) -> Value:
        """With `account` instead of the caller's own credentials, if there is one."""
        inquiry.source = "account" if account else "hub"
        reply = await self._logins.get(self._url + path, account or inquiry.credentials, inquiry)
        return value_of(reply, decoder, self._upstream.via)


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
    return f"{_path(repository)}?page_size={v2.PAGE_SIZE}&page={number}"


def _path(repository: Repository) -> str:
    return f"/v2/namespaces/{repository.namespace}/repositories/{repository.name}/tags"
