"""All tag names of a repository at once, from the registry API.

Where Hub's pages are many, or end early for anonymous callers, the registry gives the same names
in one list: the OCI distribution API, with Docker's token service in front.
"""

import asyncio
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from urllib.parse import urljoin
from weakref import WeakValueDictionary

import msgspec
from cachetools import TTLCache
from yarl import URL

from hubv1.api.errors import Incomplete, Nonsense, Unauthorized
from hubv1.api.names import Repository
from hubv1.hub.credentials import Basic
from hubv1.hub.inquiry import Inquiry
from hubv1.hub.logins import LOCKED_SECONDS
from hubv1.hub.messages import Reply
from hubv1.hub.reading import value_of
from hubv1.hub.upstream import Upstream

MOST_PAGES = 100
"""Docker's registry gives all in one; others may page."""

_MOST_USERS = 2_000
_DOCKERS_TOKEN_HOST = "auth.docker.io"  # noqa: S105  # a host
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')


class _TagList(msgspec.Struct):
    tags: list[str] | None
    """null where a repository has none."""


class _Token(msgspec.Struct):
    token: str = ""
    access_token: str = ""
    """The same by its OAuth name."""


_read_tag_list = msgspec.json.Decoder(_TagList).decode
_read_token = msgspec.json.Decoder(_Token).decode


class Registry:
    """Reads the tag lists of a registry."""

    def __init__(self, url: str, upstream: Upstream) -> None:
        """`url` is where the registry API is."""
        self._url = URL(url.rstrip("/"))
        self._upstream = upstream
        self._is_accepted: TTLCache[Basic, bool] = TTLCache(_MOST_USERS, LOCKED_SECONDS)
        self._turns: WeakValueDictionary[Basic, asyncio.Lock] = WeakValueDictionary()

    async def tag_names(self, repository: Repository, inquiry: Inquiry) -> set[str]:
        """The names of all tags; raises a HubFailure where they cannot all be had."""
        path = f"/v2/{repository}/tags/list"
        authorization: dict[str, str] = {}
        names: set[str] = set()
        url = str(self._url) + path
        for _ in range(MOST_PAGES):
            reply = await self._page(url, repository, authorization, inquiry)
            names.update(value_of(reply, _read_tag_list, self._upstream.via).tags or ())
            following = self._following(reply, path)
            if following is None:
                return names
            url = following
        raise Incomplete(f"the registry's list of {repository} has more than {MOST_PAGES} pages")

    async def _page(
        self, url: str, repository: Repository, authorization: dict[str, str], inquiry: Inquiry
    ) -> Reply:
        """One list; `authorization` is renewed where the registry challenges it."""
        reply = await self._upstream.get(url, inquiry, authorization)
        if reply.status != 401:
            return reply
        token = await self._token(repository, reply, inquiry)
        authorization["Authorization"] = f"Bearer {token}"
        return await self._upstream.get(url, inquiry, authorization)

    async def _token(self, repository: Repository, refusal: Reply, inquiry: Inquiry) -> str:
        """What the registry's challenge asks for."""
        challenge = dict(_parameters(refusal.headers.get("WWW-Authenticate", "")))
        realm = self._checked_realm(challenge.get("realm", ""))
        query = {
            "service": challenge.get("service", ""),
            "scope": f"repository:{repository}:pull",
        }
        reply = await self._asked(str(realm.with_query(query)), inquiry)
        token = value_of(reply, _read_token, self._upstream.via)
        return token.token or token.access_token

    async def _asked(self, url: str, inquiry: Inquiry) -> Reply:
        """The token service's reply; it counts logins that fail, so none of them is repeated."""
        given = inquiry.credentials
        if not isinstance(given, Basic):
            return await self._upstream.get(url, inquiry)
        # The first one goes ahead, so that many calls at once do not all fail.
        lane = f"registry login {given.user.lower()}"
        async with self._turns.setdefault(given, asyncio.Lock()):
            if given not in self._is_accepted:
                reply = await self._upstream.get(url, inquiry, _basic(given), lane)
                self._is_accepted[given] = reply.status not in (401, 403)
                return reply
        if not self._is_accepted.get(given, True):
            raise Unauthorized("the registry's token service rejected this secret before")
        reply = await self._upstream.get(url, inquiry, _basic(given), lane)
        if reply.status in (401, 403):
            self._is_accepted[given] = False
        return reply

    def _checked_realm(self, realm: str) -> URL:
        """The token service, which must be the registry's own host or Docker's known one.

        A registry that names another would have credentials sent there.
        """
        try:
            url = URL(realm)
        except ValueError:
            url = URL()
        own = url.host == self._url.host and url.scheme == self._url.scheme
        if own or (url.host == _DOCKERS_TOKEN_HOST and url.scheme == "https"):
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
            is_here = link.origin() == here.origin() and link.raw_path == here.raw_path
        except ValueError:
            is_here = False
        if not is_here:
            raise Nonsense(f"{self._url} continues its list of tags at another place")
        return str(link)


def _basic(given: Basic) -> Mapping[str, str]:
    """For a private repository. A token of Hub's means nothing to the registry."""
    pair = b64encode(f"{given.user}:{given.secret}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def _parameters(challenge: str) -> Iterator[tuple[str, str]]:
    """The parameters of a Bearer challenge; nothing where it is another."""
    scheme, _, rest = challenge.partition(" ")
    if scheme.lower() == "bearer":
        yield from _PARAMETER.findall(rest)
