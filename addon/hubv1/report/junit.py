"""The report as JUnit XML, which CI systems show as tests: one for each caller.

What fails is what `--fail-on` looks for. Without a gate nothing does: callers that have not moved
are skipped, with their standing.
"""

from xml.etree import ElementTree as ET

from hubv1.api.routes import Verdict
from hubv1.report.changes import by_caller
from hubv1.report.compare import FailOn
from hubv1.report.model import CallerUse, Progress, Report, Standing, State
from hubv1.report.prose import listed, sentence, standing_in_words, what_it_calls
from hubv1.text import number, printable

_CALLED = 20
_SUITE = "Docker Hub API v1"


def as_junit(report: Report, fail_on: FailOn) -> str:
    """The report as XML; texts from outside are escaped in it."""
    suite = ET.Element(
        "testsuite", name=_SUITE, timestamp=f"{report.generated_at:%Y-%m-%dT%H:%M:%S}"
    )
    teams = report.team_names
    findings = by_caller(report)
    for use in report.callers:
        case = add_case(suite, teams.get(use.caller) or "callers", use.caller)
        said = standing_in_words(use)
        if _fails(use, report, fail_on):
            add_result(case, "failure", said, what_it_calls(findings[use.caller], _CALLED))
        elif use.progress is not Progress.MOVED:
            add_result(case, "skipped", said)
    for use in report.retiring_callers:
        kind = "failure" if fail_on is FailOn.RETIRING else "skipped"
        called = f"calls what Docker retires next: {listed(use.routes, _CALLED)}"
        add_result(add_case(suite, "retiring", use.caller), kind, called)
    for one in report.ignored:
        case = add_case(suite, "accepted", one.caller)
        add_result(case, "skipped", f"until {one.until}: {one.reason}")
    _add_traffic(suite, report, fail_on)
    return as_xml(suite)


def add_case(suite: ET.Element, group: str, name: str) -> ET.Element:
    """Add a test to the suite, of any names; it passes unless it gets a result."""
    return ET.SubElement(suite, "testcase", classname=printable(group), name=printable(name))


def add_result(case: ET.Element, kind: str, message: str, text: str = "") -> None:
    """Add a failure, an error or a skip to a test, with any message and lines of any text."""
    result = ET.SubElement(case, kind, message=printable(message))
    result.text = "\n".join(map(printable, text.split("\n")))


def as_xml(suite: ET.Element) -> str:
    """The suite as a file, with the counts of its tests."""
    counts = {"tests": "", "failures": "/failure", "errors": "/error", "skipped": "/skipped"}
    for name, kind in counts.items():
        suite.set(name, str(len(suite.findall(f"testcase{kind}"))))
    ET.indent(suite)
    text = ET.tostring(suite, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _fails(use: CallerUse, report: Report, fail_on: FailOn) -> bool:
    match fail_on:
        case FailOn.ANY:
            return True
        case FailOn.NEW:
            return report.baseline is not None and use.caller in report.baseline.new
        case FailOn.UNBRIDGED:
            is_missed = use.standing is Standing.NOT_BRIDGED or bool(use.earlier)
            return is_missed or use.verdict is Verdict.DEAD
        case _:
            return False


def _add_traffic(suite: ET.Element, report: Report, fail_on: FailOn) -> None:
    """Add what belongs to no caller: calls without a record, or that there was nothing to see."""
    if report.state is State.NOTHING_SEEN:
        add_result(add_case(suite, "traffic", "something was seen"), "error", sentence(report))
    elif lost := report.seen.lost + report.seen.refused_unrecorded:
        kind = "failure" if fail_on in {FailOn.ANY, FailOn.UNBRIDGED} else "skipped"
        case = add_case(suite, "traffic", "every call has a record")
        add_result(case, kind, f"{number(lost, 'call')} without a record")
    elif not report.callers:
        add_case(suite, "traffic", "nobody calls")
