"""How a journal stands with its fleet."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """As the last attempt left it."""

    waiting: int = 0
    """Rows that the fleet does not have yet, as far as is known."""
    shipped_at: datetime | None = None
    """When the fleet was last found, UTC; None where it was not since the start."""
    trouble: str = ""
    """Why the last attempt failed; empty where it did not."""
