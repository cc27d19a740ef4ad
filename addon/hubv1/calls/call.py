"""One v1 call: what it asked for and who made it, how far it is, and its record."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from mitmproxy import http

from hubv1.api.routes import Call, Listing, Outcome
from hubv1.calls.answering import Result
from hubv1.hub import Credentials, read_credentials
from hubv1.journal import CallRecord, id_of, moment_of, new_id
from hubv1.mitm.flows import (
    header,
    is_replay,
    is_reverse,
    requested_host,
    requested_scheme,
)
from hubv1.text import LONGEST, bounded, parse_address, readable

Network = IPv4Network | IPv6Network

_LATEST = 10_000_000_000  # unix time in the year 2286
_MOST_HOPS = 20  # proxies in a row that are trusted; a longer list is made up


@dataclass(frozen=True, slots=True)
class RequestSnapshot:
    """A request as the client made it: another addon (map_remote, say) may change it later."""

    at: float  # unix time of its arrival
    credentials: Credentials
    via: str  # the Via header, by which a bridge recognises requests of its own
    caller: str
    columns: Mapping[str, str]  # what else its record says of it, by the names of the fields


def take_snapshot(
    flow: http.HTTPFlow,
    caller_header: str = "",
    trusted_proxies: Sequence[Network] = (),
    imposed_authorization: str = "",
) -> RequestSnapshot:
    """Read from a flow all that is recorded of its request.

    `imposed_authorization` is what mitmproxy itself puts in the place of the caller's behind a
    reverse proxy: it opens nothing to callers.
    """
    request, client = flow.request, flow.client_conn
    authorization = header(flow, "Authorization")
    if authorization == imposed_authorization and is_reverse(flow):
        authorization = ""
    credentials = read_credentials(authorization)
    peer = client.peername[0] if client.peername else ""
    forwarded = request.headers.get_all("X-Forwarded-For") if trusted_proxies else ()
    address = client_address(peer, forwarded, trusted_proxies)
    user_agent = header(flow, "User-Agent")
    # A replay sets the request's time anew; the caller called when the flow was made.
    arrived = flow.timestamp_created if flow.is_replay == "request" else request.timestamp_start
    return RequestSnapshot(
        _seconds(arrived),
        credentials,
        header(flow, "Via"),
        name_caller(header(flow, caller_header), user_agent, address),
        {
            "client_address": address,
            "user_agent_original": user_agent,
            "credentials": credentials.kind,
            "user_name": credentials.user,
            "http_request_method": request.method,
            "url_scheme": requested_scheme(flow),
            "server_address": requested_host(flow),
            "url_path": readable(request.data.path.partition(b"?")[0]),
            "proxy_mode": client.proxy_mode.type_name,
        },
    )


def name_caller(named: str, user_agent: str, address: str) -> str:
    """The name of a caller: the value of the caller header, which is empty without one, else the
    user agent's product at its address, which stays whole where the name is cut."""
    if named.strip():
        return bounded(named.strip())
    product = user_agent.split(maxsplit=1)[0] if user_agent.strip() else "unknown client"
    ending = f" at {address or 'unknown address'}"
    return bounded(f"{bounded(product, LONGEST - len(ending))}{ending}")


def client_address(peer: str, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str:
    """The address of a client behind trusted proxies.

    Each proxy appends the address that called it to X-Forwarded-For; whatever stood there before
    may be made up. So the list is read from its end, as long as whoever wrote an address is
    trusted.
    """
    if not trusted:
        return peer
    address = peer
    for hop in reversed(",".join(forwarded_for).rsplit(",", _MOST_HOPS)[-_MOST_HOPS:]):
        here = parse_address(address)
        if here is None or not any(here in network for network in trusted):
            break
        before = parse_address(hop.strip())
        if before is None:
            break
        address = str(before)
    return address


@dataclass(slots=True, eq=False)
class PendingCall:
    """A v1 call from its first hook to its record."""

    flow: http.HTTPFlow
    call: Call
    decided: Outcome
    request: RequestSnapshot
    saved: CallRecord | None = None  # the record that an earlier bridge left in a saved flow
    outcome: Outcome = field(init=False)  # what was decided, until something else happens
    result: Result | None = None  # the bridge's, which has none for calls that are passed on
    error_type: str = ""
    error: str = ""
    is_answered: bool = True  # until the call is cut short, whatever response its flow has by then
    has_left: bool = False  # whether its client is gone
    task: asyncio.Future[Result] | None = None  # the work on its answer that is under way
    response: http.Response | None = None  # the bridge's, once the flow has it
    is_replay: bool = field(init=False)
    is_live: bool = field(init=False)

    def __post_init__(self) -> None:
        """Note what the flow is now: it may end before the call is recorded."""
        self.outcome = self.decided
        self.is_replay, self.is_live = is_replay(self.flow), self.flow.live

    @property
    def is_page(self) -> bool:
        """Whether it asks for a page of v2's tags, of which the answer has to tell more."""
        return self.call.route.listing is Listing.PAGE

    def finish(self, result: Result) -> None:
        """Take over the bridge's result."""
        self.result = result
        self.outcome = result.outcome
        self.error_type, self.error = result.error_type, result.error
        self.is_answered = not self.has_left

    def stop(self) -> None:
        """Cancel the work on its answer, unless an equal call waits for that too."""
        if self.task is not None:
            self.task.cancel()

    def leave(self) -> None:
        """The client is gone: nobody waits for the answer."""
        self.has_left = True
        self.stop()

    def cut_short(self, error_type: str, error: str) -> None:
        """The call ends without an answer: a failure if the bridge would have given one."""
        if self.outcome not in (Outcome.OBSERVED, Outcome.PASSED):
            self.outcome = Outcome.FAILED
        if not (self.has_left and self.error_type):  # else the cause is known better
            self.error_type, self.error = error_type, error
        self.is_answered = False

    def record(self, bridge_id: str) -> CallRecord:
        """The record of the call as it stands now."""
        if self.saved is not None:
            return self.saved
        flow, request, repository = self.flow, self.request, self.call.repository
        response = flow.response if self.is_answered else None
        # Another addon may have replaced the bridge's response by its own.
        has_ours = self.response is None or flow.response is self.response
        is_replaced = self.is_answered and not has_ours
        result = None if is_replaced else self.result
        return CallRecord(
            id=new_id() if self.is_live else id_of(flow.id, request.at),
            started_at=moment_of(request.at),
            duration_ms=_duration_ms(flow),
            caller=request.caller,
            **request.columns,
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
            error="" if is_replaced else self.error,
            flow_id=flow.id,
            bridge_id=bridge_id if self.is_live else "",
        )


def _duration_ms(flow: http.HTTPFlow) -> float:
    """From the arrival of the request until now, or until the end of a recorded response."""
    start = _seconds(flow.request.timestamp_start)
    recorded = _seconds(flow.response.timestamp_end) if flow.response else 0.0
    end = time.time() if flow.live else recorded or start
    return max(0.0, round((end - start) * 1000, 3)) if start else 0.0


def _seconds(timestamp: object) -> float:
    """A unix time that a flow tells; 0 for what can be none, since a file may hold anything."""
    if isinstance(timestamp, int | float) and 0 <= timestamp < _LATEST:
        return float(timestamp)
    return 0.0
