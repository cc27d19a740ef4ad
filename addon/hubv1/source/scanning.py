"""A scan from beginning to end: read trees, write fixes, evaluate the gate."""

import os
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Literal

import msgspec

from hubv1.report import read_input, write_whole
from hubv1.source.findings import Finding, find
from hubv1.source.patches import apply, without_overlaps
from hubv1.source.rendering import Scan
from hubv1.source.tree import SourceFile, Tree
from hubv1.text import number, plainly

Key = tuple[str, str, str, str, str]


class Gate(StrEnum):
    """What --fail-on looks for."""

    ANY = "any"
    """Calls."""
    UNFIXED = "unfixed"
    """Calls without a fix."""
    NEW = "new"
    """Calls that an earlier scan does not have."""
    NEVER = "never"


class _Known(msgspec.Struct):
    file: str
    kind: str
    route: str
    repository: str
    does: str


class _Baseline(msgspec.Struct):
    schema: Literal["hub-v1-scan/1"]
    findings: list[_Known]


def scan_trees(tree: Tree, *, skopeo: bool = False) -> Scan:
    """Scan all files of the tree."""
    scan = Scan([], tree.coverage)
    sources: dict[str, SourceFile] = {}
    for source in tree.files():
        found = find(source, tree.coverage, skopeo=skopeo)
        if any(each.fix for each in found):
            sources[source.name] = source
        scan.findings += found
    scan.sources = sources
    return scan


def write_fixes(scan: Scan, say: Callable[[str], None]) -> None:
    """Write all fixes into their files, and keep the findings that are left in the scan.

    `say` hears of files that cannot be written, or were changed meanwhile.
    """
    left: list[Finding] = []
    for name, group in groupby(scan.findings, key=lambda finding: finding.file):
        found = [*group]
        fixes = [each.fix for each in found if each.fix]
        source = scan.sources.get(name)
        if source is None or not fixes:
            left += found
            continue
        edits = without_overlaps(fixes)
        try:
            _rewrite(source, apply(source.text, edits))
        except OSError as error:
            say(f"{source.path} is not fixed: {plainly(error)}.")
            left += found
            continue
        unwritten = [one for one in found if not one.fix or not {*one.fix.edits} <= {*edits}]
        scan.fixed += len(found) - len(unwritten)
        left += unwritten
    scan.findings = left


def _rewrite(source: SourceFile, text: str) -> None:
    """Replace the file if it is still what was read; nobody ever sees half a script."""
    descriptor = os.open(source.path, os.O_RDWR | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        if file.read() != source.text.encode("latin-1"):
            raise OSError("it was changed meanwhile")
    write_whole([text], source.path, encoding="latin-1")


def read_baseline(path: Path) -> Counter[Key]:
    """The findings of an earlier scan's JSON; raises ReportError."""
    earlier = read_input(path, "baseline", msgspec.json.Decoder(_Baseline).decode)
    return Counter(
        (each.file, each.kind, each.route, each.repository, each.does) for each in earlier.findings
    )


def found_by_gate(gate: Gate, scan: Scan, baseline: Counter[Key] | None) -> str:
    """What the gate found, in a few words; empty for nothing."""
    count, what = len(scan.findings), "call"
    if gate is Gate.UNFIXED:
        count = sum(each.fix is None for each in scan.findings)
    elif gate is Gate.NEW:
        new = Counter(each.key for each in scan.findings) - (baseline or Counter())
        count, what = new.total(), "new call"
    if gate is Gate.NEVER or not count:
        return ""
    return number(count, what) + " without a fix" * (gate is Gate.UNFIXED)
