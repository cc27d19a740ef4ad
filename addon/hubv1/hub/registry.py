"""All tag names of a repository at once, from the registry API.

Where Hub's pages are many, or end early for anonymous callers, the registry gives the same names
in one list: the OCI distribution API, with Docker's token service in front.
"""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urljoin

import msgspec
from yarl import URL

from hubv1.failures import Incomplete, Nonsense
from hubv1.hub.effort import Effort
from hubv1.hub.reading import value_of
from hubv1.hub.transport import Reply, Transport
from hubv1.names import Repository

MOST_PAGES = 100
"""Docker's registry gives all in one; others may page."""

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
    """Reads the tag lists of a registry, anonymously."""

    def __init__(self, url: str, transport: Transport) -> None:
        """`url` is where the registry API is."""
        self._url = URL(url.rstrip("/"))
        self._transport = transport

    async def tag_names(self, repository: Repository, effort: Effort) -> set[str]:
        """The names of all tags; raises a HubFailure where they cannot all be had."""
        path = f"/v2/{repository}/tags/list"
        reply = await self._get(str(self._url) + path, {}, effort)
        authorization: Mapping[str, str] = {}
        if reply.status == 401:
            authorization = await self._authorized(repository, reply, effort)
            reply = await self._get(str(self._url) + path, authorization, effort)
        names: set[str] = set()
        for _ in range(MOST_PAGES):
            names.update(value_of(reply, _read_tag_list, self._transport.via).tags or ())
            following = self._following(reply, path)
            if following is None:
                return names
            reply = await self._get(following, authorization, effort)
        raise Incomplete(f"the registry's list of {repository} has more than {MOST_PAGES} pages")

    async def _authorized(
        self, repository: Repository, refusal: Reply, effort: Effort
    ) -> Mapping[str, str]:
        """The header that the registry's challenge asks for."""
        challenge = dict(_parameters(refusal.headers.get("WWW-Authenticate", "")))
        realm = self._checked_realm(challenge.get("realm", ""))
        query = {
            "service": challenge.get("service", ""),
            "scope": f"repository:{repository}:pull",
        }
        reply = await self._get(str(realm.with_query(query)), {}, effort)
        token = value_of(reply, _read_token, self._transport.via)
        return {"Authorization": f"Bearer {token.token or token.access_token}"}

    def _checked_realm(self, realm: str) -> URL:
        """The token service, which must be the registry's own host or Docker's known one.

        A registry that names another would have tokens, and later credentials, sent there.
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

    async def _get(self, url: str, headers: Mapping[str, str], effort: Effort) -> Reply:
        return await self._transport.get(url, effort, headers)


def _parameters(challenge: str) -> Iterator[tuple[str, str]]:
    """The parameters of a Bearer challenge; nothing where it is another."""
    scheme, _, rest = challenge.partition(" ")
    if scheme.lower() == "bearer":
        yield from _PARAMETER.findall(rest)
