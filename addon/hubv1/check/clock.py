"""Is the clock right? Tokens, rate limits and brownouts go by it."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from hubv1.check.finding import Finding, skipped, sound, wrong
from hubv1.hub import Reply

TOLERANCE = 60
"""Seconds that this clock and Hub's may differ."""


def clock(reply: Reply | None, now: datetime) -> Finding:
    """Compares the Date of Hub's reply with `now`."""
    theirs = _date(reply)
    if theirs is None:
        return skipped("clock", "Docker Hub did not tell its time.")
    ahead = round((now - theirs).total_seconds())
    if abs(ahead) <= TOLERANCE:
        return sound("clock", "It agrees with Docker Hub's.")
    return wrong(
        "clock",
        f"This machine's is {abs(ahead):,} s {'ahead of' if ahead > 0 else 'behind'} Docker Hub's: "
        "tokens and rate limits would be taken for over, or not.",
        "Set it right: timedatectl set-ntp true.",
    )


def _date(reply: Reply | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(reply.headers.get("Date", "") if reply else "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
