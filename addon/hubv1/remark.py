"""A call in a mark and one line, for people who look at flows: what it was, what became of it,
what to call instead and who has to change."""

from hubv1.journal import Entry
from hubv1.outcome import Outcome
from hubv1.texts import printable

MARKS = {
    Outcome.TRANSLATED: ":recycle:",
    Outcome.REDIRECTED: ":arrow_right:",
    Outcome.OBSERVED: ":eyes:",
    Outcome.GONE: ":no_entry:",
    Outcome.PASSED: ":fast_forward:",
    Outcome.REFUSED: ":no_entry_sign:",
    Outcome.FAILED: ":x:",
}
"""By names that mitmproxy has an emoji for."""

_REPLAYED = "replayed by hand and not counted, "


def remark(entry: Entry, instead: str, *, is_replay: bool = False) -> str:
    """The line, fit for a terminal; `instead` is the URL or the sentence that says what to do."""
    status = entry.http_response_status_code or "without an answer"
    why = f" ({entry.error_type}: {entry.error})" if entry.error_type else ""
    return printable(
        f"Docker Hub API v1: {entry.http_request_method} {entry.url_path}; "
        f"{_REPLAYED if is_replay else ''}{entry.outcome} {status}{why}; "
        f"instead: {instead}; to change by: {entry.caller}"
    )
