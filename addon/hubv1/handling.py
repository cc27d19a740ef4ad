"""Legacy calls under way: opened, answered, and written down before the answer leaves."""

import asyncio
import time
from collections.abc import Awaitable

from mitmproxy import connection, http
from mitmproxy.connection import ConnectionState

from hubv1.bridging import (
    Result,
    Terms,
    abandoned,
    answer_call,
    came_round,
    gone,
    impossible,
    redirected,
)
from hubv1.mitm import notes
from hubv1.mitm.entries import OpenCall
from hubv1.mitm.flows import header, is_replay, legacy_call
from hubv1.parts import Parts
from hubv1.policy import Action, decide
from hubv1.recording import write_down, write_off
from hubv1.replying import give, successor_of


class Handling:
    """The calls that are under way, by the ids of their flows.

    Every method is given the parts of the moment, so that new options hold from the next step on.
    """

    def __init__(self) -> None:
        """No calls yet."""
        self.open_calls: dict[str, OpenCall] = {}

    def open(self, flow: http.HTTPFlow, parts: Parts) -> OpenCall | None:
        """The legacy call that a flow is and that is to be written down, if it is one."""
        known = self.open_calls.get(flow.id)
        if known is not None:
            return known
        if flow.live and notes.is_claimed(flow) and not is_replay(flow):
            return None  # it began with the bridge before this one
        recorded = None if flow.live else notes.noted(flow)
        if recorded is not None:
            return self._opened(OpenCall.of_recording(flow, recorded))
        call = legacy_call(flow, parts.settings.hosts)
        if call is None:
            return None
        action = decide(
            call,
            parts.rules.mode_for(flow),
            live=flow.live and not flow.response and not (flow.error and _is_heard(flow)),
            is_dark=parts.settings.brownout.is_on(time.time()),
        )
        if action is Action.COUNT:
            parts.journal.seen.still_served += not is_replay(flow)
            return None
        if flow.request.stream:
            action = Action.PASS  # it is on its way, and cannot be answered any more
        imposed = parts.surroundings.imposed
        return self._opened(OpenCall(flow, call, action, parts.settings.callers, imposed))

    def treat(self, opened: OpenCall, parts: Parts) -> Awaitable[None] | None:
        """Do what was decided; nothing for a call that is passed on."""
        if opened.action is Action.TRANSLATE:
            return self._translate(opened, parts)
        if opened.action in (Action.REDIRECT, Action.REFUSE):
            successor = successor_of(opened.call, parts)
            is_redirect = opened.action is Action.REDIRECT
            result = redirected(successor) if is_redirect else gone(successor)
            opened.settle(result)
            give(opened, result, successor, parts)
        return None

    def cut_short(self, flow: http.HTTPFlow, error: str, parts: Parts) -> None:
        """Note that the flow ends without an answer, perhaps before it was heard to its end."""
        if (flow.request.stream or not _is_heard(flow)) and not notes.is_claimed(flow):
            self.open(flow, parts)
        opened = self.open_calls.get(flow.id)
        if opened is None:
            return
        if opened.action is Action.TRANSLATE and not _is_heard(flow):
            opened.leave()
            opened.settle(abandoned())
        opened.cut_short("connection", error)

    def leave(self, client: connection.Client, parts: Parts) -> None:
        """Stop the work for a client that is gone."""
        for opened in list(self.open_calls.values()):
            # A replay goes on without the client that once made the call.
            if opened.flow.client_conn.id != client.id or opened.is_replay:
                continue
            opened.leave()
            if not opened.flow.live:
                # Killed while it was intercepted: mitmproxy fires no hook for it any more.
                opened.cut_short("connection", str(opened.flow.error))
                write_off(self.open_calls.pop(opened.flow.id), parts)

    def close(self, flow: http.HTTPFlow, parts: Parts) -> Awaitable[None] | None:
        """Write the call down, if the flow is one; until then its answer does not leave."""
        opened = self.open_calls.pop(flow.id, None)
        return None if opened is None else write_down(opened, parts)

    def end(self, parts: Parts) -> Awaitable[None] | None:
        """Write down what a shutdown cuts, and close the parts."""
        for opened in list(self.open_calls.values()):
            opened.cut_short("shutdown", "the bridge was shut down before it had an answer")
            write_off(self.open_calls.pop(opened.flow.id), parts)
        return parts.retire()

    def _opened(self, opened: OpenCall) -> OpenCall:
        self.open_calls[opened.flow.id] = opened
        notes.claim(opened.flow)
        return opened

    async def _translate(self, opened: OpenCall, parts: Parts) -> None:
        call, flow = opened.call, opened.flow
        if parts.surroundings.bridge_id in header(flow, "Via"):
            result = came_round()
        elif not call.is_possible:
            result = impossible(call)
        elif flow.client_conn.state is ConnectionState.CLOSED and not opened.is_replay:
            # The client was gone before this hook, and client_disconnected had nothing to end.
            opened.leave()
            result = abandoned()
        else:
            result = await self._shared(opened, parts)
        opened.settle(result)
        give(opened, result, successor_of(call, parts), parts)

    async def _shared(self, opened: OpenCall, parts: Parts) -> Result:
        call, given = opened.call, opened.asked.credentials
        caller = opened.asked.caller.name
        terms = Terms(parts.settings.deadline, parts.settings.challenge, caller)
        opened.waiting = asyncio.ensure_future(
            parts.cache.answer(call, lambda: answer_call(call, parts.hub, terms, given), given)
        )
        try:
            return await opened.waiting
        except asyncio.CancelledError:
            if opened.has_left:
                return abandoned()
            raise  # mitmproxy is shutting down


def _is_heard(flow: http.HTTPFlow) -> bool:
    """Whether the request was read to its end, so that its hook has fired."""
    return flow.request.timestamp_end is not None
