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

    @property
    def sentence(self) -> str:
        """The same for people."""
        if self.trouble:
            return f"{self._waiting} for the fleet, which cannot be reached: {self.trouble}"
        if self.shipped_at is None:
            return "nothing is known of the fleet yet"
        last = f"last reached at {self.shipped_at:%Y-%m-%d %H:%M:%S} UTC"
        return (
            f"{self._waiting} for the fleet, {last}"
            if self.waiting
            else f"the fleet has all, {last}"
        )

    @property
    def _waiting(self) -> str:
        return "1 row waits" if self.waiting == 1 else f"{self.waiting:,} rows wait"
