"""One answer for equal calls: for those that wait at the same time, for some seconds after, and
for longer where Hub is down.

Equal calls are those for the same thing with the same credentials. Only complete answers are
kept. A 404 never is: a pipeline that checks, pushes and checks again must not meet the answer of
its first check.
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

MOST_BYTES = 64 * 1024 * 1024  # of all answers that are kept
STALE_SECONDS = 3_600  # age of the oldest answer that is shown where Hub is down

_REFUSALS = {401: "unauthorized", 403: "forbidden", 404: "not_found"}
_MOST_REFUSALS = 10_000
_OVERHEAD_BYTES = 1_000  # about what an answer takes besides its body
_LONG_BYTES = 64 * 1024  # of a body: a mapping takes whole pages and a few microseconds

Who = tuple[Credentials, Repository | None]
"""A repository in the eyes of somebody; None for all of them."""


class _Key(NamedTuple):
    """What makes calls equal."""

    credentials: Credentials
    repository: Repository | None
    listing: Listing | None
    tag: str | None = None
    target: str = ""

    @property
    def who(self) -> Who:
        return self.credentials, self.repository


def _key(call: Call, credentials: Credentials) -> _Key:
    return _Key(credentials, call.repository, call.route.listing, call.tag, call.target)


class CachedAnswer(NamedTuple):
    """An answer that is kept; its moments are those of the monotonic clock."""

    kept: Result  # without its body
    body: bytes | mmap
    """A long one has a mapping of its own, which goes back to the system with it. Where long
    answers give way to many short ones, what malloc keeps of them would stay with the process:
    `scripts/bench memory` then measures 0.8 MB for each thousand calls."""
    size: int  # what it is taken for, in bytes
    asked_at: float
    given_at: float

    def again(self, **changes: Any) -> Result:  # noqa: ANN401  # as dataclasses.replace has them
        """The answer as it was given, but for its age and these fields."""
        answer = replace(self.kept.answer, body=self.body[:])
        age = int(time.monotonic() - self.given_at)
        return replace(self.kept, answer=answer, age=age, **changes)


@dataclass(slots=True)
class _Flight:
    """A call that is under way, and how many wait for it."""

    task: asyncio.Future[Result] = field(init=False)
    waiting: int = 0
    is_overtaken: bool = False
    """Whether Hub has said since it began that what it asks for is not there any more."""


class RefusedSince(TTLCache[Who, float]):
    """When Hub last refused whom what, as moments of the monotonic clock.

    Where there are too many the oldest is forgotten, but not that there was one.
    """

    forgotten = 0.0

    def popitem(self) -> tuple[Who, float]:
        """Forget the oldest."""
        who, at = super().popitem()
        self.forgotten = max(self.forgotten, at)
        return who, at

    def note(self, credentials: Credentials, repository: Repository | None) -> None:
        """Just now; `repository` is None where the credentials themselves were refused."""
        self[credentials, repository] = time.monotonic()

    def last(self, credentials: Credentials, repository: Repository | None) -> float:
        """When this was refused, or something that includes it; later where that is not known."""
        whos = (credentials, repository), (credentials, None)
        return max(self.forgotten, *(self.get(who, 0.0) for who in whos))


class AnswerCache:
    """The answers under way and those kept."""

    def __init__(self, seconds: int) -> None:
        """`seconds` is how long a complete answer is reused; with 0 none is kept."""
        self._seconds = seconds
        longest = max(seconds, STALE_SECONDS)
        self._kept: TTLCache[_Key, CachedAnswer] = TTLCache(
            MOST_BYTES if seconds else 0, longest, getsizeof=lambda kept: kept.size
        )
        self._refused = RefusedSince(_MOST_REFUSALS, longest)
        """What ends every answer from before."""
        self._absent = RefusedSince(_MOST_REFUSALS, longest)
        """What ends stale answers alone: one tag is not there, or the whole repository."""
        self._flights: dict[_Key, _Flight] = {}

    def kept(self, call: Call, credentials: Credentials = ANONYMOUS) -> Result | None:
        """The answer that is kept for `call`; None if there is none, or it is stale."""
        kept = self._usable(_key(call, credentials))
        if kept is None or self._seconds_left(kept) <= 0:
            return None
        return kept.again(upstream_calls=0, cache="hit")

    async def answer(
        self,
        call: Call,
        ask: Callable[[], Awaitable[Result]],
        credentials: Credentials = ANONYMOUS,
    ) -> Result:
        """A kept answer to `call`, that of an equal call under way, or what `ask` gives."""
        if not call.is_possible:
            return await ask()  # nobody is asked
        if kept := self.kept(call, credentials):
            return kept
        key = _key(call, credentials)
        flight = self._flights.get(key)
        if flight is not None:
            result = await self._join(key, flight)
            cache = "stale" if result.cache == "stale" else "collapsed"
            return replace(result, upstream_calls=0, cache=cache)
        flight = self._flights[key] = _Flight()
        # Known before it begins: mitmproxy's tasks run up to their first wait at once.
        flight.task = asyncio.ensure_future(self._fly(key, flight, ask))
        return await self._join(key, flight)

    async def _fly(
        self, key: _Key, flight: _Flight, ask: Callable[[], Awaitable[Result]]
    ) -> Result:
        began = time.monotonic()
        result = await ask()
        if key.listing is Listing.PAGE:
            # Hub's own, which a walk asks for once: to keep it would push out v1's answers.
            return replace(result, cache="bypass")
        self._note_refusal(key, result)
        if self._seconds and result.is_complete:
            body = await in_turns(_mapped(result.answer.body))
            if not flight.is_overtaken:
                self._keep(key, result, body, began)
        kept = self._usable(key) if result.error_type == "unreachable" else None
        if kept is None or kept.asked_at <= self._absent.last(*key.who):
            return replace(result, cache="miss" if self._seconds else "bypass")
        return kept.again(
            cache="stale",
            freshness=floor(self._seconds_left(kept)),
            error_type=result.error_type,
            error=result.error,
            upstream_calls=result.upstream_calls,
        )

    def _keep(self, key: _Key, result: Result, body: bytes | mmap, asked_at: float) -> None:
        size = len(body) + _OVERHEAD_BYTES + LONGEST_SECRET * (key.credentials != ANONYMOUS)
        if size <= self._kept.maxsize:
            bare = replace(result, answer=replace(result.answer, body=b""))
            self._kept[key] = CachedAnswer(bare, body, size, asked_at, time.monotonic())

    def _usable(self, key: _Key) -> CachedAnswer | None:
        """A kept answer, unless Hub has refused since it was asked for."""
        kept = self._kept.get(key)
        return kept if kept and kept.asked_at > self._refused.last(*key.who) else None

    def _seconds_left(self, kept: CachedAnswer) -> float:
        """For which it is as good as new; negative for a stale one."""
        return kept.given_at + self._seconds - time.monotonic()

    def _note_refusal(self, key: _Key, result: Result) -> None:
        """What came before a 401, 403 or 404 is not shown after it, even where Hub is down."""
        refusal = result.refused or _REFUSALS.get(result.answer.status, "")
        if not refusal:
            return
        if refusal == "unauthorized" and key.credentials != ANONYMOUS:
            self._refused.note(key.credentials, None)
        elif result.error_type or key.listing is not Listing.TAG:
            self._refused.note(*key.who)
        else:
            self._note_absence(key)

    def _note_absence(self, key: _Key) -> None:
        """One tag is not there; it may be told as a 401.

        Of other tags that may mean nothing, so they stay as good as they are for the seconds that
        answers are reused. It may also mean that the repository was withdrawn, so none of them is
        shown where Hub is down.
        """
        self._absent.note(*key.who)
        for gone in (key, _Key(*key.who, Listing.TAGS), _Key(*key.who, Listing.IMAGES)):
            self._kept.pop(gone, None)
            if gone in self._flights:
                self._flights[gone].is_overtaken = True

    async def _join(self, key: _Key, flight: _Flight) -> Result:
        flight.waiting += 1
        try:
            # One who leaves must not take the answer away from the others.
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                # Nobody is left: what is still under way is for no one.
                if self._flights.get(key) is flight:
                    del self._flights[key]
                flight.task.cancel()


def _mapped(body: bytes) -> Steps[bytes | mmap]:
    """The body as it is kept: a long one in a mapping of its own."""
    if len(body) < _LONG_BYTES:
        return body
    mapping = mmap(-1, len(body))
    for start in range(0, len(body), _LONG_BYTES):
        mapping.write(body[start : start + _LONG_BYTES])
        yield
    return mapping
