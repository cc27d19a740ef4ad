"""The server of the page, until Ctrl-C."""

import asyncio
import signal
from collections.abc import Callable

from aiohttp import web

from hubv1.report.as_html import LIVE_SCRIPTS, policy_of
from hubv1.report.live.address import Address
from hubv1.report.live.entry import Entry
from hubv1.report.live.latest import Latest
from hubv1.report.model import Report

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


def serve(
    address: Address,
    make: Callable[[], Report],
    troubles: tuple[type[Exception], ...],
    say: Callable[[str], None],
) -> None:
    """Serve the page of what `make` makes until SIGINT or SIGTERM; `say` gets its URL.

    What is in `troubles` is shown on the page. Raises OSError where the address cannot be had.
    """
    asyncio.run(_serving(address, Latest(make, troubles), say))


async def _serving(address: Address, latest: Latest, say: Callable[[str], None]) -> None:
    entry = Entry(address)
    runner = web.AppRunner(
        _application(entry, latest), access_log=None, keepalive_timeout=30, shutdown_timeout=1
    )
    stopped = _stopped()
    await runner.setup()
    try:
        await web.TCPSite(runner, address.host, address.port).start()
        port = runner.addresses[0][1]
        say(f"the report is at {address.url(port, entry.token)} until Ctrl-C")
        await stopped.wait()
    finally:
        await runner.cleanup()


def _application(entry: Entry, latest: Latest) -> web.Application:
    async def show(request: web.Request) -> web.StreamResponse:
        shown = await latest.page()
        answer = web.Response(status=shown.status, text=shown.html, content_type="text/html")
        answer.enable_compression()
        return await _taken(request, answer)

    application = web.Application(middlewares=[entry.middleware])
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
