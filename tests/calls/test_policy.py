"""What is decided about a call."""

import pytest

from hubv1.calls import Action, decide
from samples import recognised


@pytest.mark.parametrize(
    ("method", "path", "live", "recorded"),
    [
        ("GET", "/v1/repositories/debian/tags", Action.TRANSLATE, Action.OBSERVE),
        ("HEAD", "/v1/repositories/debian/tags/12", Action.TRANSLATE, Action.OBSERVE),
        ("GET", "/v1/repositories/debian/images", Action.TRANSLATE, Action.OBSERVE),
        ("GET", "/v1/repositories/a/b/c/d", Action.TRANSLATE, Action.OBSERVE),
        ("GET", "/v1/repositories/NO/tags", Action.TRANSLATE, Action.OBSERVE),
        ("PUT", "/v1/repositories/debian/tags/12", Action.PASS, Action.OBSERVE),
        ("GET", "/v1/repositories/debian/auth", Action.PASS, Action.OBSERVE),
        ("POST", "/v1/users/", Action.PASS, Action.OBSERVE),
        ("GET", "/v1/_ping", Action.PASS, Action.OBSERVE),
        ("GET", "/v1/images/abc/json", Action.PASS, Action.OBSERVE),
        ("GET", "/v1/search?q=x", Action.COUNT, Action.COUNT),
    ],
)
def test_live_calls_are_answered_or_passed_and_recorded_ones_only_observed(
    method: str, path: str, live: Action, recorded: Action
) -> None:
    call = recognised(path, method)
    assert decide(call, live=True) is live
    assert decide(call, live=False) is recorded
