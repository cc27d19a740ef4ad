"""A legacy call under way, and what the journal says of it in the end."""

import time
from datetime import UTC, datetime

from mitmproxy import http

from hubv1.bridging import Result
from hubv1.caller import identify
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
}


class OpenCall:
    """A legacy call that is under way."""

    def __init__(self, flow: http.HTTPFlow, call: Call, action: Action) -> None:
        """What the call becomes is what `action` promises, until something else happens."""
        self.flow = flow
        self.call = call
        self.outcome = _EXPECTED[action]
        self.upstream_calls = 0
        self.source = ""
        self.cache = ""
        self.error_type = ""
        self.error = ""
        self.is_answered = True
        """Unless it is cut short, whatever response its flow may have by then."""

    def settle(self, result: Result) -> None:
        """The bridge has an answer."""
        self.outcome = result.outcome
        self.upstream_calls = result.upstream_calls
        self.source = result.source
        self.cache = result.cache
        self.error_type = result.error_type
        self.error = result.error

    def cut_short(self, error_type: str, error: str) -> None:
        """The call ends without an answer: a failure, where the bridge would have given one."""
        if self.outcome not in (Outcome.OBSERVED, Outcome.PASSED):
            self.outcome = Outcome.FAILED
        self.error_type, self.error = error_type, error
        self.is_answered = False

    def entry(self, *, caller_header: str, bridge_id: str) -> Entry:
        """The row of the call as it stands now."""
        flow, request, repository = self.flow, self.flow.request, self.call.repository
        response = flow.response if self.is_answered else None
        address = flow.client_conn.peername[0] if flow.client_conn.peername else ""
        caller = identify(header(flow, caller_header), header(flow, "User-Agent"), address)
        return Entry(
            id=new_id(),
            started_at=datetime.fromtimestamp(request.timestamp_start, UTC),
            duration_ms=round((_end(flow) - request.timestamp_start) * 1000, 3),
            caller=caller.name,
            client_address=caller.address,
            user_agent_original=caller.user_agent,
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
            upstream_calls=self.upstream_calls,
            source=self.source,
            cache=self.cache,
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
