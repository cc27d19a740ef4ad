"""What can become of a call, and what that means for whoever has to migrate."""

from enum import StrEnum

from hubv1.api.routes import Verdict


class Outcome(StrEnum):
    """How a call ended: a word for the journal, the totals and the exit code."""

    TRANSLATED = "translated"
    """Answered as v1 would have, the right 404 and 401 included."""
    REDIRECTED = "redirected"
    """Sent on to the v2 URL."""
    OBSERVED = "observed"
    """Passed on untouched, or read from a capture."""
    GONE = "gone"
    """Answered 410."""
    PASSED = "passed"
    """A v1 call other than the six, passed on."""
    REFUSED = "refused"
    """An impossible name, too many requests, or a list that cannot be complete."""
    FAILED = "failed"
    """No answer from Hub, or nobody left to give it to."""


ANSWERED = (Outcome.TRANSLATED, Outcome.REDIRECTED)
"""How a call ends that was bridged; it was in vain where the route is dead all the same."""

CLEAN, TROUBLE, BRIDGED, UNBRIDGED = 0, 1, 2, 3
"""Exit codes: no legacy call in what was seen; the tool failed or saw nothing; legacy calls, all
of them answered or redirected; legacy calls that were not."""


def exit_code(outcome: Outcome, verdict: Verdict) -> int:
    """What one call of this outcome, on a route of this verdict, makes of the whole."""
    if outcome is Outcome.REDIRECTED:
        return BRIDGED
    if outcome is Outcome.TRANSLATED and verdict is not Verdict.DEAD:
        return BRIDGED
    return UNBRIDGED
