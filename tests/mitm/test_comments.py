"""A flow's mark and comment: one line that says all, and nothing that it should not."""

import pytest
from mitmproxy.utils import emoji

from hubv1.api.routes import Outcome
from hubv1.mitm.flows import MARKS, comment_on
from samples import make_entry

V2 = "https://hub.docker.com/v2/namespaces/library/repositories/debian/tags"


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_a_mark_of_its_own_that_mitmproxy_can_show(outcome: Outcome) -> None:
    assert MARKS[outcome] in emoji.emoji
    assert len(set(MARKS.values())) == len(Outcome)


def test_the_comment_says_what_it_was_what_it_became_what_to_call_and_who_has_to_change() -> None:
    assert comment_on(make_entry(), V2) == (
        "Docker Hub API v1: GET /v1/repositories/debian/tags; translated 200; "
        f"instead: {V2}; to change by: curl/8.1 at 10.0.0.7"
    )


def test_the_comment_says_why_there_was_no_v1_answer() -> None:
    entry = make_entry(
        outcome=Outcome.FAILED,
        http_response_status_code=502,
        error_type="unreachable",
        error="no answer from https://hub.docker.com",
    )
    assert "; failed 502 (unreachable: no answer from https://hub.docker.com); " in comment_on(
        entry, V2
    )


def test_a_call_that_was_cut_off_has_no_status() -> None:
    entry = make_entry(outcome=Outcome.FAILED, http_response_status_code=None)
    assert "; failed without an answer; " in comment_on(entry, V2)


def test_a_replay_is_told_from_a_callers_call() -> None:
    said = comment_on(make_entry(), V2, is_replay=True)
    assert "; replayed by hand and not counted, translated 200; " in said


def test_what_others_wrote_cannot_break_the_line_or_steer_a_terminal() -> None:
    said = comment_on(
        make_entry(caller="evil\r\n\x1b[2J at \u202e1.2.3.4", url_path="/v1/\x07"), V2
    )
    assert said.isprintable()
    assert "evil\\r\\n\\x1b[2J at \\u202e1.2.3.4" in said
