"""The calls that are under way when mitmproxy loads the script anew, or unloads it.

They began with the bridge of before, and end with it: its parts stay for as long as that takes,
behind an addon of their own, beside the new bridge.
"""

from collections.abc import Awaitable

from mitmproxy import connection, http
from mitmproxy.addonmanager import AddonManager

from hubv1.handling import Handling
from hubv1.parts import Parts


class Remainder:
    """An addon that leads the open calls of an unloaded bridge to their end, and goes."""

    def __init__(self, handling: Handling, parts: Parts) -> None:
        """`handling` has the open calls, which `parts` are kept for."""
        self.name = f"{parts.surroundings.bridge_id}-remainder"
        self._handling = handling
        self._parts: Parts | None = parts
        self._manager: AddonManager | None = None

    def join(self, manager: AddonManager) -> None:
        """Take part from now on, before all others: the flow is to be noted when it is saved."""
        manager.register(self)  # type: ignore[no-untyped-call]  # mitmproxy's
        # A new list, since calls under way may go through the old one just now.
        manager.chain = [self, *manager.chain]
        self._manager = manager

    def responseheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Write down a call whose body leaves before `response` fires."""
        return self.response(flow) if flow.response and flow.response.stream else None

    async def response(self, flow: http.HTTPFlow) -> None:
        """Write down a call before its answer leaves."""
        closing = self._handling.close(flow, self._parts) if self._parts else None
        if closing is not None:
            await closing
            self._go_if_idle()

    async def error(self, flow: http.HTTPFlow) -> None:
        """Write down a call that got no answer."""
        if self._parts and flow.id in self._handling.open_calls:
            self._handling.cut_short(flow, str(flow.error), self._parts)
            await self.response(flow)

    def client_disconnected(self, client: connection.Client) -> None:
        """Stop the work for a client that is gone."""
        if self._parts is not None:
            self._handling.leave(client, self._parts)
            self._go_if_idle()

    def done(self) -> Awaitable[None] | None:
        """Write down what is cut, and close everything."""
        parts, self._parts = self._parts, None
        return self._handling.end(parts) if parts else None

    def _go_if_idle(self) -> None:
        if self._manager is not None and not self._handling.open_calls:
            manager, self._manager = self._manager, None
            manager.remove(self)  # type: ignore[no-untyped-call]  # mitmproxy's
