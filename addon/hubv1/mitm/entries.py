"""A legacy call under way, and what the journal says of it in the end."""

import asyncio
import time

from mitmproxy import http

from hubv1.bridging import Result
from hubv1.caller import CallerRules
from hubv1.journal import Entry, id_of, moment_of, new_id
from hubv1.mitm.asked import asked
from hubv1.mitm.flows import is_replay
from hubv1.mitm.notes import call_of
from hubv1.outcome import Outcome
from hubv1.policy import Action
from hubv1.recognition import Call
from hubv1.texts import bounded

_EXPECTED = {
    Action.OBSERVE: Outcome.OBSERVED,
    Action.PASS: Outcome.PASSED,
    Action.TRANSLATE: Outcome.TRANSLATED,
    Action.REDIRECT: Outcome.REDIRECTED,
    Action.REFUSE: Outcome.GONE,
}
_UNTOUCHED = (Outcome.OBSERVED, Outcome.PASSED)


class OpenCall:
    """A legacy call that is under way."""

    def __init__(
        self,
        flow: http.HTTPFlow,
        call: Call,
        action: Action,
        rules: CallerRules | None = None,
        imposed: str = "",
    ) -> None:
        """What the call becomes is what `action` promises, until something else happens."""
        self.flow = flow
        self.call = call
        self.action = action
        self.asked = asked(flow, rules or CallerRules(), imposed)
        self.is_replay = is_replay(flow)
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
        self.given: http.Response | None = None
        """The bridge's answer, once the flow has it."""
        self._is_live = flow.live
        self._recorded: Entry | None = None

    @classmethod
    def of_recording(cls, flow: http.HTTPFlow, recorded: Entry) -> "OpenCall":
        """The call of a saved flow, of which a bridge noted what became of it."""
        opened = cls(flow, call_of(recorded), Action.OBSERVE)
        opened._recorded = recorded
        return opened

    @property
    def is_recorded(self) -> bool:
        """Whether all is known of it already."""
        return self._recorded is not None

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
        if self.outcome not in _UNTOUCHED:
            self.outcome = Outcome.FAILED
        if not (self.has_left and self.error_type):  # else it is known better
            self.error_type, self.error = error_type, error
        self.is_answered = False

    def entry(self, bridge_id: str) -> Entry:
        """The row of the call as it stands now."""
        if self._recorded is not None:
            return self._recorded
        flow, asked, repository = self.flow, self.asked, self.call.repository
        is_replaced = self._is_replaced()
        result = None if is_replaced else self.result
        response = flow.response if self.is_answered else None
        return Entry(
            id=new_id() if self._is_live else id_of(flow.id, asked.at),
            started_at=moment_of(asked.at),
            duration_ms=round((_end(flow) - flow.request.timestamp_start) * 1000, 3),
            caller=asked.caller.name,
            client_address=asked.caller.address,
            user_agent_original=asked.caller.user_agent,
            credentials=asked.credentials.kind,
            user_name=bounded(asked.credentials.user),
            http_request_method=asked.method,
            url_scheme=asked.scheme,
            server_address=asked.host,
            url_path=asked.path,
            route=self.call.route.name,
            namespace=repository.namespace if repository else "",
            repository=repository.name if repository else "",
            tag=self.call.tag or "",
            verdict=self.call.route.verdict,
            outcome=Outcome.OBSERVED if is_replaced else self.outcome,
            http_response_status_code=response.status_code if response else None,
            upstream_calls=self.result.upstream_calls if self.result else 0,
            source=result.source if result else "",
            cache=result.cache if result else "",
            tags_listed=result.tags_listed if result else None,
            error_type="" if is_replaced else self.error_type,
            error="" if is_replaced else bounded(self.error),
            proxy_mode=asked.proxy_mode,
            flow_id=flow.id,
            bridge_id=bridge_id if self._is_live else "",
        )

    def _is_replaced(self) -> bool:
        """Whether another addon put an answer of its own in the place of the bridge's."""
        return self.is_answered and self.given is not None and self.flow.response is not self.given


def _end(flow: http.HTTPFlow) -> float:
    if flow.live:
        return time.time()
    response = flow.response
    return (response.timestamp_end if response else None) or flow.request.timestamp_start
