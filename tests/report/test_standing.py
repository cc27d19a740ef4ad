"""How far a caller is."""

from datetime import UTC, datetime, timedelta

import pytest

from hubv1.api.routes import Outcome, Verdict
from hubv1.journal import Count
from hubv1.report.build import Sums, standing_of
from hubv1.report.model import Standing

LAST = datetime(2026, 3, 1, 12, tzinfo=UTC)
A_WEEK_AGO = LAST + timedelta(hours=1) - timedelta(days=7)
"""An hour after the last call."""


def use_of(outcome: Outcome = Outcome.TRANSLATED, *, signed: int = 0, paged: int = 0) -> Sums:
    count = Count(
        caller="curl/8.1 at 10.0.0.7",
        client_address="10.0.0.7",
        user_agent_original="curl/8.1",
        server_address="index.docker.io",
        route="GET /v1/repositories/{name}/tags",
        repository="library/debian",
        verdict=Verdict.BRIDGED,
        outcome=outcome,
        calls=3,
        this_hour=0,
        first_at=LAST,
        last_at=LAST,
        signed=signed,
        paged=paged,
    )
    return Sums(count)


@pytest.mark.parametrize(
    ("use", "verdict", "standing"),
    [
        (use_of(), Verdict.BRIDGED, Standing.READY),
        (use_of(), Verdict.LOSSY, Standing.READY),
        (use_of(Outcome.REDIRECTED), Verdict.BRIDGED, Standing.READY),
        (use_of(Outcome.OBSERVED), Verdict.BRIDGED, Standing.READY),
        (use_of(paged=1), Verdict.BRIDGED, Standing.NEEDS_PAGING),
        (use_of(signed=1, paged=1), Verdict.BRIDGED, Standing.NEEDS_CREDENTIALS),
        (use_of(), Verdict.DEAD, Standing.NOT_BRIDGED),
        (use_of(Outcome.FAILED), Verdict.BRIDGED, Standing.NOT_BRIDGED),
        (use_of(Outcome.REFUSED), Verdict.BRIDGED, Standing.NOT_BRIDGED),
        (use_of(Outcome.GONE), Verdict.BRIDGED, Standing.NOT_BRIDGED),
        (use_of(Outcome.PASSED), Verdict.BRIDGED, Standing.NOT_BRIDGED),
    ],
)
def test_it_is_what_stands_between_the_caller_and_v2(
    use: Sums, verdict: Verdict, standing: Standing
) -> None:
    found, reason = standing_of(use, verdict, A_WEEK_AGO)
    assert found is standing
    assert reason


def test_a_caller_that_has_not_called_for_a_week_is_quiet_whatever_it_was() -> None:
    assert standing_of(use_of(Outcome.FAILED), Verdict.DEAD, LAST) == (
        Standing.QUIET,
        "no call since 2026-03-01",
    )
    assert standing_of(use_of(), Verdict.BRIDGED, LAST - timedelta(seconds=1))[0] is Standing.READY
