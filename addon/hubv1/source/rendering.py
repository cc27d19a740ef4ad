"""A scan as text: for a terminal, as Markdown, JSON, a diff, SARIF and JUnit's XML."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

import msgspec

import hubv1
from hubv1.source.findings import Finding, readable
from hubv1.source.join import Usage
from hubv1.source.patches import apply, diff_of, without_overlaps
from hubv1.source.targets import LOOKED_FOR, RETIRING, TABLE_DATE
from hubv1.source.tree import Looked, SourceFile
from hubv1.text import bounded, harmless, number

SCHEMA = "hub-v1-scan/1"
_MOST_CALLERS = 5
_MOST_ROWS = 200
_RULES = {
    "v1": ("hub-v1-call", "A call to Docker Hub API v1, which is retired", "error"),
    "retiring": ("hub-v2-retiring", "A call to a route that Docker Hub retires next", "warning"),
}


@dataclass(slots=True)
class Scan:
    """All that was found, and what was looked at."""

    findings: list[Finding]
    looked: Looked
    not_found: tuple[Usage, ...] | None = None
    """Calls that are in no file; None where no journal or report was given."""
    sources: Mapping[str, SourceFile] = field(default_factory=dict)
    """The files that have fixes, by name."""
    fixed: int = 0
    """Findings that --fix has changed."""


def render(scan: Scan, form: str) -> str:
    """The scan in one of FORMATS."""
    return FORMATS[form](scan)


def summary(scan: Scan) -> str:
    """What was found, in a sentence."""
    retiring = sum(each.target.kind == RETIRING for each in scan.findings)
    if not scan.findings:
        return (
            "Nothing found: no call to Docker Hub API v1, and none to a route that is retired next."
        )
    fixable = sum(each.fix is not None for each in scan.findings)
    done = f"{scan.fixed} fixed now" if scan.fixed else f"{fixable} with a fix"
    return (
        f"{number(len(scan.findings) - retiring, 'call')} to Docker Hub API v1 and "
        f"{number(retiring, 'call')} to routes that are retired next, {done}."
    )


def what_was_looked_at(looked: Looked) -> str:
    """Files, bytes, what was left out, and with what table."""
    much = f"{number(looked.files, 'file')} of {looked.bytes:,} bytes"
    parts = [f"Looked at {much} for {len(LOOKED_FOR)} routes (table of {TABLE_DATE})."]
    if looked.skipped.total():
        each = ", ".join(
            f"{reason} ({count:,})" for reason, count in sorted((+looked.skipped).items())
        )
        parts.append(f"Left out: {each}.")
    if looked.mentions:
        addresses = number(looked.mentions, "address", "addresses")
        parts.append(f"{addresses} in comments or prose, which call nothing.")
    if looked.ignored:
        parts.append(f"{number(looked.ignored, 'call')} ignored by a comment.")
    parts += [f"{harmless(where)}: hub-v1: ignore needs a reason." for where in looked.unexplained]
    parts += [f"{harmless(path)} cannot be read." for path in looked.unreadable]
    return " ".join(parts)


def standing_of(finding: Finding) -> str:
    """What the join with the traffic says."""
    if finding.calls is None:
        return ""
    if not finding.calls:
        return "found, never called"
    callers = ", ".join(finding.callers[:_MOST_CALLERS])
    if (more := len(finding.callers) - _MOST_CALLERS) > 0:
        callers += f" and {more} more"
    last = f"{finding.last_seen.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if finding.last_seen else ""
    return f"called and found here: {number(finding.calls, 'call')} by {callers}, last {last}"


def _terminal(scan: Scan) -> str:
    return "".join(f"{line}\n" for line in _terminal_lines(scan))


def _terminal_lines(scan: Scan) -> Iterator[str]:
    for finding in scan.findings:
        target = finding.target
        yield harmless(
            f"{_shown(finding.file)}:{finding.line}  {target.route}  {target.repository}".rstrip()
        )
        yield harmless("    " + "; ".join(filter(None, (str(finding.does), standing_of(finding)))))
        for offset, line in ((-1, finding.before), (0, finding.text), (1, finding.after)):
            if line.strip():
                mark = ">" if offset == 0 else " "
                shown = harmless(bounded(line.expandtabs(4)))
                yield f"  {mark} {finding.line + offset:>5} | {shown}"
        yield f"    {finding.replacement.partition(chr(10))[0]}"
        if finding.fix is not None:
            yield f"    Fix {finding.fix.idiom}: --fix writes it, --format diff shows it."
            yield from [f"    {finding.fix.differs}"] * bool(finding.fix.differs)
        yield ""
    if scan.not_found is not None:
        for usage in scan.not_found:
            yield harmless(f"called, but in no file that was given: {_usage_line(usage)}")
        yield from [""] * bool(scan.not_found)
    yield summary(scan)
    yield what_was_looked_at(scan.looked)


def _usage_line(usage: Usage) -> str:
    return f"{usage.route}  {usage.repository}  {number(usage.calls, 'call')} by {usage.caller}"


def _shown(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _markdown(scan: Scan) -> str:
    from hubv1.report import code_block, code_cell, code_span  # noqa: PLC0415  # slow to load

    lines = ["# Calls to Docker Hub API v1 in these files", "", summary(scan), ""]
    if scan.findings:
        lines += [
            "| where | route | repository | does | called | fix |",
            "|---|---|---|---|---|---|",
        ]
    for finding in scan.findings[:_MOST_ROWS]:
        cells = (
            code_cell(f"{_shown(finding.file)}:{finding.line}"),
            code_cell(finding.target.route),
            code_cell(finding.target.repository),
            str(finding.does),
            code_cell(standing_of(finding)),
            code_cell(finding.fix.idiom if finding.fix else ""),
        )
        lines.append(f"| {' | '.join(cells)} |")
    if len(scan.findings) > _MOST_ROWS:
        lines.append(f"\n{len(scan.findings) - _MOST_ROWS} more are left out.")
    for finding in scan.findings[:_MOST_ROWS]:
        sentence, _, code = finding.replacement.partition("\n\n")
        lines += ["", f"## {code_span(f'{_shown(finding.file)}:{finding.line}')}", ""]
        lines += [code_block([harmless(bounded(finding.text))]), "", harmless(sentence)]
        if finding.fix is not None:
            lines += ["", code_block(readable(finding.fix.diff).splitlines(), "diff")]
            lines += ["", finding.fix.differs] if finding.fix.differs else []
        elif code:
            language = "python" if "import" in code[:8] else "bash"
            lines += ["", code_block(code.splitlines(), language)]
    if scan.not_found:
        lines += ["", "## Called, but in no file that was given", ""]
        lines += [f"- {code_span(_usage_line(usage))}" for usage in scan.not_found[:_MOST_ROWS]]
    return "\n".join([*lines, "", what_was_looked_at(scan.looked), ""])


def _json(scan: Scan) -> str:
    looked = scan.looked
    about = asdict(looked) | {
        "skipped": dict(sorted((+looked.skipped).items())),
        "unreadable": [*map(_shown, looked.unreadable)],
        "unexplained": [*map(_shown, looked.unexplained)],
        "patterns": len(LOOKED_FOR),
        "table": TABLE_DATE.isoformat(),
    }
    made = {
        "schema": SCHEMA,
        "generated_at": _time(datetime.now(UTC)),
        "looked": about,
        "findings": [*map(_json_of, scan.findings)],
        "not_found": None if scan.not_found is None else [*map(_json_of_usage, scan.not_found)],
    }
    return json.dumps(made, indent=2) + "\n"


def _json_of_usage(usage: Usage) -> dict[str, Any]:
    return msgspec.structs.asdict(usage) | {"last_seen": _time(usage.last_seen)}


def _json_of(finding: Finding) -> dict[str, Any]:
    fix = finding.fix
    return {
        "file": _shown(finding.file),
        "line": finding.line,
        "kind": finding.target.kind,
        "route": finding.target.route,
        "repository": finding.target.repository,
        "does": str(finding.does),
        "replacement": finding.replacement,
        "fix": {"idiom": fix.idiom, "diff": readable(fix.diff)} if fix else None,
        "calls": finding.calls,
        "callers": finding.callers,
        "last_seen": _time(finding.last_seen) if finding.last_seen else None,
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _diff(scan: Scan) -> str:
    """All fixes, a part for each file; bytes, a character each."""
    parts = []
    for name, found in groupby(scan.findings, key=lambda finding: finding.file):
        fixes = [each.fix for each in found if each.fix is not None]
        if fixes:
            parts.append(diff_of(scan.sources[name], without_overlaps(fixes)))
    return "".join(parts)


def _sarif(scan: Scan) -> str:
    rules = [
        {
            "id": name,
            "shortDescription": {"text": text},
            "helpUri": "https://docs.docker.com/reference/api/hub/deprecated/",
            "defaultConfiguration": {"level": level},
        }
        for name, text, level in _RULES.values()
    ]
    driver = {"name": "hub-v1-bridge", "version": hubv1.__version__, "rules": rules}
    said = {"level": "note", "message": {"text": what_was_looked_at(scan.looked)}}
    run = {
        "tool": {"driver": driver},
        "columnKind": "utf16CodeUnits",
        "results": [_sarif_of(each, scan) for each in scan.findings],
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": [said]}],
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _sarif_of(finding: Finding, scan: Scan) -> dict[str, Any]:
    rule, _, level = _RULES[finding.target.kind]
    location = {"uri": quote(os.fsencode(finding.file))}
    said = (f"{finding.target.route} ({finding.does}).", standing_of(finding).capitalize())
    message = " ".join(filter(None, (*said, finding.replacement.partition("\n\n")[0])))
    place = {"artifactLocation": location, "region": {"startLine": finding.line}}
    result: dict[str, Any] = {
        "ruleId": rule,
        "level": level,
        "message": {"text": message},
        "locations": [{"physicalLocation": place}],
    }
    if finding.calls:
        result["occurrenceCount"] = finding.calls
    if finding.fix is not None:
        region, text = _changed_lines(finding, scan.sources[finding.file].text)
        change = {"deletedRegion": region, "insertedContent": {"text": text}}
        about = {"text": f"As {finding.fix.idiom}. {finding.fix.differs}".rstrip()}
        files = [{"artifactLocation": location, "replacements": [change]}]
        result["fixes"] = [{"description": about, "artifactChanges": files}]
    return result


def _changed_lines(finding: Finding, text: str) -> tuple[dict[str, int], str]:
    """The lines that a fix changes, as a region, and what stands there then."""
    edits = sorted(finding.fix.edits if finding.fix else (), key=lambda each: each.start)
    begin = text.rfind("\n", 0, edits[0].start) + 1
    end = text.find("\n", max(each.end for each in edits)) + 1 or len(text)
    new = apply(text, edits)
    new = new[begin : len(new) - len(text) + end]
    start, old = text.count("\n", 0, begin) + 1, text[begin:end]
    last = readable(old.rpartition("\n")[2])  # empty where the line has an end
    region = {
        "startLine": start,
        "startColumn": 1,
        "endLine": start + old.count("\n"),
        "endColumn": len(last.encode("utf-16-le")) // 2 + 1,
    }
    return region, readable(new)


def _junit(scan: Scan) -> str:
    cases = []
    for finding in scan.findings:
        name = quoteattr(harmless(f"{_shown(finding.file)}:{finding.line}"))
        kind = quoteattr(_RULES[finding.target.kind][0])
        message = quoteattr(
            harmless(f"{finding.target.route} {finding.target.repository} ({finding.does})")
        )
        text = "\n".join(filter(None, (harmless(finding.text), finding.replacement)))
        cases.append(
            f"  <testcase classname={kind} name={name}>\n"
            f"    <failure message={message}>{escape(text)}</failure>\n  </testcase>\n"
        )
    if not cases:
        cases.append('  <testcase classname="hub-v1-call" name="no call was found"/>\n')
    said = escape(what_was_looked_at(scan.looked))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuite name="hub-v1-bridge scan" tests="{len(cases)}" errors="0" skipped="0" '
        f'failures="{len(scan.findings)}">\n{"".join(cases)}'
        f"  <system-out>{said}</system-out>\n</testsuite>\n"
    )


FORMATS: Mapping[str, Callable[[Scan], str]] = {
    "terminal": _terminal,
    "json": _json,
    "md": _markdown,
    "diff": _diff,
    "sarif": _sarif,
    "junit": _junit,
}
