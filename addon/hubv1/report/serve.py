"""The report while it is being watched: `--serve` shows a page of it, kept up to date.

On loopback whoever asks for a name of loopback may see it: a page on the internet can lead a
browser here by a name of its own. Elsewhere whoever has the token may. The URL that is opened first
has it, and from then on a cookie: nothing that leaves the browser, and no bookmark.
"""

import asyncio
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
from secrets import token_urlsafe

from aiohttp import web
from aiohttp.typedefs import Handler

from hubv1.listen import is_loopback, is_welcome, split_address
from hubv1.report.model import Report
from hubv1.report.render.html import (
    LIVE_SCRIPTS,
    as_live_html,
    error_html,
    live_error_html,
    policy_of,
)

_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  # to be recognised, not to be listened on

_FOREIGN = "This page is for this machine alone: open it as localhost or 127.0.0.1."
_UNKNOWN = "This page opens with the whole URL that the server said when it began, token included."

_EVERY = 5.0
"""Seconds after which an open page asks again."""

_FRESH = 2.0
_REST = 9.0
"""How long to do nothing, as a multiple of how long the last report took: most of the time is for
the bridge, which may be on the same machine."""

_PATIENCE = 30.0
"""Seconds in which a client has to take its answer."""

_HEADERS = {
    "Content-Security-Policy": f"{policy_of(*LIVE_SCRIPTS)}; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Server": "hub-v1-bridge",
}


@dataclass(frozen=True, slots=True)
class Address:
    """A host, name or address, and a port; port 0 is any that is free."""

    host: str
    port: int

    @classmethod
    def read(cls, text: str) -> "Address":
        """The address in `host:port` or `[v6]:port`; a port alone is on this machine alone.

        Raises ValueError.
        """
        return cls(*split_address(f"127.0.0.1:{text}" if text.isdecimal() else text))

    @property
    def is_private(self) -> bool:
        """Whether nobody but this machine gets there."""
        return is_loopback(self.host)

    def url(self, port: int, token: str) -> str:
        """What to open, with the port that it became; the token is empty where none is needed."""
        host = socket.gethostname() if self.host in _EVERYWHERE else self.host
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{port}/" + (f"?token={token}" if token else "")


def serve_report(
    address: Address,
    make: Callable[[], Report],
    troubles: tuple[type[Exception], ...],
    say: Callable[[str], None],
) -> None:
    """Serve the page of what `make` makes until SIGINT or SIGTERM; `say` gets its URL.

    What is in `troubles` is shown on the page. Raises OSError where the address cannot be had.
    """
    asyncio.run(_serving(address, _Latest(make, troubles), say))


class _Access:
    """Lets requests in, or not."""

    def __init__(self, address: Address) -> None:
        """For a page that is served there."""
        self.token = "" if address.is_private else token_urlsafe(24)
        """Empty where none is needed."""
        self._address = address

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The answer of `handler` to whoever may have it."""
        if not is_welcome(self._address.host, request.headers.get("Host", "")):
            return _refusal(_FOREIGN)
        if self._has(request.query.get("token", "")):
            return self._let_in(request)
        if self.token and not self._has(request.cookies.get(_cookie(request), "")):
            return _refusal(_UNKNOWN)
        return await handler(request)

    def _has(self, given: str) -> bool:
        return bool(self.token) and compare_digest(
            given.encode("utf-8", "backslashreplace"), self.token.encode()
        )

    def _let_in(self, request: web.Request) -> web.Response:
        # Relative, since something in front may have put the page into a folder.
        answer = web.Response(status=303, headers={"Location": "./"})
        # Strict would keep it back from whoever follows the URL out of a chat.
        answer.set_cookie(_cookie(request), self.token, httponly=True, samesite="Lax")
        return answer


def _cookie(request: web.Request) -> str:
    """Its name: browsers keep the cookies of a host together, whatever the port."""
    socket = request.transport.get_extra_info("sockname") if request.transport else None
    return f"hub-v1-report-{socket[1] if socket else 0}"


def _refusal(sentence: str) -> web.Response:
    return web.Response(status=403, text=error_html(sentence), content_type="text/html")


@dataclass(frozen=True, slots=True)
class _Page:
    """A page, and the status of the answer that carries it."""

    status: int
    html: str


class _Latest:
    """The page of the report that `make` makes; one at a time, whoever asks."""

    def __init__(self, make: Callable[[], Report], troubles: tuple[type[Exception], ...]) -> None:
        """`troubles` are what `make` raises where a sentence on the page is the answer."""
        self._make = make
        self._troubles = troubles
        self._making = asyncio.Lock()
        self._shown = _Page(503, "")
        self._good_until = 0.0

    async def page(self) -> _Page:
        """The page as it is, made anew where the last one is old."""
        async with self._making:
            began = time.monotonic()
            if began >= self._good_until:
                self._shown = await asyncio.to_thread(self._made)
                ended = time.monotonic()
                self._good_until = ended + max(_FRESH, _REST * (ended - began))
        return self._shown

    def _made(self) -> _Page:
        try:
            return _Page(200, as_live_html(self._make(), _EVERY))
        except self._troubles as trouble:
            return _Page(503, live_error_html(str(trouble), _EVERY))


async def _serving(address: Address, latest: _Latest, say: Callable[[str], None]) -> None:
    access = _Access(address)
    runner = web.AppRunner(
        _application(access, latest), access_log=None, keepalive_timeout=30, shutdown_timeout=1
    )
    stopped = _stopped()
    await runner.setup()
    try:
        await web.TCPSite(runner, address.host, address.port).start()
        port = runner.addresses[0][1]
        say(f"the report is at {address.url(port, access.token)} until Ctrl-C")
        await stopped.wait()
    finally:
        await runner.cleanup()


def _application(access: _Access, latest: _Latest) -> web.Application:
    async def show(request: web.Request) -> web.StreamResponse:
        shown = await latest.page()
        answer = web.Response(status=shown.status, text=shown.html, content_type="text/html")
        answer.enable_compression()
        return await _taken(request, answer)

    application = web.Application(middlewares=[access.middleware])
    application.on_response_prepare.append(_protect)
    application.router.add_get("/", show)
    return application


async def _taken(request: web.Request, answer: web.Response) -> web.Response:
    """The answer, once the client has it. One that does not read is not waited for any longer."""
    try:
        async with asyncio.timeout(_PATIENCE):
            await answer.prepare(request)
            await answer.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
    return answer


async def _protect(_request: web.Request, answer: web.StreamResponse) -> None:
    answer.headers.update(_HEADERS)


def _stopped() -> asyncio.Event:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped
