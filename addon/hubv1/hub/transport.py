"""Requests over kept-alive connections: bounded, never redirected, and either a reply or a
failure."""

import ssl
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping

import aiohttp
from yarl import URL

from hubv1.api.errors import Nonsense, Unreachable
from hubv1.hub.connections import Connections
from hubv1.hub.inquiry import Inquiry
from hubv1.hub.messages import Exchange, Reply, Request

MOST_BODY_BYTES = 16 * 1024 * 1024
"""Of one answer, decompressed. A page of 100 tags has about 150 kB."""
MOST_CONNECTIONS = 100
"""To one host. One that says nothing must not use up those to another."""


class Transport:
    """The connections to Docker's hosts. They are opened on first use, and again after `close`."""

    def __init__(
        self,
        via: str,
        user_agent: str,
        connections: Connections | None = None,
        witness: Callable[[Exchange], None] | None = None,
    ) -> None:
        """`via` is the bridge's own entry for the Via header, by which it knows itself.

        `witness` is shown every exchange.
        """
        self.via = via
        self._witness = witness
        self._connections = connections or Connections()
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "Via": via,
            "User-Agent": user_agent,
        }
        self._session: aiohttp.ClientSession | None = None
        self.statuses: Counter[str] = Counter()
        """Requests so far by the status of their replies, `none` where there was no reply."""
        self._under_way = 0
        self._is_retired = False

    async def send(self, request: Request, inquiry: Inquiry) -> Reply:
        """The reply, whatever its status.

        Raises Unreachable, or Nonsense where the body is beyond all bounds.
        """
        inquiry.upstream_calls += 1
        self._under_way += 1
        status, reply, trouble, started_at = "none", None, "", time.time()
        try:
            reply = await self._reply(request, inquiry.longest_silence)
        except (aiohttp.ClientError, OSError) as error:
            trouble = _in_words(error)
            raise Unreachable(f"no answer from {request.place}: {trouble}") from error
        except ValueError as error:
            # What another server gave, a token say, cannot be part of a request.
            trouble = "it cannot be asked"
            raise Nonsense(f"{request.place} cannot be asked: {error}") from error
        else:
            status = str(reply.status)
            return reply
        finally:
            self.statuses[status] += 1
            inquiry.asked[f"{request.method} {request.place}: {status}"] += 1
            self._under_way -= 1
            if self._witness is not None:
                headers = {**self._headers, **request.headers}
                self._witness(
                    Exchange(
                        request,
                        headers,
                        reply,
                        trouble,
                        inquiry.credentials,
                        started_at,
                        time.time(),
                    )
                )
            await self._close_if_idle()

    async def _reply(self, request: Request, silence: float) -> Reply:
        target = URL(request.url, encoded=True)
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
            body = await _read_bounded(response.content)
        return Reply(request.place, response.status, response.headers, body)

    async def retire(self) -> None:
        """Close the connections as soon as nobody uses them any more."""
        self._is_retired = True
        await self._close_if_idle()

    async def _close_if_idle(self) -> None:
        if self._is_retired and not self._under_way:
            await self.close()

    async def close(self) -> None:
        """Close the connections now."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> aiohttp.ClientSession:
        # Made on first use, since it belongs to the event loop that runs by then.
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, limit_per_host=MOST_CONNECTIONS),
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
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

    @property
    def _for_proxy(self) -> Mapping[str, str]:
        """The header that only the proxy is to see; beyond TLS that is said when connecting."""
        given = self._connections.proxy_auth if self._connections.proxy else ""
        return (
            {"Proxy-Authorization": f"Basic {b64encode(given.encode()).decode()}"} if given else {}
        )


async def _read_bounded(content: aiohttp.StreamReader) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in content.iter_any():
        size += len(chunk)
        if size > MOST_BODY_BYTES:
            raise Nonsense(f"Docker Hub sent more than {MOST_BODY_BYTES} bytes in one answer")
        chunks.append(chunk)
    return b"".join(chunks)


def _in_words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it said nothing for too long"
    # aiohttp's own text holds the address of an object, another one in each process.
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    return str(error) or type(error).__name__
