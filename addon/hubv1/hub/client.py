"""Repositories and tags: API v2, and the registry where that cannot give the whole list."""

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

import msgspec

from hubv1.api import v2
from hubv1.api.names import Repository, is_tag
from hubv1.api.v2 import (
    Forbidden,
    HubFailure,
    Incomplete,
    Nonsense,
    NotFound,
    PersonalTokenRefused,
    TooLong,
    Unauthorized,
    Unreachable,
)
from hubv1.hub.auth import HubAuth
from hubv1.hub.credentials import Basic, Bearer, Credentials
from hubv1.hub.http import Transport, Value
from hubv1.hub.messages import RequestBudget
from hubv1.hub.registry import Registry
from hubv1.hub.throttle import FairSemaphore

logger = logging.getLogger(__name__)

MOST_PAGES = v2.MOST_TAGS // v2.PAGE_SIZE
FEW_PAGES = 4
"""Up to here the pages themselves are no more calls than asking the registry would be."""
PAGES_WITHOUT_COUNT = 10
"""How many are read where no sensible count says how many there are."""
PAGES_AT_ONCE = 9
"""All that follow the first of 1,000 tags, which is about what Hub gives to anonymous callers."""
REGISTRY_SECONDS = 10
"""How long the registry may take: Hub's pages are left to fall back on."""
READINGS = 3
"""How often a list that changes under the reader's hands is read again."""
MOST_IMAGES = 500_000
"""Of all tags of a repository together, those counted again that several tags share."""
TAGS_AT_ONCE = 150_000
"""In memory, of all lists that are being read page by page; the others wait."""

_SHORT_LIST = 1_000
_LARGEST_COUNT = 10**9
"""What is beyond is no count of anything."""
_MOST_OBJECTS = 30_000
"""In the JSON of a page: a hundred tags with hundreds of images each."""

_T = TypeVar("_T")
_PageDecoder = Callable[[bytes], v2.Page[v2.Item]]


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
        self._transport = transport
        self._auth = HubAuth(self._url, transport)
        self._registry = Registry(registry_url, transport) if registry_url else None
        self._account = account
        self._lists = FairSemaphore(TAGS_AT_ONCE)
        if account is not None:
            transport.secrets.keep(account)

    async def tag(self, repository: Repository, tag: str, budget: RequestBudget) -> v2.Tag:
        """One tag of a repository."""
        budget.repository = str(repository)
        found = await self._get(f"{_path(repository)}/{tag}", v2.read_tag, budget)
        if found.name != tag:
            raise Nonsense(f"Docker Hub answered with another tag of {repository} than was asked")
        return found

    async def tags(self, repository: Repository, budget: RequestBudget) -> list[v2.Tag]:
        """All tags of a repository, each once, in no particular order."""
        first = await self._first_page(repository, v2.read_tags, budget)
        return await self._all(repository, first, v2.read_tags, budget)

    async def tag_names(self, repository: Repository, budget: RequestBudget) -> list[str]:
        """The names of all tags of a repository, each once, in no particular order.

        Hub is asked first: it alone says whether the repository is there and how long the list
        is. Where Hub cannot be had, or will not have a personal access token, the registry is
        asked with the caller's own credentials.
        """
        registry = self._registry
        if registry is None:
            return await self._names(repository, budget)
        seconds = budget.seconds_left
        try:
            async with budget.within(seconds - min(REGISTRY_SECONDS, seconds / 3)):
                first = await self._first_page(repository, v2.read_names, budget)
                if (_count(first) or 0) <= FEW_PAGES * v2.PAGE_SIZE:
                    return await self._names(repository, budget, first)
        except (Unreachable, PersonalTokenRefused, Incomplete, TimeoutError) as failure:
            return await self._names_in_place_of(failure, registry, repository, budget)
        names = await self._names_from_registry(registry, repository, budget)
        return await self._names(repository, budget, first) if names is None else names

    async def sign_in(self, repository: Repository, budget: RequestBudget) -> None:
        """Let the bridge's own account in, and see that it can read a repository that everybody
        can; raises Unauthorized where Hub does not let it in."""
        if self._account is not None:
            await self._get(_page_path(repository, 1), v2.read_names, budget, self._account)

    @property
    def statuses(self) -> Mapping[str, int]:
        """Requests so far by status; `none` where there was no reply."""
        return self._transport.statuses

    async def close(self) -> None:
        """Close the connections; new ones are opened if the client is used again."""
        self._auth.close()
        await self._transport.close()

    async def retire(self) -> None:
        """Close the connections once the calls that are under way have their answers."""
        await self._transport.retire()

    async def _names(
        self,
        repository: Repository,
        budget: RequestBudget,
        first: v2.Page[v2.Named] | None = None,
    ) -> list[str]:
        """All names from Hub's pages, of which the first may be there already."""
        first = first or await self._first_page(repository, v2.read_names, budget)
        return [tag.name for tag in await self._all(repository, first, v2.read_names, budget)]

    async def _names_in_place_of(
        self,
        failure: HubFailure | TimeoutError,
        registry: Registry,
        repository: Repository,
        budget: RequestBudget,
    ) -> list[str]:
        """The names as the registry has them, or the failure that kept Hub from giving them."""
        if isinstance(failure, TimeoutError):
            at_last = f"; at last {budget.trouble}" if budget.trouble else ""
            failure = Unreachable(f"Docker Hub gave no complete answer in time{at_last}")
        names = await self._names_from_registry(registry, repository, budget, is_for_hub=True)
        if names is None:
            raise failure
        return names

    async def _names_from_registry(
        self,
        registry: Registry,
        repository: Repository,
        budget: RequestBudget,
        *,
        is_for_hub: bool = False,
    ) -> list[str] | None:
        """All names, or None where the registry does not have them.

        `is_for_hub` says that Hub cannot be asked, so that the registry's refusal counts.
        """
        count = budget.tags_listed
        try:
            async with budget.within(REGISTRY_SECONDS):
                names = await registry.tag_names(repository, budget)
        except (HubFailure, TimeoutError) as failure:
            budget.room.free()
            if is_for_hub:
                _note_refusal(failure, budget)
                if isinstance(failure, TooLong):
                    raise
            reason = str(failure) or f"no answer within {REGISTRY_SECONDS} s"
            logger.warning("The registry does not list %s: %s", repository, reason)
            return None
        # Hub counts what it has just listed; a shorter list elsewhere is not the whole.
        if len(names) < (count or 0):
            logger.warning(
                "The registry lists %d tags of %s where Hub counts %d",
                len(names),
                repository,
                count,
            )
            return None
        budget.source = "registry"
        budget.tags_listed = len(names) if count is None else count
        return names

    async def _all(
        self,
        repository: Repository,
        first: v2.Page[v2.Item],
        decoder: _PageDecoder[v2.Item],
        budget: RequestBudget,
    ) -> list[v2.Item]:
        await self._take_room(_count(first) or 0, decoder, budget)
        for reading in range(READINGS):
            if reading:
                first = await self._first_page(repository, decoder, budget)
            tags = await self._read_through(repository, first, decoder, budget)
            if tags is not None:
                return tags
        raise Incomplete(f"the tags of {repository} never added up to the count that Hub gives")

    async def _take_room(
        self, count: int, decoder: _PageDecoder[v2.Item], budget: RequestBudget
    ) -> None:
        """Wait until there is memory for a list of so many tags."""
        if count > _SHORT_LIST and "list" not in budget.room:
            weight = count // 4 if decoder is v2.read_names else count
            budget.room.add("list", await self._lists.acquire(budget.keys, weight))

    async def _read_through(
        self,
        repository: Repository,
        first: v2.Page[v2.Item],
        decoder: _PageDecoder[v2.Item],
        budget: RequestBudget,
    ) -> list[v2.Item] | None:
        """All tags, or None where the list changed so that some may have been missed.

        When a tag comes or goes meanwhile, those behind it move to other pages, perhaps to one
        that was read already. A count that changes shows it.
        """
        expected = _pages_expected(repository, first)
        read = partial(self._page, repository, decoder, budget)
        pages: list[v2.Page[v2.Item] | None] = [first]
        if _count(first) is not None:
            pages += await _side_by_side(partial(read, number) for number in range(2, expected + 1))
        # The list may have grown by a page since it was counted.
        while (last := pages[-1]) and last.next and last.results and len(pages) <= expected:
            pages.append(await read(len(pages) + 1))
        if last is None or any(page is None or page.count != first.count for page in pages):
            return None
        if last.next is not None:
            if last.results:
                raise Incomplete(f"Docker Hub never comes to an end of the tags of {repository}")
            return None
        found = {
            self._checked(tag.name, budget): tag for page in pages if page for tag in page.results
        }
        return list(found.values()) if len(found) >= (_count(first) or 0) else None

    async def _first_page(
        self, repository: Repository, decoder: _PageDecoder[v2.Item], budget: RequestBudget
    ) -> v2.Page[v2.Item]:
        budget.repository = str(repository)
        budget.images = 0
        page = await self._get_page(repository, 1, decoder, budget)
        count = _count(page)
        is_sensible = count is not None and count <= _LARGEST_COUNT
        budget.tags_listed = count if is_sensible else None
        if count is not None and count > v2.MOST_TAGS:
            has = f"{count:,}" if is_sensible else "endlessly many"
            raise TooLong(f"{repository} has {has} tags; no more than {v2.MOST_TAGS:,} are listed")
        return page

    async def _page(
        self,
        repository: Repository,
        decoder: _PageDecoder[v2.Item],
        budget: RequestBudget,
        number: int,
    ) -> v2.Page[v2.Item] | None:
        """A page of tags that is not the first, or None past the end of the list."""
        account = self._account if budget.with_account else None
        try:
            return await self._get_page(repository, number, decoder, budget, account)
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
                budget.with_account = True
                return await self._page(repository, decoder, budget, number)
            # Which offset is too far for an anonymous caller is not documented, so the refusal
            # itself is what counts: the beginning could be read, the rest could not.
            raise Incomplete(
                f"Docker Hub refuses to page through all tags of {repository} ({refusal})"
            ) from refusal

    async def _get_page(
        self,
        repository: Repository,
        number: int,
        decoder: _PageDecoder[v2.Item],
        budget: RequestBudget,
        account: Credentials | None = None,
    ) -> v2.Page[v2.Item]:
        page = await self._get(_page_path(repository, number), decoder, budget, account)
        budget.images += sum(
            len(tag.images or ()) for tag in page.results if isinstance(tag, v2.Tag)
        )
        if budget.images > MOST_IMAGES:
            raise TooLong(f"{repository} has more than {MOST_IMAGES:,} images")
        return page

    async def _get(
        self,
        path: str,
        decoder: Callable[[bytes], Value],
        budget: RequestBudget,
        account: Credentials | None = None,
    ) -> Value:
        """With `account` instead of the caller's own credentials, if there is one."""
        budget.source = "account" if account else "hub"
        reply = await self._auth.get(self._url + path, account or budget.credentials, budget)
        return self._transport.decode(reply, partial(_read_bounded, decoder), budget)

    def _checked(self, name: str, budget: RequestBudget) -> str:
        """A name that Hub allows: any other could break the bytes that clients take apart."""
        if not is_tag(name):
            shown = self._transport.masked(name, budget)
            raise Nonsense(f"Docker Hub lists a tag that cannot be one: {shown}")
        return name


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


def _read_bounded(decoder: Callable[[bytes], Value], body: bytes) -> Value:
    """What the decoder makes of a body, unless that would take far more memory than the body."""
    if body.count(b"{") > _MOST_OBJECTS:
        raise msgspec.ValidationError("it holds too many objects")
    return decoder(body)


def _count(page: v2.Page[v2.Item]) -> int | None:
    """How many tags there are, where that makes sense: no fewer than on this very page."""
    return page.count if page.count is not None and page.count >= len(page.results) else None


def _pages_expected(repository: Repository, first: v2.Page[v2.Item]) -> int:
    """How many pages there can be, going by the first."""
    if first.next is None or not first.results:
        return 1
    count = _count(first)
    if count is None:
        return PAGES_WITHOUT_COUNT - 1  # one more is read than expected
    pages = math.ceil(count / len(first.results))
    if pages > MOST_PAGES:
        raise Incomplete(f"{repository} has too many tags to page through")
    return pages


def _note_refusal(failure: HubFailure | TimeoutError, budget: RequestBudget) -> None:
    """Remember that the registry refused the caller. It does not know a token of Hub's."""
    if isinstance(budget.credentials, Bearer):
        return
    if isinstance(failure, NotFound | Forbidden | Unauthorized):
        budget.refused = failure.code


def _page_path(repository: Repository, number: int) -> str:
    return f"{_path(repository)}?page_size={v2.PAGE_SIZE}&page={number}"


def _path(repository: Repository) -> str:
    return f"/v2/namespaces/{repository.namespace}/repositories/{repository.name}/tags"
