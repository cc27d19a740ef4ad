"""HTTP to Docker's hosts: bounded, never redirected, with patience, and either a reply or a
failure."""

import asyncio
import random
import ssl
import time
import zlib
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TypeVar

import aiohttp
import msgspec
from yarl import URL

from hubv1.api import v2
from hubv1.api.v2 import (
    Forbidden,
    HubFailure,
    Loop,
    Nonsense,
    NotFound,
    PersonalTokenRefused,
    RateLimited,
    TooLong,
    Unauthorized,
    Unreachable,
)
from hubv1.hub.credentials import Basic, Secrets
from hubv1.hub.messages import Exchange, Observer, Reply, Request, RequestBudget, Room
from hubv1.hub.throttle import (
    FairSemaphore,
    Throttle,
    longest_pause,
    seconds_after_refusal,
    seconds_until_reset,
)
from hubv1.hub.tls import Connections
from hubv1.text import bounded

ATTEMPTS = 4
"""How often a host is asked at most before it counts as unreachable."""
LOGIN_ATTEMPTS = 2
"""Fewer, since Hub may count each of them."""
FIRST_WAIT = 0.2
"""Seconds before the second attempt, plus up to as much by chance; each further wait doubles."""
LONGEST_WAIT = 5

MOST_BODY_BYTES = 8 * 1024 * 1024
"""Of one answer, decoded. A page of 100 tags has about 150 kB."""
MOST_LIST_BYTES = 32 * 1024 * 1024
"""Of a list that comes in one answer, decoded."""
MOST_CONNECTIONS = 400
"""To one host. One that says nothing must not use up those to another."""
SHORT_BYTES, LONG_BYTES = 256 * 1024, 2 * 1024 * 1024
MOST_LONG, MOST_HUGE = 16, 2
"""How many answers above each of these sizes are in memory at once; the others wait."""

_MOST_ERROR_BYTES = 64 * 1024
_PIECE_BYTES = 256 * 1024
_BREATH_BYTES = 1024 * 1024
"""What is decoded at a stretch, before other work gets its turn."""
_LONGEST_MESSAGE = 16 * 1024
"""Characters of an error message that are looked at."""
_NO_SUCH_ROUTE = "404: Page Not Found"
"""How Hub answers a route that it does not have or has retired: no repository is missing then."""
_NO_PERSONAL_TOKENS = "forbidden with personal access token"
_REFUSALS = {401: Unauthorized, 403: Forbidden, 404: NotFound}
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

Value = TypeVar("Value")


class Transport:
    """The connections to Docker's hosts. They are opened on first use, and again after `close`."""

    def __init__(
        self,
        via: str,
        user_agent: str,
        connections: Connections | None = None,
        observer: Observer | None = None,
    ) -> None:
        """`via` is the bridge's own entry for the Via header, by which it knows itself.

        `observer` is shown every exchange while it is on.
        """
        self.via = via
        self.secrets = Secrets()
        self.statuses: Counter[str] = Counter()
        """Requests so far by the status of their replies, `none` where there was no reply."""
        self._observer = observer
        self._connections = connections or Connections()
        self._secure_proxy()
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "Via": via,
            "User-Agent": user_agent,
        }
        self._session: aiohttp.ClientSession | None = None
        self._throttle = Throttle()
        self._lanes: defaultdict[str, FairSemaphore] = defaultdict(
            lambda: FairSemaphore(MOST_CONNECTIONS)
        )
        self._long, self._huge = FairSemaphore(MOST_LONG), FairSemaphore(MOST_HUGE)
        self._under_way = 0
        self._is_retired = False

    async def get(
        self,
        url: str,
        budget: RequestBudget,
        headers: Mapping[str, str] = MappingProxyType({}),
        scope: str = "",
        *,
        is_list: bool = False,
    ) -> Reply:
        """The reply to a GET, unless it is 429 or 5xx: those are waited out or raised.

        `scope` is what a 429 is about where that is not the whole host: a user, say. `is_list`
        allows for a very long answer, which takes room until the budget is closed. Raises
        RateLimited, Unreachable, Nonsense, TooLong or Loop.
        """
        request = Request("GET", url, headers, is_list=is_list)
        return await self._persist(request, budget, scope, ATTEMPTS)

    async def login(
        self, url: str, budget: RequestBudget, body: Mapping[str, str], scope: str
    ) -> Reply:
        """The reply to a POST of JSON, as `get` gives it but seldom repeated."""
        request = Request("POST", url, MappingProxyType({}), body)
        return await self._persist(request, budget, scope, LOGIN_ATTEMPTS)

    async def send(self, request: Request, budget: RequestBudget) -> Reply:
        """The reply to a single attempt, whatever its status.

        Raises Unreachable, or Nonsense where the body is beyond all bounds.
        """
        lanes = self._lanes[_origin(request.url)]
        if not lanes.is_free(budget.keys):
            budget.trouble = f"it waited for a free connection to {request.place}"
        leave = await lanes.acquire(budget.keys)
        try:
            return await self._exchange(request, budget)
        finally:
            leave()
            await self._close_if_idle()

    def decode(
        self, reply: Reply, decoder: Callable[[bytes], Value], budget: RequestBudget
    ) -> Value:
        """The value in a 200 reply; any other reply is raised as the failure it means."""
        if reply.status != 200:
            raise self.failure_of(reply, budget)
        try:
            return decoder(reply.body)
        except _UNREADABLE as error:
            raise Nonsense(f"{reply.url} answered 200, but not as documented: {error}") from error
        finally:
            if reply.room is not budget.room:
                reply.room.free()

    def failure_of(self, reply: Reply, budget: RequestBudget) -> HubFailure:
        """What a reply means that is not 200."""
        status, said = reply.status, _message(reply.body)
        if status == 404 and said == _NO_SUCH_ROUTE:
            return Nonsense(f"{reply.url} is not a route of API v2")
        if status in _REFUSALS:
            kind = _REFUSALS[status]
            if status == 403 and _NO_PERSONAL_TOKENS in said.lower():
                kind = PersonalTokenRefused
            return kind(self.masked(said, budget) or f"status {status}")
        if status == 429:
            return RateLimited(seconds_after_refusal(reply.headers))
        if status == 508 and self.via in reply.headers.get("Via", ""):
            return Loop(f"{reply.url} leads back to this bridge")
        if status >= 500:
            return Unreachable(f"{reply.url} answered {status}")
        return Nonsense(f"{reply.url} answered {status}, which is not documented")

    def masked(self, text: str, budget: RequestBudget) -> str:
        """A text from upstream as it may be shown: without secrets, and not longer than needed."""
        shown = bounded(self.secrets.masked(text[:_LONGEST_MESSAGE], budget.credentials))
        # Where masks made it short, its end may be half a secret.
        return shown if shown.endswith("…") or len(text) <= _LONGEST_MESSAGE else ""

    async def retire(self) -> None:
        """Close the connections as soon as nobody uses them any more."""
        self._is_retired = True
        await self._close_if_idle()

    async def close(self) -> None:
        """Close the connections now."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _close_if_idle(self) -> None:
        if self._is_retired and not self._under_way:
            await self.close()

    async def _persist(
        self, request: Request, budget: RequestBudget, scope: str, attempts: int
    ) -> Reply:
        wait = FIRST_WAIT
        while True:
            attempts -= 1
            try:
                return await self._attempt(request, budget, scope)
            except HubFailure as failure:
                seconds = min(wait, LONGEST_WAIT) + random.uniform(0, FIRST_WAIT)  # noqa: S311  # no secret
                if not attempts or not _is_passing(failure, budget):
                    raise
                if seconds >= budget.seconds_left:
                    raise
            await asyncio.sleep(seconds)
            wait *= 2

    async def _attempt(self, request: Request, budget: RequestBudget, scope: str) -> Reply:
        host = _origin(request.url)
        await self._throttle.wait(host, budget)
        await self._throttle.wait(scope, budget)
        try:
            reply = await self.send(request, budget)
            if reply.status == 429 or reply.status >= 500:
                raise self.failure_of(reply, budget)
        except HubFailure as failure:
            budget.trouble = str(failure)
            if isinstance(failure, RateLimited):
                self._throttle.pause(scope or host, failure.seconds)
            raise
        if seconds := seconds_until_reset(reply.headers):
            self._throttle.pause(host, seconds)
        return reply

    async def _exchange(self, request: Request, budget: RequestBudget) -> Reply:
        """Send the request and count what comes of it."""
        for sent in request.credentials:
            self.secrets.remember(sent)
        budget.upstream_calls += 1
        self._under_way += 1
        status, reply, trouble, started_at = "none", None, "", time.time()
        try:
            reply = await self._reply(request, budget)
        except (aiohttp.ClientError, OSError) as error:
            trouble = self.masked(_in_words(error), budget)
            raise Unreachable(f"no answer from {request.place}: {trouble}") from error
        except ValueError as error:
            # What another server gave, a token say, cannot be part of a request.
            trouble = "it cannot be asked"
            raise Nonsense(
                f"{request.place} cannot be asked: {self.masked(str(error), budget)}"
            ) from error
        else:
            status = str(reply.status)
            return reply
        finally:
            self.statuses[status] += 1
            budget.asked[f"{request.method} {request.place}: {status}"] += 1
            self._under_way -= 1
            if self._observer is not None and self._observer.is_on:
                headers = {**self._headers, **request.headers}
                self._observer(
                    Exchange(
                        request,
                        headers,
                        reply,
                        trouble,
                        budget.credentials,
                        self.secrets.own,
                        started_at,
                        time.time(),
                    )
                )

    async def _reply(self, request: Request, budget: RequestBudget) -> Reply:
        target, silence = URL(request.url, encoded=True), budget.longest_silence
        for_proxy = {} if target.scheme == "https" else self._for_proxy
        # Redirects are never followed: Hub documents none, so one would lead elsewhere.
        async with self._opened().request(
            request.method,
            target,
            headers={**request.headers, **for_proxy},
            json=request.body,
            allow_redirects=False,
            ssl=self._context_for(target),
            proxy=self._connections.proxy or None,
            proxy_headers=self._for_proxy,
            timeout=aiohttp.ClientTimeout(sock_connect=silence, sock_read=silence),
        ) as response:
            room = budget.room if request.is_list else Room()
            try:
                body = await self._read(response, request, budget, room)
            except BaseException:
                room.free()
                raise
        return Reply(request.place, response.status, response.headers, body, room)

    async def _read(
        self,
        response: aiohttp.ClientResponse,
        request: Request,
        budget: RequestBudget,
        room: Room,
    ) -> bytes:
        """The decoded body; what makes it long takes its place in `room`."""
        most = MOST_LIST_BYTES if request.is_list else MOST_BODY_BYTES
        is_answer = response.status == 200
        kept = most if is_answer else _MOST_ERROR_BYTES
        pieces: list[bytes] = []
        size = breath = 0
        async for piece in _decoded(response, is_needed=is_answer):
            size += len(piece)
            breath += len(piece)
            if size > most:
                kind = TooLong if request.is_list else Nonsense
                raise kind(f"{request.place} sent more than {most} bytes in one answer")
            if size > kept:
                continue
            # Who has a place among the long may wait for one among the huge, never the reverse.
            if size > SHORT_BYTES and "long" not in room:
                await _take(room, "long", self._long, budget)
            if size > LONG_BYTES and "huge" not in room:
                await _take(room, "huge", self._huge, budget)
            pieces.append(piece)
            if breath > _BREATH_BYTES:
                breath = 0
                await asyncio.sleep(0)
        return b"".join(pieces)

    def _opened(self) -> aiohttp.ClientSession:
        # Made on first use, since it belongs to the event loop that runs by then.
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # aiohttp would decode without a bound
            )
        return self._session

    def _context_for(self, target: URL) -> ssl.SSLContext | bool:
        """TLS settings, made once for each host since reading the CAs takes a while."""
        host = target.host or ""
        if target.scheme != "https" and not self._connections.proxy.startswith("https:"):
            return True
        if host not in self._contexts:
            self._contexts[host] = self._connections.context_for(host)
        return self._contexts[host]

    def _secure_proxy(self) -> None:
        if self._connections.proxy_auth:
            user, _, password = self._connections.proxy_auth.partition(":")
            self.secrets.keep(Basic(user, password))

    @property
    def _for_proxy(self) -> Mapping[str, str]:
        """The header that only the proxy is to see; beyond TLS that is said when connecting."""
        given = self._connections.proxy_auth if self._connections.proxy else ""
        return (
            {"Proxy-Authorization": f"Basic {b64encode(given.encode()).decode()}"} if given else {}
        )


async def _take(room: Room, place: str, among: FairSemaphore, budget: RequestBudget) -> None:
    """Wait for a place in memory and keep it in `room`."""
    with budget.waiting_for_others():
        room.add(place, await among.acquire(budget.keys))


async def _decoded(response: aiohttp.ClientResponse, *, is_needed: bool) -> AsyncIterator[bytes]:
    """The body in pieces, decoded as far as it is in a coding that was asked for.

    Raises Nonsense where it is not and is needed.
    """
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    try:
        inflater = None if coding in ("", "identity") else _Inflater(coding)
        async for chunk in response.content.iter_any():
            if inflater is None:
                yield chunk
            else:
                for piece in inflater.pieces(chunk):
                    yield piece
        if inflater is not None:
            inflater.check_is_whole()
    except zlib.error as error:
        if is_needed:
            raise Nonsense(
                f"{response.url.origin()}{response.url.path} cannot be decoded ({coding}): {error}"
            ) from error


class _Inflater:
    """Decodes gzip and deflate in pieces of a bounded size."""

    def __init__(self, coding: str) -> None:
        """Raises zlib.error for any other coding, however well known: nobody asked for it."""
        if coding not in ("gzip", "x-gzip", "deflate"):
            raise zlib.error("nobody asked for this coding")
        self._is_gzip = coding != "deflate"
        self._stream: zlib._Decompress | None = None

    def check_is_whole(self) -> None:
        """Raise zlib.error where what came so far cannot be all."""
        if self._stream is not None:
            raise zlib.error("it ends too early")

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What `data` decodes to, after what came before it."""
        piece = b""
        while data or len(piece) == _PIECE_BYTES:
            if self._stream is None:
                self._stream = zlib.decompressobj(self._window(data))
            piece = self._stream.decompress(data, _PIECE_BYTES)
            yield piece
            data = self._stream.unconsumed_tail
            if self._stream.eof:
                data = self._stream.unused_data  # gzip may have several members
                self._stream, piece = None, b""

    def _window(self, data: bytes) -> int:
        """The `wbits` that zlib needs. Some servers send `deflate` without a header."""
        if self._is_gzip:
            return 16 + zlib.MAX_WBITS
        return zlib.MAX_WBITS if data[0] & 0x0F == 8 else -zlib.MAX_WBITS


def _is_passing(failure: HubFailure, budget: RequestBudget) -> bool:
    """Whether the same request may well succeed in time."""
    if isinstance(failure, RateLimited):
        return failure.seconds <= longest_pause(budget)
    return isinstance(failure, Unreachable)


def _message(body: bytes) -> str:
    try:
        return v2.read_trouble(body).message
    except _UNREADABLE:
        return ""


def _origin(url: str) -> str:
    return str(URL(url, encoded=True).origin())


def _in_words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it said nothing for too long"
    # aiohttp's own text holds the address of an object, another one in each process.
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    return str(error) or type(error).__name__
