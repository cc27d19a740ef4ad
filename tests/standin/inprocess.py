"""The stand-in for a test: a `with` block around an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Self

from .calls import Call, Hook
from .catalog import Catalog
from .rules import Faults
from .server import serving
from .settings import Settings
from .state import State
from .tls import CA_FILE


class Standin:
    """Docker Hub, the registry and its token service on three local ports.

    with Standin(catalog) as hub:
        requests.get(hub.url + "/v2/namespaces/library/repositories/debian/tags")
    """

    def __init__(self, catalog: Catalog | None = None, settings: Settings | None = None) -> None:
        self.catalog = Catalog.default() if catalog is None else catalog
        self.settings = settings or Settings()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        ready: Future[tuple[State, asyncio.AbstractEventLoop]] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(ready)), name="standin", daemon=True
        )
        self._thread.start()
        self._state, self._loop = ready.result()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._state.stopping.set)
        assert self._thread
        self._thread.join()

    @property
    def url(self) -> str:
        """Stands for https://hub.docker.com."""
        return self._state.urls["hub"]

    @property
    def registry_url(self) -> str:
        """Stands for https://registry-1.docker.io and https://index.docker.io."""
        return self._state.urls["registry"]

    @property
    def auth_url(self) -> str:
        """Stands for https://auth.docker.io."""
        return self._state.urls["auth"]

    @property
    def ca_file(self) -> Path | None:
        """The CA to trust, None without TLS."""
        return self.settings.tls and self.settings.tls / CA_FILE

    @property
    def calls(self) -> list[Call]:
        """A copy of what was asked so far, requests under way included."""
        return self._state.calls.snapshot()

    @property
    def faults(self) -> Faults:
        return self._state.faults

    def forget_calls(self) -> None:
        self._state.calls.clear()

    def before_request(self, hook: Hook) -> Callable[[], None]:
        """Runs `hook` with each Call before it is answered, in the stand-in's thread; returns a
        function that ends that."""
        return self._state.calls.before_request(hook)

    def expire_tokens(self) -> None:
        """Every token that was issued so far is refused from now on."""
        self._state.mint.revoke_all()

    async def _serve(self, ready: Future[tuple[State, asyncio.AbstractEventLoop]]) -> None:
        try:
            state = State(self.catalog, self.settings)
            async with serving(state):
                ready.set_result((state, asyncio.get_running_loop()))
                await state.stopping.wait()
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)  # the port is taken, say: the test should hear of it
