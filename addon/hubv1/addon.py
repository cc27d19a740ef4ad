"""The addon: options, commands and hooks, each a few lines over the parts."""

import asyncio
import logging
import os
import secrets
from collections.abc import Awaitable, Sequence
from pathlib import Path

from mitmproxy import command, connection, ctx, exceptions, http, tls, types
from mitmproxy.addonmanager import Loader

from hubv1 import options
from hubv1.bridging import came_round
from hubv1.formats import UnknownFormat, format_of
from hubv1.frontend import view
from hubv1.frontend.examining import Examiner
from hubv1.frontend.reporting import Reporter
from hubv1.frontend.view import BesideView
from hubv1.handling import Handling
from hubv1.journal import JournalError, Place
from hubv1.metrics import Readings
from hubv1.mitm import way
from hubv1.mitm.flows import accept_connect, header, is_replay, is_turned_away
from hubv1.mitm.given import given_options
from hubv1.mitm.showing import Showing, is_own
from hubv1.parts import Parts, Surroundings, assembled
from hubv1.remainder import Remainder
from hubv1.replying import answer
from hubv1.settings import settings_in

logger = logging.getLogger(__name__)

_EAGER = (
    "connection_strategy=eager connects to a host before the bridge sees a call. Behind CONNECT "
    "the bridge prevents that; elsewhere, where a legacy host is dead or its name no longer "
    "resolves, reverse and transparent modes drop the client and SOCKS fails. Set "
    "connection_strategy=lazy."
)


class Bridge:
    """The mitmproxy addon that answers Docker Hub API v1."""

    name = "hub_v1_bridge"

    def __init__(self) -> None:
        """A bridge that does nothing before it is configured."""
        self.bridge_id = f"hub-v1-bridge-{secrets.token_hex(4)}"
        self.parts: Parts | None = None
        self.handling = Handling()
        self.examiner = Examiner()
        self.reporter = Reporter()
        self.showing = Showing()
        self.is_running = False
        self.retiring: asyncio.Future[None] | None = None

    def load(self, loader: Loader) -> None:
        """Declare the options, and complain of those that mitmproxy would pass over."""
        for option in options.OPTIONS:
            loader.add_option(option.name, option.type, option.default, option.help)
        view.register(BesideView())
        given = loader.master.options
        for name, complaint in options.complaints(given_options(given)).items():
            logger.error(complaint)
            del given.deferred[name]  # or mitmproxy adds a traceback of its own

    def configure(self, updated: set[str]) -> None:
        """Take over new values of options."""
        names = {option.name for option in options.OPTIONS}
        if not updated & (names | way.OPTIONS):
            return
        try:
            self._set_up({name: getattr(ctx.options, name) for name in names})
        except (options.BadOption, JournalError, OSError) as error:
            if self.is_running:
                raise exceptions.OptionsError(str(error)) from error  # type: ignore[no-untyped-call]  # mitmproxy's
            # An exception would bring its traceback along; an error in the log ends the start too.
            logger.error(str(error))

    def running(self) -> None:
        """Say what is set up in a way that will fail."""
        self.is_running = True
        if ctx.options.server and ctx.options.connection_strategy == "eager":
            logger.warning(_EAGER)

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Let a call to a dead legacy host come as far as the bridge."""
        if self.parts is not None and ctx.options.connection_strategy == "eager":
            accept_connect(flow, self.parts.settings.hosts)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Open a legacy call whose body goes upstream before `request` fires, if it ever does."""
        if flow.request.stream and self.parts is not None and not is_turned_away(flow):
            self.handling.open(flow, self.parts)

    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Answer a legacy call; other traffic passes after a comparison or two."""
        parts = self.parts
        if parts is None or is_own(flow):
            return None
        if not is_replay(flow):
            parts.journal.seen.flows += 1
        if is_turned_away(flow):
            return None
        opened = self.handling.open(flow, parts)
        if opened is not None:
            return self.handling.treat(opened, parts)
        if self.bridge_id in header(flow, "Via"):
            answer(flow, came_round(), "", parts)
        return None

    def responseheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Write down a call whose body leaves before `response` fires."""
        return self.response(flow) if flow.response and flow.response.stream else None

    def response(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Write down a call before its answer leaves."""
        return self.handling.close(flow, self.parts) if self.parts is not None else None

    def error(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Write down a call that got no answer."""
        if self.parts is not None:
            self.handling.cut_short(flow, str(flow.error), self.parts)
        return self.response(flow)

    def client_disconnected(self, client: connection.Client) -> None:
        """Stop the work for a client that is gone."""
        if self.parts is not None:
            self.handling.leave(client, self.parts)

    def tls_failed_client(self, data: tls.TlsData) -> None:
        """Count a client that does not trust the bridge's CA: it has no other way to tell."""
        host = (data.conn.sni or "").lower()
        if self.parts is not None and host in self.parts.settings.hosts:
            address = data.conn.peername[0] if data.conn.peername else "unknown address"
            self.parts.journal.note_rejection(address, host)
            logger.warning(
                "hub v1: the client at %s asked for %s and rejects the bridge's certificate: "
                "it has to trust mitmproxy's CA",
                address,
                host,
            )

    def done(self) -> Awaitable[None] | None:
        """Write down what is cut, and close everything; if only the script ends, its calls go on.

        A plain function, since mitmproxy does not reload scripts whose `done` is a coroutine; at
        shutdown it awaits what is returned.
        """
        self.examiner.stop()
        view.unregister()
        parts, self.parts = self.parts, None
        if parts is None:
            return None
        is_over = ctx.master.should_exit.is_set()
        if self.handling.open_calls and not is_over:
            Remainder(self.handling, parts.without_metrics()).join(ctx.master.addons)
            return None
        retiring = self.handling.end(parts)
        return self._report(parts, retiring) if is_over else retiring  # else it is reloaded

    async def _report(self, parts: Parts, retiring: Awaitable[None] | None) -> None:
        """Make the last reports, while what is left of the parts is closed."""
        journal = parts.journal
        last = self.reporter.end(journal.place, journal.seen.flows, parts.settings.reports)
        await asyncio.gather(last, *filter(None, [retiring]))

    @command.command("hub.options")  # type: ignore[untyped-decorator]  # mitmproxy's
    def show_options(self) -> Sequence[str]:
        """The bridge's options with their values and meaning."""
        return [
            f"{option.name}={_shown(getattr(ctx.options, option.name))}: {option.help}"
            for option in options.OPTIONS
        ]

    @command.command("hub.check")  # type: ignore[untyped-decorator]  # mitmproxy's
    def check(self) -> None:
        """Look at the way to Docker Hub and back, and log what is wrong and how to mend it."""
        if self.parts is not None:
            self.examiner.begin(self.parts, ctx.options)

    @command.command("hub.report")  # type: ignore[untyped-decorator]  # mitmproxy's
    def write_report(self, path: types.Path) -> None:
        """Write the report of the journal to a file: .html .md .json .csv or .txt."""
        target = Path(path).expanduser()
        try:
            format_of(target)
        except UnknownFormat as error:
            raise exceptions.CommandError(f"hub.report: {error}") from error
        if self.parts is not None:
            self.reporter.write(self.parts.journal.place, target)

    @command.command("hub.summary")  # type: ignore[untyped-decorator]  # mitmproxy's
    def summarise(self) -> None:
        """Log the report of the journal in a few lines."""
        if self.parts is not None:
            self.reporter.summarise(self.parts.journal.place)
            if self.parts.shipping is not None:
                logger.info("hub v1: %s", self.parts.shipping.standing.sentence)

    def _set_up(self, values: dict[str, options.OptionValue]) -> None:
        settings = settings_in(os.environ, values)
        surroundings = Surroundings(
            self.bridge_id,
            way.connections(ctx.options),
            way.confdir(ctx.options),
            self.showing,
            way.imposed_authorization(ctx.options),
        )
        old, self.parts = self.parts, assembled(settings, surroundings, self._readings, self.parts)
        self.showing.is_on = settings.show_upstream
        if old is not None:
            self.retiring = old.retire(self.parts)

    def _readings(self) -> Readings:
        parts = self.parts
        return parts.readings if parts is not None else Readings()


def _shown(value: object) -> str:
    """The value of an option for people: an URL without its password."""
    return str(Place(value)) if isinstance(value, str) and "://" in value else repr(value)
