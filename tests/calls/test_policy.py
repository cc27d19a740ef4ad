"""What is decided about a call."""

import pytest

from hubv1.api.routes import Outcome
from hubv1.calls import decide
from samples import recognised


@pytest.mark.parametrize(
    ("method", "path", "live", "recorded"),
    [
        ("GET", "/v1/repositories/debian/tags", Outcome.TRANSLATED, Outcome.OBSERVED),
        ("HEAD", "/v1/repositories/debian/tags/12", Outcome.TRANSLATED, Outcome.OBSERVED),
        ("GET", "/v1/repositories/debian/images", Outcome.TRANSLATED, Outcome.OBSERVED),
        ("GET", "/v1/repositories/a/b/c/d", Outcome.TRANSLATED, Outcome.OBSERVED),
        ("GET", "/v1/repositories/NO/tags", Outcome.TRANSLATED, Outcome.OBSERVED),
        ("PUT", "/v1/repositories/debian/tags/12", Outcome.PASSED, Outcome.OBSERVED),
        ("GET", "/v1/repositories/debian/auth", Outcome.PASSED, Outcome.OBSERVED),
        ("POST", "/v1/users/", Outcome.PASSED, Outcome.OBSERVED),
        ("GET", "/v1/_ping", Outcome.PASSED, Outcome.OBSERVED),
        ("GET", "/v1/images/abc/json", Outcome.PASSED, Outcome.OBSERVED),
        ("GET", "/v1/search?q=x", None, None),
    ],
)
def test_live_calls_are_answered_or_passed_and_recorded_ones_only_observed(
    method: str, path: str, live: Outcome | None, recorded: Outcome | None
) -> None:
    call = recognised(path, method)
    assert decide(call, live=True) is live
    assert decide(call, live=False) is recorded
