"""Repositories and tags from API v2, or from the registry if Hub does not give the whole list."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Generic, TypeVar

import msgspec
from cachetools import TTLCache

from hubv1.api import v2
from hubv1.api.names import Repository, odd_tag
from hubv1.hub.account_pages import AccountPages, account_refused
from hubv1.hub.auth import HubAuth
from hubv1.hub.credentials import Basic, Bearer, Credentials
from hubv1.hub.exchange import (
    Reply,
    Request,
    RequestBudget,
    page_path,
    retrieve_exception,
    tags_path,
)
from hubv1.hub.http import Transport, Value
from hubv1.hub.registry import Registry
from hubv1.hub.throttle import FairSemaphore
from hubv1.turns import Steps, in_turns

logger = logging.getLogger(__name__)

MOST_PAGES = v2.MOST_TAGS // v2.PAGE_SIZE
FEW_PAGES = 4  # up to this many pages cost no more requests than the registry's list does
PAGES_WITHOUT_COUNT = 10  # pages to read of a list without a sensible count
PAGES_AT_ONCE = 9
"""All pages after the first of 1,000 tags, which is about what Hub gives to anonymous callers."""
REGISTRY_SECONDS = 10
"""How long the registry may take: after that, Hub's pages are left to fall back on."""
LONG_SECONDS = 3_600  # how long a list that was long is expected to be long
READINGS = 3  # how often a list that changes while it is read is read from its beginning
MOST_IMAGES = 500_000
"""Images of all tags of a repository together; one that several tags share counts for each."""
TAGS_AT_ONCE = 150_000
"""Tags in memory of all lists that are being read page by page; further lists wait."""

_SHORT_LIST = 1_000
_MOST_LONG = 10_000
_LARGEST_COUNT = 10**9
_MOST_OBJECTS = 30_000  # objects in the JSON of a page: a hundred tags with hundreds of images each

_T = TypeVar("_T")


class HubClient:
    """Reads repositories from Docker Hub.

    Every method raises a `HubFailure` if it cannot give a complete and well-formed answer, and
    leaves the timeout to its caller.
    """

    def __init__(
        self, url: str, registry_url: str, transport: Transport, account: Basic | None = None
    ) -> None:
        """`url` is the base URL of API v2, `registry_url` that of the registry, empty for none.

        `account` is the bridge's own, for pages that Hub refuses to a caller who could read the
        first one.
        """
        self._url = url.rstrip("/")
        self.transport = transport
        self._auth = HubAuth(self._url, transport)
        self._registry = Registry(registry_url, transport) if registry_url else None
        self.account = account
        self.lists = FairSemaphore(TAGS_AT_ONCE)
        self._long: TTLCache[tuple[Credentials, Repository], bool] = TTLCache(
            _MOST_LONG, LONG_SECONDS
        )
        """Which callers have had a long list of which repository."""
        self._account_pages: AccountPages | None = None
        if account is not None:
            transport.secrets.keep(account)
            self._account_pages = AccountPages(self._url, transport, self._auth, account)

    async def tag(self, repository: Repository, tag: str, budget: RequestBudget) -> v2.Tag:
        """One tag of a repository."""
        budget.repository = str(repository)
        found = await self.get(f"{tags_path(repository)}/{tag}", v2.read_tag, budget)
        if found.name != tag:
            raise v2.Nonsense(f"Docker Hub answered with another tag of {repository}")
        return found

    async def tags(self, repository: Repository, budget: RequestBudget) -> list[v2.Tag]:
        """All tags of a repository, each once, in no particular order."""
        return await _Pages(self, v2.read_tags, repository, budget).all()

    async def tag_names(self, repository: Repository, budget: RequestBudget) -> list[str]:
        """The names of all tags of a repository, each once, in no particular order.

        Hub is asked first: it alone says whether the repository exists and how long the list is.
        If Hub is out of reach, or refuses a personal access token, the registry is asked with the
        caller's own credentials.
        """
        if self._registry is None:
            return _names(await _Pages(self, v2.read_names, repository, budget).all())
        token = self._early_token(self._registry, repository, budget)
        try:
            return await self._long_list(self._registry, token, repository, budget)
        finally:
            if token is not None:
                token.cancel()

    async def _long_list(
        self,
        registry: Registry,
        token: asyncio.Task[Credentials] | None,
        repository: Repository,
        budget: RequestBudget,
    ) -> list[str]:
        """All names; `token` is one for the registry that was requested early."""
        pages = _Pages(self, v2.read_names, repository, budget)
        reader = budget.credentials, repository
        first, failure = None, None
        seconds = budget.seconds_left
        try:
            async with budget.within(seconds - min(REGISTRY_SECONDS, seconds / 3)):
                first = await pages.first()
                if (_count(first) or 0) <= FEW_PAGES * v2.PAGE_SIZE:
                    self._long.pop(reader, None)
                    return _names(await pages.all(first))
        except (v2.Unreachable, v2.PersonalTokenRefused, v2.Incomplete) as error:
            failure = error
        except TimeoutError:
            at_last = f"; at last {budget.trouble}" if budget.trouble else ""
            failure = v2.Unreachable(f"Docker Hub gave no complete answer in time{at_last}")
        is_for_hub = failure is not None
        names = await _from_registry(registry, token, repository, budget, is_for_hub=is_for_hub)
        if names is not None:
            if len(names) > FEW_PAGES * v2.PAGE_SIZE:
                self._long[reader] = True
            return names
        if failure is not None:
            raise failure
        return _names(await pages.all(first))

    def _early_token(
        self, registry: Registry, repository: Repository, budget: RequestBudget
    ) -> asyncio.Task[Credentials] | None:
        """Request the registry's token while Hub's first page is on its way, for a caller that has
        had a long list before."""
        if (budget.credentials, repository) not in self._long:
            return None
        budget.repository = str(repository)
        token = asyncio.ensure_future(registry.token(repository, budget))
        token.add_done_callback(retrieve_exception)
        return token

    async def page(self, repository: Repository, target: str, budget: RequestBudget) -> Reply:
        """Hub's answer for a page of tags that it refuses to anonymous callers, read with the
        bridge's account; 404 if the caller could not read the repository. Raises Incomplete if
        there is no account, or Hub does not let it read on."""
        budget.repository = str(repository)
        if self._account_pages is None:
            raise v2.Incomplete("the bridge has no account to read further pages with")
        return await self._account_pages.read(repository, target, budget)

    async def sign_in(self, repository: Repository, budget: RequestBudget) -> None:
        """Sign in with the bridge's own account, and read a repository that everybody can read;
        raises Unauthorized if Hub does not let it in."""
        if self.account is not None:
            await self.get(page_path(repository, 1), v2.read_names, budget, self.account)

    async def close(self) -> None:
        """Close the connections; new ones are opened if the client is used again."""
        self._auth.close()
        if self._account_pages is not None:
            self._account_pages.close()
        if self._registry is not None:
            self._registry.close()
        await self.transport.close()

    async def get(
        self,
        path: str,
        decoder: Callable[[bytes], Value],
        budget: RequestBudget,
        account: Basic | None = None,
    ) -> Value:
        """The value at a path, read with `account` if given, else with the caller's credentials."""
        budget.source = "account" if account else "hub"
        request = Request("GET", self._url + path, account or budget.credentials)
        reply = await self._auth.fetch(request, budget)
        return self.transport.decode(reply, partial(_read_bounded, decoder), budget)


class _Pages(Generic[v2.Item]):
    """Reads the tags of one repository from Hub's pages, for one call."""

    def __init__(
        self,
        client: HubClient,
        decoder: Callable[[bytes], v2.Page[v2.Item]],
        repository: Repository,
        budget: RequestBudget,
    ) -> None:
        """`decoder` reads the tags of a page, or only their names."""
        budget.repository = str(repository)
        self._client = client
        self._decoder: Callable[[bytes], v2.Page[v2.Item]] = decoder
        self._repository = repository
        self._budget = budget
        self._is_account_needed = False
        self._images = 0

    async def first(self) -> v2.Page[v2.Item]:
        """The first page, which says how many tags there are; raises TooLong for too many."""
        self._images = 0
        page = await self._read(1)
        count = _count(page)
        is_sensible = count is not None and count <= _LARGEST_COUNT
        self._budget.tags_listed = count if is_sensible else None
        if count is not None and count > v2.MOST_TAGS:
            has = f"{count:,}" if is_sensible else "endlessly many"
            raise v2.TooLong(
                f"{self._repository} has {has} tags; no more than {v2.MOST_TAGS:,} are listed"
            )
        return page

    async def all(self, first: v2.Page[v2.Item] | None = None) -> list[v2.Item]:
        """All tags; `first` is the first page if it was read before."""
        for _ in range(READINGS):
            page, first = first or await self.first(), None
            await self._take_room(page)
            tags = await self._read_through(page)
            if tags is not None:
                return tags
        raise v2.Incomplete(
            f"the tags of {self._repository} never added up to the count that Hub gives"
        )

    async def _take_room(self, first: v2.Page[v2.Item]) -> None:
        """Wait until there is memory for a list of that many tags."""
        count, room, lists = _count(first) or 0, self._budget.room, self._client.lists
        if count > _SHORT_LIST and first.results and lists not in room:
            weight = count // 4 if isinstance(first.results[0], v2.Named) else count
            room[lists] = await lists.acquire(self._budget.keys, weight)

    async def _read_through(self, first: v2.Page[v2.Item]) -> list[v2.Item] | None:
        """All tags, or None if the list changed so that some may have been missed.

        When a tag comes or goes meanwhile, those behind it move to other pages, perhaps to one
        that was read already. The count changes then.
        """
        expected = self._expected(first)
        pages: list[v2.Page[v2.Item] | None] = [first]
        if _count(first) is not None:
            rest = range(2, expected + 1)
            pages += await _side_by_side(partial(self._page, number) for number in rest)
        # The list may have grown by a page since it was counted.
        while (last := pages[-1]) and last.next and last.results and len(pages) <= expected:
            pages.append(await self._page(len(pages) + 1))
        if last is None or any(page is None or page.count != first.count for page in pages):
            return None
        if last.next is not None:
            if last.results:
                raise v2.Incomplete(f"Docker Hub's list of tags of {self._repository} has no end")
            return None
        tags = await in_turns(_each_once(page.results for page in pages if page))
        return tags if len(tags) >= (_count(first) or 0) else None

    def _expected(self, first: v2.Page[v2.Item]) -> int:
        """How many pages to expect after a look at the first."""
        if first.next is None or not first.results:
            return 1
        count = _count(first)
        if count is None:
            return PAGES_WITHOUT_COUNT - 1  # one more is read than expected
        pages = math.ceil(count / len(first.results))
        if pages > MOST_PAGES:
            raise v2.Incomplete(f"{self._repository} has too many tags to page through")
        return pages

    async def _page(self, number: int) -> v2.Page[v2.Item] | None:
        """A page that is not the first, or None past the end of the list."""
        account = self._client.account if self._is_account_needed else None
        try:
            return await self._read(number, account)
        except v2.NotFound:
            return None
        except v2.Unauthorized as refusal:
            if account is None:
                raise
            raise account_refused(self._repository, refusal) from refusal
        except v2.Forbidden as refusal:
            if account is None and self._client.account is not None:
                # The caller could read the first page, so the account shows it nothing new.
                self._is_account_needed = True
                return await self._page(number)
            # Docker does not document which offset is too far for an anonymous caller.
            raise v2.Incomplete(
                f"Docker Hub refuses to page through all tags of {self._repository} ({refusal})"
            ) from refusal

    async def _read(self, number: int, account: Basic | None = None) -> v2.Page[v2.Item]:
        path = page_path(self._repository, number)
        page = await self._client.get(path, self._decode, self._budget, account)
        self._images += sum(
            len(tag.images or ()) for tag in page.results if isinstance(tag, v2.Tag)
        )
        if self._images > MOST_IMAGES:
            raise v2.TooLong(f"{self._repository} has more than {MOST_IMAGES:,} images")
        return page

    def _decode(self, body: bytes) -> v2.Page[v2.Item]:
        """A page whose tags all have names that Hub allows: others could break the JSON that
        clients take apart as text."""
        page = self._decoder(body)
        odd = odd_tag([tag.name for tag in page.results])
        if odd is not None:
            shown = self._client.transport.masked(odd, self._budget)
            raise v2.Nonsense(f"Docker Hub lists a tag that cannot be one: {shown}")
        return page


async def _from_registry(
    registry: Registry,
    token: asyncio.Task[Credentials] | None,
    repository: Repository,
    budget: RequestBudget,
    *,
    is_for_hub: bool,
) -> list[str] | None:
    """All names, or None if the registry does not give them.

    `is_for_hub` says that Hub is out of reach, so that the registry's refusal counts.
    """
    count = budget.tags_listed
    try:
        async with budget.within(REGISTRY_SECONDS):
            names = await registry.tag_names(repository, budget, token)
        # A list with fewer tags than Hub has just counted is not the whole list.
        if len(names) < (count or 0):
            raise v2.Incomplete(f"it lists {len(names)} tags where Hub counts {count}")
    except (v2.HubFailure, TimeoutError) as failure:
        budget.room.free()
        if is_for_hub and isinstance(failure, v2.TooLong):
            raise
        # The registry does not accept a token of Hub's.
        is_known = is_for_hub and not isinstance(budget.credentials, Bearer)
        if is_known and isinstance(failure, v2.NotFound | v2.Forbidden | v2.Unauthorized):
            budget.refused = failure.code
        reason = str(failure) or f"no answer within {REGISTRY_SECONDS} s"
        logger.warning("The registry does not list %s: %s", repository, reason)
        return None
    budget.source = "registry"
    budget.tags_listed = len(names) if count is None else count
    return names


def _names(tags: Iterable[v2.Tag | v2.Named]) -> list[str]:
    return [tag.name for tag in tags]


def _each_once(pages: Iterable[list[v2.Item]]) -> Steps[list[v2.Item]]:
    """The tags of all pages, one for each name."""
    found: dict[str, v2.Item] = {}
    for tags in pages:
        found.update((tag.name, tag) for tag in tags)
        yield
    return list(found.values())


async def _side_by_side(requests: Iterable[Callable[[], Awaitable[_T]]]) -> list[_T]:
    """The results in order; the first failure ends the other requests too."""
    results: dict[int, _T] = {}
    numbered = enumerate(requests)

    async def one_after_the_other() -> None:
        for number, request in numbered:
            results[number] = await request()

    tasks = [asyncio.ensure_future(one_after_the_other()) for _ in range(PAGES_AT_ONCE)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    return [results[number] for number in sorted(results)]


def _read_bounded(decoder: Callable[[bytes], Value], body: bytes) -> Value:
    """Decode a body, unless the result would take far more memory than the body."""
    if body.count(b"{") > _MOST_OBJECTS:
        raise msgspec.ValidationError("it holds too many objects")
    return decoder(body)


def _count(page: v2.Page[v2.Item]) -> int | None:
    """The count of all tags if it makes sense, which is no fewer than on this very page."""
    return page.count if page.count is not None and page.count >= len(page.results) else None
