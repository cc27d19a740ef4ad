"""Puts the three listeners on the air, for as long as a `with` block runs."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web

from . import tls
from .listeners import applications
from .settings import Settings
from .state import State

GRACE = 0.2  # seconds that requests under way get at the end; those that hang have let go by then


@asynccontextmanager
async def serving(state: State) -> AsyncIterator[None]:
    """Listens, with the URLs in `state.urls`; everything is closed at the end."""
    context = _tls(state.settings)
    async with AsyncExitStack() as stack:
        for name, app in applications(state).items():
            runner = web.AppRunner(
                app, access_log=None, handler_cancellation=True, shutdown_timeout=GRACE
            )
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            state.urls[name] = await _listen(runner, name, state.settings, context)
        try:
            yield
        finally:
            state.stopping.set()


async def _listen(
    runner: web.AppRunner, name: str, settings: Settings, context: ssl.SSLContext | None
) -> str:
    """Starts one listener; the URL under which it is announced."""
    port = getattr(settings, f"{name}_port")
    await web.TCPSite(runner, settings.host, port, ssl_context=context).start()
    announced: str = getattr(settings, f"{name}_announced")
    return announced.rstrip("/") or f"{'https' if context else 'http'}://{_address(runner)}"


def _address(runner: web.AppRunner) -> str:
    host, port = runner.addresses[0][:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls is None:
        return None
    names = [settings.host, *tls.NAMES, *settings.tls_names.split(",")]
    return tls.server_context(settings.tls, [name.strip() for name in names if name.strip()])
