"""`--serve`: the report as a page that is kept up to date.

On loopback the page answers only to names of loopback, since a page on the internet can lead a
browser here by a name of its own. Elsewhere it needs the token, which is in the URL that is
printed. The browser keeps it in a cookie, so that it does not stay in the address or a bookmark.
"""

import asyncio
import signal
import socket
import time
from collections.abc import Callable
from hmac import compare_digest
from secrets import token_urlsafe

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from hubv1.listen import EVERYWHERE, bracketed, is_loopback, is_welcome
from hubv1.report.html import as_html, error_html, policy_of
from hubv1.report.model import Report

_FOREIGN = "This page is for this machine alone: open it as localhost or 127.0.0.1."
_UNKNOWN = "This page opens with the whole URL that the server said when it began, token included."

_EVERY = 5.0
"""Seconds between the requests of an open page."""

_FRESH = 2.0
_REST = 9.0
"""The pause before a new report, as a multiple of the time that the last one took: most of the time
is left to the bridge, which may run on the same machine."""

_PATIENCE = 30.0
"""Seconds within which a client has to read its answer."""

_HEADERS = {
    "Content-Security-Policy": f"{policy_of(is_live=True)}; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Server": "hub-v1-bridge",
}


def serve_report(
    host: str,
    port: int,
    make: Callable[[], Report],
    troubles: tuple[type[Exception], ...],
    say: Callable[[str], None],
) -> None:
    """Serve a page of the report that `make` makes until SIGINT or SIGTERM; `say` gets its URL.

    Port 0 means any free port. The page shows errors of the kinds in `troubles`. Raises OSError if
    it cannot listen on the address.
    """
    asyncio.run(_serve(host, port, _Latest(make, troubles), say))


class _Latest:
    """The latest page, which is made once for all who ask."""

    def __init__(self, make: Callable[[], Report], troubles: tuple[type[Exception], ...]) -> None:
        self._make = make
        self._troubles = troubles
        self._making = asyncio.Lock()
        self._shown = 503, ""
        self._good_until = 0.0

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Answer with the page; make a new one if it is old."""
        async with self._making:
            began = time.monotonic()
            if began >= self._good_until:
                self._shown = await asyncio.to_thread(self._made)
                ended = time.monotonic()
                self._good_until = ended + max(_FRESH, _REST * (ended - began))
            status, text = self._shown
        answer = web.Response(status=status, text=text, content_type="text/html")
        answer.enable_compression()
        try:
            # Do not wait for a client that does not read.
            async with asyncio.timeout(_PATIENCE):
                await answer.prepare(request)
                await answer.write_eof()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        return answer

    def _made(self) -> tuple[int, str]:
        try:
            return 200, as_html(self._make(), _EVERY)
        except self._troubles as trouble:
            return 503, error_html(str(trouble), _EVERY)


async def _serve(host: str, port: int, latest: _Latest, say: Callable[[str], None]) -> None:
    token = "" if is_loopback(host) else token_urlsafe(24)
    application = web.Application(middlewares=[_access(host, token)])
    application.on_response_prepare.append(_protect)
    application.router.add_get("/", latest.show)
    runner = web.AppRunner(application, access_log=None, keepalive_timeout=30, shutdown_timeout=1)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        name = bracketed(socket.gethostname() if host in EVERYWHERE else host)
        query = f"?token={token}" if token else ""
        say(f"the report is at http://{name}:{runner.addresses[0][1]}/{query} until Ctrl-C")
        await stopped.wait()
    finally:
        await runner.cleanup()


def _access(host: str, token: str) -> Middleware:
    """Admit requests with the token; without one, those that ask for a name of this machine."""

    def has_it(given: str) -> bool:
        return bool(token) and compare_digest(
            given.encode("utf-8", "backslashreplace"), token.encode()
        )

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        # The name has the port, since browsers share cookies between the ports of a host.
        at = request.transport.get_extra_info("sockname") if request.transport else None
        cookie = f"hub-v1-report-{at[1] if at else 0}"
        if not is_welcome(host, request.headers.get("Host", "")):
            return _refusal(_FOREIGN)
        if has_it(request.query.get("token", "")):
            # Relative, since a proxy in front may serve the page in a folder.
            answer = web.Response(status=303, headers={"Location": "./"})
            # With Strict, a browser would not send it after a click on the URL in a chat.
            answer.set_cookie(cookie, token, httponly=True, samesite="Lax")
            return answer
        if token and not has_it(request.cookies.get(cookie, "")):
            return _refusal(_UNKNOWN)
        return await handler(request)

    return admit


def _refusal(sentence: str) -> web.Response:
    return web.Response(status=403, text=error_html(sentence), content_type="text/html")


async def _protect(_request: web.Request, answer: web.StreamResponse) -> None:
    answer.headers.update(_HEADERS)
