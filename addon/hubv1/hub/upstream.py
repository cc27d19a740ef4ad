"""Docker's hosts, asked with patience: after the pause they want, and again where they fail."""

from collections.abc import Mapping
from types import MappingProxyType

from tenacity import (
    AsyncRetrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_exponential,
    wait_random,
)
from yarl import URL

from hubv1.api.errors import HubFailure, RateLimited, Unreachable
from hubv1.hub.inquiry import Inquiry
from hubv1.hub.messages import Reply, Request
from hubv1.hub.pace import Pace, longest_pause
from hubv1.hub.rates import seconds_until_reset
from hubv1.hub.reading import failure_of
from hubv1.hub.transport import Transport

ATTEMPTS = 4
"""How often a host is asked at most before it counts as unreachable."""
LOGIN_ATTEMPTS = 2
FIRST_WAIT = 0.2
"""Seconds before the second attempt, plus up to as much by chance; each further wait doubles."""
LONGEST_WAIT = 5


class Upstream:
    """Requests that take no for an answer, but not silence."""

    def __init__(self, transport: Transport) -> None:
        """With no pauses known yet."""
        self._transport = transport
        self._pace = Pace()

    @property
    def via(self) -> str:
        """The bridge's own entry for the Via header."""
        return self._transport.via

    @property
    def statuses(self) -> Mapping[str, int]:
        """Requests so far by status; `none` where there was no reply."""
        return self._transport.statuses

    async def get(
        self,
        url: str,
        inquiry: Inquiry,
        headers: Mapping[str, str] = MappingProxyType({}),
        lane: str = "",
    ) -> Reply:
        """The reply to a GET, unless it is 429 or 5xx: those are waited out or raised.

        `lane` is what a 429 is about where that is not the whole host: a user, say. Raises
        RateLimited, Unreachable, Nonsense or Loop.
        """
        return await self._asked(Request("GET", url, headers), inquiry, lane, ATTEMPTS)

    async def login(self, url: str, inquiry: Inquiry, body: Mapping[str, str], lane: str) -> Reply:
        """The same for a POST of JSON; seldom repeated, since Hub may count each time."""
        request = Request("POST", url, MappingProxyType({}), body)
        return await self._asked(request, inquiry, lane, LOGIN_ATTEMPTS)

    async def close(self) -> None:
        """Close the connections now."""
        await self._transport.close()

    async def retire(self) -> None:
        """Close the connections as soon as nobody uses them any more."""
        await self._transport.retire()

    async def _asked(self, request: Request, inquiry: Inquiry, lane: str, attempts: int) -> Reply:
        def is_worth_another(error: BaseException) -> bool:
            if isinstance(error, RateLimited):
                return error.seconds <= longest_pause(inquiry)
            return isinstance(error, Unreachable)

        retrying = AsyncRetrying(
            retry=retry_if_exception(is_worth_another),
            stop=stop_after_attempt(attempts) | stop_before_delay(inquiry.seconds_left),
            wait=wait_exponential(FIRST_WAIT, LONGEST_WAIT) + wait_random(0, FIRST_WAIT),
            reraise=True,
        )
        reply: Reply = await retrying(self._once, request, inquiry, lane)
        return reply

    async def _once(self, request: Request, inquiry: Inquiry, lane: str) -> Reply:
        host = str(URL(request.url, encoded=True).origin())
        await self._pace.wait(host, inquiry)
        await self._pace.wait(lane, inquiry)
        try:
            reply = await self._transport.send(request, inquiry)
            if reply.status == 429 or reply.status >= 500:
                raise failure_of(reply, self.via)
        except HubFailure as failure:
            inquiry.trouble = str(failure)
            if isinstance(failure, RateLimited):
                self._pace.pause(lane or host, failure.seconds)
            raise
        if seconds := seconds_until_reset(reply.headers):
            self._pace.pause(host, seconds)
        return reply
