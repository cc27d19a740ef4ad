"""Requests to Docker's hosts, their replies, and the budget of the call that needs them."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from hubv1.api.names import Repository
from hubv1.api.v2 import PAGE_SIZE
from hubv1.hub.credentials import ANONYMOUS, Anonymous, Basic, Credentials, forms_of, repeats

LONGEST_SILENCE = 10  # seconds that a host may stay silent before the request is tried again
LONGEST_PAUSE = 10
"""Seconds that a caller may have to wait for a host; a longer wait is refused at once."""

Key = tuple[str, object]
"""Whom a request is for, in one respect: `("repository", "library/debian")`."""


class Room(dict[object, Callable[[], None]]):
    """Shares of semaphores that a large answer holds; each value releases the share of its key."""

    def free(self) -> None:
        """Release every share."""
        while self:
            self.popitem()[1]()


@dataclass(frozen=True, slots=True)
class Request:
    """A GET, or a POST that signs in."""

    method: str
    url: str
    credentials: Credentials = ANONYMOUS  # sent in the header, or in the body of a POST
    scope: str = ""  # what a 429 limits if not the whole host, such as one user's logins
    is_list: bool = False
    """Whether the answer may be a very long list, which stays in memory to the end of the call."""

    @property
    def shown_url(self) -> str:
        """The URL without its query, fit to be shown."""
        return self.url.partition("?")[0]

    @property
    def origin(self) -> str:
        """Scheme, host and port of the URL."""
        return "/".join(self.url.split("/", 3)[:3])

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of this request alone."""
        is_signed = self.method == "GET" and self.credentials.header
        return {"Authorization": self.credentials.header} if is_signed else {}

    @property
    def body(self) -> Mapping[str, str] | None:
        """The members of the JSON body; None for a GET."""
        given = self.credentials
        if self.method == "POST" and isinstance(given, Basic):
            return {"identifier": given.user, "secret": given.secret}
        return None


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, read to its end."""

    url: str  # of the request, without its query
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    """Decoded; it may be a token. For a status other than 200 only the beginning."""
    room: Room = field(default_factory=Room, repr=False, compare=False)
    """The shared memory that a long body takes up."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its outcome, for an observer; it holds secrets."""

    request: Request
    headers: Mapping[str, str] = field(repr=False)  # all headers that were sent
    reply: Reply | None
    error: str  # why there is no reply
    credentials: Credentials  # the caller's
    own_secrets: frozenset[str] = field(repr=False)  # the bridge's own, in all their forms
    started_at: float  # unix time, like the next
    ended_at: float

    def is_secret(self, text: str) -> bool:
        """Whether a text of the reply repeats a secret."""
        sent = forms_of(self.credentials, self.request.credentials)
        return repeats(text, self.own_secrets | sent)


class Observer(Protocol):
    """Is called with each exchange that has ended, while it is on."""

    is_on: bool

    def __call__(self, exchange: Exchange) -> None:
        """Look at the exchange."""


@dataclass(slots=True)
class RequestBudget:
    """Whom a call asks Docker's hosts for, how long it may take, and what it has spent so far."""

    credentials: Credentials = field(default=ANONYMOUS, repr=False)
    seconds: float = 30  # how long the caller waits, or the current part of the work may take
    caller: str = ""  # the caller's name, if it is known
    repository: str = ""  # what the call is about; the client fills it in
    upstream_calls: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    """The number of requests by method, URL without query, and status."""
    source: str = ""  # `hub`, `registry` or `account`, as in CallRecord
    tags_listed: int | None = None
    """The number of the repository's tags, as Hub counts or the registry lists them."""
    refused: str = ""
    """`unauthorized`, `forbidden` or `not_found` if Hub was out of reach and the registry refused
    the caller."""
    trouble: str = ""  # the last failure on the way, even if a later attempt succeeded
    room: Room = field(default_factory=Room, init=False, repr=False)
    """The shared memory that the call holds until its answer is made."""
    _ends: float = field(init=False)

    def __post_init__(self) -> None:
        """Start the clock."""
        self._ends = time.monotonic() + self.seconds

    @property
    def seconds_left(self) -> float:
        """Seconds until the caller stops waiting, or the current part of the work must end."""
        return self._ends - time.monotonic()

    @property
    def longest_silence(self) -> float:
        """Seconds to wait for a silent host: at most half of the time, to leave a second try."""
        return min(LONGEST_SILENCE, self.seconds / 2)

    @property
    def longest_pause(self) -> float:
        """Seconds that this caller can wait for a host and still have time for its answer."""
        return min(LONGEST_PAUSE, self.seconds_left / 2)

    @property
    def keys(self) -> tuple[Key, ...]:
        """What the call counts against when connections and memory are shared out fairly.

        Anonymous callers are many, so they have no key for their credentials.
        """
        keys: list[Key] = [("repository", self.repository)] if self.repository else []
        if not isinstance(self.credentials, Anonymous):
            keys.append(("credentials", self.credentials))
        if self.caller:
            keys.append(("caller", self.caller))
        return tuple(keys)

    @asynccontextmanager
    async def within(self, seconds: float) -> AsyncIterator[None]:
        """Limit part of the work to so many seconds of those left; raises TimeoutError."""
        before = self.seconds, self._ends
        self.seconds = min(seconds, self.seconds_left)
        self._ends = time.monotonic() + self.seconds
        try:
            async with asyncio.timeout(self.seconds):
                yield
        finally:
            self.seconds, self._ends = before


def retrieve_exception(task: asyncio.Future[Any]) -> None:
    """Spare the log asyncio's complaint that nobody retrieved the exception of a task."""
    if not task.cancelled():
        task.exception()


def page_path(repository: Repository, number: int, size: int = PAGE_SIZE) -> str:
    """The path and query of a page of a repository's tags."""
    return f"{tags_path(repository)}?page_size={size}&page={number}"


def tags_path(repository: Repository) -> str:
    """The path of a repository's tags in API v2."""
    return f"/v2/namespaces/{repository.namespace}/repositories/{repository.name}/tags"
