"""HTTP to Docker's hosts: with retries, bounds and no redirects; each request ends in a reply or a
failure."""

import asyncio
import random
import ssl
import time
import zlib
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import aiohttp
import certifi
import msgspec
from yarl import URL

from hubv1.api import v2
from hubv1.hub.credentials import Basic, Secrets
from hubv1.hub.exchange import Exchange, Observer, Reply, Request, RequestBudget, Room
from hubv1.hub.throttle import (
    FairSemaphore,
    Throttle,
    seconds_after_refusal,
    seconds_until_reset,
)
from hubv1.text import bounded

ATTEMPTS = 4  # attempts after which a host counts as unreachable
LOGIN_ATTEMPTS = 2  # fewer for a login, since Hub may count each of them
FIRST_WAIT = 0.2
"""Seconds before the second attempt, plus up to as many at random; each further wait doubles."""
LONGEST_WAIT = 5

MOST_BODY_BYTES = 8 * 1024 * 1024  # of one decoded body; a page of 100 tags has about 150 kB
MOST_LIST_BYTES = 32 * 1024 * 1024  # of a decoded list that comes in one body
MOST_CONNECTIONS = 400  # to one host, so that a silent one does not use up those to another
SHORT_BYTES, LONG_BYTES = 256 * 1024, 2 * 1024 * 1024
MOST_LONG, MOST_HUGE = 16, 2
"""How many bodies above each of these sizes are in memory at once; further ones wait."""
PIECE_BYTES = 256 * 1024  # decoded at a time

_MOST_ERROR_BYTES = 64 * 1024
_LONGEST_MESSAGE = 16 * 1024  # characters of an error message that are searched for secrets
_NO_SUCH_ROUTE = "404: Page Not Found"
"""Hub's message for a route that it never had or has retired, so that no repository is missing."""
_NO_PERSONAL_TOKENS = "forbidden with personal access token"
_REFUSALS = {401: v2.Unauthorized, 403: v2.Forbidden, 404: v2.NotFound}
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Connections:
    """Settings of the connections, which mean the same as mitmproxy's own options."""

    insecure: bool = False  # trust any certificate
    ca_file: str = ""  # trust these CAs instead of the system's
    ca_folder: str = ""  # trust the CAs in this folder, which OpenSSL's c_rehash has prepared
    client_certs: str = ""
    """A client certificate with its key, or a folder with one for each host: `<host>.pem`."""
    proxy: str = ""  # URL of the proxy for every request
    proxy_auth: str = ""  # `user:password` for the proxy

    def __repr__(self) -> str:
        """Without the proxy's credentials."""
        return f"<connections through {self.proxy or 'no proxy'}>"

    def certificate_for(self, host: str) -> Path | None:
        """The client certificate for `host`, if there is one."""
        if not self.client_certs:
            return None
        path = Path(_expanded(self.client_certs) or "")
        if path.is_dir():
            path /= f"{host}.pem"
        return path if path.is_file() else None

    def context(self, certificate: Path | None) -> ssl.SSLContext:
        """The TLS settings for connections with that client certificate.

        Reading the CAs takes 50 ms, most of it without Python's lock. Raises OSError (ssl.SSLError
        is one) if a file of the settings cannot be used.
        """
        file, folder = _expanded(self.ca_file), _expanded(self.ca_folder)
        context = ssl.create_default_context(cafile=file, capath=folder)
        if not file and not folder:
            # The machine may have no CA store of its own.
            context.load_verify_locations(certifi.where())
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if certificate is not None:
            context.load_cert_chain(certificate)
        return context


def _expanded(path: str) -> str | None:
    return str(Path(path).expanduser()) if path else None


class Transport:
    """The connections to Docker's hosts, opened on first use and again after `close`."""

    def __init__(
        self,
        via: str,
        user_agent: str,
        connections: Connections | None = None,
        observer: Observer | None = None,
    ) -> None:
        """`via` is the bridge's own entry in the Via header, by which it recognises itself.

        `observer` sees every exchange while it is on.
        """
        self.secrets = Secrets()
        self.statuses: Counter[str] = Counter()
        """The number of requests by the status of the reply, `none` without a reply."""
        self._via = via
        self._observer = observer
        self._connections = connections or Connections()
        self._for_proxy: dict[str, str] = {}
        if given := self._connections.proxy_auth:
            self.secrets.keep(Basic(*given.partition(":")[::2]))
            if self._connections.proxy:
                coded = b64encode(given.encode()).decode()
                self._for_proxy["Proxy-Authorization"] = f"Basic {coded}"
        self._contexts: dict[Path | None, ssl.SSLContext] = {}
        self._is_reading = asyncio.Lock()
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

    async def fetch(self, request: Request, budget: RequestBudget) -> Reply:
        """The reply to a request, after retries; a final 429 or 5xx is raised.

        Raises RateLimited, Unreachable, Nonsense, TooLong or Loop.
        """
        attempts = ATTEMPTS if request.method == "GET" else LOGIN_ATTEMPTS
        wait = FIRST_WAIT
        while True:
            attempts -= 1
            try:
                return await self._attempt(request, budget)
            except (v2.Unreachable, v2.RateLimited) as failure:
                seconds = min(wait, LONGEST_WAIT) + random.uniform(0, FIRST_WAIT)  # noqa: S311  # no secret
                pause = failure.seconds if isinstance(failure, v2.RateLimited) else 0
                is_too_late = pause > budget.longest_pause or seconds >= budget.seconds_left
                if not attempts or is_too_late:
                    raise
            await asyncio.sleep(seconds)
            wait *= 2

    async def send(self, request: Request, budget: RequestBudget) -> Reply:
        """The reply to a single attempt, whatever its status.

        Raises Unreachable, Nonsense or, if a list is too large, TooLong.
        """
        lanes, keys = self._lanes[request.origin], budget.keys
        if not lanes.is_free(keys):
            budget.trouble = f"it waited for a free connection to {request.shown_url}"
        leave = await lanes.acquire(keys)
        self._under_way += 1
        try:
            return await self._exchange(request, budget)
        finally:
            self._under_way -= 1
            leave()
            if self._is_retired:
                await self.retire()

    def decode(
        self, reply: Reply, decoder: Callable[[bytes], Value], budget: RequestBudget
    ) -> Value:
        """The value in a 200 reply; any other reply is raised as the failure it means."""
        with self.reading(reply, budget) as body:
            return decoder(body)

    @contextmanager
    def reading(self, reply: Reply, budget: RequestBudget) -> Iterator[bytes]:
        """The body of a 200 reply, for as long as it takes to decode; any other reply is raised as
        the failure it means, and so is a body that cannot be decoded."""
        if reply.status != 200:
            raise self.failure_of(reply, budget)
        try:
            yield reply.body
        except _UNREADABLE as error:
            said = f"{reply.url} answered 200, but not as documented: {error}"
            raise v2.Nonsense(said) from error
        finally:
            if reply.room is not budget.room:
                reply.room.free()

    def failure_of(self, reply: Reply, budget: RequestBudget) -> v2.HubFailure:
        """The failure that a reply other than 200 means."""
        status, said = reply.status, ""
        with suppress(*_UNREADABLE):
            said = v2.read_trouble(reply.body).message
        if status == 404 and said == _NO_SUCH_ROUTE:
            return v2.Nonsense(f"{reply.url} is not a route of API v2")
        if status in _REFUSALS:
            is_for_token = status == 403 and _NO_PERSONAL_TOKENS in said.lower()
            kind = v2.PersonalTokenRefused if is_for_token else _REFUSALS[status]
            return kind(self.masked(said, budget) or f"status {status}")
        if status == 429:
            return v2.RateLimited(seconds_after_refusal(reply.headers))
        if status == 508 and self._via in reply.headers.get("Via", ""):
            return v2.Loop(f"{reply.url} leads back to this bridge")
        if status >= 500:
            return v2.Unreachable(f"{reply.url} answered {status}")
        return v2.Nonsense(f"{reply.url} answered {status}, which is not documented")

    def masked(self, text: str, budget: RequestBudget) -> str:
        """A text from upstream, fit to be shown: short, and without secrets."""
        shown = bounded(self.secrets.masked(text[:_LONGEST_MESSAGE], budget.credentials))
        # If masks made a long text short, its end may be half a secret.
        return shown if shown.endswith("…") or len(text) <= _LONGEST_MESSAGE else ""

    async def retire(self) -> None:
        """Close the connections once nobody uses them any more."""
        self._is_retired = True
        if not self._under_way:
            await self.close()

    async def close(self) -> None:
        """Close the connections now."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _attempt(self, request: Request, budget: RequestBudget) -> Reply:
        host = request.origin
        await self._throttle.wait(host, budget)
        await self._throttle.wait(request.scope, budget)
        try:
            reply = await self.send(request, budget)
            if reply.status == 429 or reply.status >= 500:
                raise self.failure_of(reply, budget)
        except v2.HubFailure as failure:
            budget.trouble = str(failure)
            if isinstance(failure, v2.RateLimited):
                self._throttle.pause(request.scope or host, failure.seconds)
            raise
        if seconds := seconds_until_reset(reply.headers):
            self._throttle.pause(host, seconds)
        return reply

    async def _exchange(self, request: Request, budget: RequestBudget) -> Reply:
        self.secrets.remember(request.credentials)
        budget.upstream_calls += 1
        reply, trouble, started_at = None, "", time.time()
        try:
            reply = await self._reply(request, budget)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            trouble = self.masked(_in_words(error), budget)
            raise v2.Unreachable(f"no answer from {request.shown_url}: {trouble}") from error
        finally:
            status = str(reply.status) if reply else "none"
            self.statuses[status] += 1
            budget.requests[f"{request.method} {request.shown_url}: {status}"] += 1
            if self._observer is not None and self._observer.is_on:
                headers, own = {**self._headers, **request.headers}, self.secrets.own
                outcome = request, headers, reply, trouble, budget.credentials, own
                self._observer(Exchange(*outcome, started_at, time.time()))
        return reply

    async def _reply(self, request: Request, budget: RequestBudget) -> Reply:
        target, silence = URL(request.url, encoded=True), budget.longest_silence
        # Only the proxy may see its header: an HTTPS request sends it with CONNECT alone.
        for_proxy = {} if target.scheme == "https" else self._for_proxy
        # Hub documents no redirects, so one would lead to somebody else.
        async with self._opened().request(
            request.method,
            target,
            headers={**request.headers, **for_proxy},
            json=request.body,
            allow_redirects=False,
            ssl=await self._context_for(target),
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
        return Reply(request.shown_url, response.status, response.headers, body, room)

    async def _read(
        self, response: aiohttp.ClientResponse, request: Request, budget: RequestBudget, room: Room
    ) -> bytes:
        """The decoded body, or for a status other than 200 its beginning, which is all that such
        an answer needs. A large body holds its share of memory in `room`."""
        is_answer = response.status == 200
        most = MOST_LIST_BYTES if request.is_list else MOST_BODY_BYTES
        pieces: list[bytes] = []
        size = 0
        try:
            async for piece in _pieces(response):
                size += len(piece)
                if size > most:
                    kind = v2.TooLong if request.is_list else v2.Nonsense
                    raise kind(f"{request.shown_url} sent more than {most} bytes in one answer")
                if is_answer or size <= _MOST_ERROR_BYTES:
                    await self._make_room(size, room, budget)
                    pieces.append(piece)
        except zlib.error as error:
            if is_answer:
                said = f"{request.shown_url} cannot be decoded: {error}"
                raise v2.Nonsense(said) from error
        if size <= LONG_BYTES:
            return b"".join(pieces)
        return await asyncio.to_thread(b"".join, pieces)  # joining releases Python's lock

    async def _make_room(self, size: int, room: Room, budget: RequestBudget) -> None:
        """Wait for a share of memory once a body has become large."""
        # Always the long ones before the huge ones, so that no two bodies wait for each other.
        for limit, semaphore in ((SHORT_BYTES, self._long), (LONG_BYTES, self._huge)):
            if size > limit and semaphore not in room:
                room[semaphore] = await semaphore.acquire(budget.keys)

    def _opened(self) -> aiohttp.ClientSession:
        # A session belongs to the event loop that runs when it is made.
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # aiohttp would decode without a bound
            )
        return self._session

    async def _context_for(self, target: URL) -> ssl.SSLContext | bool:
        """The TLS settings, made once for all hosts that get the same client certificate."""
        if target.scheme != "https" and not self._connections.proxy.startswith("https:"):
            return True
        certificate = self._connections.certificate_for(target.host or "")
        async with self._is_reading:
            if certificate not in self._contexts:
                context = await asyncio.to_thread(self._connections.context, certificate)
                self._contexts[certificate] = context
        return self._contexts[certificate]


async def _pieces(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The decoded body in pieces of a bounded size.

    Raises zlib.error if its coding was not asked for, or is not the one that the header names.
    """
    coding = response.headers.get("Content-Encoding", "").strip().lower() or "identity"
    if coding not in ("identity", "gzip", "x-gzip", "deflate"):
        raise zlib.error(f"the coding {coding} was not asked for")
    stream = zlib.decompressobj(32 + zlib.MAX_WBITS)
    async for data in response.content.iter_any():
        for piece in (data,) if coding == "identity" else decoded(data, stream):
            yield piece
            if len(piece) == PIECE_BYTES:
                await asyncio.sleep(0)  # other work gets its turn


def decoded(data: bytes, stream: "zlib._Decompress") -> Iterator[bytes]:
    """Decode the next data of a stream, in pieces of a bounded size."""
    is_more = True
    while is_more:
        piece = stream.decompress(data, PIECE_BYTES)
        data, is_more = stream.unconsumed_tail, len(piece) == PIECE_BYTES
        yield piece


def _in_words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it said nothing for too long"
    # aiohttp's own text has the address of an object, which differs in each process.
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    return str(error) or type(error).__name__
