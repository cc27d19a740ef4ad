"""All tag names of a repository at once, from the registry API.

Where Hub's pages are many, end early for anonymous callers, or cannot be had, the registry gives
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

MOST_PAGES = 100
"""Docker's registry gives all in one; others may page."""

_DOCKERS_TOKEN_SERVICE = URL("https://auth.docker.io")
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')


class _TagList(msgspec.Struct):
    tags: list[str] | None
    """null where a repository has none."""


class _Token(msgspec.Struct):
    token: str = ""
    access_token: str = ""
    """The token under the name that OAuth 2.0 gives it."""


@dataclass(frozen=True, slots=True)
class _Challenge:
    """Where the registry says that tokens are to be had."""

    realm: URL
    """One that may be asked."""
    service: str


_read_tag_list = msgspec.json.Decoder(_TagList).decode
_read_token = msgspec.json.Decoder(_Token).decode


class Registry:
    """Reads the tag lists of a registry."""

    def __init__(self, url: str, transport: Transport) -> None:
        """`url` is where the registry API is."""
        self._url = URL(url.rstrip("/"))
        self._transport = transport
        self._logins = Logins("the registry's token service")
        self._challenge: _Challenge | None = None
        """The last that the registry gave, which spares the next caller the refusal."""

    @property
    def is_challenge_known(self) -> bool:
        """Whether it is known where a token is to be had."""
        return self._challenge is not None

    async def token(self, repository: Repository, budget: RequestBudget) -> Credentials:
        """What to ask for the list with: nothing as long as the registry has wanted nothing."""
        if self._challenge is None:
            return ANONYMOUS
        try:
            return await self._token(repository, self._challenge, budget)
        except HubFailure:
            self._challenge = None  # perhaps there is another by now
            raise

    async def tag_names(
        self,
        repository: Repository,
        budget: RequestBudget,
        token: Awaitable[Credentials] | None = None,
    ) -> list[str]:
        """The names of all tags, each once; raises a HubFailure where they cannot all be had.

        `token` is what `token` gives, where that was asked before.
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
        """End the logins that are under way."""
        self._logins.close()

    def _read(self, body: bytes, budget: RequestBudget) -> Steps[list[str]]:
        # A name has two quotes; beyond all bounds not even the decoding is worth it.
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
        """One list, and the token that it was read with: another one where it was challenged."""
        request = Request("GET", url, token, is_list=True)
        reply = await self._transport.fetch(request, budget)
        if reply.status != 401:
            return reply, token
        challenge = self._read_challenge(reply)
        if is_new and challenge == self._challenge:
            return reply, token  # the next would be no better
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
        """What the registry's challenge asks for, given what opens a private repository."""
        scope = f"repository:{repository}:pull"
        query = {"service": challenge.service, "scope": scope}
        realm = str(challenge.realm.with_query(query))
        given = budget.credentials
        if isinstance(given, Basic):
            request = Request("GET", realm, given, f"registry login {given.user.lower()}")
            login = partial(self._login, request, given, budget)
            # The first one goes ahead, so that many calls at once do not all fail.
            first = await self._logins.run(given, self._logins.is_accepted, login)
            reply = first if isinstance(first, Reply) else await login()
        else:  # a token of Hub's means nothing to it
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
        """The token service, which must have the registry's own origin or be Docker's known one.

        A registry that names another would have credentials sent there.
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
        """URL of the next page: a Link may say which page it is, but not on which host."""
        try:
            url = URL(urljoin(str(first), link), encoded=True)
            is_here = _origin(url) == _origin(first) and url.raw_path == first.raw_path
        except ValueError:
            url, is_here = first, False
        if not is_here or url.user is not None:
            raise Nonsense(f"{self._url} continues its list of tags at another place")
        return str(url)


def _origin(url: URL) -> tuple[str, str | None, int | None]:
    return url.scheme, url.host, url.port
