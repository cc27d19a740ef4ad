"""Pages of tags that Hub refuses to anonymous callers, read with the bridge's own account."""

import asyncio
import logging

from cachetools import TTLCache

from hubv1.api import v2
from hubv1.api.names import Repository
from hubv1.api.v2 import Forbidden, Incomplete, NotFound, Unauthorized
from hubv1.hub.auth import HubAuth
from hubv1.hub.credentials import ANONYMOUS, Basic, Credentials
from hubv1.hub.exchange import Reply, Request, RequestBudget, page_path, retrieve_exception
from hubv1.hub.http import Transport

logger = logging.getLogger(__name__)

WALK_SECONDS = 300
"""How long one look at page one opens the other pages: long enough for a walk through all of them.
A repository that becomes private can be read for that much longer."""

_MOST_WALKS = 10_000


class AccountPages:
    """Reads pages that Hub refuses to anonymous callers.

    The account opens nothing but the rest of a list that anybody may begin to read: once a walk,
    page one of the repository is requested anonymously first.
    """

    def __init__(self, url: str, transport: Transport, auth: HubAuth, account: Basic) -> None:
        """`url` is the base URL of API v2."""
        self._url = url
        self._transport = transport
        self._auth = auth
        self._account = account
        self._readable: TTLCache[Repository, bool] = TTLCache(_MOST_WALKS, WALK_SECONDS)
        self._under_way: dict[Repository, asyncio.Task[Reply]] = {}

    async def read(self, repository: Repository, target: str, budget: RequestBudget) -> Reply:
        """The page, or Hub's 404: to the account if there is no such page, to anybody if there is
        no such repository.

        `target` is its path and query. Raises Incomplete if Hub does not let the account read it,
        and whatever the transport raises.
        """
        if repository not in self._readable:
            first = await self._first_page(repository, budget)
            if first.status == 404:
                return first
            self._readable[repository] = True
        budget.source = "account"
        try:
            return await self._reply(target, self._account, budget)
        except (Unauthorized, Forbidden) as refusal:
            raise account_refused(repository, refusal) from refusal

    def close(self) -> None:
        """Cancel the requests for page one that are under way."""
        for look in self._under_way.values():
            look.cancel()

    async def _first_page(self, repository: Repository, budget: RequestBudget) -> Reply:
        """What an anonymous caller gets for page one, requested once for all who need it now."""
        look = self._under_way.get(repository)
        if look is None:
            look = asyncio.ensure_future(self._look(repository, budget))
            self._under_way[repository] = look
            look.add_done_callback(retrieve_exception)
            look.add_done_callback(lambda _: self._under_way.pop(repository))
        # A caller that leaves must not take the answer away from the others.
        return await asyncio.shield(look)

    async def _look(self, repository: Repository, budget: RequestBudget) -> Reply:
        budget.source = "hub"
        try:
            return await self._reply(page_path(repository, 1, size=1), ANONYMOUS, budget)
        except (Unauthorized, Forbidden) as refusal:
            raise Incomplete(
                f"an anonymous caller cannot read page one of {repository} ({refusal})"
            ) from refusal

    async def _reply(self, target: str, given: Credentials, budget: RequestBudget) -> Reply:
        """A page of tags, or a 404 for it; any other reply is raised as a failure."""
        request = Request("GET", self._url + target, given)
        reply = await self._auth.fetch(request, budget)
        if reply.status == 404 and isinstance(self._transport.failure_of(reply, budget), NotFound):
            return reply
        page = self._transport.decode(reply, v2.read_names, budget)
        budget.tags_listed = page.count
        return reply


def account_refused(repository: Repository, refusal: Unauthorized | Forbidden) -> Incomplete:
    """The failure of a list that the bridge's own account may not read; a login that failed is
    logged too."""
    if isinstance(refusal, Unauthorized):
        logger.error("Docker Hub does not let the bridge's own account in: %s", refusal)
    return Incomplete(
        f"Docker Hub does not let the bridge's own account read the pages of {repository} "
        f"({refusal})"
    )
