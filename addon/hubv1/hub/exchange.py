"""What goes to Docker's hosts and comes back, and the budget of the call that it is for."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from hubv1.hub.credentials import ANONYMOUS, Anonymous, Basic, Credentials, forms_of, repeats

LONGEST_SILENCE = 10
"""Seconds that a host may say nothing before it is asked again."""
LONGEST_PAUSE = 10
"""Seconds that a caller is let wait; where it would be longer, it is told so at once."""

Key = tuple[str, object]
"""Whom a request is for, in one respect: `("repository", "library/debian")`."""


class Room:
    """What something large takes of semaphores that all share, until it is given back."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        """Nothing yet."""
        self._held: dict[object, Callable[[], None]] = {}

    def __contains__(self, semaphore: object) -> bool:
        return semaphore in self._held

    def add(self, semaphore: object, give_back: Callable[[], None]) -> None:
        """Hold some of one more semaphore."""
        self._held[semaphore] = give_back

    def free(self) -> None:
        """Give everything back."""
        while self._held:
            self._held.popitem()[1]()


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask: a GET, or a POST that signs in."""

    method: str
    url: str
    credentials: Credentials = ANONYMOUS
    """Those in its header, or in the body of a POST."""
    scope: str = ""
    """What a 429 is about where that is not the whole host: a user, say."""
    is_list: bool = False
    """Whether the answer may be a very long list, which stays in memory to the end of the call."""

    @property
    def place(self) -> str:
        """The URL without its query, as it may be shown."""
        return self.url.partition("?")[0]

    @property
    def origin(self) -> str:
        """Scheme, host and port of the URL."""
        return "/".join(self.url.split("/", 3)[:3])

    @property
    def headers(self) -> Mapping[str, str]:
        """Those of this request alone."""
        is_signed = self.method == "GET" and self.credentials.header
        return {"Authorization": self.credentials.header} if is_signed else {}

    @property
    def body(self) -> Mapping[str, str] | None:
        """What is sent as JSON."""
        given = self.credentials
        if self.method == "POST" and isinstance(given, Basic):
            return {"identifier": given.user, "secret": given.secret}
        return None


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, read to its end."""

    url: str
    """Of the request, without its query."""
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    """Decoded; may be a token. Of an answer other than 200 only the beginning."""
    room: Room = field(default_factory=Room, repr=False, compare=False)
    """What a long body takes of the memory for all."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and what came of it, for an observer; it holds secrets."""

    request: Request
    headers: Mapping[str, str] = field(repr=False)
    """All that were sent."""
    reply: Reply | None
    error: str
    """Why there is no reply."""
    credentials: Credentials
    """Of whoever it was for."""
    own_secrets: frozenset[str] = field(repr=False)
    """The bridge's own, in all forms."""
    started_at: float
    ended_at: float
    """Unix times."""

    def is_secret(self, text: str) -> bool:
        """Whether a text of the reply repeats what nobody may see."""
        sent = forms_of(self.credentials, self.request.credentials)
        return repeats(text, self.own_secrets | sent)


class Observer(Protocol):
    """Is called with each exchange, as long as it is on."""

    is_on: bool

    def __call__(self, exchange: Exchange) -> None:
        """Look at an exchange that has ended."""


@dataclass(slots=True)
class RequestBudget:
    """For whom one call asks Docker's hosts, for how long, and what it has spent so far."""

    credentials: Credentials = field(default=ANONYMOUS, repr=False)
    seconds: float = 30
    """How long the caller waits, or the part of its time is that is being spent."""
    caller: str = ""
    """The name of whoever called, where that is known."""
    repository: str = ""
    """What the call is about; the client fills it in."""
    upstream_calls: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    """How often what was asked, with which status; URLs without their queries."""
    source: str = ""
    """Where the answer comes from: `hub`, `registry`, or `account` for pages that only the
    bridge's own account could read; empty as long as nobody was asked."""
    tags_listed: int | None = None
    """How many tags the repository has: as Hub counts them, or else the registry lists them. None
    where no list was asked for, or nobody gave a sensible number."""
    refused: str = ""
    """`unauthorized`, `forbidden` or `not_found` where Hub could not be asked and the registry
    refused the caller."""
    trouble: str = ""
    """The last thing that went wrong on the way, though it may have come right since."""
    room: Room = field(default_factory=Room, init=False, repr=False)
    """What is needed until the answer is made."""
    _ends: float = field(init=False)

    def __post_init__(self) -> None:
        """The time runs from now."""
        self._ends = time.monotonic() + self.seconds

    @property
    def seconds_left(self) -> float:
        """Until the caller stops waiting, or the part of its time ends that is being spent."""
        return self._ends - time.monotonic()

    @property
    def longest_silence(self) -> float:
        """Seconds; half of the time to spend at most, so that there is a second try."""
        return min(LONGEST_SILENCE, self.seconds / 2)

    @property
    def longest_pause(self) -> float:
        """Seconds that this caller can be let wait and have time left for its answer."""
        return min(LONGEST_PAUSE, self.seconds_left / 2)

    @property
    def keys(self) -> tuple[Key, ...]:
        """Those who must not take up everything for themselves. Anonymous callers are many."""
        keys: list[Key] = [("repository", self.repository)] if self.repository else []
        if not isinstance(self.credentials, Anonymous):
            keys.append(("credentials", self.credentials))
        if self.caller:
            keys.append(("caller", self.caller))
        return tuple(keys)

    @asynccontextmanager
    async def within(self, seconds: float) -> AsyncIterator[None]:
        """Spend no more than so many of the seconds that are left; raises TimeoutError."""
        before = self.seconds, self._ends
        self.seconds = min(seconds, self.seconds_left)
        self._ends = time.monotonic() + self.seconds
        try:
            async with asyncio.timeout(self.seconds):
                yield
        finally:
            self.seconds, self._ends = before
