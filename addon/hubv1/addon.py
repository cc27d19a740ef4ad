"""The mitmproxy addon: its options and hooks."""

import asyncio
import logging
import os
from collections.abc import Awaitable

from mitmproxy import connection, ctx, exceptions, http, tls
from mitmproxy.addonmanager import AddonManager, Loader
from mitmproxy.log import LegacyLogEvents

from hubv1 import contentview
from hubv1.api.anonymity import network_of
from hubv1.commands import Commands
from hubv1.components import Components, build_components, new_bridge_id, read_environment
from hubv1.config import OPTIONS, BadOption, complaints, read_config
from hubv1.journal import JournalError
from hubv1.lifecycle import Lifecycle, answer_loop
from hubv1.metrics import Readings
from hubv1.mitm import upstream
from hubv1.mitm.flows import accept_connect, header, is_replay, is_turned_away, is_upstream_flow
from hubv1.text import harmless

logger = logging.getLogger(__name__)

_NAMES = frozenset(option.name for option in OPTIONS)
_PACKAGE = f"{__package__}."
_EAGER = (
    "connection_strategy=eager connects to a host before the bridge sees the call. Behind CONNECT "
    "the bridge prevents that. Elsewhere, if a legacy host is dead or its name no longer resolves, "
    "reverse and transparent modes drop the client and SOCKS fails. Set connection_strategy=lazy."
)


class Bridge(Commands):
    """The mitmproxy addon that answers Docker Hub API v1 from API v2."""

    name = "hub_v1_bridge"

    def __init__(self) -> None:
        """Begin without components, which `configure` makes."""
        super().__init__()
        self.bridge_id = new_bridge_id()
        self.calls = Lifecycle()
        self.upstream_flows = upstream.UpstreamFlows()
        self.is_running = False
        self.closing: asyncio.Future[None] | None = None

    def load(self, loader: Loader) -> None:
        """Declare the options, and report values that mitmproxy would ignore."""
        for option in OPTIONS:
            loader.add_option(option.name, option.type, option.default, option.help)
        contentview.register()
        given = loader.master.options.deferred
        for name, complaint in complaints(given).items():
            logger.error(complaint)
            del given[name]  # or mitmproxy would log a traceback as well

    def configure(self, updated: set[str]) -> None:
        """Apply new values of options, or refuse them all."""
        if not updated & (_NAMES | upstream.OPTIONS):
            return
        try:
            self._set_up()
        except (BadOption, JournalError, OSError) as error:
            if self.is_running:
                raise exceptions.OptionsError(harmless(str(error))) from error  # type: ignore[no-untyped-call]  # mitmproxy's
            # An error in the log ends mitmproxy's start too, without a traceback.
            logger.error(str(error))

    def running(self) -> None:
        """Warn of a set-up that will fail, and save mitmproxy events without listeners."""
        self.is_running = True
        _spare_log_events(ctx.master.addons)
        if ctx.options.server and ctx.options.connection_strategy == "eager":
            logger.warning(_EAGER)

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Accept a CONNECT to a legacy host, which may be dead."""
        if self.components is not None and ctx.options.connection_strategy == "eager":
            accept_connect(flow, self.components.config.hosts)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Open a legacy call whose body is streamed upstream, perhaps before `request` fires."""
        if flow.request.stream and self.components is not None and not is_turned_away(flow):
            self.calls.open(flow, self.components)

    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Answer a legacy call; other traffic passes after a comparison or two."""
        components = self.components
        if components is None or is_upstream_flow(flow):
            return None
        if not is_replay(flow):
            components.journal.seen.flows += 1
        if is_turned_away(flow):
            return None
        call = self.calls.open(flow, components)  # recognise and decide
        if call is not None:
            return self.calls.answer(call, components)  # recorded in `response`
        if self.bridge_id in header(flow, "Via"):
            answer_loop(flow, components)
        return None

    def responseheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Record a call whose body leaves before `response` fires."""
        if flow.response is None or not flow.response.stream:
            return None
        if self.calls.has_to_read(flow):
            flow.response.stream = False
            return None
        return self.response(flow)

    def response(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Record a call before its answer leaves."""
        return self.calls.record(flow, self.components) if self.components is not None else None

    def error(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Record a call that got no answer."""
        if self.components is not None:
            self.calls.cut_short(flow, str(flow.error), self.components)
        return self.response(flow)

    def client_disconnected(self, client: connection.Client) -> None:
        """Stop the work for a client that is gone."""
        if self.components is not None:
            self.calls.leave(client, self.components)

    def tls_failed_client(self, data: tls.TlsData) -> None:
        """Count a client that does not trust the bridge's CA, for which there is no flow."""
        host = (data.conn.sni or "").lower()
        if self.components is not None and host in self.components.config.hosts:
            address = data.conn.peername[0] if data.conn.peername else ""
            if self.components.config.anonymize:
                address = network_of(address)
            address = address or "unknown address"
            self.components.journal.note_rejection(address, host)
            logger.warning(
                "hub v1: the client at %s called %s and did not trust the bridge's certificate, so "
                "its request was never seen: have it trust mitmproxy's CA",
                address,
                host,
            )

    def done(self) -> Awaitable[None] | None:
        """Record the calls under way and close everything, at shutdown or when the script ends.

        A plain function, since mitmproxy does not reload scripts whose `done` is a coroutine; at
        shutdown it awaits the result.
        """
        self.stop_checking()
        contentview.unregister()
        components, self.components = self.components, None
        if components is None:
            return None
        is_shutdown = ctx.master.should_exit.is_set()
        if is_shutdown:
            self.calls.shut_down(components)
        else:
            self.calls.restart(components)
        closing = components.close()
        return self._report(components, closing) if is_shutdown else closing

    async def _report(self, components: Components, closing: Awaitable[None] | None) -> None:
        """Make the last reports while the components are closed."""
        journal = components.journal
        last = self.reporter.end(journal.location, journal.seen.flows, components.config.report)
        await asyncio.gather(last, *filter(None, [closing]))

    def _set_up(self) -> None:
        values = {name: getattr(ctx.options, name) for name in _NAMES}
        config = read_config(values, os.environ)
        environment = read_environment(ctx.options, self.bridge_id, self.upstream_flows)
        old = self.components
        self.components = build_components(config, environment, self._readings, old)
        self.upstream_flows.is_on = config.show_upstream
        if old is not None:
            self.closing = old.close(self.components)

    def _readings(self) -> Readings:
        components = self.components
        return components.readings if components is not None else Readings()


class _IfHeard(logging.Filter):
    """Fires mitmproxy's deprecated `add_log` event for lines of this package only if an addon has
    the hook.

    For the event mitmproxy formats the line again, wakes the event loop and asks all addons, which
    takes about 200 µs: a tenth of the whole cost of a cached answer.
    """

    def __init__(self, addons: AddonManager) -> None:
        super().__init__()
        self._addons = addons

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the event is fired for this record."""
        if not record.name.startswith(_PACKAGE):
            return True
        return any(hasattr(addon, "add_log") for addon in self._addons.lookup.values())


def _spare_log_events(addons: AddonManager) -> None:
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LegacyLogEvents):
            # An older one may be of another class, if this package was loaded before.
            for old in [each for each in handler.filters if type(each).__name__ == "_IfHeard"]:
                handler.removeFilter(old)
            handler.addFilter(_IfHeard(addons))
