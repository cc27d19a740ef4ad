"""A call from its first hook to its row: opened, answered, recorded, cut short, left.

Calls to what Docker retires next of API v2 are passed on, and recorded after their answer.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable
from dataclasses import replace
from functools import partial

from mitmproxy import connection, http
from mitmproxy.connection import ConnectionState

from hubv1.api.anonymity import anonymized
from hubv1.api.routes import Call, Outcome, Verdict, is_first_page
from hubv1.api.translation import as_deprecated
from hubv1.api.v2 import with_links_to
from hubv1.calls import (
    PendingCall,
    Result,
    answer_call,
    decide,
    failure,
    gone,
    mode_for,
    redirected,
    take_snapshot,
)
from hubv1.components import Components
from hubv1.journal import CallRecord, NotRecorded
from hubv1.mitm.flows import (
    annotate,
    answer_flow,
    call_of,
    claim,
    comment_on,
    header,
    hub_origin,
    is_claimed,
    is_refused_page,
    is_replay,
    legacy_call,
    retiring_call,
    saved_record,
    saved_upstream_requests,
)

logger = logging.getLogger(__name__)

_LOOP = (
    "A call came back to this bridge: hub_url %s leads here, perhaps through a hosts file or a "
    "redirect on this machine. Set hub_url to an address that does not."
)


class Lifecycle:
    """The calls that are under way, by the ids of their flows.

    Every method takes the components of the moment, so that new options apply from the next step.
    """

    def __init__(self) -> None:
        """Begin without calls."""
        self.pending: dict[str, PendingCall] = {}

    def open(self, flow: http.HTTPFlow, components: Components) -> PendingCall | None:
        """Recognise a legacy call that is to be recorded, and decide what becomes of it."""
        if flow.id in self.pending:
            return self.pending[flow.id]
        if flow.live and is_claimed(flow) and not is_replay(flow):
            return None  # the addon was reloaded meanwhile, and the one before recorded the call
        saved = None if flow.live else saved_record(flow)
        if saved is not None:
            snapshot = take_snapshot(flow)
            return self._begin(PendingCall(flow, call_of(saved), Outcome.OBSERVED, snapshot, saved))
        config = components.config
        call = legacy_call(flow, config.hosts)
        if call is None:
            return self._open_retiring(flow, components)
        decided = _decide(flow, call, components)
        if decided is None:
            components.journal.seen.still_served += not is_replay(flow)
            return None
        imposed = components.environment.imposed_authorization
        request = take_snapshot(flow, config.caller_header, config.trusted_proxies, imposed)
        return self._begin(PendingCall(flow, call, decided, request))

    def answer(self, pending: PendingCall, components: Components) -> Awaitable[None] | None:
        """Do what was decided; nothing for a call that is passed on."""
        if pending.decided is Outcome.TRANSLATED:
            result = _result_at_once(pending, components)
            if result is None:
                return self._translate(pending, components)
            _finish(pending, result, components)
            return None
        successor = _successor(pending.call, components)
        if pending.decided is Outcome.REDIRECTED:
            _finish(pending, redirected(successor), components)
        elif pending.decided is Outcome.GONE:
            _finish(pending, gone(successor), components)
        return None

    def has_to_read(self, flow: http.HTTPFlow) -> bool:
        """Whether the body of the response tells what the call is."""
        pending = self.pending.get(flow.id)
        is_refused = flow.response is not None and flow.response.status_code == 403
        return is_refused and pending is not None and pending.is_page

    def record(self, flow: http.HTTPFlow, components: Components) -> Awaitable[None] | None:
        """Record the call, if the flow is one; its answer does not leave before that is done."""
        pending = self.pending.get(flow.id)
        if pending is not None and pending.call.route.verdict is Verdict.RETIRING:
            return self._record_retiring(pending, components)
        self.pending.pop(flow.id, None)
        return None if pending is None else _record(pending, components)

    def cut_short(self, flow: http.HTTPFlow, error: str, components: Components) -> None:
        """Note that a flow ends without an answer, perhaps before its request was complete."""
        is_incomplete = flow.request.stream or not _is_heard(flow)
        if is_incomplete and not is_claimed(flow):
            self.open(flow, components)
        pending = self.pending.get(flow.id)
        if pending is None:
            return
        if pending.decided is Outcome.TRANSLATED and not _is_heard(flow):
            pending.leave()
            pending.finish(failure("client_left"))
        pending.cut_short("connection", error)

    def leave(self, client: connection.Client, components: Components) -> None:
        """Stop the work for a client that is gone."""
        for pending in list(self.pending.values()):
            # A replay goes on without the client that once made the call.
            if pending.flow.client_conn.id != client.id or pending.is_replay:
                continue
            pending.leave()
            if not pending.flow.live:
                # Killed while it was intercepted: mitmproxy fires no hook for it any more.
                pending.cut_short("connection", str(pending.flow.error))
                self._record_unawaited(pending, components)

    def shut_down(self, components: Components) -> None:
        """Record the calls that the end of the process cuts."""
        for pending in list(self.pending.values()):
            pending.stop()  # or it would go on, with connections that nobody closes
            if pending.response is None:  # else the answer still leaves
                pending.cut_short("shutdown", "the bridge was shut down before it had an answer")
            self._record_unawaited(pending, components)

    def restart(self, components: Components) -> None:
        """Answer 503 to the calls that the bridge still works on, and record all pending ones."""
        for pending in list(self.pending.values()):
            if pending.task is not None and pending.response is None:
                pending.stop()
                finish = _finish_page if pending.is_page else _finish
                finish(pending, failure("restarting", retry_after=1), components)
            elif pending.response is None:
                pending.cut_short("restarting", "the bridge was restarted before the answer came")
            self._record_unawaited(pending, components)

    def _open_retiring(self, flow: http.HTTPFlow, components: Components) -> PendingCall | None:
        """Recognise a call to what Docker retires next, unless it is the bridge's own."""
        if is_first_page(flow.request.data.path):
            return None  # other traffic, however it is answered
        config = components.config
        call = retiring_call(flow, config.url)
        if call is None or components.environment.bridge_id in header(flow, "Via"):
            return None
        imposed = components.environment.imposed_authorization
        request = take_snapshot(flow, config.caller_header, config.trusted_proxies, imposed)
        pending = PendingCall(flow, call, Outcome.OBSERVED, request)
        if not pending.is_page:
            return self._begin(pending)
        self.pending[flow.id] = pending  # nothing is said of a page that Hub gives
        return pending

    def _record_retiring(
        self, pending: PendingCall, components: Components
    ) -> Awaitable[None] | None:
        """Record such a call without a wait; a page that is refused is read on before, if it may
        be, and one that is given is other traffic."""
        if pending.is_page and not is_refused_page(pending.flow):
            del self.pending[pending.flow.id]
        elif _may_read_on(pending, components):
            return self._read_on(pending, components)
        else:
            self._note(pending, components)
        return None

    async def _read_on(self, pending: PendingCall, components: Components) -> None:
        """Put Hub's page in the place of its refusal, read with the bridge's account."""
        result = await _ask(pending, components)
        if pending.response is None:  # else a restart has answered
            _finish_page(pending, result, components)
        self._note(pending, components)

    def _note(self, pending: PendingCall, components: Components) -> None:
        """Record a call that does not wait for that, as well as may be."""
        if self.pending.pop(pending.flow.id, None) is None:
            return  # a restart or the end of the process has
        entry = _annotated(pending, components)
        if not pending.is_replay:
            components.journal.record_unawaited(entry)
            if components.metrics is not None:
                components.metrics.count(entry)
        logger.info("%s", entry.line)

    def _begin(self, pending: PendingCall) -> PendingCall:
        self.pending[pending.flow.id] = pending
        claim(pending.flow)
        return pending

    async def _translate(self, pending: PendingCall, components: Components) -> None:
        result = await _ask(pending, components)
        if pending.response is None:  # else a restart has answered
            _finish(pending, result, components)

    def _record_unawaited(self, pending: PendingCall, components: Components) -> None:
        """Record a call that nobody waits for any more; closing the journal writes its row."""
        del self.pending[pending.flow.id]
        if pending.is_page and not is_refused_page(pending.flow):
            return
        entry = _annotated(pending, components)
        if not pending.is_replay:
            components.journal.record_unawaited(entry)


def answer_loop(flow: http.HTTPFlow, components: Components) -> None:
    """Answer 508 to a request of the bridge's own that is no v1 call."""
    _set_response(flow, failure("loop"), "", components)


def _decide(flow: http.HTTPFlow, call: Call, components: Components) -> Outcome | None:
    config = components.config
    decided = decide(
        call,
        mode_for(flow, config.rule, config.mode) if config.rule else config.mode,
        live=flow.live and not flow.response and not (flow.error and _is_heard(flow)),
        is_dark=config.brownout.is_on(time.time()),
    )
    if flow.request.stream and decided is not None:
        return Outcome.PASSED  # its body goes upstream already, so it cannot be answered
    return decided


def _is_heard(flow: http.HTTPFlow) -> bool:
    """Whether the request was read to its end, so that its hook has fired."""
    return flow.request.timestamp_end is not None


def _result_at_once(pending: PendingCall, components: Components) -> Result | None:
    """The result for a call of which nobody has to be asked, so that it needs no task."""
    if components.environment.bridge_id in pending.request.via:
        return failure("loop")
    if pending.flow.client_conn.state is ConnectionState.CLOSED and not pending.is_replay:
        # The client was gone before this hook, and client_disconnected had nothing to end.
        pending.leave()
        return failure("client_left")
    return components.cache.kept(pending.call, pending.request.credentials)


async def _ask(pending: PendingCall, components: Components) -> Result:
    """The result for a call from Docker's hosts, or from an equal call."""
    call, request = pending.call, pending.request
    credentials, caller = request.credentials, request.caller
    fetch = partial(answer_call, call, components.hub, components.limits, credentials, caller)
    pending.task = asyncio.ensure_future(components.cache.answer(call, fetch, credentials))
    try:
        return await pending.task
    except asyncio.CancelledError:
        if pending.result is not None:
            return pending.result  # that of a restart
        if pending.has_left:
            return failure("client_left")
        raise  # mitmproxy is shutting down
    except Exception as error:
        # A hook that raises lets the request pass as it is; a fault of ours must not.
        logger.exception("The bridge failed on %s", call)
        return failure("internal", f"the bridge failed: {type(error).__name__}")


def _may_read_on(pending: PendingCall, components: Components) -> bool:
    """Whether the refused page of a call may be read with the bridge's account: not where the
    caller signs in, by whatever means."""
    config = components.config
    return (
        pending.is_page
        and config.pages
        and config.account is not None
        and pending.is_live
        and pending.request.credentials.kind == "none"
        and bool(pending.call.target)
    )


_RETRIED = ("rate_limited", "unreachable")
"""What may come right: the caller hears of it instead of a refusal, which is for good."""


def _finish_page(pending: PendingCall, result: Result, components: Components) -> None:
    """Give the page, or an error that passes; else the refusal stays as it came."""
    if result.error_type and result.error_type not in _RETRIED:
        pending.result = result
        pending.error_type, pending.error = result.error_type, result.error
        return
    pending.finish(result)
    flow, answer = pending.flow, result.answer
    origin = hub_origin(flow, components.config.url)
    if origin and result.is_complete:
        answer = replace(answer, body=with_links_to(origin, answer.body))
    environment = components.environment
    cache_headers = result.cache_headers(environment.bridge_id)
    headers = (*answer.headers, ("Via", environment.via), *cache_headers)
    answer_flow(flow, replace(answer, headers=headers))
    pending.response = flow.response


def _finish(pending: PendingCall, result: Result, components: Components) -> None:
    pending.finish(result)
    _set_response(pending.flow, result, _successor(pending.call, components), components)
    pending.response = pending.flow.response


def _successor(call: Call, components: Components) -> str:
    """URL of the v2 call to make instead; empty if nothing replaces it."""
    path = call.replacement_path
    return components.config.url + path if path else ""


def _set_response(
    flow: http.HTTPFlow, result: Result, successor: str, components: Components
) -> None:
    """Answer the flow, with the headers of a deprecated resource."""
    if result.error_type == "loop":
        logger.error(_LOOP, components.config.url)
    environment = components.environment
    cache_headers = result.cache_headers(environment.bridge_id)
    answer_flow(flow, as_deprecated(result.answer, successor, environment.via, *cache_headers))


async def _record(pending: PendingCall, components: Components) -> None:
    """Return once the call is on disk, or is refused because it has to be and cannot."""
    entry = _annotated(pending, components)
    if pending.is_replay:
        logger.info("%s (a replay, not counted)", entry.line)
        return
    is_required = components.config.journal_required and pending.is_answered
    try:
        await components.journal.record(entry, is_required=is_required)
    except NotRecorded as loss:
        if loss.first:
            logger.error(
                "Calls are %s but not recorded until the journal %s can be written again: %s",
                "refused" if is_required else "answered",
                components.journal.place,
                loss,
            )
        if is_required:
            _refuse(pending, components)
    if components.metrics is not None:
        components.metrics.count(entry)
    logger.info("%s", entry.line)


def _annotated(pending: PendingCall, components: Components) -> CallRecord:
    """The record of a call as it stands, once it is in the flow too."""
    entry, flow = pending.record(components.environment.bridge_id), pending.flow
    # A replay keeps the record of what the caller once got.
    before = saved_record(flow) if pending.is_replay else None
    if components.config.anonymize:
        entry, before = anonymized(entry), before and anonymized(before)
    if entry != pending.saved:
        instead = _successor(pending.call, components) or pending.call.route.sentence
        comment = comment_on(entry, instead, is_replay=pending.is_replay)
        requests = pending.result.upstream_requests if pending.result else ()
        if pending.saved is not None:
            requests = (*saved_upstream_requests(flow),)
        annotate(flow, before or entry, comment, requests)
    return entry


def _refuse(pending: PendingCall, components: Components) -> None:
    flow = pending.flow
    if flow.response and flow.response.stream and flow.killable:
        # Its head has left already.
        flow.kill()  # type: ignore[no-untyped-call]  # mitmproxy's
        return
    _finish(pending, failure("not_recorded"), components)
    _annotated(pending, components)
