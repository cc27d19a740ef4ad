"""What a report says in words, whatever it is shown as.

Texts from outside are as they are, but for those that a function is given to set apart.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from hubv1.outcome import Outcome
from hubv1.report.model import Comparison, Finding, Report
from hubv1.report.moments import minute
from hubv1.report.sentence import number
from hubv1.report.snippets import Field

Code = Callable[[str], str]
"""Makes of a text what is code or a name for those who read it."""


def label(route: str) -> str:
    """The end of a route's path, for a cell: `/tags`, `/tags/…`, `DELETE/PUT /v1/…`."""
    method, _, path = route.partition(" ")
    for start in ("/v1/repositories/{namespace}/{name}/", "/v1/repositories/{name}/"):
        path = "/" + path.removeprefix(start) if path.startswith(start) else path
    path = path.replace("{tag_name}", "…")
    return path if method == "GET" else f"{method} {path}"


def outcomes_in_words(outcomes: Mapping[Outcome, int]) -> str:
    """`2 gone, 1 failed`."""
    return ", ".join(f"{calls:,} {outcome}" for outcome, calls in outcomes.items() if calls)


def what_it_calls(findings: Sequence[Finding], most: int) -> str:
    """The first repositories and routes of a caller, and how many more there are.

    Two routes that differ in form alone (with and without a namespace) are named once.
    """
    named = list(dict.fromkeys(f"{one.repository} {label(one.route)}".strip() for one in findings))
    more = len(named) - most
    return ", ".join(named[:most]) + (f" and {more:,} more" if more > 0 else "")


def fields_in_words(fields: Sequence[Field], code: Code = str) -> str:
    """What became of each field of v1's answer; empty where it had none."""
    said = [
        (
            f"{code(field.old)} is now {code(field.new)}"
            if field.new
            else f"{code(field.old)} is lost"
        )
        + (f" ({field.remark})" if field.remark else "")
        for field in fields
    ]
    return "; ".join(said) + "." if said else ""


def since_then(baseline: Comparison) -> Iterator[tuple[str, str]]:
    """Each caller of this report or the earlier one, and what has become of it."""
    for what, callers in (
        ("new", baseline.new),
        ("gone", baseline.gone),
        ("still there", baseline.still),
    ):
        for caller in callers:
            yield caller, what


def what_was_seen(report: Report, code: Code = str) -> Iterator[tuple[str, str]]:
    """All that the report stands on, so that nothing is mistaken for clean."""
    seen, window = report.seen, report.window
    yield "report", f"made {minute(report.generated_at)} UTC"
    yield "flows", f"{seen.flows:,}, of which {number(seen.legacy, 'legacy call')}"
    yield "searches", f"{seen.still_served:,}, which Hub still serves"
    yield "hosts", ", ".join(map(code, seen.hosts)) or "none of the legacy ones"
    if seen.elsewhere:
        counted = (f"{code(host)} ({number(n, 'call')})" for host, n in seen.elsewhere.items())
        yield "like v1", f"but to no legacy host: {', '.join(counted)}"
    if window.first and window.last:
        yield "period", f"{minute(window.first)} to {minute(window.last)} UTC"
    if seen.rejected_tls:
        times = number(seen.rejected_tls, "time")
        yield "rejected", f"{times} a client rejected the bridge's certificate"
    for gap in seen.gaps:
        when = f"{minute(gap.started_at)} to {minute(gap.ended_at)} UTC"
        yield "gap", f"{when}: {number(gap.calls, 'call')} not recorded, {code(gap.reason)}"
