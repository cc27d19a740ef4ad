"""One answer for equal calls: for those that wait at the same time, for some seconds after, and
for longer while Hub is down.

Equal calls ask for the same thing with the same credentials. Only complete answers are cached. A
404 never is: a pipeline that checks, pushes and checks again must not get the answer to its first
check.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from math import floor
from mmap import mmap
from typing import Any, NamedTuple

from cachetools import TTLCache

from hubv1.api.names import Repository
from hubv1.api.routes import Call, Listing
from hubv1.calls import Result
from hubv1.hub import ANONYMOUS, LONGEST_SECRET, Credentials
from hubv1.turns import Steps, in_turns

MOST_BYTES = 64 * 1024 * 1024  # of all cached answers
STALE_SECONDS = 3_600  # the greatest age of an answer that is given while Hub is down

_REFUSALS = {401: "unauthorized", 403: "forbidden", 404: "not_found"}
_MOST_REFUSALS = 10_000
_OVERHEAD_BYTES = 1_000  # roughly the memory of an answer besides its body
_LONG_BYTES = 64 * 1024  # of a body: a mapping takes whole pages and a few microseconds

View = tuple[Credentials, Repository | None]
"""A repository as seen with some credentials; None for all repositories."""


class _Key(NamedTuple):
    """What makes calls equal."""

    credentials: Credentials
    repository: Repository | None
    listing: Listing | None
    tag: str | None = None
    target: str = ""

    @property
    def view(self) -> View:
        return self.credentials, self.repository


def _key(call: Call, credentials: Credentials) -> _Key:
    return _Key(credentials, call.repository, call.route.listing, call.tag, call.target)


class CachedAnswer(NamedTuple):
    """A cached answer; its times are those of the monotonic clock."""

    result: Result  # without the body of its answer
    body: bytes | mmap
    """A long body has a mapping of its own, which goes back to the system with it. Otherwise, when
    many short answers replace long ones, malloc keeps the memory: `scripts/bench memory` then
    measures 0.8 MB for each thousand calls."""
    size: int  # estimated bytes of memory
    asked_at: float
    given_at: float

    def reuse(self, **changes: Any) -> Result:  # noqa: ANN401  # as dataclasses.replace has them
        """The result with its present age and with these changes."""
        answer = replace(self.result.answer, body=self.body[:])
        age = int(time.monotonic() - self.given_at)
        return replace(self.result, answer=answer, age=age, **changes)


@dataclass(slots=True)
class _Flight:
    """A call that is under way for one or several callers."""

    task: asyncio.Future[Result] = field(init=False)
    waiting: int = 0  # callers that wait for it
    is_overtaken: bool = False  # whether Hub has answered 404 since it began


class RefusedSince(TTLCache[View, float]):
    """The times, by the monotonic clock, when Hub last refused a view.

    An entry that is evicted for want of room makes every older answer count as refused.
    """

    forgotten = 0.0

    def popitem(self) -> tuple[View, float]:
        """Evict the oldest entry."""
        view, at = super().popitem()
        self.forgotten = max(self.forgotten, at)
        return view, at

    def note(self, credentials: Credentials, repository: Repository | None) -> None:
        """Note a refusal now; `repository` is None if the credentials themselves were refused."""
        self[credentials, repository] = time.monotonic()

    def last(self, credentials: Credentials, repository: Repository | None) -> float:
        """The time of the last refusal of this view or of all repositories, or a later one if it
        was evicted."""
        views = (credentials, repository), (credentials, None)
        return max(self.forgotten, *(self.get(view, 0.0) for view in views))


class AnswerCache:
    """The answers that are under way, and those that are cached."""

    def __init__(self, seconds: int) -> None:
        """Reuse complete answers for that many seconds; 0 turns the cache off."""
        self._seconds = seconds
        longest = max(seconds, STALE_SECONDS)
        self._cached: TTLCache[_Key, CachedAnswer] = TTLCache(
            MOST_BYTES if seconds else 0, longest, getsizeof=lambda cached: cached.size
        )
        self._refused = RefusedSince(_MOST_REFUSALS, longest)
        """Refusals that end the use of every earlier answer."""
        self._absent = RefusedSince(_MOST_REFUSALS, longest)
        """404s of a tag or a repository, which end the use of stale answers alone."""
        self._flights: dict[_Key, _Flight] = {}

    def fresh(self, call: Call, credentials: Credentials = ANONYMOUS) -> Result | None:
        """The cached answer for `call`; None if there is none, or it is stale."""
        cached = self._usable(_key(call, credentials))
        if cached is None or self._seconds_left(cached) <= 0:
            return None
        return cached.reuse(upstream_calls=0, cache="hit")

    async def answer(
        self,
        call: Call,
        ask: Callable[[], Awaitable[Result]],
        credentials: Credentials = ANONYMOUS,
    ) -> Result:
        """The cached answer for `call`, that of an equal call under way, or the result of `ask`."""
        if not call.is_possible:
            return await ask()  # which needs no request
        if cached := self.fresh(call, credentials):
            return cached
        key = _key(call, credentials)
        flight = self._flights.get(key)
        if flight is not None:
            result = await self._join(key, flight)
            cache = "stale" if result.cache == "stale" else "collapsed"
            return replace(result, upstream_calls=0, cache=cache)
        flight = self._flights[key] = _Flight()
        # The flight is in the table before its task, which mitmproxy starts eagerly.
        flight.task = asyncio.ensure_future(self._fly(key, flight, ask))
        return await self._join(key, flight)

    async def _fly(
        self, key: _Key, flight: _Flight, ask: Callable[[], Awaitable[Result]]
    ) -> Result:
        began = time.monotonic()
        result = await ask()
        if key.listing is Listing.PAGE:
            # A walk asks for each page of Hub's once, so caching it would only evict others.
            return replace(result, cache="bypass")
        self._note_refusal(key, result)
        if self._seconds and result.is_complete:
            body = await in_turns(_mapped(result.answer.body))
            if not flight.is_overtaken:
                self._keep(key, result, body, began)
        cached = self._usable(key) if result.error_type == "unreachable" else None
        if cached is None or cached.asked_at <= self._absent.last(*key.view):
            return replace(result, cache="miss" if self._seconds else "bypass")
        return cached.reuse(
            cache="stale",
            freshness=floor(self._seconds_left(cached)),
            error_type=result.error_type,
            error=result.error,
            upstream_calls=result.upstream_calls,
        )

    def _keep(self, key: _Key, result: Result, body: bytes | mmap, asked_at: float) -> None:
        size = len(body) + _OVERHEAD_BYTES + LONGEST_SECRET * (key.credentials != ANONYMOUS)
        if size <= self._cached.maxsize:
            bare = replace(result, answer=replace(result.answer, body=b""))
            self._cached[key] = CachedAnswer(bare, body, size, asked_at, time.monotonic())

    def _usable(self, key: _Key) -> CachedAnswer | None:
        """The cached answer, unless Hub has refused the view since the answer was requested."""
        cached = self._cached.get(key)
        return cached if cached and cached.asked_at > self._refused.last(*key.view) else None

    def _seconds_left(self, cached: CachedAnswer) -> float:
        """The seconds until the answer is stale; negative for a stale one."""
        return cached.given_at + self._seconds - time.monotonic()

    def _note_refusal(self, key: _Key, result: Result) -> None:
        """Let no answer from before a 401, 403 or 404 be given after it, even if Hub is down."""
        refusal = result.refused or _REFUSALS.get(result.answer.status, "")
        if not refusal:
            return
        if refusal == "unauthorized" and key.credentials != ANONYMOUS:
            self._refused.note(key.credentials, None)
        elif result.error_type or key.listing is not Listing.TAG:
            self._refused.note(*key.view)
        else:
            self._note_absence(key)

    def _note_absence(self, key: _Key) -> None:
        """Note that one tag is missing, which its caller may have got as a 401.

        It may be that tag alone, so fresh answers for other tags stay usable. It may also be that
        the whole repository was withdrawn, so none of them is given while Hub is down.
        """
        self._absent.note(*key.view)
        for gone in (key, _Key(*key.view, Listing.TAGS), _Key(*key.view, Listing.IMAGES)):
            self._cached.pop(gone, None)
            if gone in self._flights:
                self._flights[gone].is_overtaken = True

    async def _join(self, key: _Key, flight: _Flight) -> Result:
        flight.waiting += 1
        try:
            # A caller that leaves must not take the answer away from the others.
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                # Nobody waits any more, so the work can stop.
                if self._flights.get(key) is flight:
                    del self._flights[key]
                flight.task.cancel()


def _mapped(body: bytes) -> Steps[bytes | mmap]:
    """The body for the cache: a long one in a mapping of its own."""
    if len(body) < _LONG_BYTES:
        return body
    mapping = mmap(-1, len(body))
    for start in range(0, len(body), _LONG_BYTES):
        mapping.write(body[start : start + _LONG_BYTES])
        yield
    return mapping
