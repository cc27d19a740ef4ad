"""What is written down of a call."""

from dataclasses import dataclass, fields
from datetime import datetime
from hashlib import sha256
from operator import attrgetter
from uuid import UUID

import uuid_utils

from hubv1 import v2
from hubv1.outcome import Outcome
from hubv1.routes import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One call. Each field is a column of the table `calls`; names follow OpenTelemetry's
    attributes for HTTP where there is one. No credential and no query string is among them."""

    id: str
    """UUID of version 7: sorts by time and is unique over all bridges."""
    started_at: datetime
    """When the request arrived, UTC."""
    duration_ms: float
    """From then until the answer was ready to leave."""
    caller: str
    client_address: str
    user_agent_original: str
    credentials: str
    """What the call was made with: `none`, `basic`, `bearer`, `token` (v1's own, which nobody
    honours any more) or `other`. Never the secret."""
    user_name: str
    """Of Basic credentials; empty otherwise."""
    http_request_method: str
    url_scheme: str
    server_address: str
    """The host the client asked for."""
    url_path: str
    route: str
    """Name of the row in the route table."""
    namespace: str
    repository: str
    tag: str
    """Empty, as namespace and repository, where there is none or its name is impossible."""
    verdict: Verdict
    outcome: Outcome
    http_response_status_code: int | None
    """None where no answer was sent."""
    upstream_calls: int
    source: str
    """Where the answer came from: `hub`, `registry`, or `account` where the bridge's own had to
    read on; empty where nobody was asked."""
    cache: str
    """`hit` where the answer was kept, `stale` where an old one stood in, `collapsed` where it is
    that of an equal call, else `miss`; `bypass` where none are kept, empty where nobody was
    asked."""
    tags_listed: int | None
    """How many tags Hub counted in the repository; None where no list was asked for."""
    error_type: str
    error: str
    """What went wrong: why there was no v1 answer, or a 401, or an old one; else both empty."""
    proxy_mode: str
    flow_id: str
    bridge_id: str

    @property
    def full_repository(self) -> str:
        """`namespace/repository`, empty where the call names none."""
        return f"{self.namespace}/{self.repository}" if self.repository else ""

    @property
    def is_signed(self) -> bool:
        """Whether the call was made with credentials that Hub takes."""
        return self.credentials in _SIGNED

    @property
    def is_paged(self) -> bool:
        """Whether the call was for a list longer than a page of v2."""
        return (self.tags_listed or 0) > v2.PAGE_SIZE

    def row(self) -> list[object]:
        """The entry as values of the table's columns."""
        row = list(_values(self))
        row[_VERDICT], row[_OUTCOME] = self.verdict.value, self.outcome.value
        return row

    @property
    def line(self) -> str:
        """The call in one line, for a log."""
        status = self.http_response_status_code or "no answer"
        why = f" ({self.error_type}: {self.error})" if self.error_type else ""
        return (
            f"hub v1: {self.http_request_method} {self.url_path} from {self.caller}: "
            f"{self.outcome} {status}, {self.duration_ms:.0f} ms{why}"
        )


_SIGNED = ("basic", "bearer")
_names = [field.name for field in fields(Entry)]
_values = attrgetter(*_names)
_VERDICT, _OUTCOME = _names.index("verdict"), _names.index("outcome")


def new_id() -> str:
    """An id for an entry."""
    return str(uuid_utils.uuid7())


def id_of(flow_id: str, at: float) -> str:
    """The id of an entry for a recorded flow: the same whenever the recording is read.

    `at` is when the call was made, as unix time.
    """
    milliseconds = max(0, int(at * 1000)) & 0xFFFF_FFFF_FFFF
    by_flow = int.from_bytes(sha256(flow_id.encode()).digest()[:10])
    value = milliseconds << 80 | by_flow
    # Version 7 and variant of RFC 9562, over six of the bits that came from the flow.
    value = value & ~(0xF << 76) | 0x7 << 76
    return str(UUID(int=value & ~(0x3 << 62) | 0x2 << 62))
