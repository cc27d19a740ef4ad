"""Pages of tags that Hub refuses to anonymous callers, read with the bridge's own account."""

import asyncio
import logging
from functools import partial

from cachetools import TTLCache

from hubv1.api import v2
from hubv1.api.names import Repository
from hubv1.api.v2 import Forbidden, Incomplete, NotFound, Unauthorized
from hubv1.hub.auth import HubAuth
from hubv1.hub.credentials import ANONYMOUS, Basic, Credentials
from hubv1.hub.exchange import Reply, Request, RequestBudget
from hubv1.hub.http import Transport

logger = logging.getLogger(__name__)

WALK_SECONDS = 300
"""How long a look at page one is good for: a walk through all pages of a repository. For so long
at most a repository that becomes private can still be read on."""

_MOST_WALKS = 10_000


class AccountPages:
    """Hub's own answers to pages that it refuses to anonymous callers.

    The account shows nobody more than the rest of what they may read: page one of the repository
    is asked for anonymously first, once a walk.
    """

    def __init__(self, url: str, transport: Transport, auth: HubAuth, account: Basic) -> None:
        """`url` is where API v2 is."""
        self._url = url
        self._transport = transport
        self._auth = auth
        self._account = account
        self._readable: TTLCache[Repository, bool] = TTLCache(_MOST_WALKS, WALK_SECONDS)
        self._under_way: dict[Repository, asyncio.Task[Reply]] = {}

    async def read(self, repository: Repository, target: str, budget: RequestBudget) -> Reply:
        """The page, or the 404 that Hub answers: to the account where there is no such page, to
        anybody where there is no such repository.

        `target` is its path and query. Raises Incomplete where Hub does not let the account read
        it, and what the transport raises.
        """
        if repository not in self._readable:
            first = await self._first_page(repository, budget)
            if first.status == 404:
                return first
            self._readable[repository] = True
        budget.source = "account"
        try:
            return await self._reply(target, self._account, budget)
        except Unauthorized as refusal:
            logger.error("Docker Hub does not let the bridge's own account in: %s", refusal)
            raise _incomplete(repository, refusal) from refusal
        except Forbidden as refusal:
            raise _incomplete(repository, refusal) from refusal

    def close(self) -> None:
        """End the looks that are under way."""
        for look in self._under_way.values():
            look.cancel()

    async def _first_page(self, repository: Repository, budget: RequestBudget) -> Reply:
        """What an anonymous caller gets for page one, asked for once by all who want to know."""
        look = self._under_way.get(repository)
        if look is None:
            look = asyncio.ensure_future(self._look(repository, budget))
            self._under_way[repository] = look
            look.add_done_callback(partial(self._ended, repository))
        # One who leaves must not take the answer away from the others.
        return await asyncio.shield(look)

    async def _look(self, repository: Repository, budget: RequestBudget) -> Reply:
        budget.source = "hub"
        names = f"{repository.namespace}/repositories/{repository.name}"
        try:
            return await self._reply(
                f"/v2/namespaces/{names}/tags?page_size=1&page=1", ANONYMOUS, budget
            )
        except (Unauthorized, Forbidden) as refusal:
            raise Incomplete(
                f"an anonymous caller cannot read page one of {repository} ({refusal})"
            ) from refusal

    def _ended(self, repository: Repository, look: asyncio.Task[Reply]) -> None:
        del self._under_way[repository]
        if not look.cancelled():
            look.exception()  # perhaps nobody waits for it any more

    async def _reply(self, target: str, given: Credentials, budget: RequestBudget) -> Reply:
        """A page of tags, or a 404 that is about it; any other reply is raised as a failure."""
        request = Request("GET", self._url + target, given)
        reply = await self._auth.fetch(request, budget)
        if reply.status == 404 and isinstance(self._transport.failure_of(reply, budget), NotFound):
            return reply
        page = self._transport.decode(reply, v2.read_names, budget)
        budget.tags_listed = page.count
        return reply


def _incomplete(repository: Repository, refusal: Unauthorized | Forbidden) -> Incomplete:
    return Incomplete(
        f"Docker Hub does not let the bridge's own account read the pages of {repository} "
        f"({refusal})"
    )
