"""What a call has cost."""

from dataclasses import dataclass


@dataclass(slots=True)
class Effort:
    """What one call has cost so far; filled in while it is under way."""

    upstream_calls: int = 0
    source: str = ""
    """Where the answer comes from: `hub` or `registry`; empty as long as nobody was asked."""
