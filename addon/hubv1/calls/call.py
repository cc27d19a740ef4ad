"""One call: its request, its caller, its progress, and its record."""

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
_MOST_HOPS = 20  # trusted proxies in a row; a longer list is forged


@dataclass(frozen=True, slots=True)
class RequestSnapshot:
    """A request as the client made it, before another addon such as map_remote changes it."""

    at: float  # unix time of its arrival
    credentials: Credentials
    via: str  # the Via header, by which a bridge recognises its own requests
    caller: str
    columns: Mapping[str, str]  # further fields of its CallRecord


def take_snapshot(
    flow: http.HTTPFlow,
    caller_header: str = "",
    trusted_proxies: Sequence[Network] = (),
    imposed_authorization: str = "",
) -> RequestSnapshot:
    """Read everything from a flow that is recorded of its request.

    `imposed_authorization` is the Authorization that mitmproxy itself sets in every request to a
    reverse proxy; it does not count as the caller's.
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
    # A replay resets the request's time, but the caller called when the flow was created.
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
    """The name of a caller: the value of the caller header, `named`, if it is not empty, else the
    user agent's product, cut if it is long, at its address."""
    if named.strip():
        return bounded(named.strip())
    product = user_agent.split(maxsplit=1)[0] if user_agent.strip() else "unknown client"
    ending = f" at {address or 'unknown address'}"
    return bounded(f"{bounded(product, LONGEST - len(ending))}{ending}")


def client_address(peer: str, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str:
    """The address of a client behind trusted proxies.

    Each proxy appends the address of its own client to X-Forwarded-For; the addresses before that
    may be forged. So the list is read from its end, for as long as the proxy that wrote an address
    is trusted.
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
    """A call from its first hook to its record."""

    flow: http.HTTPFlow
    call: Call
    decided: Outcome
    request: RequestSnapshot
    saved: CallRecord | None = None  # the record that an earlier bridge left in a saved flow
    outcome: Outcome = field(init=False)  # as decided, until something else happens
    result: Result | None = None  # the bridge's own; None for calls that are passed on
    error_type: str = ""
    error: str = ""
    is_answered: bool = True  # until the call is cut short, even if its flow has a response then
    has_left: bool = False  # whether the client is gone
    task: asyncio.Future[Result] | None = None  # the work on the answer
    response: http.Response | None = None  # the bridge's own, once the flow has it
    is_replay: bool = field(init=False)
    is_live: bool = field(init=False)

    def __post_init__(self) -> None:
        """Read the state of the flow now, since it may end before the call is recorded."""
        self.outcome = self.decided
        self.is_replay, self.is_live = is_replay(self.flow), self.flow.live

    @property
    def is_page(self) -> bool:
        """Whether the call is for a page of v2's tags, which is recorded only if Hub refuses it."""
        return self.call.route.listing is Listing.PAGE

    def finish(self, result: Result) -> None:
        """Set the bridge's result."""
        self.result = result
        self.outcome = result.outcome
        self.error_type, self.error = result.error_type, result.error
        self.is_answered = not self.has_left

    def stop(self) -> None:
        """Cancel the work on the answer, which goes on if an equal call waits for it too."""
        if self.task is not None:
            self.task.cancel()

    def leave(self) -> None:
        """Stop the work on the answer, since the client is gone."""
        self.has_left = True
        self.stop()

    def cut_short(self, error_type: str, error: str) -> None:
        """End the call without an answer, as a failure if the bridge would have given one."""
        if self.outcome not in (Outcome.OBSERVED, Outcome.PASSED):
            self.outcome = Outcome.FAILED
        if not (self.has_left and self.error_type):  # otherwise a better reason is known
            self.error_type, self.error = error_type, error
        self.is_answered = False

    def record(self, bridge_id: str) -> CallRecord:
        """The current record of the call."""
        if self.saved is not None:
            return self.saved
        flow, request, repository = self.flow, self.request, self.call.repository
        response = flow.response if self.is_answered else None
        is_ours = self.response is None or flow.response is self.response
        is_replaced = self.is_answered and not is_ours  # by another addon
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
    """The time from the arrival of the request until now, or to the end of a recorded response."""
    start = _seconds(flow.request.timestamp_start)
    recorded = _seconds(flow.response.timestamp_end) if flow.response else 0.0
    end = time.time() if flow.live else recorded or start
    return max(0.0, round((end - start) * 1000, 3)) if start else 0.0


def _seconds(timestamp: object) -> float:
    """A unix time in a flow; 0 if it is not a possible one, since a file may hold anything."""
    if isinstance(timestamp, int | float) and 0 <= timestamp < _LATEST:
        return float(timestamp)
    return 0.0
