"""What is written down of a call."""

from dataclasses import dataclass, fields
from datetime import datetime

import uuid_utils

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
    """Where the answer came from: `hub` or `registry`; empty where nobody was asked."""
    cache: str
    """`hit` where the answer was kept, `collapsed` where it is that of an equal call, else `miss`;
    `bypass` where none are kept, empty where nobody was asked."""
    error_type: str
    error: str
    """Why there was no v1 answer; both empty where there was one."""
    proxy_mode: str
    flow_id: str
    bridge_id: str

    @property
    def full_repository(self) -> str:
        """`namespace/repository`, empty where the call names none."""
        return f"{self.namespace}/{self.repository}" if self.repository else ""

    def row(self) -> dict[str, object]:
        """The entry as column names and values."""
        return {name: getattr(self, name) for name in _COLUMNS}

    @property
    def line(self) -> str:
        """The call in one line, for a log."""
        status = self.http_response_status_code or "no answer"
        why = f" ({self.error_type}: {self.error})" if self.error_type else ""
        return (
            f"hub v1: {self.http_request_method} {self.url_path} from {self.caller}: "
            f"{self.outcome} {status}, {self.duration_ms:.0f} ms{why}"
        )


_COLUMNS = tuple(column.name for column in fields(Entry))


def new_id() -> str:
    """An id for an entry."""
    return str(uuid_utils.uuid7())
