"""All tag names of a repository at once, from the registry API.

If Hub's pages are many, end early for anonymous callers, or are out of reach, the registry gives
the same names in one list: the OCI distribution API, with Docker's token service in front.
"""

import re
from collections.abc import Awaitable
from dataclasses import dataclass
from functools import partial
from urllib.parse import urljoin

import msgspec
from yarl import URL

from hubv1.api.names import Repository, odd_tag
from hubv1.api.v2 import MOST_TAGS, HubFailure, Incomplete, Nonsense, TooLong
from hubv1.hub.auth import Logins, checked_token
from hubv1.hub.credentials import ANONYMOUS, Basic, Credentials
from hubv1.hub.exchange import Reply, Request, RequestBudget
from hubv1.hub.http import Transport
from hubv1.turns import Steps, each_once, in_turns, pieces

MOST_PAGES = 100  # of one list: Docker's registry gives the whole list at once, others may page

_DOCKERS_TOKEN_SERVICE = URL("https://auth.docker.io")
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')


class _TagList(msgspec.Struct):
    tags: list[str] | None  # null for a repository without tags


class _Token(msgspec.Struct):
    token: str = ""
    access_token: str = ""  # the token by its name in OAuth 2.0


@dataclass(frozen=True, slots=True)
class _Challenge:
    """The token service that the registry names in a 401."""

    realm: URL  # checked to be one that may be asked
    service: str


_read_tag_list = msgspec.json.Decoder(_TagList).decode
_read_token = msgspec.json.Decoder(_Token).decode


class Registry:
    """Reads the tag lists of a registry."""

    def __init__(self, url: str, transport: Transport) -> None:
        """`url` is the base URL of the registry API."""
        self._url = URL(url.rstrip("/"))
        self._transport = transport
        self._logins = Logins("the registry's token service")
        self._challenge: _Challenge | None = None
        """The last one from the registry, which spares the next caller the 401."""

    async def token(self, repository: Repository, budget: RequestBudget) -> Credentials:
        """A token for the list; anonymous as long as the registry has sent no challenge."""
        if self._challenge is None:
            return ANONYMOUS
        try:
            return await self._token(repository, self._challenge, budget)
        except HubFailure:
            self._challenge = None  # the registry may name another service by now
            raise

    async def tag_names(
        self,
        repository: Repository,
        budget: RequestBudget,
        token: Awaitable[Credentials] | None = None,
    ) -> list[str]:
        """The names of all tags, each once; raises a HubFailure if it cannot get them all.

        `token` is the result of the method `token`, if that was called early.
        """
        first = URL(f"{self._url}/v2/{repository}/tags/list")
        shown = await (token or self.token(repository, budget))
        is_new = shown != ANONYMOUS
        names: list[str] = []
        url = str(first)
        for _ in range(MOST_PAGES):
            reply, shown = await self._page(url, repository, shown, budget, is_new=is_new)
            is_new = False
            with self._transport.reading(reply, budget) as body:
                names += await in_turns(self._read(body, budget))
            if len(names) > MOST_TAGS:
                raise TooLong(f"the registry lists more than {MOST_TAGS:,} tags of {repository}")
            link = _NEXT.search(reply.headers.get("Link", ""))
            if link is None:
                return await in_turns(each_once(names))
            url = self._following(first, link[1])
        raise Incomplete(f"the registry's list of {repository} has more than {MOST_PAGES} pages")

    def close(self) -> None:
        """Cancel the logins that are under way."""
        self._logins.close()

    def _read(self, body: bytes, budget: RequestBudget) -> Steps[list[str]]:
        # Each name has two quotes, so a list that is far too long is refused undecoded.
        if body.count(b'"') > 2 * MOST_TAGS + 100:
            raise TooLong(f"the registry lists more than {MOST_TAGS:,} tags")
        yield
        names = _read_tag_list(body).tags or []
        yield
        for some in pieces(names):
            odd = odd_tag(some)
            if odd is not None:
                shown = self._transport.masked(odd, budget)
                raise Nonsense(f"the registry lists a tag that cannot be one: {shown}")
            yield
        return names

    async def _page(
        self,
        url: str,
        repository: Repository,
        token: Credentials,
        budget: RequestBudget,
        *,
        is_new: bool,
    ) -> tuple[Reply, Credentials]:
        """One page of the list, and the token that opened it: another one after a challenge."""
        request = Request("GET", url, token, is_list=True)
        reply = await self._transport.fetch(request, budget)
        if reply.status != 401:
            return reply, token
        challenge = self._read_challenge(reply)
        if is_new and challenge == self._challenge:
            return reply, token  # another token would be no better
        self._challenge = None
        token = await self._token(repository, challenge, budget)
        request = Request("GET", url, token, is_list=True)
        reply = await self._transport.fetch(request, budget)
        if reply.status == 200:
            self._challenge = challenge
        return reply, token

    def _read_challenge(self, refusal: Reply) -> _Challenge:
        scheme, _, rest = refusal.headers.get("WWW-Authenticate", "").partition(" ")
        found = dict(_PARAMETER.findall(rest)) if scheme.lower() == "bearer" else {}
        return _Challenge(self._checked_realm(found.get("realm", "")), found.get("service", ""))

    async def _token(
        self, repository: Repository, challenge: _Challenge, budget: RequestBudget
    ) -> Credentials:
        """A token from the service of a challenge, for the caller's own credentials."""
        scope = f"repository:{repository}:pull"
        query = {"service": challenge.service, "scope": scope}
        realm = str(challenge.realm.with_query(query))
        given = budget.credentials
        if isinstance(given, Basic):
            request = Request("GET", realm, given, f"registry login {given.user.lower()}")
            login = partial(self._login, request, given, budget)
            # Only the first of simultaneous calls tries a secret, lest all of them fail with it.
            first = await self._logins.run(given, self._logins.accepted.get, login)
            reply = first if isinstance(first, Reply) else await login()
        else:  # the registry does not accept a token of Hub's
            reply = await self._transport.fetch(Request("GET", realm), budget)
        found = self._transport.decode(reply, _read_token, budget)
        return checked_token(found.token or found.access_token, reply)

    async def _login(self, request: Request, given: Basic, budget: RequestBudget) -> Reply:
        reply = await self._transport.fetch(request, budget)
        if reply.status in (401, 403):
            self._logins.reject(given)
        else:
            self._logins.accept(given)
        return reply

    def _checked_realm(self, realm: str) -> URL:
        """The URL of the token service, which must be at the registry's own origin or at Docker's.

        Otherwise a registry could have credentials sent anywhere.
        """
        try:
            url = URL(realm)
        except ValueError:
            url = URL()
        trusted = (_origin(self._url), _origin(_DOCKERS_TOKEN_SERVICE))
        if url.host and url.user is None and _origin(url) in trusted:
            return url
        raise Nonsense(f"{self._url} names a token service that is neither its own nor Docker's")

    def _following(self, first: URL, link: str) -> str:
        """The URL of the next page; a Link may lead to another page, but to no other host."""
        try:
            url = URL(urljoin(str(first), link), encoded=True)
            is_here = _origin(url) == _origin(first) and url.raw_path == first.raw_path
        except ValueError:
            url, is_here = first, False
        if not is_here or url.user is not None:
            raise Nonsense(f"{self._url} continues its list of tags at another URL")
        return str(url)


def _origin(url: URL) -> tuple[str, str | None, int | None]:
    return url.scheme, url.host, url.port
