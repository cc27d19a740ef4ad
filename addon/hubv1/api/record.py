"""The record of a call.

Most of it comes from outside: from a client, from Hub or from a recording. Whatever a record is
made of, SQLite and PostgreSQL can store it.
"""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from hashlib import sha256
from operator import attrgetter
from uuid import UUID

import uuid_utils

from hubv1.api import v2
from hubv1.api.routes import Outcome, Verdict
from hubv1.text import LONGEST, bounded

MOST = 2**31 - 1  # the largest number in a record, which is the largest INTEGER of PostgreSQL
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
"""The limits of a record's time: Python can still represent the day before and the day after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One call. Each field is a column of the table `calls`, named like OpenTelemetry's attribute
    for HTTP if there is one. No credential and no query string is among them.

    Texts are cut at 256 characters, and characters that a database cannot store are escaped;
    numbers and the time are moved into their limits.
    """

    id: str  # UUID of version 7: sorts by time and is unique over all bridges
    started_at: datetime  # when the request arrived, UTC
    duration_ms: float  # from then until the answer was ready to leave
    caller: str
    client_address: str
    user_agent_original: str
    credentials: str  # `none`, `basic`, `bearer`, `token` (v1's own) or `other`; never the secret
    user_name: str  # of Basic credentials; empty otherwise
    http_request_method: str
    url_scheme: str
    server_address: str  # the host the client asked for
    url_path: str
    route: str  # name of the row in the route table
    namespace: str
    repository: str
    tag: str  # empty, like namespace and repository, if there is none or its name is impossible
    verdict: Verdict
    outcome: Outcome
    http_response_status_code: int | None  # None if no answer was sent
    upstream_calls: int
    source: str
    """`hub`, `registry`, or `account` if the bridge's own account had to read on; empty, like
    `cache`, if no request was needed."""
    cache: str
    """`hit`, `stale` if Hub was down, `collapsed` for the answer to an equal call, else `miss`;
    `bypass` if answers are not cached."""
    tags_listed: int | None  # as Hub counts them; None if the call asked for no list
    error_type: str  # one word for the reason of an error, a stale answer or a 401, else empty
    error: str  # the reason for people
    proxy_mode: str
    flow_id: str
    bridge_id: str

    def __post_init__(self) -> None:
        """Bound every field."""
        texts = _texts(self)
        together = "".join(texts)
        # One check of all texts together, since nearly all are short and ASCII.
        if not together.isascii() or "\0" in together or max(map(len, texts)) > LONGEST:
            for name, text in zip(_TEXTS, texts, strict=True):
                object.__setattr__(self, name, bounded(text))
        for name, number in zip(_NUMBERS, _numbers(self), strict=True):
            if number is not None and not 0 <= number <= MOST:
                object.__setattr__(self, name, min(max(0, number), MOST))  # 0 for NaN
        if not (self.started_at.tzinfo is UTC and EARLIEST <= self.started_at <= LATEST):
            object.__setattr__(self, "started_at", _possible(self.started_at))

    @property
    def full_repository(self) -> str:
        """`namespace/repository`; empty if the call names none."""
        return f"{self.namespace}/{self.repository}" if self.repository else ""

    @property
    def is_signed(self) -> bool:
        """Whether the call had credentials of a kind that Hub accepts."""
        return self.credentials in _SIGNED

    @property
    def is_paged(self) -> bool:
        """Whether the call was for a list longer than a page of v2."""
        return (self.tags_listed or 0) > v2.PAGE_SIZE

    def row(self) -> list[object]:
        """The values of the table's columns, in order."""
        row = list(_values(self))
        row[_VERDICT], row[_OUTCOME] = self.verdict.value, self.outcome.value
        return row

    @property
    def line(self) -> str:
        """The call in one line, for a log."""
        version = "v2" if self.verdict is Verdict.RETIRING else "v1"
        return (
            f"hub {version}: {self.http_request_method} {self.url_path} from {self.caller}: "
            f"{self.ending}, {self.duration_ms:.0f} ms"
        )

    @property
    def ending(self) -> str:
        """How the call ended, in a few words."""
        status = self.http_response_status_code or "without an answer"
        why = f" ({self.error_type}: {self.error})" if self.error_type else ""
        return f"{self.outcome} {status}{why}"


_SIGNED = ("basic", "bearer")
_names = [field.name for field in fields(CallRecord)]
_values = attrgetter(*_names)
_VERDICT, _OUTCOME = _names.index("verdict"), _names.index("outcome")
_TEXTS = tuple(field.name for field in fields(CallRecord) if field.type is str)
_texts = attrgetter(*_TEXTS)
_LAST_SECOND = int(LATEST.timestamp() - 1)
_NUMBERS = ("http_response_status_code", "upstream_calls", "tags_listed", "duration_ms")
_numbers = attrgetter(*_NUMBERS)


def _possible(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    # Clamped first, since converting the zone may overflow the range of years.
    return min(max(moment, EARLIEST), LATEST).astimezone(UTC)


def new_id() -> str:
    """An id for a new record."""
    return str(uuid_utils.uuid7())


def moment_of(at: float) -> datetime:
    """The time of a record for a unix time, moved into the limits."""
    return datetime.fromtimestamp(min(max(0.0, at), _LAST_SECOND), UTC)  # 1970 for NaN


def id_of(flow_id: str, at: float) -> str:
    """The id of the record of a recorded flow, which is the same at each reading.

    `at` is the unix time of the call.
    """
    milliseconds = int(at * 1000) if 0 <= at <= _LAST_SECOND else 0
    by_flow = int.from_bytes(sha256(flow_id.encode(errors="surrogatepass")).digest()[:10])
    value = milliseconds << 80 | by_flow
    # Six bits are overwritten with the version 7 and the variant of RFC 9562.
    value = value & ~(0xF << 76) | 0x7 << 76
    return str(UUID(int=value & ~(0x3 << 62) | 0x2 << 62))
