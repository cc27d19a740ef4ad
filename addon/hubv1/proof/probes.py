"""Requests that show how Docker's hosts answer: read-only, few, with pauses, and each made once."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import msgspec

from hubv1.api.v2 import HubFailure, RateLimited
from hubv1.hub import (
    ANONYMOUS,
    Basic,
    Reply,
    Request,
    RequestBudget,
    Transport,
    read_credentials,
)
from hubv1.listen import is_loopback

MOST_CALLS = 40
SECONDS = 55.0
"""The time limit for all requests together."""
PACE = 0.25
"""Seconds between requests."""
LONGEST_WAIT = 10
"""The longest wait, in seconds, before a host that answered 429 is asked again."""

SMALL = "library/hello-world"
"""A repository with few tags that Docker keeps for such tests."""
LARGE = "library/php"
"""A repository with fifteen times as many tags as anonymous callers may page through."""

_MOST_SILENCES = 2
_SHOWN = 160

Json = dict[str, object]


class NotAsked(Exception):
    """A question could not be asked, or was not answered; the message says why."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """URLs of Docker's hosts, without a slash at the end."""

    hub: str = "https://hub.docker.com"
    registry: str = "https://registry-1.docker.io"
    index: str = "https://index.docker.io"
    """The oldest legacy host, which is also a registry."""

    @property
    def are_here(self) -> bool:
        """Whether they are on this machine, so that no rate limit applies."""
        return is_loopback(urlsplit(self.hub).hostname or "")


DOCKERS = Hosts()


@dataclass(slots=True)
class Probes:
    """Asks each question at most once, and no longer asks a host that limits its rate."""

    hosts: Hosts
    transport: Transport
    account: Basic | None = None
    pace: float = PACE
    seconds: float = SECONDS
    replies: list[Reply] = field(default_factory=list, init=False)
    """All replies in order."""
    calls: int = field(default=0, init=False)
    _known: dict[Request, Reply | NotAsked] = field(default_factory=dict, init=False)
    _silences: Counter[str] = field(default_factory=Counter, init=False)
    _left_alone: dict[str, str] = field(default_factory=dict, init=False)
    _until: float = field(init=False)

    def __post_init__(self) -> None:
        """Start the clock."""
        self._until = time.monotonic() + self.seconds

    async def hub(self, path: str, token: str = "") -> Reply:
        """Docker Hub's reply."""
        return await self.get(self.hosts.hub + path, token)

    async def registry(self, path: str, token: str = "") -> Reply:
        """The registry's reply."""
        return await self.get(self.hosts.registry + path, token)

    async def index(self, path: str) -> Reply:
        """The reply of index.docker.io."""
        return await self.get(self.hosts.index + path)

    async def get(self, url: str, token: str = "") -> Reply:
        """The reply to a GET of any status, perhaps with a Bearer token. Raises NotAsked."""
        given = read_credentials(f"Bearer {token}") if token else ANONYMOUS
        return await self._once(Request("GET", url, given, is_list=True))

    async def login(self) -> Reply:
        """Hub's reply to the login of the account, the only POST. Raises NotAsked."""
        if self.account is None:
            raise NotAsked("it takes an account: --username NAME")
        url = f"{self.hosts.hub}/v2/auth/token"
        return await self._once(Request("POST", url, self.account))

    async def token(self) -> str:
        """Hub's token for the account. Raises NotAsked."""
        reply = await self.login()
        token = json_of(reply).get("access_token")
        if reply.status != 200 or not isinstance(token, str):
            raise NotAsked(f"the login answered {reply.status}")
        return token

    async def _once(self, request: Request) -> Reply:
        if request not in self._known:
            try:
                self._known[request] = await self._asked(request)
            except NotAsked as reason:
                self._known[request] = reason
        known = self._known[request]
        if isinstance(known, NotAsked):
            raise known
        return known

    async def _asked(self, request: Request) -> Reply:
        reply = await self._sent(request)
        if reply.status == 429:
            limit = self.transport.failure_of(reply, RequestBudget())
            wait = limit.seconds if isinstance(limit, RateLimited) else LONGEST_WAIT
            if wait <= LONGEST_WAIT:
                await asyncio.sleep(wait)
                reply = await self._sent(request)
            if reply.status == 429:
                self._left_alone[_host(request.url)] = f"it limits the rate of requests ({wait} s)"
                raise NotAsked(self._left_alone[_host(request.url)])
        return reply

    async def _sent(self, request: Request) -> Reply:
        host, left = _host(request.url), self._until - time.monotonic()
        if host in self._left_alone:
            raise NotAsked(self._left_alone[host])
        if self.calls >= MOST_CALLS:
            raise NotAsked(f"{MOST_CALLS} requests are all that are made")
        if left <= self.pace:
            raise NotAsked(f"the time was over ({self.seconds:g} s)")
        if self.calls:
            await asyncio.sleep(self.pace)
        self.calls += 1
        budget = RequestBudget(seconds=left)
        try:
            async with asyncio.timeout(left):
                reply = await self.transport.send(request, budget)
        except (HubFailure, TimeoutError) as failure:
            self._silences[host] += 1
            if self._silences[host] >= _MOST_SILENCES:
                self._left_alone[host] = "it gave no answer before"
            raise NotAsked(str(failure) or "no answer in time") from failure
        finally:
            budget.room.free()
        self.replies.append(reply)
        return reply

    def shown(self, reply: Reply) -> str:
        """A reply for people: its status and the beginning of its body, without secrets."""
        body = " ".join(reply.body[:_SHOWN].decode("utf-8", "backslashreplace").split())
        budget = RequestBudget(self.account) if self.account else RequestBudget()
        return f"{reply.status} {self.transport.masked(body, budget)}".strip()


def json_of(reply: Reply) -> Json:
    """The JSON object in a reply; empty if it has none."""
    try:
        found = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _host(url: str) -> str:
    return urlsplit(url).netloc
