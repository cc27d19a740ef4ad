"""All tag names of a repository at once, from the registry API.

Where Hub's pages are many, end early for anonymous callers, or cannot be had, the registry gives
the same names in one list: the OCI distribution API, with Docker's token service in front.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from itertools import islice
from operator import lt
from typing import TypeVar
from urllib.parse import urljoin
from weakref import WeakValueDictionary

import msgspec
from yarl import URL

from hubv1.api.names import Repository, is_tag
from hubv1.api.v2 import MOST_TAGS, Incomplete, Nonsense, TooLong
from hubv1.hub.auth import Rejections
from hubv1.hub.credentials import Basic, pair_of
from hubv1.hub.http import SHORT_BYTES, Transport
from hubv1.hub.messages import Reply, RequestBudget

MOST_PAGES = 100
"""Docker's registry gives all in one; others may page."""

_DOCKERS_TOKEN_SERVICE = ("https", "auth.docker.io", 443)
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')


class _TagList(msgspec.Struct):
    tags: list[str] | None
    """null where a repository has none."""


class _Token(msgspec.Struct):
    token: str = ""
    access_token: str = ""
    """The token under the name that OAuth 2.0 gives it."""


_T = TypeVar("_T")

_read_tag_list = msgspec.json.Decoder(_TagList).decode
_read_token = msgspec.json.Decoder(_Token).decode


class Registry:
    """Reads the tag lists of a registry."""

    def __init__(self, url: str, transport: Transport) -> None:
        """`url` is where the registry API is."""
        self._url = URL(url.rstrip("/"))
        self._transport = transport
        self._rejections = Rejections("the registry's token service")
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def tag_names(self, repository: Repository, budget: RequestBudget) -> list[str]:
        """The names of all tags, ascending; raises a HubFailure where they cannot all be had."""
        path = f"/v2/{repository}/tags/list"
        authorization: dict[str, str] = {}
        names: list[str] = []
        url = str(self._url) + path
        for _ in range(MOST_PAGES):
            reply = await self._page(url, repository, authorization, budget)
            names += await self._names_in(reply, budget)
            if len(names) > MOST_TAGS:
                raise TooLong(f"the registry lists more than {MOST_TAGS:,} tags of {repository}")
            following = self._following(reply, path)
            if following is None:
                return await _somewhere(_in_order, names, is_long=len(reply.body) > SHORT_BYTES)
            url = following
        raise Incomplete(f"the registry's list of {repository} has more than {MOST_PAGES} pages")

    async def _names_in(self, reply: Reply, budget: RequestBudget) -> list[str]:
        def read(body: bytes) -> list[str]:
            # A name has two quotes; beyond all bounds not even the decoding is worth it.
            if body.count(b'"') > 2 * MOST_TAGS + 100:
                raise TooLong(f"{reply.url} lists more than {MOST_TAGS:,} tags")
            names = _read_tag_list(body).tags or []
            for name in names:
                if not is_tag(name):
                    shown = self._transport.masked(name, budget)
                    raise Nonsense(f"the registry lists a tag that cannot be one: {shown}")
            return names

        is_long = len(reply.body) > SHORT_BYTES
        return await _somewhere(self._transport.decode, reply, read, budget, is_long=is_long)

    async def _page(
        self, url: str, repository: Repository, authorization: dict[str, str], budget: RequestBudget
    ) -> Reply:
        """One list; `authorization` is renewed where the registry challenges it."""
        reply = await self._transport.get(url, budget, authorization, is_list=True)
        if reply.status != 401:
            return reply
        token = await self._token(repository, reply, budget)
        authorization["Authorization"] = f"Bearer {token}"
        return await self._transport.get(url, budget, authorization, is_list=True)

    async def _token(self, repository: Repository, refusal: Reply, budget: RequestBudget) -> str:
        """What the registry's challenge asks for."""
        challenge = dict(_parameters(refusal.headers.get("WWW-Authenticate", "")))
        realm = self._checked_realm(challenge.get("realm", ""))
        query = {
            "service": challenge.get("service", ""),
            "scope": f"repository:{repository}:pull",
        }
        reply = await self._asked(str(realm.with_query(query)), budget)
        token = self._transport.decode(reply, _read_token, budget)
        return token.token or token.access_token

    async def _asked(self, url: str, budget: RequestBudget) -> Reply:
        """The token service's reply, given what opens a private repository, but no secret that it
        rejected before. A token of Hub's means nothing to it."""
        given = budget.credentials
        if not isinstance(given, Basic):
            return await self._transport.get(url, budget)
        if not self._rejections.is_accepted(given):
            # The first one goes ahead, so that many calls at once do not all fail.
            async with self._turns.setdefault(given.user.lower(), asyncio.Lock()):
                if not self._rejections.is_accepted(given):
                    self._rejections.check(given)
                    return await self._login(url, given, budget)
        return await self._login(url, given, budget)

    async def _login(self, url: str, given: Basic, budget: RequestBudget) -> Reply:
        headers = {"Authorization": f"Basic {pair_of(given)}"}
        scope = f"registry login {given.user.lower()}"
        reply = await self._transport.get(url, budget, headers, scope)
        if reply.status in (401, 403):
            self._rejections.reject(given)
        else:
            self._rejections.accept(given)
        return reply

    def _checked_realm(self, realm: str) -> URL:
        """The token service, which must have the registry's own origin or be Docker's known one.

        A registry that names another would have credentials sent there.
        """
        try:
            url = URL(realm)
        except ValueError:
            url = URL()
        trusted = (_origin(self._url), _DOCKERS_TOKEN_SERVICE)
        if url.host and url.user is None and _origin(url) in trusted:
            return url
        raise Nonsense(f"{self._url} names a token service that is neither its own nor Docker's")

    def _following(self, reply: Reply, path: str) -> str | None:
        """URL of the next page; the Link may say which page it is, but not on which host."""
        found = _NEXT.search(reply.headers.get("Link", ""))
        if found is None:
            return None
        here = URL(str(self._url) + path)
        try:
            link = URL(urljoin(str(here), found[1]), encoded=True)
            is_here = _origin(link) == _origin(here) and link.raw_path == here.raw_path
            is_here = is_here and link.user is None
        except ValueError:
            is_here = False
        if not is_here:
            raise Nonsense(f"{self._url} continues its list of tags at another place")
        return str(link)


def _parameters(challenge: str) -> Iterator[tuple[str, str]]:
    """The parameters of a Bearer challenge; nothing where it is another."""
    scheme, _, rest = challenge.partition(" ")
    if scheme.lower() == "bearer":
        yield from _PARAMETER.findall(rest)


def _origin(url: URL) -> tuple[str, str | None, int | None]:
    return url.scheme, url.host, url.port


def _in_order(names: list[str]) -> list[str]:
    """Each once, ascending. A registry gives them so, as a rule."""
    is_ascending = all(map(lt, names, islice(names, 1, None)))
    return names if is_ascending else sorted(set(names))


async def _somewhere(work: Callable[..., _T], *given: object, is_long: bool) -> _T:
    """What `work` returns; in a thread where it takes long, so that other traffic goes on."""
    return await asyncio.to_thread(work, *given) if is_long else work(*given)
