"""What goes to Docker's hosts and comes back, with all its secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hubv1.hub.credentials import Credentials


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask; headers and body may hold secrets."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: Mapping[str, str] | None = field(default=None, repr=False)
    """To be sent as JSON."""

    @property
    def place(self) -> str:
        """The URL without its query, as it may be shown."""
        return self.url.partition("?")[0]


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, read to its end."""

    url: str
    """Of the request, without its query."""
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    """May be a token."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and what came of it, for those who want to see; it holds secrets."""

    request: Request
    headers: Mapping[str, str] = field(repr=False)
    """All that were sent."""
    reply: Reply | None
    error: str
    """Why there is no reply."""
    credentials: Credentials
    """Of whoever it was for."""
    started_at: float
    ended_at: float
    """Unix times."""
