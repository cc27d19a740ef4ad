"""What answers say about asking again: Hub's rate headers, read by Hub's own clock."""

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

UNNAMED_WAIT = 60
"""Seconds to wait after a 429 that does not say how long."""
LONGEST_WAIT = 86_400
WINDOW = 60
"""Seconds after which Hub counts anew, as documented."""

_EARLIEST_UNIX_TIME = 1_000_000_000
"""Smaller numbers are taken for seconds."""


def seconds_after_refusal(headers: Mapping[str, str]) -> int:
    """How long a 429 asks to be left alone.

    X-Retry-After is a unix time, not a number of seconds.
    """
    names = ["X-Retry-After", "Retry-After"]
    if headers.get("X-RateLimit-Remaining", "0").strip() == "0":
        names.append("X-RateLimit-Reset")  # else something other than the rate is limited
    for name in names:
        seconds = _seconds(headers.get(name, ""), headers)
        if seconds is not None:
            return math.ceil(min(max(seconds, 1), LONGEST_WAIT))
    return UNNAMED_WAIT


def seconds_until_reset(headers: Mapping[str, str]) -> float:
    """How long nothing is left to ask for, going by an answer that was still given."""
    if headers.get("X-RateLimit-Remaining", "").strip() != "0":
        return 0
    seconds = _seconds(headers.get("X-RateLimit-Reset", ""), headers)
    return min(max(seconds or 0, 0), WINDOW)


def _seconds(given: str, headers: Mapping[str, str]) -> float | None:
    """From now; None where that cannot be told."""
    try:
        until = float(given)
    except ValueError:
        until = _unix_time(given)
    if math.isnan(until):
        return None
    return until if until < _EARLIEST_UNIX_TIME else until - _their_time(headers)


def _unix_time(date: str) -> float:
    """Of an HTTP date; not a number where it is none."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return math.nan


def _their_time(headers: Mapping[str, str]) -> float:
    """Unix time by the clock of the server, else by ours."""
    theirs = _unix_time(headers.get("Date", ""))
    return time.time() if math.isnan(theirs) else theirs
