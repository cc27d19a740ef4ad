"""The life of a call, from its first hook to its row in the journal.

Calls to routes of API v2 that Docker retires next are passed on, and recorded after their answer.
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
    RequestSnapshot,
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
_TEMPORARY = ("rate_limited", "unreachable")
"""Errors of a page that a caller gets instead of Hub's refusal: a later attempt may succeed."""


class Lifecycle:
    """The calls that are under way, by the ids of their flows.

    Every method takes the current components, so that new options apply from the next step on.
    """

    def __init__(self) -> None:
        """Begin without calls."""
        self.pending: dict[str, PendingCall] = {}

    def open(self, flow: http.HTTPFlow, components: Components) -> PendingCall | None:
        """Recognise a call that has to be recorded, and decide what becomes of it."""
        if flow.id in self.pending:
            return self.pending[flow.id]
        if flow.live and is_claimed(flow) and not is_replay(flow):
            return None  # recorded by the addon that was loaded before this one
        saved = None if flow.live else saved_record(flow)
        if saved is not None:
            snapshot = take_snapshot(flow)
            return self._begin(PendingCall(flow, call_of(saved), Outcome.OBSERVED, snapshot, saved))
        call = legacy_call(flow, components.config.hosts)
        if call is None:
            return self._open_retiring(flow, components)
        decided = _decide(flow, call, components)
        if decided is None:
            # Of the hooks for a streamed request, `request` alone counts it.
            is_first = not flow.live or (_is_complete(flow) and flow.error is None)
            components.journal.seen.still_served += is_first and not is_replay(flow)
            return None
        return self._begin(PendingCall(flow, call, decided, _snapshot(flow, components)))

    def answer(self, pending: PendingCall, components: Components) -> Awaitable[None] | None:
        """Answer a call as it was decided; a call that is passed on gets no answer here."""
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
        """Whether the body of the response has to be read to recognise the call."""
        pending = self.pending.get(flow.id)
        is_refused = flow.response is not None and flow.response.status_code == 403
        return is_refused and pending is not None and pending.is_page

    def record(self, flow: http.HTTPFlow, components: Components) -> Awaitable[None] | None:
        """Record the call of a flow, if it has one; its answer leaves only after that."""
        pending = self.pending.get(flow.id)
        if pending is not None and pending.call.route.verdict is Verdict.RETIRING:
            return self._record_retiring(pending, components)
        self.pending.pop(flow.id, None)
        return None if pending is None else _record(pending, components)

    def cut_short(self, flow: http.HTTPFlow, error: str, components: Components) -> None:
        """Note that a flow ends without an answer, perhaps before its request was complete."""
        is_incomplete = flow.request.stream or not _is_complete(flow)
        if is_incomplete and not is_claimed(flow):
            self.open(flow, components)
        pending = self.pending.get(flow.id)
        if pending is None:
            return
        if pending.decided is Outcome.TRANSLATED and not _is_complete(flow):
            pending.leave()
            pending.finish(failure("client_left"))
        pending.cut_short("connection", error)

    def leave(self, client: connection.Client, components: Components) -> None:
        """Stop the work for a client that is gone."""
        for pending in list(self.pending.values()):
            # A replay does not need the client that once made the call.
            if pending.flow.client_conn.id != client.id or pending.is_replay:
                continue
            pending.leave()
            if not pending.flow.live:
                # Killed while it was intercepted: mitmproxy fires no further hook for it.
                pending.cut_short("connection", str(pending.flow.error))
                self._record_unawaited(pending, components)

    def shut_down(self, components: Components) -> None:
        """Record the calls that the end of the process cuts off."""
        for pending in list(self.pending.values()):
            pending.stop()  # or its connections would stay open
            if pending.response is None:  # otherwise the answer still leaves
                pending.cut_short("shutdown", "the bridge was shut down before it had an answer")
            self._record_unawaited(pending, components)

    def restart(self, components: Components) -> None:
        """Answer 503 to the calls that the bridge is still working on, and record all calls."""
        for pending in list(self.pending.values()):
            if pending.task is not None and pending.response is None:
                pending.stop()
                finish = _finish_page if pending.is_page else _finish
                finish(pending, failure("restarting", retry_after=1), components)
            elif pending.response is None:
                pending.cut_short("restarting", "the bridge was restarted before the answer came")
            self._record_unawaited(pending, components)

    def _open_retiring(self, flow: http.HTTPFlow, components: Components) -> PendingCall | None:
        """Recognise a call to a route that Docker retires next, unless it is the bridge's own."""
        if is_first_page(flow.request.data.path):
            return None  # nobody is refused this page
        call = retiring_call(flow, components.config.url)
        if call is None or components.environment.bridge_id in header(flow, "Via"):
            return None
        pending = PendingCall(flow, call, Outcome.OBSERVED, _snapshot(flow, components))
        if not pending.is_page:
            return self._begin(pending)
        self.pending[flow.id] = pending  # claimed only if Hub refuses the page
        return pending

    def _record_retiring(
        self, pending: PendingCall, components: Components
    ) -> Awaitable[None] | None:
        """Record a call to a retiring route, after reading the page that Hub refused if possible.

        A page that Hub gives is other traffic.
        """
        if _may_read_on(pending, components):
            return self._read_on(pending, components)
        self._record_unawaited(pending, components)
        return None

    async def _read_on(self, pending: PendingCall, components: Components) -> None:
        """Replace Hub's refusal by the page, read with the bridge's account."""
        result = await _ask(pending, components)
        if pending.response is None:  # otherwise a restart has answered
            _finish_page(pending, result, components)
        self._record_unawaited(pending, components)

    def _begin(self, pending: PendingCall) -> PendingCall:
        self.pending[pending.flow.id] = pending
        claim(pending.flow)
        return pending

    async def _translate(self, pending: PendingCall, components: Components) -> None:
        result = await _ask(pending, components)
        if pending.response is None:  # otherwise a restart has answered
            _finish(pending, result, components)

    def _record_unawaited(self, pending: PendingCall, components: Components) -> None:
        """Record a call without waiting for its row, unless a restart has done so, or the call was
        for a page that Hub gave."""
        if self.pending.pop(pending.flow.id, None) is None:
            return
        # A page that the bridge has read was refused before.
        if pending.is_page and pending.response is None and not is_refused_page(pending.flow):
            return
        entry = _annotated(pending, components)
        if not pending.is_replay:
            components.journal.record_unawaited(entry)
        _announce(pending, entry, components)


def answer_loop(flow: http.HTTPFlow, components: Components) -> None:
    """Answer 508 to a request of the bridge's own that is no v1 call."""
    _set_response(flow, failure("loop"), "", components)


def _snapshot(flow: http.HTTPFlow, components: Components) -> RequestSnapshot:
    config, imposed = components.config, components.environment.imposed_authorization
    return take_snapshot(flow, config.caller_header, config.trusted_proxies, imposed)


def _decide(flow: http.HTTPFlow, call: Call, components: Components) -> Outcome | None:
    config = components.config
    decided = decide(
        call,
        mode_for(flow, config.rule, config.mode),
        live=flow.live and not flow.response and not (flow.error and _is_complete(flow)),
        is_dark=config.brownout.is_on(time.time()),
    )
    if flow.request.stream and decided is not None:
        return Outcome.PASSED  # its body is on its way upstream, so it cannot be answered here
    return decided


def _is_complete(flow: http.HTTPFlow) -> bool:
    """Whether the request was read to its end, so that its hook has fired."""
    return flow.request.timestamp_end is not None


def _result_at_once(pending: PendingCall, components: Components) -> Result | None:
    """The result for a call that needs no request and so no task; None for any other."""
    if components.environment.bridge_id in pending.request.via:
        return failure("loop")
    if pending.flow.client_conn.state is ConnectionState.CLOSED and not pending.is_replay:
        # The client left before this hook, when client_disconnected found nothing to stop.
        pending.leave()
        return failure("client_left")
    return components.cache.fresh(pending.call, pending.request.credentials)


async def _ask(pending: PendingCall, components: Components) -> Result:
    """The result for a call, from Docker's hosts or from an equal call."""
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
        # If a hook raises, mitmproxy sends the request to the dead host.
        logger.exception("The bridge failed on %s", call)
        return failure("internal", f"the bridge failed: {type(error).__name__}")


def _may_read_on(pending: PendingCall, components: Components) -> bool:
    """Whether a call's page was refused and may be read with the bridge's account, which is only
    for callers that send no Authorization at all."""
    config = components.config
    return (
        pending.is_page
        and config.pages
        and config.account is not None
        and pending.is_live
        and pending.request.credentials.kind == "none"
        and bool(pending.call.target)
        and is_refused_page(pending.flow)
    )


def _finish_page(pending: PendingCall, result: Result, components: Components) -> None:
    """Answer with the page, or with a temporary error; otherwise Hub's refusal stays."""
    if result.error_type and result.error_type not in _TEMPORARY:
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
    """The URL of the v2 call to make instead; empty if nothing replaces the call."""
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
    """Wait until the call is on disk; refuse it if it has to be and cannot."""
    entry = _annotated(pending, components)
    is_required = components.config.journal_required and pending.is_answered
    try:
        if not pending.is_replay:
            await components.journal.record(entry, is_required=is_required)
    except NotRecorded as loss:
        if loss.first:
            logger.error(
                "Calls are %s but not recorded until the journal %s can be written again: %s",
                "refused" if is_required else "answered",
                components.journal.location,
                loss,
            )
        if is_required:
            _refuse(pending, components)
    _announce(pending, entry, components)


def _announce(pending: PendingCall, entry: CallRecord, components: Components) -> None:
    """Log a call, and count it in the metrics."""
    if pending.is_replay:
        logger.info("%s (a replay, not counted)", entry.line)
        return
    if components.metrics is not None:
        components.metrics.count(entry)
    logger.info("%s", entry.line)


def _annotated(pending: PendingCall, components: Components) -> CallRecord:
    """The current record of a call, which is also saved in its flow."""
    entry, flow = pending.record(components.environment.bridge_id), pending.flow
    # In the flow of a replay the record of the caller's own call stays.
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
        # The client has the status line already.
        flow.kill()  # type: ignore[no-untyped-call]  # mitmproxy's
        return
    _finish(pending, failure("not_recorded"), components)
    _annotated(pending, components)
