"""A legacy call under way, and what the journal says of it in the end."""

import asyncio
import time
from datetime import UTC, datetime

from mitmproxy import http

from hubv1.bridging import Result
from hubv1.caller import CallerRules, client_address, identify
from hubv1.credentials import read_credentials
from hubv1.journal import Entry, new_id
from hubv1.mitm.flows import asked_host, asked_scheme, header
from hubv1.outcome import Outcome
from hubv1.policy import Action
from hubv1.recognition import Call
from hubv1.texts import bounded, readable

_EXPECTED = {
    Action.OBSERVE: Outcome.OBSERVED,
    Action.PASS: Outcome.PASSED,
    Action.TRANSLATE: Outcome.TRANSLATED,
    Action.REDIRECT: Outcome.REDIRECTED,
    Action.REFUSE: Outcome.GONE,
}


class OpenCall:
    """A legacy call that is under way."""

    def __init__(self, flow: http.HTTPFlow, call: Call, action: Action) -> None:
        """What the call becomes is what `action` promises, until something else happens."""
        self.flow = flow
        self.call = call
        self.action = action
        self.credentials = read_credentials(header(flow, "Authorization"))
        self.outcome = _EXPECTED[action]
        self.result: Result | None = None
        """What the bridge made of it; None where it had nothing to make."""
        self.error_type = ""
        self.error = ""
        self.is_answered = True
        """Unless it is cut short, whatever response its flow may have by then."""
        self.has_left = False
        """Whether its client is gone."""
        self.waiting: asyncio.Future[Result] | None = None
        """The work for it that is under way."""

    def settle(self, result: Result) -> None:
        """The bridge has an answer."""
        self.result = result
        self.outcome = result.outcome
        self.error_type, self.error = result.error_type, result.error
        self.is_answered = not self.has_left

    def leave(self) -> None:
        """The client is gone: what nobody else waits for need not be done."""
        self.has_left = True
        if self.waiting is not None:
            self.waiting.cancel()

    def cut_short(self, error_type: str, error: str) -> None:
        """The call ends without an answer: a failure, where the bridge would have given one."""
        if self.outcome not in (Outcome.OBSERVED, Outcome.PASSED):
            self.outcome = Outcome.FAILED
        if not (self.has_left and self.error_type):  # else it is known better
            self.error_type, self.error = error_type, error
        self.is_answered = False

    def entry(self, rules: CallerRules, bridge_id: str) -> Entry:
        """The row of the call as it stands now."""
        flow, request, repository = self.flow, self.flow.request, self.call.repository
        result = self.result
        response = flow.response if self.is_answered else None
        peer = flow.client_conn.peername[0] if flow.client_conn.peername else ""
        forwarded = request.headers.get_all("X-Forwarded-For") if rules.trusted_proxies else ()
        address = client_address(peer, forwarded, rules.trusted_proxies)
        caller = identify(header(flow, rules.header), header(flow, "User-Agent"), address)
        return Entry(
            id=new_id(),
            started_at=datetime.fromtimestamp(request.timestamp_start, UTC),
            duration_ms=round((_end(flow) - request.timestamp_start) * 1000, 3),
            caller=caller.name,
            client_address=caller.address,
            user_agent_original=caller.user_agent,
            credentials=self.credentials.kind,
            user_name=bounded(self.credentials.user),
            http_request_method=bounded(request.method),
            url_scheme=asked_scheme(flow),
            server_address=bounded(asked_host(flow)),
            url_path=bounded(readable(request.data.path.partition(b"?")[0])),
            route=self.call.route.name,
            namespace=repository.namespace if repository else "",
            repository=repository.name if repository else "",
            tag=self.call.tag or "",
            verdict=self.call.route.verdict,
            outcome=self.outcome,
            http_response_status_code=response.status_code if response else None,
            upstream_calls=result.upstream_calls if result else 0,
            source=result.source if result else "",
            cache=result.cache if result else "",
            tags_listed=result.tags_listed if result else None,
            error_type=self.error_type,
            error=bounded(self.error),
            proxy_mode=flow.client_conn.proxy_mode.type_name,
            flow_id=flow.id,
            bridge_id=bridge_id,
        )


def _end(flow: http.HTTPFlow) -> float:
    if flow.live:
        return time.time()
    response = flow.response
    return (response.timestamp_end if response else None) or flow.request.timestamp_start
