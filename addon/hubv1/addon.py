"""The addon: options, commands and hooks, each a few lines over the parts."""

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mitmproxy import command, connection, ctx, exceptions, http, tls
from mitmproxy.addonmanager import Loader

from hubv1 import __version__, options
from hubv1.answers import as_deprecated
from hubv1.bridging import (
    Result,
    Terms,
    abandoned,
    answer_call,
    came_round,
    gone,
    impossible,
    redirected,
    unrecorded,
)
from hubv1.hub import Connections, HubClient, Transport
from hubv1.journal import FILE_NAME, Entry, Journal, JournalError, NotRecorded, Place
from hubv1.metrics import Metrics, Readings
from hubv1.mitm import way
from hubv1.mitm.entries import OpenCall
from hubv1.mitm.flows import answer_flow, header, is_turned_away, legacy_call
from hubv1.mitm.given import given_options
from hubv1.mitm.rules import Rules, read_rules
from hubv1.policy import Action, decide
from hubv1.recognition import Call
from hubv1.sharing import Sharing
from hubv1.texts import printable

logger = logging.getLogger(__name__)

_EAGER = (
    "connection_strategy=eager connects to the legacy host before the bridge sees a call: where "
    "that host is dead or its name no longer resolves, CONNECT gets a 502, reverse mode drops the "
    "client and SOCKS fails. Set connection_strategy=lazy."
)
_LOOP = (
    "A call came back to this bridge: hub_url %s leads here, by a hosts file or a redirect on "
    "this machine perhaps. Set hub_url to an address that does not."
)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a bridge that is set up works with."""

    settings: options.Settings
    rules: Rules
    connections: Connections
    hub: HubClient
    sharing: Sharing
    journal: Journal
    metrics: Metrics | None


class Bridge:
    """The mitmproxy addon that answers Docker Hub API v1."""

    name = "hub_v1_bridge"

    def __init__(self) -> None:
        """A bridge that does nothing before it is configured."""
        # The pseudonym in Via tells this bridge's own requests from those of every other.
        self.bridge_id = f"hub-v1-bridge-{secrets.token_hex(4)}"
        self.via = f"1.1 {self.bridge_id}"
        self.parts: Parts | None = None
        self.open_calls: dict[str, OpenCall] = {}
        self.is_running = False
        self.closing: asyncio.Future[None] | None = None

    def load(self, loader: Loader) -> None:
        """Declare the options, and complain of those that mitmproxy would pass over."""
        for option in options.OPTIONS:
            loader.add_option(option.name, option.type, option.default, option.help)
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
            values = {name: getattr(ctx.options, name) for name in names}
            new = options.settings(values, os.environ.get(options.SECRET, "").rstrip("\r\n"))
            self.parts = self._assembled(new, way.connections(ctx.options), self.parts)
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

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Open a legacy call whose body goes upstream before `request` fires, if it ever does."""
        if flow.request.stream and self.parts is not None and not is_turned_away(flow):
            self._opened(flow, self.parts)

    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Answer a legacy call; other traffic passes after a comparison or two."""
        parts = self.parts
        if parts is None:
            return None
        parts.journal.seen.flows += 1
        if is_turned_away(flow):
            return None
        opened = self.open_calls.get(flow.id) or self._opened(flow, parts)
        if opened is None:
            if self.bridge_id in header(flow, "Via"):
                self._answer(flow, came_round(), "", parts)
            return None
        if opened.action is Action.TRANSLATE:
            return self._translate(opened, parts)
        if opened.action in (Action.REDIRECT, Action.REFUSE):
            self._end(opened, parts)
        return None

    def responseheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Write down a call whose body leaves before `response` fires."""
        return self._close(flow) if flow.response and flow.response.stream else None

    def response(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Write down a call before its answer leaves."""
        return self._close(flow)

    def error(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Write down a call that got no answer."""
        if flow.request.stream and self.parts is not None and flow.id not in self.open_calls:
            self._opened(flow, self.parts)
        if flow.id in self.open_calls:
            self.open_calls[flow.id].cut_short("connection", str(flow.error))
        return self._close(flow)

    def client_disconnected(self, client: connection.Client) -> None:
        """Stop the work for a client that is gone."""
        for opened in self.open_calls.values():
            if opened.flow.client_conn.id == client.id:
                opened.leave()

    def tls_failed_client(self, data: tls.TlsData) -> None:
        """Count a client that does not trust the bridge's CA: it has no other way to tell."""
        host = (data.conn.sni or "").lower()
        if self.parts is not None and host in self.parts.settings.hosts:
            self.parts.journal.seen.rejected_tls += 1
            address = data.conn.peername[0] if data.conn.peername else "unknown address"
            logger.warning(
                "hub v1: the client at %s asked for %s and rejects the bridge's certificate: "
                "it has to trust mitmproxy's CA",
                address,
                host,
            )

    def done(self) -> Awaitable[None] | None:
        """Write down what is cut, and close everything.

        A plain function, since mitmproxy does not reload scripts whose `done` is a coroutine; at
        shutdown it awaits what is returned.
        """
        parts, self.parts = self.parts, None
        if parts is None:
            return None
        for opened in self.open_calls.values():
            opened.cut_short("shutdown", "the bridge was shut down before it had an answer")
            parts.journal.record_unawaited(self._entry(opened, parts))
        self.open_calls.clear()
        parts.journal.close()
        if parts.metrics is not None:
            parts.metrics.close()
        return asyncio.ensure_future(parts.hub.close())

    @command.command("hub.options")  # type: ignore[untyped-decorator]  # mitmproxy's
    def show_options(self) -> Sequence[str]:
        """The bridge's options with their values and meaning."""
        return [
            f"{option.name}={_shown(getattr(ctx.options, option.name))}: {option.help}"
            for option in options.OPTIONS
        ]

    def _assembled(
        self, settings: options.Settings, connections: Connections, old: Parts | None
    ) -> Parts:
        """The parts for `settings`; those that need no change stay as they are."""
        rules = read_rules(settings.mode, settings.rules)
        if old and old.settings.journal == settings.journal:
            journal = old.journal
        else:
            journal = Journal(Place(settings.journal or _default_journal()), self.bridge_id)
            if old:
                old.journal.close()
        is_same_hub = old and _way(old.settings, old.connections) == _way(settings, connections)
        if old and is_same_hub and old.settings.cache_ttl == settings.cache_ttl:
            sharing = old.sharing
        else:
            sharing = Sharing(settings.cache_ttl)
        if old and is_same_hub:
            hub = old.hub
        else:
            transport = Transport(self.via, f"hub-v1-bridge/{__version__}", connections)
            hub = HubClient(settings.url, settings.registry_url, transport, settings.account)
            if old:
                self.closing = asyncio.ensure_future(old.hub.retire())
        metrics = self._measured(settings, old)
        return Parts(settings, rules, connections, hub, sharing, journal, metrics)

    def _measured(self, settings: options.Settings, old: Parts | None) -> Metrics | None:
        if old and old.settings.metrics == settings.metrics:
            return old.metrics
        metrics = Metrics(settings.metrics, self._readings) if settings.metrics else None
        if old and old.metrics:
            old.metrics.close()
        return metrics

    def _readings(self) -> Readings:
        """For the thread that shows them."""
        parts = self.parts
        if parts is None:
            return Readings()
        return Readings(parts.journal.seen, dict(parts.hub.statuses), parts.journal.waiting)

    def _opened(self, flow: http.HTTPFlow, parts: Parts) -> OpenCall | None:
        """The legacy call that a flow is and that is to be written down, if it is one."""
        call = legacy_call(flow, parts.settings.hosts)
        if call is None:
            return None
        action = decide(
            call,
            parts.rules.mode_for(flow),
            live=flow.live and not flow.response and not flow.error,
            is_dark=parts.settings.brownout.is_on(time.time()),
        )
        if action is Action.COUNT:
            parts.journal.seen.still_served += 1
            return None
        if flow.request.stream:
            action = Action.PASS  # it is on its way, and cannot be answered any more
        opened = self.open_calls[flow.id] = OpenCall(flow, call, action)
        return opened

    async def _translate(self, opened: OpenCall, parts: Parts) -> None:
        call, flow = opened.call, opened.flow
        if self.bridge_id in header(flow, "Via"):
            result = came_round()
        elif not call.is_possible:
            result = impossible(call)
        else:
            result = await self._shared(opened, parts)
        opened.settle(result)
        self._answer(flow, result, _successor(call, parts), parts)

    def _end(self, opened: OpenCall, parts: Parts) -> None:
        """Answer with what comes after v1."""
        successor = _successor(opened.call, parts)
        result = redirected(successor) if opened.action is Action.REDIRECT else gone(successor)
        opened.settle(result)
        self._answer(opened.flow, result, successor, parts)

    async def _shared(self, opened: OpenCall, parts: Parts) -> Result:
        call, given = opened.call, opened.credentials
        terms = Terms(parts.settings.deadline, parts.settings.challenge)
        opened.waiting = asyncio.ensure_future(
            parts.sharing.answer(call, lambda: answer_call(call, parts.hub, terms, given), given)
        )
        try:
            return await opened.waiting
        except asyncio.CancelledError:
            if opened.has_left:
                return abandoned()
            raise  # mitmproxy is shutting down

    def _answer(self, flow: http.HTTPFlow, result: Result, successor: str, parts: Parts) -> None:
        if result.error_type == "loop":
            logger.error(_LOOP, parts.settings.url)
        cache_status = self.bridge_id + result.cache_status
        answer_flow(flow, as_deprecated(result.answer, successor, self.via, cache_status))

    def _close(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        opened = self.open_calls.pop(flow.id, None)
        if opened is None or self.parts is None:
            return None
        return self._write_down(opened, self.parts)

    def _entry(self, opened: OpenCall, parts: Parts) -> Entry:
        return opened.entry(parts.settings.callers, self.bridge_id)

    async def _write_down(self, opened: OpenCall, parts: Parts) -> None:
        entry = self._entry(opened, parts)
        is_recorded = False
        try:
            await parts.journal.record(entry)
            is_recorded = True
        except NotRecorded as loss:
            if loss.first:
                logger.error(
                    "Calls are %s but not recorded, until the journal %s can be written again: %s",
                    "refused" if parts.settings.journal_required else "answered",
                    parts.journal.place,
                    loss,
                )
            if parts.settings.journal_required and opened.is_answered:
                self._refuse(opened, parts)
        if parts.metrics is not None:
            parts.metrics.count(entry, is_recorded=is_recorded)
        logger.info(printable(entry.line))

    def _refuse(self, opened: OpenCall, parts: Parts) -> None:
        flow = opened.flow
        if flow.response and flow.response.stream and flow.killable:
            # Its head is on the way already.
            flow.kill()  # type: ignore[no-untyped-call]  # mitmproxy's
            return
        opened.settle(unrecorded())
        self._answer(flow, unrecorded(), "", parts)


def _successor(call: Call, parts: Parts) -> str:
    """URL of the v2 call to make instead; empty where there is none."""
    path = call.replacement_path
    return parts.settings.url + path if path else ""


def _way(settings: options.Settings, connections: Connections) -> tuple[object, ...]:
    """What a Hub client is made for."""
    return (settings.url, settings.registry_url, settings.account, connections)


def _default_journal() -> str:
    """In mitmproxy's confdir, which at a first start is not there yet."""
    folder = Path(ctx.options.confdir).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder / FILE_NAME)


def _shown(value: object) -> str:
    """The value of an option for people: an URL without its password."""
    return str(Place(value)) if isinstance(value, str) and "://" in value else repr(value)
