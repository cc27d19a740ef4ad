"""The report as JUnit XML, which CI systems show as tests: one for each caller.

What fails is what `--fail-on` looks for. Without a gate nothing does: callers that have not moved
are skipped, with their standing.
"""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from hubv1.api.routes import Verdict
from hubv1.report.changes import by_caller
from hubv1.report.compare import FailOn
from hubv1.report.model import CallerUse, Progress, Report, Standing, State
from hubv1.report.prose import sentence, standing_in_words, what_it_calls
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
        case = _case(suite, teams.get(use.caller) or "callers", use.caller)
        said = standing_in_words(use)
        if _fails(use, report, fail_on):
            _add(case, "failure", said).text = printable(
                what_it_calls(findings[use.caller], _CALLED)
            )
        elif use.progress is not Progress.MOVED:
            _add(case, "skipped", said)
    for one in report.ignored:
        _add(_case(suite, "accepted", one.caller), "skipped", f"until {one.until}: {one.reason}")
    _add_unknown(suite, report, fail_on)
    for kind in ("failure", "error", "skipped"):
        found: Sequence[ET.Element] = suite.findall(f"testcase/{kind}")
        suite.set({"failure": "failures", "error": "errors"}.get(kind, kind), str(len(found)))
    suite.set("tests", str(len(suite)))
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


def _add_unknown(suite: ET.Element, report: Report, fail_on: FailOn) -> None:
    """What is known of no caller: calls without a record, or nothing at all."""
    if report.state is State.NOTHING_SEEN:
        _add(_case(suite, "traffic", "something was seen"), "error", sentence(report))
    elif lost := report.seen.lost + report.seen.refused_unrecorded:
        is_failure = fail_on in {FailOn.ANY, FailOn.UNBRIDGED}
        case = _case(suite, "traffic", "every call has a record")
        _add(
            case, "failure" if is_failure else "skipped", f"{number(lost, 'call')} without a record"
        )
    elif not report.callers:
        _case(suite, "traffic", "nobody calls")


def _case(suite: ET.Element, group: str, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=printable(group), name=printable(name))


def _add(case: ET.Element, kind: str, message: str) -> ET.Element:
    return ET.SubElement(case, kind, message=printable(message))
