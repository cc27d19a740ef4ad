"""How far a caller is: what stands between it and the day v1 ends."""

from datetime import datetime, timedelta

from hubv1.outcome import Outcome
from hubv1.report.model import CallerUse, Standing
from hubv1.report.tally import Use
from hubv1.routes import Verdict

QUIET_DAYS = 7
"""Without a call for so long, a caller has probably moved."""

_WORDS = {
    Outcome.PASSED: "it calls routes that nothing replaces",
    Outcome.REFUSED: "some of its calls were refused",
    Outcome.FAILED: "some of its calls failed",
    Outcome.GONE: "v1 was ended for it",
}
_SAID = {
    Standing.READY: "ready to move",
    Standing.NEEDS_PAGING: "needs complete paging",
    Standing.NEEDS_CREDENTIALS: "needs credentials",
}


def standing_of(use: Use, verdict: Verdict, now: datetime) -> tuple[Standing, str]:
    """The standing of a caller whose worst route has that verdict, and why, in a few words."""
    if now - use.last_at >= timedelta(days=QUIET_DAYS):
        return Standing.QUIET, f"no call since {use.last_at:%Y-%m-%d}"
    if verdict is Verdict.DEAD:
        return Standing.NOT_BRIDGED, "it calls routes that no bridge can revive"
    unanswered = [outcome for outcome in _WORDS if use.outcomes[outcome]]
    if unanswered:
        return Standing.NOT_BRIDGED, ", ".join(_WORDS[outcome] for outcome in unanswered)
    if use.signed:
        return Standing.NEEDS_CREDENTIALS, "it signs in, so its v2 calls need a token"
    if use.paged:
        return Standing.NEEDS_PAGING, "its lists are longer than a page of v2"
    return Standing.READY, "one call to v2 replaces each of its calls"


def standing_in_words(use: CallerUse) -> str:
    """The standing of a caller as people say it."""
    if use.standing is Standing.NOT_BRIDGED:
        return f"not bridged: {use.reason}"
    if use.standing is Standing.QUIET:
        return f"quiet since {use.last_seen:%Y-%m-%d}"
    return _SAID[use.standing]
