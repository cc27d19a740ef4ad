"""What goes to Docker's hosts and comes back, and the budget of the call that it is for."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from hubv1.hub.credentials import (
    ANONYMOUS,
    Anonymous,
    Basic,
    Credentials,
    forms_of,
    read_credentials,
)

LONGEST_SILENCE = 10
"""Seconds that a host may say nothing before it is asked again."""

Key = tuple[str, object]
"""Whom a request is for, in one respect: `("repository", "library/debian")`."""


class Room:
    """What something large takes of the memory that all share, until it is given back."""

    __slots__ = ("_places",)

    def __init__(self) -> None:
        """Nothing yet."""
        self._places: dict[str, Callable[[], None]] = {}

    def __contains__(self, place: str) -> bool:
        return place in self._places

    def add(self, place: str, give_back: Callable[[], None]) -> None:
        """One more place, and how to give it back."""
        self._places[place] = give_back

    def free(self) -> None:
        """Give everything back."""
        while self._places:
            self._places.popitem()[1]()


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask; headers and body may hold secrets."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: Mapping[str, str] | None = field(default=None, repr=False)
    """To be sent as JSON."""
    is_list: bool = False
    """Whether the answer may be a very long list, which stays in memory to the end of the call."""

    @property
    def credentials(self) -> Iterator[Credentials]:
        """Those that are sent with it."""
        if self.body is not None:
            yield Basic(self.body.get("identifier", ""), self.body.get("secret", ""))
        if authorization := self.headers.get("Authorization", ""):
            yield read_credentials(authorization)

    @property
    def place(self) -> str:
        """The URL without its query, as it may be shown."""
        return self.url.partition("?")[0]


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
    """What a long body takes."""


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

    @property
    def secrets(self) -> frozenset[str]:
        """All that the reply may repeat and nobody may see, in all forms."""
        return self.own_secrets | forms_of(self.credentials, *self.request.credentials)


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
    """How long the caller waits at most, from now."""
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
    images: int = 0
    """How many were read so far, of all tags together."""
    with_account: bool = False
    """Whether Hub refuses further pages to the caller, so that the bridge's account reads them."""
    _began: float = field(default_factory=time.monotonic, init=False)
    _ends: float = field(init=False)
    _limit: asyncio.Timeout | None = field(default=None, init=False, repr=False)
    """Of the part of the time that is being spent."""
    room: Room = field(default_factory=Room, init=False, repr=False)
    """What is needed until the answer is made."""

    def __post_init__(self) -> None:
        """The time runs from now."""
        self._ends = self._began + self.seconds

    @property
    def seconds_left(self) -> float:
        """Until the caller stops waiting, or the part of its time ends that is being spent."""
        return self._ends - time.monotonic()

    @property
    def longest_silence(self) -> float:
        """Seconds; half of the time to spend at most, so that there is a second try."""
        return min(LONGEST_SILENCE, (self._ends - self._began) / 2)

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
        began, ends, limit = self._began, self._ends, self._limit
        self._began = time.monotonic()
        self._ends = min(self._began + seconds, ends)
        try:
            async with asyncio.timeout(self._ends - self._began) as self._limit:
                yield
        finally:
            self._began, self._ends, self._limit = began, ends, limit

    @contextmanager
    def waiting_for_others(self) -> Iterator[None]:
        """Let the time of a part stand still: it is other calls that this one waits for."""
        limit, began = self._limit, time.monotonic()
        until = limit.when() if limit is not None else None
        if limit is None or until is None or limit.expired():
            yield
            return
        limit.reschedule(None)
        try:
            yield
        finally:
            waited = time.monotonic() - began
            self._began += waited
            self._ends += waited
            limit.reschedule(until + waited)
